"""Where the VIP is decides: hooks that overlap, come late, or are cut short (simulation.py)."""

from __future__ import annotations

import pytest

from kachecks.mysql import queries
from kachecks.mysql.session import Lost, ServerError
from kachecks.mysqld_process import Process
from kachecks.state.files import StateError
from kachecks.state.marks import GaveWay
from kachecks.transitions.reconcile import reconcile
from kachecks.transitions.record import Outcome
from kachecks.transitions.waiting_for_lock import PROMOTION_LOCK_PATIENCE
from tests.unit.doubles.simulated_server import CLOSED, OPEN
from tests.unit.doubles.simulation import MAC, MUTE, REFUSED, SERVER, SILENT, World, active

OPENED = "B: SET GLOBAL read_only = 0"
CLOSING = "B: SET GLOBAL super_read_only = 1"


def run(world: World, patience: float = 5.0) -> Outcome:
    outcome = reconcile(world.node, "a hook", patience)
    assert world.locked_by in ("", "promote", "demote"), "our lock was kept"
    return outcome


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
    world = active().but(vip=False)
    outcome = reconcile(world.node, hook, 5.0)
    assert (outcome.transition, outcome.outcome) == ("demote", "closed")
    assert world.recorded[0]["cause"] == hook
    world.order("vip?", "flock to demote", CLOSING, "unlock")


def test_nothing_to_do_is_not_recorded() -> None:
    world = World().but(vip=False)
    assert run(world).outcome == "already closed"
    assert world.recorded == []


def test_the_vip_is_looked_for_again_under_the_lock() -> None:
    world = active()
    world.when("lock", vip=False)
    assert run(world).outcome == "closed"
    assert world.b.access == CLOSED


def test_the_vip_comes_while_the_lock_is_waited_for() -> None:
    world = World().but(vip=False)
    world.when("lock", vip=True)
    purposes: list[str] = []
    world.when("B: connect", lambda: purposes.append(world.node.lock.purpose_of_holder()))
    assert run(world).outcome == "opened"
    assert purposes == ["promote"]  # the check looks at it, and so it is what it is now held for


@pytest.mark.parametrize(
    "moment", ["B: connect", "A: connect", "A: SET GLOBAL super_read_only", "sleep", OPENED]
)
def test_the_vip_leaves_between_the_steps(moment: str) -> None:
    """The promotion stands aside, and the same hook closes what it may have opened."""
    world = World().but(a__made=900, b__applies=500.0)
    world.when(moment, vip=False)
    outcome = run(world)
    assert outcome.transition == "demote"
    assert outcome.done
    assert world.b.access == CLOSED
    assert world.open_mark is None
    assert (OPENED in world.log) == (moment == OPENED)


def test_the_vip_leaves_and_comes_back_during_the_demotion() -> None:
    """Its own notify_master waits for the lock and sees to it; this one ends closed."""
    world = active().but(vip=False)
    world.when(CLOSING, vip=True)
    assert run(world).outcome == "closed"
    assert run(world).outcome == "opened"


# The lock ----------------------------------------------------------------------------------------


def test_never_opened_without_the_lock() -> None:
    world = World().but(locked_by="promote")
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
    world = active().but(vip=False, locked_by="promote")
    assert run(world, patience).outcome == "closed"
    assert world.b.access == CLOSED
    assert world.time < longest
    assert world.locked_by == "promote"


def test_the_lock_gets_free() -> None:
    world = World().but(locked_by="demote")
    world.when("lock", locked_by="", after=3)
    assert run(world).outcome == "opened"
    assert 3 < world.time < 4


def test_the_vip_leaves_while_the_lock_is_waited_for() -> None:
    """Another promotion is at work: this hook stops waiting, and closes."""
    world = active().but(locked_by="promote")
    world.when("vip?", vip=False, after=2)
    assert run(world).outcome == "closed"
    assert world.time < 4
    assert world.b.access == CLOSED


NO_LOCK = StateError("cannot open the lock /run/kachecks/main.lock")


def test_unusable_run_directory() -> None:
    """It stops a promotion, and never a demotion."""
    world = World().but(files__error=NO_LOCK)
    with pytest.raises(StateError):
        run(world)
    assert OPENED not in world.log
    world = active().but(files__error=NO_LOCK, vip=False)
    assert run(world).outcome == "closed"
    assert world.b.access == CLOSED


