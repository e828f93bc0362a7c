"""Where the VIP is decides: hooks that overlap, come late, or are cut short (simulation.py)."""

from __future__ import annotations

import pytest

from kachecks.reconcile import PROMOTION_LOCK_PATIENCE, reconcile
from kachecks.session import Lost
from kachecks.state import StateError
from kachecks.steps import Outcome
from tests.unit.simulation import CLOSED, MUTE, OPEN, REFUSED, SILENT, Client, World

OPENED = "B: SET GLOBAL read_only = 0"
CLOSING = "B: SET GLOBAL super_read_only = 1"


def run(world: World, patience: float = 5.0) -> Outcome:
    outcome = reconcile(world.host, "a hook", patience)
    assert world.host.locked_by in ("", "promote", "demote"), "our lock was kept"
    return outcome


def with_b_open() -> World:
    world = World()
    world.a.access, world.b.access = CLOSED, OPEN
    world.host.mark = world.b.process
    return world


@pytest.mark.parametrize("hook", ["notify_master", "notify_backup"])
def test_vip_here_promotes(hook: str) -> None:
    """Whatever the hook is called."""
    world = World()
    outcome = reconcile(world.host, hook, 5.0)
    assert (outcome.transition, outcome.outcome) == ("promote", "opened")
    assert world.b.access == OPEN
    (entry,) = world.host.recorded
    assert entry["cause"] == hook
    assert entry["steps"][0][0] == "lock"
    world.order("vip?", "flock to promote", "B: connect", OPENED, "unlock")


@pytest.mark.parametrize("hook", ["notify_master", "notify_backup"])
def test_vip_elsewhere_demotes(hook: str) -> None:
    world = with_b_open()
    world.vip = False
    outcome = reconcile(world.host, hook, 5.0)
    assert (outcome.transition, outcome.outcome) == ("demote", "closed")
    assert world.host.recorded[0]["cause"] == hook
    world.order("vip?", "flock to demote", CLOSING, "unlock")


def test_nothing_to_do_is_not_recorded() -> None:
    world = World()
    world.vip = False
    assert run(world).outcome == "already closed"
    assert world.host.recorded == []


def test_the_vip_is_looked_for_again_under_the_lock() -> None:
    world = with_b_open()
    world.when("lock", world.lose_vip)
    assert run(world).outcome == "closed"
    assert world.b.access == CLOSED


def test_the_vip_comes_while_the_lock_is_waited_for() -> None:
    world = World()
    world.vip = False

    def comes() -> None:
        world.vip = True

    world.when("lock", comes)
    assert run(world).outcome == "opened"


@pytest.mark.parametrize(
    "moment",
    ["B: connect", "A: connect", "A: SET GLOBAL super_read_only", "sleep", OPENED],
)
def test_the_vip_leaves_between_the_steps(moment: str) -> None:
    """The promotion stands aside, and the same hook closes what it may have opened."""
    world = World()
    world.a.made, world.b.applies = 900, 500.0
    world.when(moment, world.lose_vip)
    outcome = run(world)
    assert outcome.transition == "demote"
    assert outcome.done
    assert world.b.access == CLOSED
    assert world.host.mark is None
    assert (OPENED in world.log) == (moment == OPENED)


def test_the_vip_leaves_and_comes_back_during_the_demotion() -> None:
    """Its own notify_master waits for the lock and sees to it; this one ends closed."""
    world = with_b_open()
    world.vip = False

    def back() -> None:
        world.vip = True

    world.when(CLOSING, back)
    assert run(world).outcome == "closed"
    assert run(world).outcome == "opened"


# The lock ----------------------------------------------------------------------------------------


def test_never_opened_without_the_lock() -> None:
    world = World()
    world.host.locked_by = "promote"
    outcome = run(world)
    assert (outcome.outcome, outcome.done) == ("lock busy", False)
    assert PROMOTION_LOCK_PATIENCE <= world.time < PROMOTION_LOCK_PATIENCE + 1
    assert "connect" not in " ".join(world.log)
    assert world.host.locked_by == "promote"


@pytest.mark.parametrize(("patience", "longest"), [(5.0, 1.3), (0.3, 0.3)])
def test_closed_without_the_lock(patience: float, longest: float) -> None:
    """Closing is always safe, and waits a second at most."""
    world = with_b_open()
    world.vip = False
    world.host.locked_by = "promote"
    assert run(world, patience).outcome == "closed"
    assert world.b.access == CLOSED
    assert world.time < longest
    assert world.host.locked_by == "promote"


