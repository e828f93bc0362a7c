"""kachecks maintenance and its mark: expiring, surviving a reboot, never waiting for a disk."""

from __future__ import annotations

import errno
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from kachecks.check.one_run import run_check
from kachecks.children import Answer
from kachecks.commands.maintenance import command as maintenance
from kachecks.config.options import parse
from kachecks.network.link import Network
from kachecks.node import Node
from kachecks.state.files import Disk, Files, StateError
from kachecks.state.maintenance import Maintenance
from kachecks.state.maintenance_mark import MaintenanceMark, in_local_time
from tests.unit.doubles.option_files import OsOf
from tests.unit.doubles.simulation import CLOSED, OPEN, REFUSED, SERVER, World

HOUR = 3600.0


class Directories:
    """The two directories of a node."""

    def __init__(self, path: Path) -> None:
        self.run, self.state = path / "run", path / "state"
        self.run.mkdir()
        self.state.mkdir()
        self.mark = self.of("main")

    def of(self, name: str) -> MaintenanceMark:
        return MaintenanceMark((str(self.run), str(self.state)), name, Files(), Disk())

    def now(self, keep_copy: bool = False) -> Maintenance | None:
        return self.mark.current(keep_copy)

    def declare(self, seconds: float = HOUR) -> Maintenance:
        begun = float(round(time.time()))
        mark = in_local_time(begun, begun + seconds, "kim", "new disks, slot 3")
        self.mark.declare(mark)
        return mark

    def reboot(self) -> None:
        for file in self.run.iterdir():
            file.unlink()


@pytest.fixture
def node(tmp_path: Path) -> Directories:
    return Directories(tmp_path)


def test_declared_and_ended(node: Directories) -> None:
    assert node.now() is None
    mark = node.declare()
    assert node.now() == mark
    node.mark.end()
    assert node.now() is None


def test_of_this_pair_alone(node: Directories) -> None:
    node.declare()
    assert node.of("second").current() is None


def test_it_expires(node: Directories) -> None:
    node.declare(seconds=-1.0)
    assert node.now() is None


def test_a_clock_that_was_set_back_does_not_end_it(node: Directories) -> None:
    """A node whose clock starts in 1970 must not join the election for it."""
    begun = time.time() + 10 * HOUR
    mark = in_local_time(begun, begun + HOUR, "kim", "disks")
    node.mark.declare(mark)
    assert node.now() is not None


def test_it_survives_a_reboot(node: Directories) -> None:
    mark = node.declare()
    node.reboot()
    assert node.now() == mark
    assert list(node.run.iterdir()) == []  # without --fence nothing is changed
    assert node.now(keep_copy=True) == mark
    (node.state / "main.maintenance").unlink()
    assert node.now() == mark  # from the copy: the disk is not touched any more


def test_without_one_the_disk_is_asked_once(node: Directories) -> None:
    assert node.now(keep_copy=True) is None
    (node.state / "main.maintenance").write_text("0 9999999999 kim disks")
    assert node.now() is None


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "0 -99999999999999999999 kim x",
        "0 -inf kim x",
        "1 2 kim",
        "1 tomorrow kim disks",
        "\xff",
    ],
)
def test_a_damaged_mark_holds_nobody_up(node: Directories, text: str) -> None:
    (node.state / "main.maintenance").write_bytes(text.encode("latin-1"))
    assert node.now() is None


def test_a_disk_that_takes_it_and_cannot_promise(
    node: Directories, monkeypatch: pytest.MonkeyPatch
) -> None:
    """fsync fails after the file was replaced: it may well be in force after the next boot."""
    mark = node.declare()
    node.reboot()
    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(StateError, match="for good: Input/output error, and may still keep it"):
        node.mark.declare(mark)


