"""What docs/install.md shows of `kachecks setup` is what it prints."""

from __future__ import annotations

import io
import shlex
from pathlib import Path

import pytest

from kachecks.commands.setup.command import main
from tests.lab.hosts.process import CHECKOUT

SHOWN = "/root/review"
OF_THE_HOST = ["--node=1", "--interface=eth0", "--distribution=debian"]
"""What setup finds out on that node."""


def test_review(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Word for word; where its lines end is the page's."""
    monkeypatch.setattr("sys.stdin", io.StringIO())
    page = (CHECKOUT / "docs/install.md").read_text()
    block = page[page.index("# kachecks setup --server mariadb") :]
    command, _, shown = block[2 : block.index("\n\n")].partition(SHOWN + "\n")
    directory = str(tmp_path / "review")
    typed = shlex.split(command.replace("\\\n", "") + directory)[2:]
    assert main([*typed, *OF_THE_HOST]) == 0
    said = capsys.readouterr().out.replace(directory, SHOWN)
    assert said.replace("\\\n", "").split() == shown.replace("\\\n", "").split()
