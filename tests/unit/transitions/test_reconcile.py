"""Where the VIP is decides: hooks that overlap, come late, or are cut short (simulation.py)."""

from __future__ import annotations

import pytest

from kachecks.mysql.session import Lost, ServerError
from kachecks.state.files import StateError
from kachecks.state.marks import GaveWay
from kachecks.transitions.reconcile import reconcile
from kachecks.transitions.record import Outcome
from kachecks.transitions.waiting_for_lock import PROMOTION_LOCK_PATIENCE
from tests.unit.doubles.simulation import CLOSED, MUTE, OPEN, REFUSED, SILENT, Client, World

OPENED = "B: SET GLOBAL read_only = 0"
CLOSING = "B: SET GLOBAL super_read_only = 1"


def run(world: World, patience: float = 5.0) -> Outcome:
    outcome = reconcile(world.node, "a hook", patience)
    assert world.locked_by in ("", "promote", "demote"), "our lock was kept"
    return outcome


def with_b_open() -> World:
    world = World()
    world.a.access, world.b.access = CLOSED, OPEN
    world.open_mark = world.b.process
    return world


@pytest.mark.parametrize("hook", ["notify_master", "notify_backup"])
def test_vip_here_promotes(hook: str) -> None:
    """Whatever the hook is called."""
    world = World()
    outcome = reconcile(world.node, hook, 5.0)
    assert (outcome.transition, outcome.outcome) == ("promote", "opened")
    assert world.b.access == OPEN
    (entry,) = world.recorded
    assert entry["cause"] == hook
    assert entry["steps"][0][0] == "lock"
    world.order("vip?", "flock to promote", "B: connect", OPENED, "unlock")


@pytest.mark.parametrize("hook", ["notify_master", "notify_backup"])
def test_vip_elsewhere_demotes(hook: str) -> None:
    world = with_b_open()
    world.vip = False
    outcome = reconcile(world.node, hook, 5.0)
    assert (outcome.transition, outcome.outcome) == ("demote", "closed")
    assert world.recorded[0]["cause"] == hook
    world.order("vip?", "flock to demote", CLOSING, "unlock")


def test_nothing_to_do_is_not_recorded() -> None:
    world = World()
    world.vip = False
    assert run(world).outcome == "already closed"
    assert world.recorded == []


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
    purposes: list[str] = []
    world.when("B: connect", lambda: purposes.append(world.node.lock.purpose_of_holder()))
    assert run(world).outcome == "opened"
    assert purposes == ["promote"]  # the check looks at it, and so it is what it is now held for


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
    assert world.open_mark is None
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
    world.locked_by = "promote"
    outcome = run(world)
    assert (outcome.outcome, outcome.done) == ("lock busy", False)
    assert PROMOTION_LOCK_PATIENCE == 20.0
    assert PROMOTION_LOCK_PATIENCE <= world.time < PROMOTION_LOCK_PATIENCE + 1
    assert [entry["outcome"] for entry in world.recorded] == ["lock busy"]
    assert "connect" not in " ".join(world.log)
    assert world.locked_by == "promote"


@pytest.mark.parametrize(("patience", "longest"), [(5.0, 1.3), (0.3, 0.3)])
def test_closed_without_the_lock(patience: float, longest: float) -> None:
    """Closing is always safe, and waits a second at most."""
    world = with_b_open()
    world.vip = False
    world.locked_by = "promote"
    assert run(world, patience).outcome == "closed"
    assert world.b.access == CLOSED
    assert world.time < longest
    assert world.locked_by == "promote"


def test_the_lock_gets_free() -> None:
    world = World()
    world.locked_by = "demote"

    def free() -> None:
        if world.time > 3:
            world.locked_by = ""
        else:
            world.when("lock", free)

    world.when("lock", free)
    assert run(world).outcome == "opened"
    assert 3 < world.time < 4


def test_the_vip_leaves_while_the_lock_is_waited_for() -> None:
    """Another promotion is at work: this hook stops waiting, and closes."""
    world = with_b_open()
    world.locked_by = "promote"

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
    world.files.error = StateError("cannot open the lock /run/kachecks/main.lock")
    with pytest.raises(StateError):
        run(world)
    assert OPENED not in world.log
    world = with_b_open()
    world.files.error = StateError("cannot open the lock /run/kachecks/main.lock")
    world.vip = False
    assert run(world).outcome == "closed"
    assert world.b.access == CLOSED