def failing(_file: int) -> None:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_a_disk_that_hangs(node: Directories, monkeypatch: pytest.MonkeyPatch) -> None:
    """It counts as none, is not remembered, and nothing can be declared."""
    mark = node.declare()
    node.reboot()
    from kachecks import children

    real = children.in_child
    monkeypatch.setattr(children, "in_child", lambda *_: Answer(None, 1, ended=False))
    assert node.now(keep_copy=True) is None
    with pytest.raises(StateError, match="has not answered within 1 s, and may still keep it"):
        node.mark.declare(mark)
    assert list(node.run.iterdir()) == []
    monkeypatch.setattr(children, "in_child", real)
    assert node.now() == mark


def test_a_state_directory_that_is_missing(node: Directories) -> None:
    node.state.rmdir()
    with pytest.raises(StateError, match=r"main\.maintenance.*nothing is changed"):
        node.declare()
    assert node.now(keep_copy=True) is None


# --- what the check makes of it ------------------------------------------------------------


def node_of_a_pair(vip: bool) -> World:
    world = World().but(vip=vip, had_contact=True)
    world.a.access, world.b.access = (CLOSED, OPEN) if vip else (OPEN, CLOSED)
    if vip:
        world.open_mark, world.opening_told = world.b.process, True
    now = time.time()
    world.declare(in_local_time(now, now + HOUR, "kim", "new disks"))
    return world


def verdict(world: World) -> tuple[str, int]:
    found = run_check(world.node, True)
    return found.reason, found.status


def test_a_standby_is_unfit() -> None:
    world = node_of_a_pair(vip=False)
    assert verdict(world) == ("MAINTENANCE", 18)
    assert "keep a copy of the maintenance mark" in world.log


def test_an_active_node_keeps_the_vip() -> None:
    world = node_of_a_pair(vip=True)
    for _ in range(5):
        assert verdict(world) == ("MAINTENANCE", 0)
        world.pass_time(2.0)
    assert world.b.access == OPEN


def test_a_dead_server_leaves_all_the_same() -> None:
    world = node_of_a_pair(vip=True).but(b__trouble=REFUSED, servers__dead={SERVER})
    assert verdict(world) == ("MYSQLD_DOWN", 10)


# --- the command ---------------------------------------------------------------------------


