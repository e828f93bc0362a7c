"""notify_down: close first, stop keepalived last (simulation.py)."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

import pytest

from kachecks.hooks import notify_down
from kachecks.hooks.common import DONE, REFUSED, UNUSABLE
from kachecks.hooks.notify_down import PEER_PATIENCE, VIP_PATIENCE, leave
from kachecks.keepalived.process import KeepalivedError
from kachecks.mysql.session import ServerError
from kachecks.state.files import StateError
from kachecks.state.marks import LEAVING_IS_FRESH
from tests.unit.doubles.simulated_server import CLOSED, OPEN, Client
from tests.unit.doubles.simulation import (
    MARIADB,
    MUTE,
    MYSQL,
    SIGKILL,
    SILENT,
    World,
    active,
    standby,
)

CLOSING = "B: SET GLOBAL super_read_only = 1"
DENIED = ServerError(1045, "denied")
STOP = "stop keepalived"


def options(**given: object) -> Namespace:
    """The command line; nothing given but these."""
    names = ("verbose", "dry_run", "keep_keepalived", "drop_vip", "force")
    return Namespace(**{**dict.fromkeys(names, False), "broken": [], **given})


def run(world: World, **given: bool) -> int:
    status = leave(world.node, options(**given))
    assert world.locked_by != "us"
    assert world.sessions_left == []
    return status


def uncloseable() -> World:
    return active().but(b__troubles={"SET GLOBAL": ServerError(1227, "you need SUPER")})


@pytest.mark.parametrize("version", [MYSQL, MARIADB])
def test_close_first_stop_last(version: str, capsys: pytest.CaptureFixture[str]) -> None:
    world = active(version)
    assert run(world) == DONE
    assert world.b.access == CLOSED
    assert not world.vip
    world.order(
        "find keepalived", "mark leaving", "flock to demote", "B: SET GLOBAL", "A: connect", STOP,
        "unlock",
    )  # fmt: skip
    assert [entry["cause"] for entry in world.recorded] == ["notify_down"]
    assert capsys.readouterr().out == (
        "demote: closed: closed for writes, 0 client connections cut\n"
        "the peer has everything\nstopped keepalived\n"
    )


def test_the_leaving_mark_is_written_first() -> None:
    """Before the lock is waited for: a promotion at work stands aside for it."""
    world = active().but(locked_by="promote")
    waited: list[bool] = []
    world.when("lock", lambda: waited.append(world.leaving), locked_by="")
    assert run(world) == DONE
    assert waited == [True]


def test_the_leaving_mark_is_fresh_to_the_end() -> None:
    """Closing, waiting for the peer and for the VIP to leave each take longer than it lasts."""
    world = active().but(b__made=9, vip_takes=VIP_PATIENCE - 0.1)
    number = world.b.last_id + 1
    world.b.add(Client("app", blocks=True, unkillable=True))
    world.when(CLOSING, lambda: world.b.clients.pop(number), after=3)
    stale: list[float] = []
    real = world.pass_time

    def noting(seconds: float) -> None:
        real(seconds)
        if world.vip and world.b.access == CLOSED and not world.leaving:
            stale.append(world.time)

    world.pass_time = noting  # type: ignore[method-assign]
    assert run(world) == DONE
    assert world.time > 3 + PEER_PATIENCE + VIP_PATIENCE - 0.2
    # right after closing it may be stale for a moment, before the wait for the peer begins
    assert all(moment < 3.2 for moment in stale)


def test_the_lock_is_held_until_the_vip_is_gone() -> None:
    """A hook that ran in between would find the VIP here."""
    world = active().but(vip_takes=1.0)
    assert run(world) == DONE
    assert not world.vip
    unlocks = [at for at, line in enumerate(world.log) if line == "unlock"]
    last_look = max(at for at, line in enumerate(world.log) if line == "vip?")
    assert len(unlocks) == 1
    assert unlocks[0] > last_look > world.index(STOP)


def test_a_vip_that_does_not_leave_is_not_waited_for_for_ever() -> None:
    world = active().but(vip_takes=float("inf"))
    assert run(world) == DONE
    assert VIP_PATIENCE == 2.0
    assert VIP_PATIENCE <= world.time < VIP_PATIENCE + 1
    assert world.left_at == pytest.approx(world.time, abs=0.1)  # it may leave later


# keepalived --------------------------------------------------------------------------------------


def test_a_keepalived_that_cannot_be_told_stops_everything() -> None:
    """A node that could not let go of the VIP is better left open."""
    world = active().but(keepalived__error=KeepalivedError("two of them"))
    with pytest.raises(KeepalivedError):
        run(world)
    assert world.b.access == OPEN
    assert "mark leaving" not in world.log
    assert "flock to demote" not in world.log


@pytest.mark.parametrize("option", ["keep_keepalived", "drop_vip"])
def test_where_somebody_else_stops_it_it_is_not_looked_for(option: str) -> None:
    """By ExecStopPost the address goes, but closed before that."""
    world = active().but(keepalived__error=KeepalivedError("two of them"))
    assert run(world, **{option: True}) == DONE
    assert "find keepalived" not in world.log
    assert STOP not in world.log
    assert world.b.access == CLOSED
    assert world.vip == (option != "drop_vip")
    world.order(CLOSING, *(["drop VIP"] if option == "drop_vip" else []))


def test_keep_keepalived_leaves_the_mark_fresh() -> None:
    """systemd stops keepalived after this: until then nothing may open."""
    world = active().but(b__made=9)  # the peer lacks something: waited for in vain
    assert run(world, keep_keepalived=True) == DONE
    assert world.time > PEER_PATIENCE
    assert world.vip
    assert world.left_at == pytest.approx(world.time, abs=0.1)
    world.pass_time(LEAVING_IS_FRESH - 0.1)
    assert world.leaving


@pytest.mark.parametrize("keep_keepalived", [True, False])
def test_the_mark_is_fresh_when_keepalived_is_stopped(keep_keepalived: bool) -> None:
    """By this, or by systemd: though closing has taken longer than the mark is fresh."""
    world = active().but(b__trouble=MUTE, a__trouble=SILENT)
    stopped: list[tuple[float | None, float]] = []
    world.when(STOP, lambda: stopped.append((world.left_at, world.time)))
    assert run(world, keep_keepalived=keep_keepalived) == DONE
    ((marked, at),) = [(world.left_at, world.time)] if keep_keepalived else stopped
    assert marked == at > LEAVING_IS_FRESH


# A standby ---------------------------------------------------------------------------------------


def test_a_standby_keeps_its_keepalived(capsys: pytest.CaptureFixture[str]) -> None:
    world = standby()
    assert run(world) == DONE
    assert STOP not in world.log
    assert "find keepalived" not in world.log
    assert "mark leaving" not in world.log  # it may be needed the next moment
    assert "--force" in capsys.readouterr().out


def test_a_standby_with_force() -> None:
    world = standby()
    assert run(world, force=True) == DONE
    world.order("find keepalived", "mark leaving", "flock to demote", STOP)


@pytest.mark.parametrize("option", ["keep_keepalived", "drop_vip"])
def test_a_standby_whose_keepalived_is_stopped(option: str) -> None:
    """The VIP may come at this very moment."""
    world = standby()
    assert run(world, **{option: True}) == DONE
    world.order("mark leaving", "flock to demote")
    assert world.leaving


def test_an_open_standby_is_closed() -> None:
    world = active().but(vip=False)
    assert run(world) == DONE
    assert world.b.access == CLOSED
    assert STOP not in world.log


# What cannot be closed ---------------------------------------------------------------------------


@pytest.mark.parametrize("given", [{}, {"drop_vip": True}, {"keep_keepalived": True}])
def test_an_open_server_is_not_left_behind(
    given: dict[str, bool], capsys: pytest.CaptureFixture[str]
) -> None:
    world = uncloseable()
    assert run(world, **given) == REFUSED
    assert STOP not in world.log
    assert "drop VIP" not in world.log
    assert world.vip
    assert "keepalived is left running" in capsys.readouterr().out


def test_an_open_server_is_left_behind_with_force() -> None:
    world = uncloseable()
    assert run(world, force=True) == DONE
    assert STOP in world.log


def test_without_a_run_directory() -> None:
    """Without it nothing can be opened either."""
    world = active().but(files__error=StateError("cannot write"))
    assert run(world) == DONE
    assert world.b.access == CLOSED
    assert STOP in world.log


def test_opened_again_in_between() -> None:
    """By a promotion that had the lock, for the lock was not to be had."""
    world = active().but(locked_by="promote")
    world.when(STOP, b__access=OPEN)
    assert run(world) == DONE
    assert world.b.access == CLOSED
    assert world.log.count(CLOSING) == 2


@pytest.mark.parametrize(("force", "status"), [(False, REFUSED), (True, DONE)])
def test_opened_again_and_not_to_be_closed(force: bool, status: int) -> None:
    world = active()
    world.when(STOP, b__troubles=uncloseable().b.troubles, b__access=OPEN)
    assert run(world, force=force) == status


# The peer ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [MYSQL, MARIADB])
def test_it_waits_for_the_peer(version: str, capsys: pytest.CaptureFixture[str]) -> None:
    world = active(version).but(b__made=9)
    world.when("sleep", a__of_b=9, after=1.0)
    assert run(world) == DONE
    assert 1.0 < world.time < 1.3
    assert "the peer has everything\n" in capsys.readouterr().out
    assert world.a.of_b == 9


@pytest.mark.parametrize("version", [MYSQL, MARIADB])
def test_but_not_for_ever(version: str, capsys: pytest.CaptureFixture[str]) -> None:
    world = active(version).but(b__made=9)
    assert run(world) == DONE
    assert PEER_PATIENCE == 2.0
    assert PEER_PATIENCE <= world.time < PEER_PATIENCE + 0.5
    assert "the peer does not have everything after 2 s" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"a__trouble": SILENT}, f"the peer does not answer: {SILENT}"),
        ({"a__trouble": MUTE}, f"the peer does not answer: {MUTE}"),
        ({"a__trouble": DENIED}, f"the peer does not answer: {DENIED}"),
        ({"a__troubles": {"AS gtid_mode": MUTE}}, "whether the peer has everything is not known"),
    ],
)
def test_a_peer_that_does_not_answer(
    changes: dict[str, object], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    world = active().but(**changes)
    assert run(world) == DONE
    assert said in capsys.readouterr().out
    assert world.time < PEER_PATIENCE + 0.5
    assert STOP in world.log


@pytest.mark.parametrize(
    ("changes", "killed"),
    [({"b__trouble": MUTE}, True), ({"b__access": CLOSED, "open_mark": None}, False)],
)
def test_one_that_was_killed_or_closed_already_has_nothing_to_send(
    changes: dict[str, object], killed: bool
) -> None:
    world = active().but(**changes)
    assert run(world) == DONE
    assert (SIGKILL in world.log) == killed
    assert "A: connect" not in world.log
    assert STOP in world.log
    assert killed or world.time < 0.2


def test_what_is_waited_for_is_read_after_closing() -> None:
    """All that it has committed, to the very last."""
    world = active()
    world.when(CLOSING, b__made=8)
    assert run(world) == DONE
    assert world.time >= PEER_PATIENCE  # the peer never gets it


@pytest.mark.parametrize("said_already", ["verbose", "dry_run", ""])
def test_what_a_person_reads(said_already: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With -v, and in a dry run, the steps say it themselves."""
    given = {said_already: True} if said_already else {}
    assert leave(active().node, options(keep_keepalived=True, **given)) == DONE
    assert ("demote: closed" in capsys.readouterr().out) != bool(said_already)