def test_the_vip_comes_and_there_is_no_lock_to_be_had() -> None:
    """Going on without the lock is for closing alone."""
    world = World().but(vip=False, files__error=NO_LOCK)
    world.when("lock", vip=True)
    assert run(world).outcome == "lock busy"
    assert "B: connect" not in world.log


# Cut short ---------------------------------------------------------------------------------------


def test_interrupted_and_tried_again() -> None:
    """A session ended, and with it our lock on the servers: begun anew, under the same flock."""
    world = World().but(a__access=CLOSED)
    world.when("B: SET SESSION", world.b.end_our_sessions)
    assert run(world).outcome == "opened"
    assert world.log.count("flock to promote") == 1
    assert world.log.count(f"B: {queries.LET_GO_WHEN_SILENT}") == 2
    (entry,) = world.recorded
    assert entry["outcome"] == "opened"
    assert any(name.startswith("interrupted: ") for name, _ in entry["steps"])  # type: ignore[attr-defined]


@pytest.mark.parametrize("trouble", [REFUSED, MUTE, Lost("gone")])
def test_interrupted_again_and_again(trouble: Exception) -> None:
    """The server is dead as far as can be seen, and was not open: the VIP is given back."""
    world = World().but(b__trouble=trouble)
    outcome = run(world)
    assert (outcome.outcome, outcome.done) == ("interrupted", False)
    assert world.log.count("B: connect") == 5
    assert 1.5 < world.time < 13  # with pauses
    assert world.gave_way is not None
    assert not world.vip
    assert [entry["outcome"] for entry in world.recorded] == ["interrupted"]


@pytest.mark.parametrize(("vip", "outcome"), [(True, "already open"), (False, "closed")])
def test_interrupted_in_the_moment_of_opening(vip: bool, outcome: str) -> None:
    """No answer to the statement that opens: it may have been carried out. Looked at again."""
    world = World().but(a__access=CLOSED)
    mute = {"SET GLOBAL read_only = 0": MUTE}
    world.when(OPENED, b__access=OPEN, b__troubles=mute, vip=vip)
    assert run(world).outcome == outcome
    assert world.b.access == (OPEN if vip else CLOSED)
    assert world.open_mark == (SERVER if vip else None)


@pytest.mark.parametrize("mark", [None, SERVER])
def test_refused_gives_the_vip_back(mark: Process | None) -> None:
    """At once, and the clients are shown the way to the other node; it is not tried again.

    With an open mark too: it was read as closed just now.
    """
    world = World().but(b__source_id=9, network__holder=MAC, open_mark=mark)
    outcome = run(world)
    assert outcome.outcome == "refused"
    assert "a different cluster's data" in outcome.why
    assert world.log.count("B: connect") == 1
    assert world.gave_way is not None
    assert world.gave_way.why == outcome.why
    assert not world.vip
    world.order("flock to promote", f"mark gave way: {outcome.why}", "permit 0", f"announce {MAC}")
    assert world.index("permit 0") < world.index("unlock")  # no hook gets in between
    assert [entry["problem"] for entry in world.recorded] == [True]


# Refused -----------------------------------------------------------------------------------------


def test_one_alert_for_each_reason() -> None:
    """It is refused again and again; people are told once, until it succeeds or says another."""

    def again(world: World) -> None:
        world.vip, world.gave_way = True, None
        run(world)

    world = World().but(b__source_id=9)
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


@pytest.mark.parametrize("trouble", [REFUSED, MUTE, ServerError(1045, "denied")])
def test_a_server_that_may_be_open_keeps_the_vip(trouble: Exception) -> None:
    """The other node could only open beside it; a dead one is the check's business."""
    world = active().but(b__trouble=trouble)
    assert run(world).outcome == "interrupted"
    assert world.gave_way is None
    assert world.permit
    assert world.vip
    assert len(world.recorded) == 1


@pytest.mark.parametrize("mark", [SERVER, None])
def test_interrupted_and_closed_gives_the_vip_back(mark: Process | None) -> None:
    """By an error of this server's own, again and again; it says that it is closed, whatever the
    mark of an earlier opening says."""
    denied = {"SHOW REPLICA STATUS": ServerError(1227, "denied")}
    world = World().but(open_mark=mark, a__access=CLOSED, b__troubles=denied)
    assert run(world).outcome == "interrupted"
    assert world.gave_way is not None
    assert not world.vip
    assert len(world.recorded) == 1


