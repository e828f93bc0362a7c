"""notify_down: close first, stop keepalived last (simulation.py)."""

from __future__ import annotations

from argparse import Namespace

import pytest

from kachecks.hooks import notify_down
from kachecks.hooks.common import DONE, REFUSED
from kachecks.hooks.notify_down import PEER_PATIENCE, VIP_PATIENCE, leave
from kachecks.keepalived.process import KeepalivedError
from kachecks.mysql.session import ServerError
from kachecks.state.files import StateError
from kachecks.state.marks import LEAVING_IS_FRESH
from tests.unit.doubles.simulation import CLOSED, MARIADB, MUTE, MYSQL, OPEN, SILENT, Client, World

CLOSING = "B: SET GLOBAL super_read_only = 1"
STOP = "stop keepalived"


def active(version: str = MYSQL) -> World:
    """B is open with the VIP, and A stands by with everything."""
    world = World(version)
    world.a.access, world.b.access = CLOSED, OPEN
    world.open_mark, world.opening_told = world.b.process, True
    return world


def standby() -> World:
    world = World()
    world.vip = False
    return world


def run(world: World, **options: bool) -> int:
    given = {"keep_keepalived": False, "drop_vip": False, "force": False}
    status = leave(world.node, Namespace(verbose=False, dry_run=False, **{**given, **options}))
    assert world.locked_by != "us"
    assert [each for each in world.sessions if not each.ended] == []
    return status


def uncloseable(world: World) -> World:
    world.b.troubles["SET GLOBAL"] = ServerError(1227, "you need SUPER")
    return world


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
    world = active()
    world.locked_by = "promote"
    waited: list[bool] = []

    def looks() -> None:
        waited.append(world.node.marks.is_leaving())
        world.locked_by = ""

    world.when("lock", looks)
    assert run(world) == DONE
    assert waited == [True]


def test_the_leaving_mark_is_fresh_to_the_end() -> None:
    """Closing, waiting for the peer and for the VIP to leave each take longer than it lasts."""
    world = active()
    world.b.made, world.vip_takes = 9, VIP_PATIENCE - 0.1
    number = world.b.last_id + 1
    world.b.add(Client("app", blocks=True, unkillable=True))

    def gone() -> None:
        if world.time > 3:
            world.b.clients.pop(number)
        else:
            world.when(CLOSING, gone)

    world.when(CLOSING, gone)
    stale: list[float] = []
    real = world.pass_time

    def noting(seconds: float) -> None:
        real(seconds)
        if world.vip and world.b.access == CLOSED and not world.node.marks.is_leaving():
            stale.append(world.time)

    world.pass_time = noting  # type: ignore[method-assign]
    assert run(world) == DONE
    assert world.time > 3 + PEER_PATIENCE + VIP_PATIENCE - 0.2
    # right after closing it may be stale for a moment, before the wait for the peer begins
    assert all(moment < 3.2 for moment in stale)


def test_the_lock_is_held_until_the_vip_is_gone() -> None:
    """A hook that ran in between would find the VIP here."""
    world = active()
    world.vip_takes = 1.0
    assert run(world) == DONE
    assert not world.vip
    unlocks = [at for at, line in enumerate(world.log) if line == "unlock"]
    last_look = max(at for at, line in enumerate(world.log) if line == "vip?")
    assert len(unlocks) == 1
    assert unlocks[0] > last_look > world.index(STOP)


def test_a_vip_that_does_not_leave_is_not_waited_for_for_ever() -> None:
    world = active()
    world.vip_takes = float("inf")
    assert run(world) == DONE
    assert VIP_PATIENCE == 2.0
    assert VIP_PATIENCE <= world.time < VIP_PATIENCE + 1
    assert world.left_at == pytest.approx(world.time, abs=0.1)  # it may leave later


# keepalived --------------------------------------------------------------------------------------


def test_a_keepalived_that_cannot_be_told_stops_everything() -> None:
    """A node that could not let go of the VIP is better left open."""
    world = active()
    world.keepalived.error = KeepalivedError("two of them")
    with pytest.raises(KeepalivedError):
        run(world)
    assert world.b.access == OPEN
    assert "mark leaving" not in world.log
    assert "flock to demote" not in world.log


