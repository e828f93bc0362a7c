"""Demotions of node B: open or not, marked or not, with few clients or many (simulation.py)."""

from __future__ import annotations

from kachecks.transitions.demotion import demote
from kachecks.transitions.record import Outcome, Steps
from tests.unit.doubles.simulated_server import CLOSED, OPEN, Client
from tests.unit.doubles.simulation import MARIADB, MARIADB12, MYSQL, SERVER, World

STATEMENT = {
    MYSQL: "B: SET GLOBAL super_read_only = 1",
    MARIADB: "B: SET GLOBAL read_only = 1",
    MARIADB12: "B: SET GLOBAL read_only = 'NO_LOCK_NO_ADMIN'",
}


def opened(version: str = MYSQL, **options: str) -> World:
    """B is open, and nothing says so yet."""
    return World(version, **options).but(a__access=CLOSED, b__access=OPEN)


FIRST_PORT = 20000


def crowded(count: int, version: str = MYSQL) -> World:
    """So many clients, at ports from FIRST_PORT on; each KILL takes the simulated server a
    millisecond."""
    world = opened(version)
    world.b.add(*(Client("app", host=f"10.0.0.10:{FIRST_PORT + at}") for at in range(count)))
    return world


def run(world: World, patience: float = 5.0) -> Outcome:
    return demote(world.node, Steps(world.node), patience)


def marked(world: World) -> World:
    return world.but(open_mark=SERVER)


def ended(world: World, outcome: str, done: bool = True, patience: float = 5.0) -> Outcome:
    """It ends this way, within its time, and with no session left."""
    found = run(world, patience)
    assert (found.outcome, found.done) == (outcome, done), found.why
    assert world.sessions_left == []
    return found
