"""The check closes this node's server, unless a hook has the matter in hand (simulation.py)."""

from __future__ import annotations

import pytest

from kachecks.check.self_fencing import close_for
from kachecks.check.verdict import Verdict
from kachecks.mysql.session import ServerError
from kachecks.transitions.demotion import FRESH_LOOK
from tests.unit.doubles.simulation import CLOSED, MUTE, OPEN, World

FAILS = Verdict("MYSQLD_HUNG", 11, "no answer", "holder")
GOOD = Verdict("OK", 0, "fine", "standby")


def open_node(vip: bool) -> World:
    world = World()
    world.a.access, world.b.access, world.vip = CLOSED, OPEN, vip
    world.open_mark = world.b.process
    return world


@pytest.mark.parametrize(("verdict", "vip"), [(FAILS, True), (FAILS, False), (GOOD, False)])
def test_closed(verdict: Verdict, vip: bool) -> None:
    world = open_node(vip)
    outcome = close_for(world.node, verdict, "", 5.0)
    assert outcome is not None
    assert outcome.outcome == "closed"
    assert world.b.access == CLOSED
    assert world.recorded[0]["cause"] == f"check_mysql: {verdict.reason}"
    world.order("flock to demote", "unlock")


@pytest.mark.parametrize("what", ["vip", "lock"])
def test_a_good_verdict_leaves_it_to_the_hook(what: str) -> None:
    world = open_node(vip=what == "vip")
    world.locked_by = "promote" if what == "lock" else ""
    assert close_for(world.node, GOOD, "", 5.0) is None
    assert world.b.access == OPEN
    assert world.locked_by == ("promote" if what == "lock" else "")


def test_a_failing_one_goes_on_without_the_lock() -> None:
    """Closing is always safe."""
    world = open_node(vip=True)
    world.locked_by = "promote"
    outcome = close_for(world.node, FAILS, "", 5.0)
    assert outcome is not None
    assert outcome.done
    assert world.b.access == CLOSED


@pytest.mark.parametrize(("patience", "longest"), [(1.0, 1.1), (5.0, 5.1)])
def test_its_patience(patience: float, longest: float) -> None:
    world = open_node(vip=True)
    world.b.trouble = MUTE
    outcome = close_for(world.node, FAILS, "", patience)
    assert outcome is not None
    assert outcome.outcome == "killed"
    assert longest - 0.3 < world.time < longest


def test_one_that_was_mute_for_long_gets_one_more_look() -> None:
    world = open_node(vip=True)
    world.b.trouble = MUTE
    outcome = close_for(world.node, FAILS, "no answer within 3 s", 5.0)
    assert outcome is not None
    assert outcome.outcome == "killed"
    assert outcome.why.startswith("no answer within 3 s")
    assert world.time < FRESH_LOOK + 0.1


def test_trouble_is_told_once() -> None:
    world = open_node(vip=True)
    world.node.config = world.node.config._replace(stuck_mysqld="leave")
    world.b.trouble = MUTE
    for _ in range(3):
        outcome = close_for(world.node, FAILS, "", 1.0)
        assert outcome is not None
        assert not outcome.done
    assert [entry["outcome"] for entry in world.recorded] == ["stuck"]


def test_each_closing_is_told() -> None:
    """Opened and closed twice, in the same words."""
    world = open_node(vip=True)
    for _ in range(2):
        world.b.access = OPEN
        close_for(world.node, FAILS, "", 5.0)
    assert [entry["outcome"] for entry in world.recorded] == ["closed", "closed"]


# Cut off -----------------------------------------------------------------------------------------

ISOLATED = Verdict("ISOLATED", 15, "nobody answers", "holder")
DENIED = ServerError(1040, "too many connections")


@pytest.mark.parametrize(
    ("verdict", "stuck", "mark", "outcome", "done"),
    [
        (ISOLATED, "kill", True, "killed", True),
        (ISOLATED, "leave", True, "stuck", False),
        (ISOLATED, "kill", False, "left alone", True),
        (FAILS, "kill", True, "not closed", False),
    ],
)
def test_one_that_is_cut_off_and_cannot_be_closed(
    verdict: Verdict, stuck: str, mark: bool, outcome: str, done: bool
) -> None:
    """The other node counts on it: closed or dead. Anywhere else an error is no reason to kill."""
    world = open_node(vip=True)
    world.node.config = world.node.config._replace(stuck_mysqld=stuck)
    world.b.trouble = DENIED
    world.open_mark = world.b.process if mark else None
    found = close_for(world.node, verdict, "", 1.0)
    assert found is not None
    assert (found.outcome, found.done) == (outcome, done)
    assert ("SIGKILL 4712" in world.log) == (outcome == "killed")
    if outcome == "killed":
        assert "error 1040" in found.why
        assert world.open_mark is None


def test_the_lock_is_freed_whatever_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    world = open_node(vip=True)

    def fails(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(world.node.marks, "open_mark", fails)
    with pytest.raises(RuntimeError):
        close_for(world.node, FAILS, "", 5.0)
    assert world.locked_by == ""
