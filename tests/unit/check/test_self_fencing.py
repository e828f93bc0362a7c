"""The check closes this node's server, unless a hook has the matter in hand (simulation.py)."""

from __future__ import annotations

import pytest

from kachecks.check.self_fencing import close_for
from kachecks.check.verdict import Verdict
from kachecks.mysql.session import ServerError
from kachecks.mysqld_process import Process
from kachecks.transitions.demotion import LAST_LOOK_AT_MUTE
from kachecks.transitions.record import Outcome
from tests.unit.doubles.changing import failing
from tests.unit.doubles.simulation import CLOSED, MUTE, OPEN, SERVER, SIGKILL, World, active, config

FAILS = Verdict("MYSQLD_HUNG", 11, "no answer", "holder")
GOOD = Verdict("OK", 0, "fine", "standby")


def open_node(**changes: object) -> World:
    return active().but(opening_told=False, **changes)


def close(world: World, verdict: Verdict, patience: float = 5.0, mute: str = "") -> Outcome:
    outcome = close_for(world.node, verdict, mute, patience)
    assert outcome is not None
    return outcome


@pytest.mark.parametrize(("verdict", "vip"), [(FAILS, True), (FAILS, False), (GOOD, False)])
def test_closed(verdict: Verdict, vip: bool) -> None:
    world = open_node(vip=vip)
    assert close(world, verdict).outcome == "closed"
    assert world.b.access == CLOSED
    assert world.recorded[0]["cause"] == f"check_mysql: {verdict.reason}"
    world.order("flock to demote", "unlock")


@pytest.mark.parametrize(("vip", "lock"), [(True, ""), (False, "promote")])
def test_a_good_verdict_leaves_it_to_the_hook(vip: bool, lock: str) -> None:
    world = open_node(vip=vip, locked_by=lock)
    assert close_for(world.node, GOOD, "", 5.0) is None
    assert world.b.access == OPEN
    assert world.locked_by == lock


def test_a_failing_one_goes_on_without_the_lock() -> None:
    """Closing is always safe."""
    world = open_node(locked_by="promote")
    assert close(world, FAILS).done
    assert world.b.access == CLOSED


@pytest.mark.parametrize(("patience", "longest"), [(1.0, 1.1), (5.0, 5.1)])
def test_its_patience(patience: float, longest: float) -> None:
    world = open_node(b__trouble=MUTE)
    assert close(world, FAILS, patience).outcome == "killed"
    assert longest - 0.3 < world.time < longest


def test_one_that_was_mute_for_long_gets_one_more_look() -> None:
    world = open_node(b__trouble=MUTE)
    outcome = close(world, FAILS, mute="no answer within 3 s")
    assert outcome.outcome == "killed"
    assert outcome.why.startswith("no answer within 3 s")
    assert world.time < LAST_LOOK_AT_MUTE + 0.1


def test_trouble_is_told_once() -> None:
    world = open_node(b__trouble=MUTE, node__config=config(stuck_mysqld="leave"))
    for _ in range(3):
        assert not close(world, FAILS, 1.0).done
    assert [entry["outcome"] for entry in world.recorded] == ["stuck"]


def test_each_closing_is_told() -> None:
    """Opened and closed twice, in the same words."""
    world = open_node()
    for _ in range(2):
        close(world.but(b__access=OPEN), FAILS)
    assert [entry["outcome"] for entry in world.recorded] == ["closed", "closed"]


# Cut off -----------------------------------------------------------------------------------------

ISOLATED = Verdict("ISOLATED", 15, "nobody answers", "holder")
DENIED = ServerError(1040, "too many connections")


@pytest.mark.parametrize(
    ("verdict", "stuck", "mark", "outcome", "done"),
    [
        (ISOLATED, "kill", SERVER, "killed", True),
        (ISOLATED, "leave", SERVER, "stuck", False),
        (ISOLATED, "kill", None, "left alone", True),
        (FAILS, "kill", SERVER, "not closed", False),
    ],
)
def test_one_that_is_cut_off_and_cannot_be_closed(
    verdict: Verdict, stuck: str, mark: Process | None, outcome: str, done: bool
) -> None:
    """The other node counts on it: closed or dead. Anywhere else an error is no reason to kill."""
    world = open_node(b__trouble=DENIED, open_mark=mark, node__config=config(stuck_mysqld=stuck))
    found = close(world, verdict, 1.0)
    assert (found.outcome, found.done) == (outcome, done)
    assert (SIGKILL in world.log) == (outcome == "killed")
    if outcome == "killed":
        assert "error 1040" in found.why
        assert world.open_mark is None


def test_the_lock_is_freed_whatever_happens() -> None:
    world = open_node()
    world.but(node__marks__open_mark=failing(RuntimeError("a bug")))
    with pytest.raises(RuntimeError):
        close_for(world.node, FAILS, "", 5.0)
    assert world.locked_by == ""
