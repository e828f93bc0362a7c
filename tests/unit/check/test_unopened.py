"""A node that has the VIP and stays closed: told, tried again, then given up (simulation.py)."""

from __future__ import annotations

import pytest

from kachecks.check.unopened import MOST_PROMOTIONS
from kachecks.check.verdict import NOT_OPEN_AFTER
from kachecks.state.marks import Unopened
from tests.unit.doubles.changing import failing
from tests.unit.doubles.check_runs import check, closed_holder, holder, result
from tests.unit.doubles.simulated_server import CLOSED, OPEN
from tests.unit.doubles.simulation import REFUSED, World

START = "start promotion"


def second(world: World) -> None:
    """Until keepalived starts the next check."""
    world.pass_time(1.0)


@pytest.mark.parametrize("trouble", [None, OSError(11, "Resource temporarily unavailable")])
def test_promotions_that_never_open(trouble: OSError | None) -> None:
    """They are killed, or cannot even be started: after some of them the VIP is given back."""
    world = closed_holder()
    if trouble:
        world.but(node__keepalived__start_notify_master=failing(trouble))
    verdicts = []
    while not verdicts or not verdicts[-1].status:
        assert world.time < 115.0
        verdicts.append(check(world))
        second(world)
    assert len(verdicts) == MOST_PROMOTIONS + 1
    assert world.log.count(START) == (0 if trouble else MOST_PROMOTIONS)
    assert (verdicts[-1].reason, verdicts[-1].status) == ("GAVE_WAY", 16)
    assert "3 promotions that the check has started have not opened it" in verdicts[-1].sentence
    assert world.gave_way is not None
    if trouble:
        assert all(
            "no promotion can be started: Resource" in each.sentence for each in verdicts[:3]
        )


@pytest.mark.parametrize(("purpose", "role"), [("promote", "holder"), ("demote", "standby")])
def test_a_hook_that_does_not_end(purpose: str, role: str) -> None:
    """A promotion may apply for hours. It is told, and that nobody serves meanwhile."""
    world = closed_holder().but(locked_by=purpose)
    assert result(world) == ("OK", 0, role)
    world.pass_time(NOT_OPEN_AFTER + 1)
    verdict = check(world)
    assert (verdict.reason, verdict.status, verdict.role) == ("NOT_OPEN", 0, role)
    assert "closed for 6 s" in verdict.sentence
    assert ("a promotion is at work" in verdict.sentence) == (purpose == "promote")
    assert START not in world.log


def test_a_check_by_hand_says_it_too() -> None:
    """It keeps no note of its own."""
    world = closed_holder().but(locked_by="promote")
    assert check(world, act=False).reason == "OK"
    assert world.node.marks.unopened() is None
    check(world)
    world.pass_time(60)
    assert check(world, act=False).reason == "NOT_OPEN"


def test_closed_by_hand_again_and_again() -> None:
    """It is opened each time, and each time counts from the beginning."""
    world = holder()
    for _ in range(2 * MOST_PROMOTIONS):
        world.b.access = CLOSED
        assert check(world).status == 0
        world.b.access = OPEN
        second(world)
        assert result(world) == ("OK", 0, "holder")
        assert world.node.marks.unopened() is None
    assert world.log.count(START) == 2 * MOST_PROMOTIONS
    assert world.gave_way is None


@pytest.mark.parametrize(
    "change", [{"vip": False}, {"b__access": OPEN}, {"vip": False, "b__trouble": REFUSED}]
)
def test_the_note_is_of_one_spell_only(change: dict[str, object]) -> None:
    world = closed_holder()
    world.node.marks.note_unopened(Unopened(3.0, 3))
    check(world.but(**change))
    assert world.node.marks.unopened() is None
    assert world.gave_way is None


def test_superseded_all_the_same() -> None:
    """Whatever was tried before."""
    world = closed_holder().but(a__access=OPEN)
    world.node.marks.note_unopened(Unopened(world.time - 2, 3))
    assert "it took over" in check(world).sentence


@pytest.mark.parametrize("text", ["", "12.5", "x 3", "12.5 x"])
def test_a_damaged_note(text: str) -> None:
    world = closed_holder()
    world.files.texts[world.path("unopened")] = text
    assert check(world).status == 0
    unopened = world.node.marks.unopened()
    assert unopened is not None and unopened.promotions == 1
