"""A verdict stands, whatever goes wrong while it is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from kachecks import check
from kachecks.config import parse


def test_a_verdict_that_cannot_be_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dead server's holder must not keep the VIP because syslog or a pipe is broken."""

    def broken(*_: object) -> None:
        raise UnicodeEncodeError("utf-8", "\udcff", 0, 1, "surrogates not allowed")

    monkeypatch.setattr(check, "_end_after", lambda _seconds: None)  # it would end pytest
    monkeypatch.setattr(check, "_say", broken)
    config = parse(
        "[kachecks]\nvip = 10.254.254.254\npeer = 10.254.254.2\n"
        f"run_dir = {tmp_path}\nstate_dir = {tmp_path}\n"
        f"[client]\nsocket = {tmp_path}/no.sock\n",
        "k.cnf",
    )
    assert check.check(config, check.Options(fence=True)) == 10
