"""Two pairs on one host share its directories, and nothing else: each has its own name.

The node is the real one (kachecks.node.Host), its files are real; no server and no keepalived.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest

from kachecks import report
from kachecks.check import program
from kachecks.config.options import Config, parse
from kachecks.mysql.disks import Disks
from kachecks.mysqld_process import Process
from kachecks.node import Host
from kachecks.state.files import Lock
from kachecks.state.marks import Look
from kachecks.transitions.giving_way import give_way
from kachecks.transitions.promotion import promote
from kachecks.transitions.record import Steps
from tests.unit.doubles.simulation import World

FIRST, SECOND = Process(4711, 1000), Process(4712, 2000)


class Pairs(NamedTuple):
    """Both, on one host."""

    main: Host
    second: Host


class Syslog:
    """The lines that were sent to it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.lines: list[str] = []
        for module in (program, report):
            monkeypatch.setattr(module, "log", self._take)

    def _take(self, text: str, problem: bool = False) -> None:  # noqa: ARG002 - as log has it
        self.lines.append(text)


def options(directory: Path, name: str | None, number: int) -> Config:
    """An option file's values; nobody has its addresses, and no mysqld its socket."""
    line = "" if name is None else f"name = {name}\n"
    return parse(
        f"[kachecks]\n{line}vip = 10.254.254.{100 + number}\npeer = 10.254.254.2\nmin_free = 1\n"
        f"run_dir = {directory}/run\nstate_dir = {directory}/state\n"
        f"[client]\nsocket = {directory}/{number}.sock\n",
        f"{directory}/{number}.cnf",
    )


@pytest.fixture
def pairs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pairs:
    for directory in ("run", "state"):
        (tmp_path / directory).mkdir()
    Syslog(monkeypatch)
    monkeypatch.setattr(program._End, "comes_after", lambda *_: None)  # it would end pytest
    return Pairs(Host(options(tmp_path, "main", 0)), Host(options(tmp_path, "second", 1)))


def files(directory: Path, begin: str = "") -> dict[str, tuple[int, str]]:
    """Identity and content of what lies in both directories under names that begin so."""
    return {
        file.name: (file.stat().st_ino, file.read_text())
        for file in directory.rglob("*")
        if file.is_file() and file.name.startswith(begin)
    }


def mark_everything(host: Host, process: Process) -> None:
    """Every mark there is, and a line in the audit log."""
    host.mark_open(process)
    host.note_opening_told()
    host.remember_server(process, contact=True)
    host.note_events_off(process)
    host.mark_gave_way("refused")
    host.mark_leaving()
    host.withdraw_permit()
    host.remember_look(Look(host.now(), True, 2, True))
    host.verdict_changed("LAG 24")
    host.trouble_changed("it could not be closed")
    host.refusal_changed("the peer is open")
    host.mark_alone("1-1-5")
    host.record({"transition": "promote", "outcome": "opened", "why": "test"}, problem=False)


def unmark_everything(host: Host, process: Process) -> None:
    host.unmark_open()
    host.remember_server(process)
    host.take_events_note(process)
    host.unmark_gave_way()
    host.grant_permit()
    host.remember_look(Look(host.now(), False, 0, False))
    host.verdict_changed("OK 0")
    host.forget_trouble()
    host.forget_refusal()
    host.unmark_alone()


# Marks -------------------------------------------------------------------------------------------


def test_every_file_of_a_pair_bears_its_name(tmp_path: Path, pairs: Pairs) -> None:
    for host, process in zip(pairs, (FIRST, SECOND)):
        mark_everything(host, process)
    main, second = (
        {name.removeprefix(begin) for name in files(tmp_path, begin)}
        for begin in ("main.", "second.")
    )
    assert main == second
    assert len(files(tmp_path)) == len(main) + len(second)
    assert {"gave_way", "leaving", "permit", "open", "mysqld", "alone", "jsonl", "json"} <= main


def test_a_mark_of_one_pair_is_none_of_the_other(pairs: Pairs) -> None:
    main, second = pairs
    mark_everything(main, FIRST)
    assert second.open_mark() is None
    assert second.last_server() is None
    assert not second.had_contact(SECOND)
    assert not second.take_events_note(FIRST)
    assert second.gave_way() is None
    assert not second.is_leaving()
    assert second.last_look() is None
    assert second.last_verdict() == ""
    assert second.trouble_changed("it could not be closed")
    assert second.refusal_changed("the peer is open")
    assert not second.was_alone()


@pytest.mark.parametrize("change", [mark_everything, unmark_everything])
def test_what_one_pair_does_leaves_the_files_of_the_other(
    tmp_path: Path, pairs: Pairs, change: Callable[[Host, Process], None]
) -> None:
    for host, process in zip(pairs, (FIRST, SECOND)):
        mark_everything(host, process)
    before = files(tmp_path)
    change(pairs.second, SECOND)
    after = files(tmp_path)
    assert after != before
    assert {name: file for name, file in after.items() if name.startswith("main.")} == {
        name: file for name, file in before.items() if name.startswith("main.")
    }


def test_giving_way(tmp_path: Path, pairs: Pairs, monkeypatch: pytest.MonkeyPatch) -> None:
    """keepalived lets go of the VIP of that pair alone."""
    main, second = pairs
    for host in pairs:
        host.grant_permit()
    before = files(tmp_path, "main.")
    monkeypatch.setattr(second.network, "holder_elsewhere", lambda: "")
    give_way(second, "the peer is open")
    assert (tmp_path / "run/second.permit").read_text() == "0\n"
    assert (tmp_path / "run/main.permit").read_text() == "1\n"
    assert second.gave_way() is not None
    assert main.gave_way() is None
    assert files(tmp_path, "main.") == before


