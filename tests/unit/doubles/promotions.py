"""Promotions of node B in a simulated world, and how they end (simulation.py)."""

from __future__ import annotations

from typing import Any

import pytest

from kachecks.transitions.promotion import promote
from kachecks.transitions.record import Outcome, Steps
from kachecks.transitions.refusal import Leaving, StandAside, VipGone
from tests.unit.doubles.simulation import CLOSED, SILENT, World

OPENED = "B: SET GLOBAL read_only = 0"
GONE_PEER = {"a__trouble": SILENT, "b__receiver": "Connecting"}
GONE: list[Any] = [({"vip": False}, VipGone), ({"leaving": True}, Leaving)]
"""Why a promotion stands aside, and what it raises then."""


def run(world: World) -> Outcome:
    return promote(world.node, Steps(world.node))


def refused(world: World, words: str) -> None:
    """It ends closed, says why, and lets go of everything."""
    outcome = run(world)
    assert (outcome.outcome, outcome.done, outcome.changed) == ("refused", False, False)
    assert words in outcome.why
    assert world.b.access == CLOSED
    assert OPENED not in world.log
    assert world.sessions_left == []


def stands_aside(world: World, kind: type[StandAside] = StandAside) -> None:
    """For the VIP, or whoever leaves; every session is ended."""
    with pytest.raises(kind):
        run(world)
    assert world.sessions_left == []
