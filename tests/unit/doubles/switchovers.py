"""A pair of which node B may hand over to A (simulation.py)."""

from __future__ import annotations

from kachecks.commands.switchover.handing_over import hand_over
from kachecks.transitions.record import Outcome
from tests.unit.doubles import simulation
from tests.unit.doubles.simulation import MYSQL, OPEN, World

CLOSING = "B: SET GLOBAL super_read_only = 1"


def active(version: str = MYSQL, **options: str) -> World:
    """As simulation.active; A opens when the VIP has left."""
    world = simulation.active(version, **options)

    def a_opens() -> None:
        if world.vip:
            world.when("sleep", a_opens)
        else:
            world.a.access = OPEN

    world.when("sleep", a_opens)
    return world


def alone(version: str = MYSQL) -> World:
    """A never takes the VIP."""
    return simulation.active(version)


def run(world: World, catch_up: float = 10.0) -> Outcome:
    outcome = hand_over(world.node, catch_up)
    assert world.locked_by != "us"
    assert world.sessions_left == []
    return outcome