def test_who_may_not_open_gives_the_vip_back() -> None:
    """At once, with one alert; before that it was read back as closed."""
    denied = {"SET GLOBAL read_only = 0": ServerError(1227, "denied")}
    world = World().but(a__access=CLOSED, b__troubles=denied, network__holder=MAC)
    assert run(world).outcome == "refused"
    assert world.open_mark is None
    assert world.gave_way is not None
    assert not world.vip
    assert [entry["outcome"] for entry in world.recorded] == ["refused"]
    world.but(vip=True, gave_way=None)
    assert run(world).outcome == "refused"
    assert len(world.recorded) == 1


@pytest.mark.parametrize("holds", [True, False])
@pytest.mark.parametrize("known", [True, False])
def test_already_open_never_gives_way(holds: bool, known: bool) -> None:
    """Whatever is said of the peer: an open holder is not closed. Over TCP there is no mark."""
    world = active().but(opening_told=False, servers__process_known=known)
    if not known:
        world.open_mark = None
    world.a.trouble = None if holds else ServerError(1045, "denied")
    outcome = run(world)
    assert (outcome.outcome, outcome.done) == ("already open", holds)
    assert world.gave_way is None
    assert world.vip
    assert world.b.access == OPEN
    assert len(world.recorded) == (0 if holds else 1)
    # told where it was recorded, and only there
    assert not known or world.node.marks.opening_told() != holds


# Not now -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"gave_way": GaveWay(0.0, "the peer is open")}, "(the peer is open)"),
        ({"leaving": True}, "leave"),
    ],
)
def test_not_now(changes: dict[str, object], why: str) -> None:
    """The check says when a node that gave way may return; who leaves is not opened again."""
    world = World().but(**changes)
    outcome = run(world)
    assert (outcome.transition, outcome.outcome, outcome.done) == ("promote", "not now", False)
    assert why in outcome.why
    assert "connect" not in " ".join(world.log)
    assert world.recorded == []
    assert world.vip
    assert world.log[-1] == "unlock"


def test_not_now_is_looked_for_under_the_lock() -> None:
    """notify_down, which had it, has just let go of it."""
    world = World()
    world.when("lock", leaving=True)
    assert run(world).outcome == "not now"


def test_given_way_while_it_was_interrupted() -> None:
    world = World().but(a__access=CLOSED)
    world.when("B: SET SESSION", world.b.end_our_sessions, gave_way=GaveWay(0.0, "by the check"))
    assert run(world).outcome == "not now"
    assert OPENED not in world.log


def test_a_mark_does_not_stop_a_demotion() -> None:
    """And when the VIP is gone, the clients are shown where it is."""
    world = active().but(vip=False, gave_way=GaveWay(0.0, "superseded"), network__holder=MAC)
    assert run(world).outcome == "closed"
    world.order(CLOSING, "holder?", f"announce {MAC}")


@pytest.mark.parametrize(
    ("mark", "troubles", "back", "outcome"),
    [
        (None, {}, False, "closed"),  # it never gave way
        (GaveWay(0.0, "superseded"), {}, True, "closed"),  # the VIP is back
        (GaveWay(0.0, "superseded"), {"SET GLOBAL": ServerError(1227, "no")}, False, "not closed"),
    ],
)
def test_when_clients_are_not_redirected(
    mark: GaveWay | None, troubles: dict[str, Exception], back: bool, outcome: str
) -> None:
    world = active().but(vip=False, network__holder=MAC, gave_way=mark, b__troubles=troubles)
    world.when(CLOSING, vip=back)
    assert run(world).outcome == outcome
    assert f"announce {MAC}" not in world.log


def test_somebody_leaves_in_the_moment_of_opening() -> None:
    """The promotion stands aside, and closes what it has opened, with the VIP still here."""
    world = World()
    world.when(OPENED, leaving=True)
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
    world = World().but(a__trouble=SILENT, b__receiver="Connecting")
    assert run(world).outcome == "opened"
    assert run(world.but(a__trouble=None, a__access=CLOSED)).outcome == "already open"
    assert (world.a.access, world.b.access) == (CLOSED, OPEN)