def test_the_vip_comes_and_there_is_no_lock_to_be_had() -> None:
    """Going on without the lock is for closing alone."""
    world = World()
    world.vip = False
    world.files.error = StateError("cannot open the lock /run/kachecks/main.lock")

    def comes() -> None:
        world.vip = True

    world.when("lock", comes)
    assert run(world).outcome == "lock busy"
    assert "B: connect" not in world.log


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
    (entry,) = world.recorded
    assert entry["outcome"] == "opened"
    assert any(name.startswith("interrupted: ") for name, _ in entry["steps"])  # type: ignore[attr-defined]


@pytest.mark.parametrize("trouble", [REFUSED, MUTE, Lost("gone")])
def test_interrupted_again_and_again(trouble: Exception) -> None:
    world = World()
    world.b.trouble = trouble
    outcome = run(world)
    assert (outcome.outcome, outcome.done) == ("interrupted", False)
    assert world.log.count("B: connect") == 5
    assert 1.5 < world.time < 12  # with pauses


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
    assert world.open_mark == world.b.process


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
    (entry,) = world.recorded
    assert entry["problem"] is True


# Refused -----------------------------------------------------------------------------------------


MAC = "02:00:00:00:00:01"


def test_refused_gives_the_vip_back() -> None:
    """At once, and the clients are shown the way to the other node."""
    world = World()
    world.b.source_id = 9
    world.network.holder = MAC
    outcome = run(world)
    assert outcome.outcome == "refused"
    assert world.gave_way is not None
    assert world.gave_way.why == outcome.why
    assert not world.vip
    world.order("flock to promote", f"mark gave way: {outcome.why}", "permit 0", f"announce {MAC}")
    assert world.index("permit 0") < world.index("unlock")  # no hook gets in between


def test_one_alert_for_each_reason() -> None:
    """It is refused again and again; people are told once, until it succeeds or says another."""

    def again(world: World) -> None:
        world.vip, world.gave_way = True, None
        run(world)

    world = World()
    world.b.source_id = 9
    for _ in range(3):
        again(world)
    assert len(world.recorded) == 1
    world.b.source_id = 8
    again(world)
    assert len(world.recorded) == 2
    world.b.source_id = 0
    again(world)
    assert [entry["outcome"] for entry in world.recorded] == ["refused", "refused", "opened"]
    world.b.access = CLOSED
    world.b.source_id = 8
    again(world)
    assert len(world.recorded) == 4


def test_interrupted_to_the_end_gives_way_too() -> None:
    """The server is dead as far as can be seen, and was not open."""
    world = World()
    world.b.trouble = REFUSED
    outcome = run(world)
    assert outcome.outcome == "interrupted"
    assert world.gave_way is not None
    assert not world.vip
    assert [entry["outcome"] for entry in world.recorded] == ["interrupted"]


@pytest.mark.parametrize("trouble", [REFUSED, MUTE, ServerError(1045, "denied")])
def test_a_server_that_may_be_open_keeps_the_vip(trouble: Exception) -> None:
    """The other node could only open beside it; a dead one is the check's business."""
    world = with_b_open()
    world.b.trouble = trouble
    assert run(world).outcome == "interrupted"
    assert world.gave_way is None
    assert world.permit
    assert world.vip
    assert len(world.recorded) == 1


def test_refused_with_an_open_mark_gives_way() -> None:
    """It was read as closed just now."""
    world = World()
    world.open_mark = world.b.process
    world.b.source_id = 9
    assert run(world).outcome == "refused"
    assert world.gave_way is not None


@pytest.mark.parametrize("holds", [True, False])
def test_already_open_never_gives_way(holds: bool) -> None:
    """Whatever is said of the peer: an open holder is not closed for it."""
    world = with_b_open()
    if not holds:
        world.a.trouble = ServerError(1045, "denied")
    outcome = run(world)
    assert (outcome.outcome, outcome.done) == ("already open", holds)
    assert world.gave_way is None
    assert world.vip
    assert world.b.access == OPEN
    assert len(world.recorded) == (0 if holds else 1)
    assert world.node.marks.opening_told() != holds  # told where it was recorded, and only there