@pytest.mark.parametrize("options", [{"keep_keepalived": True}, {"drop_vip": True}])
def test_where_somebody_else_stops_it_it_is_not_looked_for(options: dict) -> None:
    world = active()
    world.keepalived.error = KeepalivedError("two of them")
    assert run(world, **options) == DONE
    assert "find keepalived" not in world.log
    assert STOP not in world.log
    assert world.b.access == CLOSED


def test_keep_keepalived_leaves_the_mark_fresh() -> None:
    """systemd stops keepalived after this: until then nothing may open."""
    world = active()
    world.b.made = 9  # the peer lacks something: waited for in vain
    assert run(world, keep_keepalived=True) == DONE
    assert world.time > PEER_PATIENCE
    assert world.vip
    assert world.node.marks.is_leaving()
    assert world.left_at == pytest.approx(world.time, abs=0.1)


def slow(world: World) -> World:
    """It hangs and is killed, which takes longer than the mark is fresh; the peer is silent."""
    world.b.trouble, world.a.trouble = MUTE, SILENT
    return world


def test_the_mark_is_fresh_when_systemd_is_told() -> None:
    world = slow(active())
    assert run(world, keep_keepalived=True) == DONE
    assert world.left_at == world.time > LEAVING_IS_FRESH


def test_the_mark_is_fresh_when_keepalived_is_stopped() -> None:
    world = slow(active())
    stopped: list[tuple[float | None, float]] = []
    world.when(STOP, lambda: stopped.append((world.left_at, world.time)))
    assert run(world) == DONE
    ((marked, at),) = stopped
    assert marked == at > LEAVING_IS_FRESH


def test_drop_vip() -> None:
    """For ExecStopPost: closed before the address goes."""
    world = active()
    assert run(world, drop_vip=True) == DONE
    assert not world.vip
    world.order(CLOSING, "drop VIP")


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


@pytest.mark.parametrize("options", [{"keep_keepalived": True}, {"drop_vip": True}])
def test_a_standby_whose_keepalived_is_stopped(options: dict) -> None:
    """The VIP may come at this very moment."""
    world = standby()
    assert run(world, **options) == DONE
    world.order("mark leaving", "flock to demote")
    assert world.node.marks.is_leaving()


def test_an_open_standby_is_closed() -> None:
    world = active()
    world.vip = False
    assert run(world) == DONE
    assert world.b.access == CLOSED
    assert STOP not in world.log


# What cannot be closed ---------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"drop_vip": True}, {"keep_keepalived": True}])
def test_an_open_server_is_not_left_behind(
    options: dict, capsys: pytest.CaptureFixture[str]
) -> None:
    world = uncloseable(active())
    assert run(world, **options) == REFUSED
    assert STOP not in world.log
    assert "drop VIP" not in world.log
    assert world.vip
    assert "keepalived is left running" in capsys.readouterr().out


def test_an_open_server_is_left_behind_with_force() -> None:
    world = uncloseable(active())
    assert run(world, force=True) == DONE
    assert STOP in world.log


def test_without_a_run_directory() -> None:
    """Without it nothing can be opened either."""
    world = active()
    world.files.error = StateError("cannot write")
    assert run(world) == DONE
    assert world.b.access == CLOSED
    assert STOP in world.log


def test_opened_again_in_between() -> None:
    """By a promotion that had the lock, for the lock was not to be had."""
    world = active()
    world.locked_by = "promote"

    def opens() -> None:
        world.b.access = OPEN

    world.when(STOP, opens)
    assert run(world) == DONE
    assert world.b.access == CLOSED
    assert world.log.count(CLOSING) == 2


@pytest.mark.parametrize(("force", "status"), [(False, REFUSED), (True, DONE)])
def test_opened_again_and_not_to_be_closed(force: bool, status: int) -> None:
    world = active()

    def opens() -> None:
        uncloseable(world).b.access = OPEN

    world.when(STOP, opens)
    assert run(world, force=force) == status


