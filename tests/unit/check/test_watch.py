"""A good check that stays to see mysqld die: for how long, and when not at all (simulation.py)."""

from __future__ import annotations

from typing import Any

import pytest

from kachecks.check.watch import (
    ENDED_BY,
    OVERSLEPT,
    SETTLED,
    WITH_WITNESS,
    Watched,
    watch,
)
from kachecks.mysqld_process import Process
from tests.unit.doubles.simulation import World

SERVER = Process(4712, 1)


def watched(world: World, process: Process | None = SERVER) -> tuple[Watched, float]:
    """What came of it, and the seconds it took."""
    begun = world.time
    return watch(world.node, process), world.time - begun


def running(**options: str) -> World:
    """A check that has been at work for 50 ms."""
    return World(**options).but(time=0.05)


def test_for_as_long_as_the_option_says() -> None:
    found, seconds = watched(running(watch="0.4"))
    assert found == (False, "mysqld (pid 4712) was watched for another 0.40 s")
    assert seconds == pytest.approx(0.4)


@pytest.mark.parametrize("late", [0.02, 0.1, 0.3, 0.5, 0.84])
@pytest.mark.parametrize(
    ("options", "by"), [({}, ENDED_BY), ({"witness": "10.0.0.254"}, WITH_WITNESS)]
)
def test_it_ends_before_the_next_check_however_late_it_began(
    late: float, options: dict[str, str], by: float
) -> None:
    """And the later, the earlier: its end takes long, too."""
    world = running(watch="0.85", **options).but(time=late)
    found, seconds = watched(world)
    assert not found.look_again
    assert late + seconds == pytest.approx(max(late, by - late))
    assert by < 1.0


def test_it_ends_the_moment_mysqld_dies() -> None:
    world = running().but(servers__dies_after=0.3)
    found, seconds = watched(world)
    assert found == (True, "mysqld (pid 4712) has just died")
    assert world.time == pytest.approx(0.3)
    assert seconds < 0.26


def test_mysqld_has_died_between_the_look_and_the_watch() -> None:
    world = running()
    world.servers.dead.add(SERVER)
    found, seconds = watched(world)
    assert (found.look_again, seconds) == (True, 0)


@pytest.mark.parametrize(("late", "again"), [(OVERSLEPT - 0.1, False), (OVERSLEPT + 0.1, True)])
def test_a_host_that_was_paused_looks_again(late: float, again: bool) -> None:
    """What it found before is no answer to what may have happened meanwhile."""
    world = running()
    watches = world.servers.watch

    def paused(process: Process, seconds: float, socket: str) -> bool | None:
        died = watches(process, seconds, socket)
        world.pass_time(late)
        return died

    world.servers.watch = paused  # type: ignore[method-assign]
    found, _ = watched(world)
    assert found.look_again is again
    assert found.said.startswith("this process was paused for 1.1 s" if again else "mysqld (pid")


def no_pidfd(world: World) -> None:
    world.servers.pidfd = False


def too_late(world: World) -> None:
    world.time = ENDED_BY


def new_verdict(world: World) -> None:
    world.files.seconds_old = SETTLED - 0.1


def new_keepalived(world: World) -> None:
    world.clock.keepalived_age = SETTLED - 0.1


@pytest.mark.parametrize(
    ("spoil", "process", "why"),
    [
        (no_pidfd, SERVER, "pidfd_open(2) cannot be used here (Linux 5.3)"),
        (too_late, SERVER, "this check has already taken 0.85 s"),
        (new_verdict, SERVER, "this verdict is not 3 s old"),
        (new_keepalived, SERVER, "keepalived was not started 3 s ago"),
        (lambda _: None, None, "the kernel does not say which process the server is"),
    ],
)
def test_not_at_all(spoil: Any, process: Process | None, why: str) -> None:
    world = running()
    spoil(world)
    found, seconds = watched(world, process)
    assert (found.look_again, seconds) == (False, 0)
    assert found.said.startswith(f"mysqld is not watched until the next check: {why}")


@pytest.mark.parametrize(
    ("socket", "seen"), [("/run/mysqld/mysqld.sock", True), ("/var/lib/mysql/mysql.sock", False)]
)
def test_it_ends_soon_after_mysqld_has_closed_its_socket(socket: str, seen: bool) -> None:
    """A server that shuts down removes it first, and lives on for seconds. It is not looked for on
    a disk, which may hang."""
    world = running()
    world.node.marks.remember_server(SERVER, True, (socket, "/bound.sock"))
    world.but(servers__socket_ends=0.3)
    found, _ = watched(world)
    if seen:
        assert found == (True, "mysqld (pid 4712) has just closed its socket")
        assert world.time == pytest.approx(0.3)
    else:
        assert not found.look_again
