"""The alone mark goes as soon as anything shows the peer alive (simulation.py)."""

from __future__ import annotations

import pytest

from kachecks.check.one_run import run_check
from kachecks.hooks import notify_down
from kachecks.mysql.session import ServerError
from kachecks.state.marks import Look
from kachecks.transitions.reconcile import reconcile
from tests.unit.doubles.simulated_server import CLOSED
from tests.unit.doubles.simulation import MUTE, REFUSED, SERVER, SILENT, WITNESS, World, active
from tests.unit.hooks.test_notify_down import run as run_notify_down


def lone(**options: str) -> World:
    """B is open with the VIP, and has been alone when it last looked, 2 s ago."""
    return active(**options).but(time=100.0, alone=True, last_look=Look(98.0, alone=True))


def check(world: World) -> str:
    return run_check(world.node, True).reason


def test_the_next_check_sees_the_receiver_connected() -> None:
    """Long before the next look at the peer: it may be promoted in between."""
    world = lone()
    assert check(world) == "OK"
    assert not world.alone
    assert world.last_look == Look(98.0, alone=False)  # and the time of the next look stays
    assert not any("A: connect" in line for line in world.log)


@pytest.mark.parametrize(
    "changes",
    [
        {"b__receiver": "Connecting", "a__trouble": REFUSED},
        {"last_look": None, "a__trouble": SILENT},  # a dead connection: it has just been asked
    ],
)
def test_it_stays_alone(changes: dict[str, object]) -> None:
    world = lone().but(**changes)
    check(world)
    assert world.alone


@pytest.mark.parametrize(("cut_off", "reason"), [(True, "ISOLATED"), (False, "OK")])
def test_a_node_that_is_cut_off_is_not_alone(cut_off: bool, reason: str) -> None:
    """The peer may be promoted; this node's copy would be the older one after a power-off."""
    world = lone(witness=WITNESS).but(alone=False, last_look=None, a__trouble=SILENT)
    if cut_off:
        world.when("A: connect", network__echo=set())
    assert check(world) == reason
    assert world.alone != cut_off


ALIVE = [None, MUTE, ServerError(1045, "denied")]


@pytest.mark.parametrize("trouble", [*ALIVE, REFUSED, SILENT])
@pytest.mark.parametrize("look", [None, Look(98.0, alone=True)])
def test_notify_down_looks_once_more(trouble: Exception | None, look: Look | None) -> None:
    world = lone().but(last_look=look, a__trouble=trouble)
    assert run_notify_down(world) == notify_down.DONE
    assert world.alone == (trouble not in ALIVE)


@pytest.mark.parametrize("trouble", [*ALIVE, REFUSED, SILENT])
def test_so_does_a_hook(trouble: Exception | None) -> None:
    world = lone().but(vip=False, a__trouble=trouble)
    reconcile(world.node, "notify_backup", 5.0)
    assert world.b.access == CLOSED
    assert world.alone == (trouble not in ALIVE)


@pytest.mark.parametrize("trouble", [*ALIVE, SILENT])
def test_so_does_a_check_that_finds_mysqld_dead(trouble: Exception | None) -> None:
    world = lone().but(b__trouble=REFUSED, a__trouble=trouble, servers__dead={SERVER})
    assert check(world) == "MYSQLD_DOWN"
    assert world.alone == (trouble not in ALIVE)


def test_a_node_with_company_does_not_look() -> None:
    world = lone().but(alone=False, last_look=Look(98.0, alone=False), vip=False)
    reconcile(world.node, "notify_backup", 5.0)
    assert not any("A: connect" in line for line in world.log)