# The peer ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [MYSQL, MARIADB])
def test_it_waits_for_the_peer(version: str, capsys: pytest.CaptureFixture[str]) -> None:
    world = active(version)
    world.b.made = 9

    def arrives() -> None:
        if world.time > 1.0:
            world.a.of_b = 9
        else:
            world.when("sleep", arrives)

    world.when("sleep", arrives)
    assert run(world) == DONE
    assert 1.0 < world.time < 1.3
    assert "the peer has everything\n" in capsys.readouterr().out
    assert world.a.of_b == 9


@pytest.mark.parametrize("version", [MYSQL, MARIADB])
def test_but_not_for_ever(version: str, capsys: pytest.CaptureFixture[str]) -> None:
    world = active(version)
    world.b.made = 9
    assert run(world) == DONE
    assert PEER_PATIENCE == 2.0
    assert PEER_PATIENCE <= world.time < PEER_PATIENCE + 0.5
    assert "the peer does not have everything after 2 s" in capsys.readouterr().out


@pytest.mark.parametrize("trouble", [SILENT, MUTE, ServerError(1045, "denied")])
def test_a_peer_that_does_not_answer(
    trouble: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    world = active()
    world.a.trouble = trouble
    assert run(world) == DONE
    assert f"the peer does not answer: {trouble}" in capsys.readouterr().out
    assert world.time < 1.5
    assert STOP in world.log


def test_a_peer_that_falls_silent(capsys: pytest.CaptureFixture[str]) -> None:
    world = active()
    world.a.troubles["AS gtid_mode"] = MUTE
    assert run(world) == DONE
    assert "whether the peer has everything is not known" in capsys.readouterr().out
    assert world.time < PEER_PATIENCE + 0.5


def test_a_server_that_was_killed_has_nothing_to_send() -> None:
    world = active()
    world.b.trouble = MUTE
    assert run(world) == DONE
    assert "SIGKILL 4712" in world.log
    assert "A: connect" not in world.log
    assert STOP in world.log


def test_a_server_that_was_closed_already_has_nothing_to_send() -> None:
    world = World()
    world.a.access = CLOSED
    assert run(world) == DONE
    assert "A: connect" not in world.log
    assert STOP in world.log
    assert world.time < 0.2


def test_what_is_waited_for_is_read_after_closing() -> None:
    """All that it has committed, to the very last."""
    world = active()

    def last_commit() -> None:
        world.b.made = 8

    world.when(CLOSING, last_commit)
    assert run(world) == DONE
    assert world.time >= PEER_PATIENCE  # the peer never gets it


@pytest.mark.parametrize("said_already", ["verbose", "dry_run", ""])
def test_what_a_person_reads(said_already: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With -v, and in a dry run, the steps say it themselves."""
    world = active()
    options = {"verbose": False, "dry_run": False, "drop_vip": False, "force": False}
    if said_already:
        options[said_already] = True
    assert leave(world.node, Namespace(keep_keepalived=True, **options)) == DONE
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


def test_the_mark_lasts_until_systemd_has_stopped_keepalived() -> None:
    world = active()
    run(world, keep_keepalived=True)
    world.pass_time(LEAVING_IS_FRESH - 0.1)
    assert world.node.marks.is_leaving()


def test_another_pair_of_this_host_is_closed_before_keepalived_stops() -> None:
    first, second = active(), active()
    log: list[str] = []
    for name, world in (("first", first), ("second", second)):
        world.log = Shared(log, name)  # type: ignore[assignment]
    options = Namespace(
        verbose=False, dry_run=False, keep_keepalived=False, drop_vip=False, force=False
    )

    def released() -> None:
        assert (first.b.access, second.b.access) == (CLOSED, CLOSED)
        assert (first.locked_by, second.locked_by) == ("us", "us")
        second.vip = False

    first.when(STOP, released)
    assert leave(first.node, options, [second.node]) == DONE
    assert log.index(f"first: {STOP}") > log.index(f"second: {CLOSING}")


def test_keepalived_goes_on_where_another_pair_could_not_be_closed() -> None:
    first, second = active(), uncloseable(active())
    options = Namespace(
        verbose=False, dry_run=False, keep_keepalived=False, drop_vip=False, force=False
    )
    assert leave(first.node, options, [second.node]) == REFUSED
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