@pytest.fixture
def option_file(node: Directories, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(maintenance, "os", OsOf(0))
    file = tmp_path / "k.cnf"
    file.write_text(
        "[kachecks]\nvip = 10.254.254.254\npeer = 10.254.254.2\n"
        f"run_dir = {node.run}\nstate_dir = {node.state}\n"
    )
    file.chmod(0o600)
    return file


def run(option_file: Path, *arguments: str) -> int:
    return maintenance.main([f"--defaults-file={option_file}", *arguments])


def test_on_show_off(
    option_file: Path, node: Directories, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(option_file) == 0
    assert "no maintenance is in force" in capsys.readouterr().out
    reason = "new disks,\nslot 3"
    assert run(option_file, "on", "--for", "2h", "--reason", reason, "--owner", "kim lee") == 0
    said = capsys.readouterr().out
    assert "by kimlee: new disks, slot 3" in said
    assert "cannot take the VIP" in said
    assert run(option_file) == 1
    assert "1 h 59 min" in capsys.readouterr().out
    assert run(option_file, "off") == 0
    assert capsys.readouterr().out.startswith("ended: maintenance until ")
    assert run(option_file) == 0
    assert run(option_file, "off") == 0
    log = [json.loads(line) for line in (node.state / "main.jsonl").read_text().splitlines()]
    assert [(entry["transition"], entry["outcome"]) for entry in log] == [
        ("maintenance", "begun"),
        ("maintenance", "ended"),
    ]


def test_a_reason_that_is_no_text(
    option_file: Path, node: Directories, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of a terminal with another character set: it is in force, shown and recorded all the same."""
    reason, owner = (os.fsdecode(each) for each in (b"neue Pl\xe4tze", b"J\xfcrgen"))
    assert run(option_file, "on", "--for", "2h", "--reason", reason, "--owner", owner) == 0
    assert "by J?rgen: neue Pl?tze" in capsys.readouterr().out
    assert run(option_file) == 1
    assert "by J?rgen: neue Pl?tze" in capsys.readouterr().out
    assert "Pl?tze" in (node.state / "main.jsonl").read_text()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (os.mkfifo, "it is not a regular file: remove it"),
        (os.mkdir, "it is not a regular file: remove it"),
        (lambda path: path.write_text("1 tomorrow kim disks"), "is damaged, so the checks take it"),
    ],
)
def test_a_mark_that_cannot_be_read_is_not_taken_for_none(
    option_file: Path, node: Directories, make: Callable[[Path], object], words: str
) -> None:
    make(node.state / "main.maintenance")
    with pytest.raises(StateError, match=words) as caught:
        run(option_file)
    assert str(caught.value).startswith("whether one is in force cannot be told: ")


def test_a_mark_of_which_another_account_may_not_know(
    option_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_self: Disk, path: str, _patience: float) -> str:
        raise StateError(f"cannot read {path}: Permission denied")

    monkeypatch.setattr(Disk, "read", refuse)
    monkeypatch.setattr(maintenance, "os", OsOf(1000))
    with pytest.raises(StateError, match="Permission denied; run it as root"):
        run(option_file)


def test_off_ends_what_cannot_be_read(
    option_file: Path, node: Directories, capsys: pytest.CaptureFixture[str]
) -> None:
    (node.state / "main.maintenance").write_text("1 tomorrow kim disks")
    assert run(option_file, "off") == 0
    assert "whether one was cannot be told" in capsys.readouterr().out
    assert run(option_file) == 0


@pytest.mark.parametrize(("status", "declared"), [(0, True), (1, False), (2, False)])
def test_with_leave_it_hands_over_first(
    option_file: Path,
    node: Directories,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    declared: bool,
) -> None:
    """A node in maintenance that nobody has taken over from would serve no more."""
    before: list[object] = []

    def switch(_node: object) -> int:
        before.append(node.now())
        return status

    monkeypatch.setattr(maintenance, "switch", switch)
    monkeypatch.setattr(Network, "vip_here", lambda _: not before)
    arguments = ("on", "--for", "2h", "--reason", "disks", "--leave")
    assert run(option_file, *arguments) == status
    assert before == [None]
    assert (node.now() is not None) == declared


def test_with_leave_a_standby_has_nothing_to_hand_over(
    option_file: Path, node: Directories, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintenance, "switch", lambda _: pytest.fail("handed over"))
    assert run(option_file, "on", "--for", "2h", "--reason", "disks", "--leave") == 0
    assert node.now() is not None


def test_who_is_at_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_USER", "kim")
    assert maintenance._owner(None) == "kim"
    assert maintenance._owner("lee") == "lee"


@pytest.mark.parametrize(
    "arguments",
    [
        ["on"],
        ["on", "--for", "2h"],
        ["on", "--for", "2h", "--reason", " "],
        ["on", "--for", "0m", "--reason", "disks"],
        ["on", "--for", "31d", "--reason", "disks"],
        ["off", "--for", "2h"],
        ["off", "--owner", "kim"],
        ["off", "--reason", ""],
        ["--owner", "kim"],
        ["--leave"],
        ["of"],
    ],
)
def test_wrong_command_lines(option_file: Path, arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run(option_file, *arguments)
    assert ended.value.code == 3


def test_not_root(option_file: Path, node: Directories, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maintenance, "os", OsOf(1000))
    assert run(option_file, "on", "--for", "2h", "--reason", "disks") == 3
    assert node.now() is None


def test_a_node_reads_it(option_file: Path, node: Directories) -> None:
    real = Node(parse(option_file.read_text(), str(option_file)))
    assert real.current_maintenance() is None
    mark = node.declare()
    assert real.current_maintenance() == mark
    node.mark.end()
    assert real.current_maintenance() is None