def test_the_lock_gets_free() -> None:
    world = World()
    world.host.locked_by = "demote"

    def free() -> None:
        if world.time > 3:
            world.host.locked_by = ""
        else:
            world.when("lock", free)

    world.when("lock", free)
    assert run(world).outcome == "opened"
    assert 3 < world.time < 4


def test_the_vip_leaves_while_the_lock_is_waited_for() -> None:
    """Another promotion is at work: this hook stops waiting, and closes."""
    world = with_b_open()
    world.host.locked_by = "promote"

    def leaves() -> None:
        if world.time > 2:
            world.vip = False
        else:
            world.when("vip?", leaves)

    world.when("vip?", leaves)
    assert run(world).outcome == "closed"
    assert world.time < 4
    assert world.b.access == CLOSED


def test_unusable_run_directory() -> None:
    """It stops a promotion, and never a demotion."""
    world = World()
    world.host.run_dir_error = StateError("cannot open the lock /run/kachecks/main.lock")
    with pytest.raises(StateError):
        run(world)
    assert OPENED not in world.log
    world = with_b_open()
    world.host.run_dir_error = StateError("cannot open the lock /run/kachecks/main.lock")
    world.vip = False
    assert run(world).outcome == "closed"
    assert world.b.access == CLOSED


# Cut short ---------------------------------------------------------------------------------------


def test_interrupted_and_tried_again() -> None:
    """A session ended, and with it our lock on the servers: begun anew, under the same flock."""
    world = World()
    world.a.access = CLOSED

    def cut() -> None:
        for number in [key for key, one in world.b.clients.items() if one.user == "kachecks"]:
            del world.b.clients[number]

    world.when("B: SET SESSION", cut)
    outcome = run(world)
    assert outcome.outcome == "opened"
    assert world.log.count("flock to promote") == 1
    assert world.log.count("B: connect") == 2
    assert [entry["outcome"] for entry in world.host.recorded] == ["opened"]


@pytest.mark.parametrize("trouble", [REFUSED, MUTE, Lost("gone")])
def test_interrupted_again_and_again(trouble: Exception) -> None:
    world = World()
    world.b.trouble = trouble
    outcome = run(world)
    assert (outcome.outcome, outcome.done) == ("interrupted", False)
    assert world.log.count("B: connect") == 5
    assert world.time < 12


def test_interrupted_in_the_moment_of_opening() -> None:
    """No answer to the statement that opens: it may have been carried out. Looked at again."""
    world = World()
    world.a.access = CLOSED

    def carried_out() -> None:
        world.b.access = OPEN
        world.b.troubles["SET GLOBAL read_only = 0"] = MUTE

    world.when(OPENED, carried_out)
    outcome = run(world)
    assert outcome.outcome == "already open"
    assert world.host.mark == world.b.process


def test_interrupted_and_the_vip_leaves() -> None:
    world = World()
    world.a.access = CLOSED

    def carried_out() -> None:
        world.b.access = OPEN
        world.b.troubles["SET GLOBAL read_only = 0"] = MUTE
        world.vip = False

    world.when(OPENED, carried_out)
    assert run(world).outcome == "closed"
    assert world.b.access == CLOSED


@pytest.mark.parametrize("words", ["a different cluster's data"])
def test_refused_is_not_tried_again(words: str) -> None:
    world = World()
    world.b.source_id = 9
    outcome = run(world)
    assert outcome.outcome == "refused"
    assert words in outcome.why
    assert world.log.count("B: connect") == 1
    (entry,) = world.host.recorded
    assert entry["problem"] is True


# Two hooks ---------------------------------------------------------------------------------------


def test_the_last_hook_sees_the_last_truth() -> None:
    """notify_backup of a flap that is over comes after notify_master: it does not close."""
    world = World()
    assert reconcile(world.host, "notify_master", 5.0).outcome == "opened"
    late = reconcile(world.host, "notify_backup", 5.0)
    assert (late.transition, late.outcome) == ("promote", "already open")
    assert world.b.access == OPEN


def test_a_promotion_after_a_silent_peer_then_its_return() -> None:
    """B opened because A was silent. A is back, closed, and the next hook leaves all as it is."""
    world = World()
    world.a.trouble = SILENT
    world.b.receiver = "Connecting"
    assert run(world).outcome == "opened"
    world.a.trouble, world.a.access = None, CLOSED
    world.a.add(Client("app"))
    assert run(world).outcome == "already open"
    assert (world.a.access, world.b.access) == (CLOSED, OPEN)
