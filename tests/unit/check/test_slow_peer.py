"""A peer that keeps every answer back until its asker has nearly lost patience (simulation.py)."""

from __future__ import annotations

from typing import Any

import pytest

from kachecks.check.deep_look import PEER_IN_ALL
from kachecks.state.marks import Known, Look
from kachecks.transitions.giving_way import CLOSED_FOR
from kachecks.transitions.giving_way import PEER_PATIENCE as ASKED_ONCE
from tests.unit.doubles.check_runs import asked_peer, check, closed_holder, holder, standby
from tests.unit.doubles.simulated_server import CLOSED, OPEN
from tests.unit.doubles.simulation import World

OURS = 0.1
"""Seconds for all that this node's own server is asked, which answers at once."""

JUST_IN_TIME = 0.95
LATE: dict[str, Any] = {"a__lag": "100", "b__lag": "100"}
OLD = Look(95.0, alone=False, fit_since=40.0)
WRONG: dict[str, Any] = {"last_look": OLD._replace(wrong=True)}


SLOW = pytest.mark.parametrize("slow", [0.1, 0.2, 0.3, 0.5, JUST_IN_TIME])
ACCESS = pytest.mark.parametrize("access", [OPEN, CLOSED])
CHANGES = pytest.mark.parametrize(
    "changes",
    [
        {},
        LATE,
        WRONG,
        LATE | WRONG,
        {"b__made": 9},
        {"b__made": 9, "a__made": 9},
        {"had_contact": False},
    ],
)


def seconds_of_check(world: World) -> float:
    begun = world.time
    check(world)
    assert asked_peer(world)
    return world.time - begun


@SLOW
@ACCESS
@CHANGES
def test_a_holders_check_ends(slow: float, access: str, changes: dict[str, Any]) -> None:
    """However many answers are slow: hung_after comes before, fence_timeout after it, and all of it
    within 10 s. (It took 9.5 s.)"""
    world = holder().but(a__slow=slow, a__access=access, last_look=OLD).but(**changes)
    assert seconds_of_check(world) <= PEER_IN_ALL + OURS


@SLOW
@CHANGES
def test_the_check_of_a_closed_holder_ends(slow: float, changes: dict[str, Any]) -> None:
    """It asks once more before it starts a promotion."""
    world = closed_holder().but(a__slow=slow, last_look=OLD).but(**changes)
    again = CLOSED_FOR + 2 * ASKED_ONCE
    assert seconds_of_check(world) <= PEER_IN_ALL + again + OURS


@SLOW
@ACCESS
@CHANGES
def test_a_standbys_check_ends(slow: float, access: str, changes: dict[str, Any]) -> None:
    """There is nothing to close, so it has longer to compare what the two have."""
    world = standby().but(a__slow=slow, a__access=access, last_look=OLD).but(**changes)
    in_all = PEER_IN_ALL + world.node.config.fence_timeout
    assert seconds_of_check(world) <= in_all + OURS


@SLOW
@pytest.mark.parametrize("changes", [{}, LATE])
def test_two_writers_are_found_all_the_same(slow: float, changes: dict[str, Any]) -> None:
    world = holder().but(a__slow=slow, a__access=OPEN, last_look=OLD).but(**changes)
    assert check(world).reason == "TWO_WRITERS"


def test_a_slow_peer_lives() -> None:
    """It may have been open meanwhile: this node has not served alone."""
    look = OLD._replace(alone=True)
    world = holder().but(a__slow=JUST_IN_TIME, last_look=look, alone=True)
    check(world)
    assert not world.alone
    assert world.last_look.fit_since == 0.0


def test_a_slow_peer_is_compared_with_by_its_standby() -> None:
    """Else the standby would count as stale in the end."""
    world = standby().but(a__slow=0.4, last_look=OLD)
    check(world)
    assert world.last_look.known.asked_at >= 100.0


def test_who_was_not_compared_in_time_stays_late() -> None:
    look = OLD._replace(late=True, known=Known(50.0, 50.0, 50.0, wanted="x:1"))
    world = standby().but(a__slow=JUST_IN_TIME, last_look=look)
    check(world)
    assert world.last_look.late
