"""The roles in which node B runs a check, and what came of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kachecks.check.one_run import run_check
from kachecks.check.verdict import Verdict
from kachecks.mysql.disks import Disks
from kachecks.mysql.session import ServerError
from kachecks.state.files import StateError
from kachecks.state.marks import GaveWay, Look
from kachecks.state.signs import Sign
from tests.unit.doubles import simulation
from tests.unit.doubles.changing import failing
from tests.unit.doubles.simulation import CLOSED, SILENT, World, active

CLOSING = "B: SET GLOBAL super_read_only = 1"
DENIED = ServerError(1045, "denied")
NO_RUN_DIR = StateError("cannot write /run/kachecks/main.look")


Role = Callable[[], World]


def holder(**options: str) -> World:
    """B is active, as it was at the last check; the peer stands by."""
    world = active(**options).but(time=100.0)
    world.last_look = Look(world.time, alone=False, fit_since=world.time - 60)
    return world


def standby(**options: str) -> World:
    """B stands by beside an open peer."""
    world = simulation.standby(**options).but(time=100.0)
    world.last_look = Look(world.time, alone=False)
    return world


def closed_holder(**options: str) -> World:
    """The VIP is here and the server closed: no hook has come, or one did not end its work."""
    return standby(**options).but(vip=True, a__access=CLOSED)


BOTH = pytest.mark.parametrize("role", [holder, standby])
NO_ROOM = Disks(full="no room")
SUPER = ServerError(1227, "you need SUPER")


def check(world: World, act: bool = True, hanging: Sign | None = None) -> Verdict:
    verdict = run_check(world.node, act, hanging)
    assert world.sessions_left == []
    assert world.locked_by != "us"
    return verdict


def result(world: World) -> tuple[str, int, str]:
    verdict = check(world)
    return verdict.reason, verdict.status, verdict.role


def asked_peer(world: World) -> bool:
    return "A: connect" in world.log


def marked(world: World) -> list[str]:
    words = ("mark", "unmark", "permit", "flock", "start promotion", "SIGKILL", "B: SET", "B: KILL")
    return [line for line in world.log if line.startswith(words)]


def cut_off(world: World) -> World:
    world.network.echo = set()
    world.a.trouble = SILENT
    return world


def gave_way(world: World, seconds_ago: float = 0.0) -> World:
    world.gave_way = GaveWay(world.time - seconds_ago, "the peer took over")
    world.permit = False
    return world


BUG = failing(RuntimeError("a bug"))
