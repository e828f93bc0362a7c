"""A verdict stands, whatever goes wrong while it is told."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from kachecks.check import program
from kachecks.check.verdict import RULES, Verdict
from kachecks.config.options import parse
from tests.unit.doubles.simulation import World


def test_a_verdict_that_cannot_be_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dead server's holder must not keep the VIP because syslog or a pipe is broken."""

    def broken(*_: object) -> None:
        raise UnicodeEncodeError("utf-8", "\udcff", 0, 1, "surrogates not allowed")

    monkeypatch.setattr(program._End, "comes_after", lambda *_: None)  # it would end pytest
    monkeypatch.setattr(program, "_say", broken)
    config = parse(
        "[kachecks]\nvip = 10.254.254.254\npeer = 10.254.254.2\n"
        f"run_dir = {tmp_path}\nstate_dir = {tmp_path}\n"
        f"[client]\nsocket = {tmp_path}/no.sock\n",
        "k.cnf",
    )
    assert program.check(config, program.Options(fence=True)) == 10


def test_the_end_without_a_verdict_leaves_the_vip_where_it_is() -> None:
    world = World()
    end = program._End(world.node)
    assert end.status == 0
    world.vip = False
    assert end.status == program.UNKNOWN


@pytest.mark.parametrize(
    ("reason", "role", "expected"),
    [
        ("MYSQLD_DOWN", "holder", 10),
        ("MYSQLD_HUNG", "holder", 11),
        ("ISOLATED", "holder", 15),  # the peer opens by the clock, VIP or not
        ("DISK_FULL", "holder", 0),  # still being closed: the peer could only open beside it
        ("TWO_WRITERS", "holder", 0),
        ("GAVE_WAY", "holder", 0),
        ("GAVE_WAY", "standby", 16),
    ],
)
def test_the_end_while_a_server_is_being_closed(reason: str, role: str, expected: int) -> None:
    end = program._End(World().node)
    status = next(rule.status for rule in RULES if rule.reason == reason)
    end.judged(Verdict(reason, status, "so", role))
    assert end.status == expected


def test_a_process_that_does_not_end_is_ended() -> None:
    """In a process of its own: with the status, whatever hangs."""
    code = (
        "import sys, time\nfrom kachecks.check import program\n"
        "program.log = lambda *_: None\n"
        "class Network:\n    def vip_here(self): return False\n"
        "class Node:\n    network = Network()\n"
        "program.LONGEST_RUN = 0.1\nprogram._End(Node()).comes_after(5)\ntime.sleep(60)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], timeout=30, check=False)
    assert done.returncode == program.UNKNOWN


def test_a_process_whose_interpreter_hangs_is_ended() -> None:
    """Not one thread of it goes on: the kernel ends it. keepalived takes that for a failure."""
    code = (
        "import ctypes\nfrom kachecks.check import program\n"
        "program.LAST_RESORT, program.LONGEST_RUN = 1, 0.1\n"
        "program._End(None).comes_after(5)\nctypes.PyDLL(None).sleep(60)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], timeout=30, check=False)
    assert done.returncode == -signal.SIGALRM


def test_a_verdict_stands_where_mysqld_cannot_be_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise OSError("too many open files")

    world = World()
    monkeypatch.setattr(world.clock, "seconds_running", broken)
    assert not program._is_void(world.node, program.Options(), None)