def test_already_open_where_the_process_cannot_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over TCP there is no open mark."""
    world = with_b_open()
    world.open_mark, world.a.trouble = None, ServerError(1045, "denied")
    monkeypatch.setattr(world.servers, "process_of", lambda _: None)
    assert run(world).outcome == "already open"
    assert world.gave_way is None
    assert world.vip


# Not now -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("why", ["gave way", "leaving"])
def test_not_now(why: str) -> None:
    """The check says when a node that gave way may return; who leaves is not opened again."""
    world = World()
    if why == "gave way":
        world.gave_way = GaveWay(0.0, "the peer is open")
    else:
        world.node.marks.mark_leaving()
    outcome = run(world)
    assert (outcome.transition, outcome.outcome, outcome.done) == ("promote", "not now", False)
    assert ("(the peer is open)" if why == "gave way" else "leave") in outcome.why
    assert "connect" not in " ".join(world.log)
    assert world.recorded == []
    assert world.vip
    assert world.log[-1] == "unlock"


def test_not_now_is_looked_for_under_the_lock() -> None:
    """notify_down, which had it, has just let go of it."""
    world = World()
    world.when("lock", world.node.marks.mark_leaving)
    assert run(world).outcome == "not now"


def test_given_way_while_it_was_interrupted() -> None:
    world = World()
    world.a.access = CLOSED

    def cut() -> None:
        for number in [key for key, one in world.b.clients.items() if one.user == "kachecks"]:
            del world.b.clients[number]
        world.node.marks.mark_gave_way("by the check")

    world.when("B: SET SESSION", cut)
    assert run(world).outcome == "not now"
    assert OPENED not in world.log


def test_a_mark_does_not_stop_a_demotion() -> None:
    """And when the VIP is gone, the clients are shown where it is."""
    world = with_b_open()
    world.vip = False
    world.gave_way = GaveWay(0.0, "superseded")
    world.network.holder = MAC
    assert run(world).outcome == "closed"
    world.order(CLOSING, "holder?", f"announce {MAC}")


@pytest.mark.parametrize("what", ["never gave way", "the VIP is back", "not closed"])
def test_when_clients_are_not_redirected(what: str) -> None:
    world = with_b_open()
    world.vip = False
    world.network.holder = MAC
    if what != "never gave way":
        world.gave_way = GaveWay(0.0, "superseded")
    if what == "not closed":
        world.b.troubles["SET GLOBAL"] = ServerError(1227, "you need SUPER")

    def back() -> None:
        world.vip = True

    if what == "the VIP is back":
        world.when(CLOSING, back)
    outcome = run(world)
    assert outcome.outcome == ("not closed" if what == "not closed" else "closed")
    assert f"announce {MAC}" not in world.log


def test_somebody_leaves_in_the_moment_of_opening() -> None:
    """The promotion stands aside, and closes what it has opened, with the VIP still here."""
    world = World()
    world.when(OPENED, world.node.marks.mark_leaving)
    outcome = run(world)
    assert (outcome.transition, outcome.outcome) == ("demote", "closed")
    assert world.b.access == CLOSED
    assert world.vip


def test_an_opening_is_noted_as_told() -> None:
    """After it was recorded: a hook that is killed in between leaves it to the check."""
    world = World()
    told: list[int] = []
    world.node.marks.note_opening_told = lambda: told.append(len(world.recorded))  # type: ignore[method-assign]
    assert run(world).outcome == "opened"
    assert told == [1]


def test_an_opening_that_nobody_told_is_not_noted_as_told() -> None:
    """notify_master was killed right after opening; a late notify_backup finds it open."""
    world = with_b_open()
    assert not world.node.marks.opening_told()
    run(world)
    assert world.recorded or not world.node.marks.opening_told()


# Two hooks ---------------------------------------------------------------------------------------


def test_the_last_hook_sees_the_last_truth() -> None:
    """notify_backup of a flap that is over comes after notify_master: it does not close."""
    world = World()
    assert reconcile(world.node, "notify_master", 5.0).outcome == "opened"
    late = reconcile(world.node, "notify_backup", 5.0)
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
