"""A verdict stands, whatever goes wrong while it is told."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from kachecks import check
from kachecks.config import parse
from kachecks.verdict import Verdict
from tests.unit.simulation import World


def test_a_verdict_that_cannot_be_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dead server's holder must not keep the VIP because syslog or a pipe is broken."""

    def broken(*_: object) -> None:
        raise UnicodeEncodeError("utf-8", "\udcff", 0, 1, "surrogates not allowed")

    monkeypatch.setattr(check._End, "comes_after", lambda *_: None)  # it would end pytest
    monkeypatch.setattr(check, "_say", broken)
    config = parse(
        "[kachecks]\nvip = 10.254.254.254\npeer = 10.254.254.2\n"
        f"run_dir = {tmp_path}\nstate_dir = {tmp_path}\n"
        f"[client]\nsocket = {tmp_path}/no.sock\n",
        "k.cnf",
    )
    assert check.check(config, check.Options(fence=True)) == 10


def test_the_end_without_a_verdict_leaves_the_vip_where_it_is() -> None:
    world = World()
    end = check._End(world.host)  # type: ignore[arg-type]
    assert end.status == 0
    world.vip = False
    assert end.status == check.UNKNOWN


def test_the_end_with_a_verdict_keeps_it() -> None:
    world = World()
    end = check._End(world.host)  # type: ignore[arg-type]
    end.judged(Verdict("MYSQLD_HUNG", 11, "mute", "holder"))
    assert end.status == 11


def test_a_process_that_does_not_end_is_ended() -> None:
    """In a process of its own: with the status, whatever hangs."""
    code = (
        "import sys, time\nfrom kachecks import check\n"
        "check.log = lambda *_: None\n"
        "class Host:\n    def vip_here(self): return False\n"
        "check.LONGEST_RUN = 0.1\ncheck._End(Host()).comes_after(5)\ntime.sleep(60)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], timeout=30, check=False)
    assert done.returncode == check.UNKNOWN
