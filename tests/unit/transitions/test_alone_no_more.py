"""The alone mark goes as soon as anything shows the peer alive (simulation.py)."""

from __future__ import annotations

import pytest

from kachecks.check.one_run import run_check
from kachecks.hooks import notify_down
from kachecks.mysql.session import ServerError
from kachecks.state.marks import Look
from kachecks.transitions.reconcile import reconcile
from tests.unit.doubles.simulation import CLOSED, MUTE, OPEN, REFUSED, SILENT, World
from tests.unit.hooks.test_notify_down import run as run_notify_down

WITNESS = "10.0.0.254"


def lone(**options: str) -> World:
    """B is open with the VIP, and has been alone when it last looked, 2 s ago."""
    world = World(**options)
    world.a.access, world.b.access = CLOSED, OPEN
    world.open_mark, world.opening_told = world.b.process, True
    world.time = 100.0
    world.alone, world.last_look = True, Look(98.0, alone=True)
    return world


def check(world: World) -> str:
    return run_check(world.node, True).reason


def test_the_next_check_sees_the_receiver_connected() -> None:
    """Long before the next look at the peer: it may be promoted in between."""
    world = lone()
    assert check(world) == "OK"
    assert not world.alone
    assert world.last_look == Look(98.0, alone=False)  # and the time of the next look stays
    assert not any("A: connect" in line for line in world.log)


def test_without_the_receiver_it_stays_alone() -> None:
    world = lone()
    world.b.receiver, world.a.trouble = "Connecting", REFUSED
    check(world)
    assert world.alone


def test_a_receiver_whose_connection_is_dead_misleads_nobody_who_has_just_asked() -> None:
    world = lone()
    world.last_look, world.a.trouble = None, SILENT
    check(world)
    assert world.alone


def test_a_node_that_is_cut_off_is_not_alone() -> None:
    """The peer may be promoted; this node's copy would be the older one after a power-off."""
    world = lone(witness=WITNESS)
    world.alone, world.last_look, world.a.trouble = False, None, SILENT
    world.when("A: connect", lambda: world.network.echo.clear())
    assert check(world) == "ISOLATED"
    assert not world.alone


def test_with_a_witness_in_sight_it_is() -> None:
    world = lone(witness=WITNESS)
    world.alone, world.last_look, world.a.trouble = False, None, SILENT
    assert check(world) == "OK"
    assert world.alone


ALIVE = [None, MUTE, ServerError(1045, "denied")]


@pytest.mark.parametrize("trouble", [*ALIVE, REFUSED, SILENT])
@pytest.mark.parametrize("look", [None, Look(98.0, alone=True)])
def test_notify_down_looks_once_more(trouble: Exception | None, look: Look | None) -> None:
    world = lone()
    world.last_look, world.a.trouble = look, trouble  # type: ignore[assignment]
    assert run_notify_down(world) == notify_down.DONE
    assert world.alone == (trouble not in ALIVE)


@pytest.mark.parametrize("trouble", [*ALIVE, REFUSED, SILENT])
def test_so_does_a_hook(trouble: Exception | None) -> None:
    world = lone()
    world.vip, world.a.trouble = False, trouble  # type: ignore[assignment]
    reconcile(world.node, "notify_backup", 5.0)
    assert world.b.access == CLOSED
    assert world.alone == (trouble not in ALIVE)


@pytest.mark.parametrize("trouble", [*ALIVE, SILENT])
def test_so_does_a_check_that_finds_mysqld_dead(trouble: Exception | None) -> None:
    world = lone()
    world.b.trouble, world.a.trouble = REFUSED, trouble  # type: ignore[assignment]
    world.servers.dead.add(world.b.process)
    assert check(world) == "MYSQLD_DOWN"
    assert world.alone == (trouble not in ALIVE)


def test_a_node_with_company_does_not_look() -> None:
    world = lone()
    world.alone, world.last_look = False, Look(98.0, alone=False)
    world.vip = False
    reconcile(world.node, "notify_backup", 5.0)
    assert not any("A: connect" in line for line in world.log)