def test_audit_logs(tmp_path: Path, pairs: Pairs) -> None:
    for host, outcome in zip(pairs, ("opened", "refused")):
        host.record({"transition": "promote", "outcome": outcome, "why": "test"}, problem=False)
    for name, outcome in (("main", "opened"), ("second", "refused")):
        log = (tmp_path / f"state/{name}.jsonl").read_text()
        assert log.count("\n") == 1
        assert f'"name": "{name}"' in log
        assert f'"outcome": "{outcome}"' in log


# Locks -------------------------------------------------------------------------------------------


def test_a_hook_of_one_pair_does_not_wait_for_the_other(pairs: Pairs) -> None:
    main, second = pairs
    assert main.try_lock("promote")
    assert second.lock_purpose() == ""
    assert second.try_lock("demote")
    assert (main.lock_purpose(), second.lock_purpose()) == ("promote", "demote")
    second.unlock()
    assert main.lock_purpose() == "promote"


def test_a_check_of_one_pair_does_not_answer_for_the_other(tmp_path: Path, pairs: Pairs) -> None:
    """While a check of main hangs, another copy of it repeats its last verdict; second looks."""
    main, second = pairs
    fence = program.Options(fence=True)
    main.verdict_changed("LAG 24")
    at_work = Lock(f"{main.config.run_dir}/main.check")
    assert at_work.try_to_take(f"{main.now():.3f}")
    before = files(tmp_path, "main.")
    assert program.check(second.config, fence) == 10
    assert files(tmp_path, "main.") == before
    assert program.check(main.config, fence) == 24


def test_locks_in_the_servers() -> None:
    """On both servers of the pair: the same name belongs into both nodes' option files."""
    world = World(name="second")
    promote(world.node, Steps(world.node))
    assert "A: lock kachecks.second" in world.log
    assert "B: lock kachecks.second" in world.log


# The rest ----------------------------------------------------------------------------------------


def test_a_disk_that_hangs(tmp_path: Path, pairs: Pairs) -> None:
    """The look at main's disk has not come back: this process stands for the child."""
    here = Process(os.getpid(), 0)
    born = psutil.Process().create_time()
    (tmp_path / "run/main.disk").write_text(f"{os.getpid()} {born}")
    main, second = (host.look_at_disks(here, (str(tmp_path),)) for host in pairs)
    assert "still does not answer" in main.mute
    assert second == Disks()


def test_a_check_promotes_its_own_pair(pairs: Pairs, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[list[str]] = []

    def note(command: list[str], **_options: Any) -> None:
        started.append(command)

    monkeypatch.setattr(subprocess, "Popen", note)
    pairs.second.start_promotion()
    assert started[0][-1] == f"--defaults-file={pairs.second.config.path}"


@pytest.mark.usefixtures("pairs")
def test_without_names_two_pairs_are_one(tmp_path: Path) -> None:
    """Why the manual insists on `name`: each would take the other's marks for its own."""
    unnamed = [Host(options(tmp_path, None, number)) for number in (0, 1)]
    assert [host.config.name for host in unnamed] == ["main", "main"]
    assert unnamed[0].try_lock("promote")
    assert not unnamed[1].try_lock("promote")
    unnamed[0].mark_leaving()
    assert unnamed[1].is_leaving()
    unnamed[0].withdraw_permit()
    assert (tmp_path / "run/main.permit").read_text() == "0\n"


# What still takes a host for a pair --------------------------------------------------------------


def check_thrice(*files: Path) -> None:
    for _ in range(3):
        for file in files:
            program.run(["--fence", f"--defaults-file={file}"], lambda _path: False)


@pytest.fixture
def unusable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An option file that cannot be used; what is known of such files lies in this directory."""
    monkeypatch.setattr(program, "UNUSABLE_NOTES", str(tmp_path / "run"))
    file = tmp_path / "unusable.cnf"
    file.write_text("[kachecks]\npeer = 10.254.254.2\n")
    return file


@pytest.mark.usefixtures("pairs")
def test_an_unusable_option_file_is_told_once(
    unusable: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    syslog = Syslog(monkeypatch)
    check_thrice(unusable)
    assert len(syslog.lines) == 1


@pytest.mark.usefixtures("pairs")
def test_an_unusable_option_file_beside_a_good_one_is_told_once(
    tmp_path: Path, unusable: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The good pair's check, a second later, must not make it news again."""
    syslog = Syslog(monkeypatch)
    good = tmp_path / "good.cnf"
    good.write_text(
        "[kachecks]\nname = second\nvip = 10.254.254.101\npeer = 10.254.254.2\n"
        f"run_dir = {tmp_path}/run\nstate_dir = {tmp_path}/state\n"
        f"[client]\nsocket = {tmp_path}/no.sock\n"
    )
    check_thrice(unusable, good)
    assert sum("unusable.cnf" in line for line in syslog.lines) == 1


def test_syslog_says_which_pair(pairs: Pairs, monkeypatch: pytest.MonkeyPatch) -> None:
    syslog = Syslog(monkeypatch)
    for host in pairs:
        host.record({"transition": "promote", "outcome": "opened", "why": "why"}, problem=False)
        host.announce({"sentence": "LAG: 40 s"}, problem=False)
    assert len(set(syslog.lines)) == 4
