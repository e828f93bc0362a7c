"""Two pairs on one host share its directories, and nothing else: each has its own name.

The node is the real one (kachecks.node.Node), its files are real; no server and no keepalived.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import pytest

from kachecks import report
from kachecks.check import program
from kachecks.config.options import Config, parse
from kachecks.mysqld_process import Process
from kachecks.node import Node
from kachecks.state import files as state_files
from kachecks.state.files import Files, Lock
from kachecks.state.marks import Look
from kachecks.state.signs import Sign, Signs
from kachecks.transitions.giving_way import give_way
from kachecks.transitions.promotion import promote
from kachecks.transitions.record import Steps
from tests.unit.doubles.simulation import World

FIRST, SECOND = Process(4711, 1000), Process(4712, 2000)


class Pairs(NamedTuple):
    """Both, on one host."""

    main: Node
    second: Node


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
    return Pairs(Node(options(tmp_path, "main", 0)), Node(options(tmp_path, "second", 1)))


def files(directory: Path, begin: str = "") -> dict[str, tuple[int, str]]:
    """Identity and content of what lies in both directories under names that begin so."""
    return {
        file.name: (file.stat().st_ino, file.read_text())
        for file in directory.rglob("*")
        if file.is_file() and file.name.startswith(begin)
    }


def mark_everything(node: Node, process: Process) -> None:
    """Every mark there is, and a line in the audit log."""
    node.marks.mark_open(process)
    node.marks.note_opening_told()
    node.marks.remember_server(process, contact=True)
    node.marks.note_events_off(process)
    node.marks.mark_gave_way("refused")
    node.marks.mark_leaving()
    node.marks.withdraw_permit()
    node.marks.remember_look(Look(node.clock.now(), True, 2, True))
    node.marks.verdict_changed("LAG 24")
    node.marks.trouble_changed("it could not be closed")
    node.marks.refusal_changed("the peer is open")
    node.served_alone.mark("1-1-5")
    node.telling.record(
        {"transition": "promote", "outcome": "opened", "why": "test"}, problem=False
    )


def unmark_everything(node: Node, process: Process) -> None:
    node.marks.unmark_open()
    node.marks.remember_server(process)
    node.marks.take_events_note(process)
    node.marks.unmark_gave_way()
    node.marks.grant_permit()
    node.marks.remember_look(Look(node.clock.now(), False, 0, False))
    node.marks.verdict_changed("OK 0")
    node.marks.forget_trouble()
    node.marks.forget_refusal()
    node.served_alone.unmark()


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
    assert {"gave_way", "leaving", "permit", "open", "mysqld", "alone", "jsonl"} <= main


def test_a_mark_of_one_pair_is_none_of_the_other(pairs: Pairs) -> None:
    main, second = pairs
    mark_everything(main, FIRST)
    assert second.marks.open_mark() is None
    assert second.marks.last_server() is None
    assert not second.marks.had_contact(SECOND)
    assert not second.marks.take_events_note(FIRST)
    assert second.marks.gave_way() is None
    assert not second.marks.is_leaving()
    assert second.marks.last_look() is None
    assert second.marks.last_verdict() == ""
    assert second.marks.trouble_changed("it could not be closed")
    assert second.marks.refusal_changed("the peer is open")
    assert not second.served_alone.is_marked()


@pytest.mark.parametrize("change", [mark_everything, unmark_everything])
def test_what_one_pair_does_leaves_the_files_of_the_other(
    tmp_path: Path, pairs: Pairs, change: Callable[[Node, Process], None]
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
    for node in pairs:
        node.marks.grant_permit()
    before = files(tmp_path, "main.")
    monkeypatch.setattr(second.network, "holder_elsewhere", lambda: "")
    give_way(second, "the peer is open")
    assert (tmp_path / "run/second.permit").read_text() == "0\n"
    assert (tmp_path / "run/main.permit").read_text() == "1\n"
    assert second.marks.gave_way() is not None
    assert main.marks.gave_way() is None
    assert files(tmp_path, "main.") == before


def test_audit_logs(tmp_path: Path, pairs: Pairs) -> None:
    for node, outcome in zip(pairs, ("opened", "refused")):
        node.telling.record(
            {"transition": "promote", "outcome": outcome, "why": "test"}, problem=False
        )
    for name, outcome in (("main", "opened"), ("second", "refused")):
        log = (tmp_path / f"state/{name}.jsonl").read_text()
        assert log.count("\n") == 1
        assert f'"name": "{name}"' in log
        assert f'"outcome": "{outcome}"' in log


# Locks -------------------------------------------------------------------------------------------


def test_a_hook_of_one_pair_does_not_wait_for_the_other(pairs: Pairs) -> None:
    main, second = pairs
    assert main.lock.try_to_take("promote")
    assert second.lock.purpose_of_holder() == ""
    assert second.lock.try_to_take("demote")
    assert (main.lock.purpose_of_holder(), second.lock.purpose_of_holder()) == ("promote", "demote")
    second.lock.release()
    assert main.lock.purpose_of_holder() == "promote"


def test_a_check_of_one_pair_does_not_answer_for_the_other(tmp_path: Path, pairs: Pairs) -> None:
    """While a check of main hangs, another copy of it repeats its last verdict; second looks."""
    main, second = pairs
    fence = program.Options(fence=True)
    main.marks.verdict_changed("LAG 24")
    at_work = Lock(f"{main.config.run_dir}/main.check", Files())
    assert at_work.try_to_take(f"{main.clock.now():.3f} 1")
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


def test_writes_that_wait(pairs: Pairs) -> None:
    main, second = pairs
    main.marks.remember_signs(Signs((Sign("disk 4 5", 1.0),)))
    assert main.marks.signs().seen
    assert not second.marks.signs().seen


def test_a_check_promotes_its_own_pair(pairs: Pairs, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[list[str]] = []

    monkeypatch.setattr("kachecks.children.let_go", lambda command, *_: started.append(command))
    pairs.second.keepalived.start_notify_master()
    assert started[0][-1] == f"--defaults-file={pairs.second.config.path}"


def test_it_does_so_as_isolated_as_it_is_itself(
    pairs: Pairs, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[list[str]] = []

    monkeypatch.setattr("kachecks.children.let_go", lambda command, *_: started.append(command))
    for isolated in (0, 1):
        monkeypatch.setattr("sys.flags", SimpleNamespace(isolated=isolated))
        pairs.main.keepalived.start_notify_master()
    assert ["-I" in command for command in started] == [False, True]


@pytest.mark.usefixtures("pairs")
def test_without_names_two_pairs_are_one(tmp_path: Path) -> None:
    """Why the manual insists on `name`: each would take the other's marks for its own."""
    unnamed = [Node(options(tmp_path, None, number)) for number in (0, 1)]
    assert [node.config.name for node in unnamed] == ["main", "main"]
    assert unnamed[0].lock.try_to_take("promote")
    assert not unnamed[1].lock.try_to_take("promote")
    unnamed[0].marks.mark_leaving()
    assert unnamed[1].marks.is_leaving()
    unnamed[0].marks.withdraw_permit()
    assert (tmp_path / "run/main.permit").read_text() == "0\n"


# What still takes a host for a pair --------------------------------------------------------------


def check_thrice(*option_files: Path) -> None:
    for _ in range(3):
        for file in option_files:
            program.main(["--fence", f"--defaults-file={file}"], lambda _path: False, lambda _: "")


@pytest.fixture
def unusable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An option file that cannot be used; what is known of such files lies in this directory."""
    for module in (program, state_files):
        monkeypatch.setattr(module, "SHARED_RUN_DIR", str(tmp_path / "run"))
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
    for node in pairs:
        node.telling.record(
            {"transition": "promote", "outcome": "opened", "why": "why"}, problem=False
        )
        node.telling.announce({"sentence": "LAG: 40 s"}, "", 0.0)
    assert len(set(syslog.lines)) == 4