@pytest.mark.parametrize("option", ["", "--keep-keepalived", "--drop-vip", "--force"])
def test_its_command_line(option: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def parsed(_program: str, options: Namespace, body: object, *_: object) -> int:
        assert body is notify_down._leave_all
        found = vars(options)
        given = {name for name in ("keep_keepalived", "drop_vip", "force") if found[name]}
        assert given == ({option[2:].replace("-", "_")} if option else set())
        return 7

    monkeypatch.setattr(notify_down, "run_hook", parsed)
    assert notify_down.main([option] if option else []) == 7


def test_another_pair_of_this_host_is_closed_before_keepalived_stops() -> None:
    first, second = active(), active()
    log: list[str] = []
    for name, world in (("first", first), ("second", second)):
        world.log = Shared(log, name)  # type: ignore[assignment]
    seen: list[str] = []
    first.when(
        STOP,
        lambda: seen.extend((first.b.access, second.b.access, first.locked_by, second.locked_by)),
        second.becomes(vip=False),
    )
    assert leave(first.node, options(), [second.node]) == DONE
    assert seen == [CLOSED, CLOSED, "us", "us"]
    assert log.index(f"first: {STOP}") > log.index(f"second: {CLOSING}")


def test_keepalived_goes_on_where_another_pair_could_not_be_closed() -> None:
    first, second = active(), uncloseable()
    assert leave(first.node, options(), [second.node]) == REFUSED
    assert STOP not in first.log
    assert first.vip


class Shared(list):  # type: ignore[type-arg]
    """The log of one world, repeated in that of both."""

    def __init__(self, log: list[str], name: str) -> None:
        super().__init__()
        self._log, self._name = log, name

    def append(self, line: str) -> None:
        super().append(line)
        self._log.append(f"{self._name}: {line}")


# An option file that cannot be used ---------------------------------------------------------------


def option_file(directory: Path, name: str, text: str) -> str:
    (directory / name).write_text(f"[kachecks]\nvip = 10.254.254.100\npeer = 10.254.254.2\n{text}")
    (directory / name).chmod(0o600)
    return str(directory / name)


@pytest.mark.parametrize(
    ("given", "left", "broken"),
    [
        (["good"], ["good"], 0),
        (["good", "bad", "fine"], ["good", "fine"], 1),
        (["bad", "good", "fine"], ["good", "fine"], 1),
        (["good", "missing"], ["good"], 1),
        (["bad", "missing"], ["bad"], 2),
    ],
)
def test_one_broken_file_does_not_stop_the_others(
    tmp_path: Path, given: list[str], left: list[str], broken: int
) -> None:
    for name in ("good", "fine"):
        option_file(tmp_path, name, "")
    option_file(tmp_path, "bad", "max_lagg = 3\n")
    also = [f"--also={tmp_path / name}" for name in given[1:]]
    parsed = notify_down.parser().parse_args([f"--defaults-file={tmp_path / given[0]}", *also])
    found = notify_down._sorted_out(parsed)
    assert [found.defaults_file, *found.also] == [str(tmp_path / name) for name in left]
    assert len(found.broken) == broken


@pytest.mark.parametrize(
    ("given", "closed", "stopped"),
    [
        ({}, False, False),  # the pair of that file may be open, so keepalived has to go on
        ({"force": True}, True, True),
        ({"keep_keepalived": True}, True, False),
        ({"drop_vip": True}, True, False),
    ],
)
def test_the_others_are_closed_if_keepalived_ends(
    given: dict[str, bool],
    closed: bool,
    stopped: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    told: list[str] = []
    monkeypatch.setattr(notify_down, "log", lambda text, **_: told.append(text))
    world = active()
    parsed = options(**given, broken=[("two.cnf", "two.cnf: is empty")], also=[])
    assert notify_down._leave_all(world.node, parsed) == UNUSABLE
    assert (world.b.access == CLOSED) == closed
    assert (STOP in world.log) == stopped
    assert world.leaving == closed
    assert ("drop VIP" in world.log) == ("drop_vip" in given)
    assert told == ["notify_down: not closed: two.cnf: is empty"]
    assert "not closed: two.cnf: is empty\n" in capsys.readouterr().out
