"""A switchover, step by step: handed over, or open again (simulation.py)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kachecks.commands.switchover.handing_over import (
    REOPEN_PATIENCE,
    RETURN_PATIENCE,
    TAKEOVER_PATIENCE,
    VIP_PATIENCE,
    hand_over,
)
from kachecks.mysql.session import ServerError
from kachecks.state.files import StateError
from kachecks.transitions.progress import ProgressLines
from kachecks.transitions.record import Outcome
from kachecks.transitions.waiting_for_lock import HANDOVER_LOCK_PATIENCE
from tests.unit.doubles.changing import failing
from tests.unit.doubles.simulated_server import CLOSED, OPEN, Client
from tests.unit.doubles.simulation import MARIADB, MUTE, MYSQL, REFUSED, SILENT, World
from tests.unit.doubles.switchovers import CLOSING, active, alone, run

# Handing over ------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [MYSQL, MARIADB])
def test_in_this_order(version: str) -> None:
    world = active(version).but(alone=True)
    locked: list[str] = []
    world.when("permit 0", world.then("sleep", lambda: locked.append(world.locked_by)))
    outcome = run(world)
    assert (outcome.outcome, outcome.done) == ("handed over", True), outcome.why
    assert outcome.position
    assert locked == [""]  # once the VIP has gone, the hook that comes for it needs the lock
    assert not world.alone  # the peer has taken over
    assert "seen through the VIP; no writes for " in outcome.why
    assert (world.a.access, world.b.access) == (OPEN, CLOSED)
    world.order("flock to switchover", "mark leaving", "B: SET GLOBAL", "permit 0", "unlock")
    assert world.permit  # given back: it stands by from now on
    assert not world.leaving
    (entry,) = world.recorded
    assert (entry["transition"], entry["cause"], entry["problem"]) == (
        "switchover", "kachecks switchover", False,
    )  # fmt: skip
    assert [name for name, _ in entry["steps"]] == [  # type: ignore[attr-defined]
        "connect", "close", "peer has everything", "VIP gone", "open there",
    ]  # fmt: skip


def test_the_permit_is_withdrawn_only_when_the_peer_has_everything() -> None:
    world = active()
    had: list[int] = []
    world.a.of_b = 5  # of 7

    def catches_up() -> None:
        had.append(world.a.of_b)
        world.a.of_b += 1
        if world.a.of_b < 7:
            world.when("sleep", catches_up)

    world.when("sleep", catches_up)
    world.when("permit 0", lambda: pytest.fail("too early") if world.a.of_b < 7 else None)
    assert run(world).outcome == "handed over"
    assert had == [5, 6]


@pytest.mark.parametrize("version", [MYSQL, MARIADB])
def test_an_applier_that_waits_and_gets_on_is_let_apply(version: str) -> None:
    """A DDL meets a client for a moment: no reason to roll back."""
    world = active(version).but(a__of_b=5)
    world.a.add(Client("system user", state="Waiting for table metadata lock"))

    def gets_on() -> None:
        world.a.of_b = 6
        world.when("sleep", a__of_b=7, after=world.time + 2.0)

    world.when("sleep", gets_on, after=1.0)
    assert run(world, catch_up=10.0).outcome == "handed over"


@pytest.mark.parametrize("version", [MYSQL, MARIADB])
def test_a_reader_that_holds_up_the_peers_applier(version: str) -> None:
    """Locked a moment after the preflight: writes go on here, and not only after ten seconds."""
    world = active(version).but(a__of_b=5)
    world.a.add(Client("system user", state="Waiting for backup lock"))
    outcome = run(world, catch_up=10.0)
    assert outcome.outcome == "rolled back"
    assert "the peer's applier is waiting for backup lock" in outcome.why
    assert 1.5 < world.time < 3
    assert world.b.access == OPEN


def test_nobody_opens_this_node_while_it_leaves() -> None:
    """The leaving mark is fresh from before the closing until the VIP is gone."""
    world = active()
    stale: list[str] = []

    def looks(what: str) -> Callable[[], None]:
        return lambda: stale.append(what) if not world.leaving else None

    world.when(CLOSING, looks("closing"))
    world.when("permit 0", looks("permit"))
    world.a.of_b = 5
    ticks = 0

    def slowly() -> None:
        nonlocal ticks
        ticks += 1
        world.pass_time(0.3)
        looks("waiting")()
        if ticks < 12:
            world.when("sleep", slowly)
        else:
            world.a.of_b = 7

    world.when("sleep", slowly)
    assert run(world).outcome == "handed over"
    assert ticks == 12
    assert stale == []


def test_the_vip_takes_its_time() -> None:
    world = active().but(vip_takes=VIP_PATIENCE - 0.1)
    assert run(world).outcome == "handed over"


def test_the_vip_cannot_be_reached_from_here() -> None:
    world = active().but(servers__connect_vip=failing(MUTE))
    outcome = run(world)
    assert outcome.outcome == "handed over"
    assert "the VIP cannot be reached from here" in outcome.why


# Rolled back -------------------------------------------------------------------------------------


def reopened(world: World, outcome: Outcome) -> str:
    """This node serves as before, and nothing of the attempt is left behind."""
    assert (outcome.outcome, outcome.done) == ("rolled back", False), outcome.why
    assert (world.b.access, world.vip, world.permit) == (OPEN, True, True)
    assert not world.leaving
    assert world.gave_way is None
    assert world.recorded[-1]["problem"]
    return outcome.why


@pytest.mark.parametrize("version", [MYSQL, MARIADB])
def test_the_peer_does_not_catch_up(version: str) -> None:
    world = alone(version).but(a__of_b=5)
    why = reopened(world, run(world, catch_up=1.5))
    assert why == "the peer does not have everything after 1.5 s; this node is open again"
    assert "permit 0" not in world.log


def test_what_a_failing_check_closes_is_not_opened_again() -> None:
    """The check beside it had found mysqld dead, which has started again since."""
    world = alone()
    world.when(CLOSING, a__trouble=SILENT)
    world.when("unmark leaving", world.node.marks.mark_failing)
    assert run(world).outcome != "rolled back"
    assert world.b.access == CLOSED


def test_a_server_that_cannot_be_closed_is_not_killed() -> None:
    """It serves on, and its commits must wait for the other node as before (semi-sync)."""
    world = alone().but(b__semi_sync="rpl_semi_sync_source_enabled")
    state = "Waiting for semi-sync ACK from replica"
    world.b.add(Client("app", "Query", blocks=True, commits=True, state=state))
    reopened(world, run(world))
    assert not any("SIGKILL" in line for line in world.log)
    world.order("rpl_semi_sync_source_enabled = 0", "rpl_semi_sync_source_enabled = 1")
    assert world.b.semi_sync_on


def test_somebody_who_may_write_through_read_only_comes_back() -> None:
    world = alone(MARIADB)
    world.b.add(Client("root", returns=1000))
    assert "is not closed to everybody" in reopened(world, run(world))


def test_the_peer_goes_away_half_way() -> None:
    world = alone()
    world.when(CLOSING, a__trouble=SILENT)
    assert "the peer does not answer" in reopened(world, run(world))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"vip_takes": float("inf")}, "must track the permit file"),
        ({"b__troubles": {"SET GLOBAL super": ServerError(1227, "you need SUPER")}}, "1227"),
    ],
)
def test_what_ends_it_half_way(changes: dict[str, object], said: str) -> None:
    world = alone().but(**changes)
    assert said in reopened(world, run(world))


@pytest.mark.parametrize("version", [MYSQL, MARIADB])
def test_it_says_how_many_transactions_are_left(version: str) -> None:
    world = alone(version).but(a__of_b=5)
    said: list[str] = []
    hand_over(world.node, 2.5, ProgressLines(world.clock.now, said.append))
    assert said
    assert all(line.startswith("2 transactions left, none applied") for line in said)


@pytest.mark.parametrize("lasts", [2.0, 60.0])
def test_the_peer_cannot_be_asked_for_a_while(lasts: float) -> None:
    """It answers with an error, so it is alive: tried again before the VIP is given away."""
    world = alone().but(a__of_b=5)
    denied = ServerError(1040, "too many connections")
    again = world.then("sleep", after=lasts, a__trouble=None, a__troubles={})
    world.when("sleep", again, a__trouble=denied, a__troubles={"SELECT": denied})
    outcome = run(world)
    if lasts < REOPEN_PATIENCE:
        assert "1040" in reopened(world, outcome)
    else:
        assert outcome.outcome == "not serving"
        assert world.gave_way is not None
        assert world.b.access == CLOSED


def test_a_bug_does_not_leave_it_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    world = alone()
    fails = failing(OverflowError("timeout value is too large"))
    monkeypatch.setattr("kachecks.commands.switchover.handing_over.wait_for_peer", fails)
    assert "unexpected OverflowError" in reopened(world, run(world))


# When the VIP has left ---------------------------------------------------------------------------


def test_the_vip_comes_back() -> None:
    """Nobody took it; the hooks here have opened this server again."""
    world = alone()
    world.when("sleep", vip=True, b__access=OPEN, after=3.0)
    assert "the VIP has come back" in reopened(world, run(world))


def test_the_peer_is_late() -> None:
    world = alone()
    world.when("sleep", a__access=OPEN, after=TAKEOVER_PATIENCE + 1)
    outcome = run(world)
    assert outcome.outcome == "handed over"
    assert "longer than it should" in outcome.why


def test_the_vip_leaves_by_itself_while_the_peer_is_waited_for() -> None:
    world = alone().but(a__of_b=5)
    world.when("sleep", vip=False, a__access=OPEN)
    outcome = run(world, catch_up=1.0)
    assert (outcome.outcome, outcome.done) == ("handed over", True), outcome.why
    assert world.b.access == CLOSED


def test_neither_serves() -> None:
    world = alone()
    outcome = run(world)
    assert (outcome.outcome, outcome.done) == ("not serving", False)
    assert world.time < TAKEOVER_PATIENCE + RETURN_PATIENCE + 3
    assert world.permit
    assert not world.leaving


def test_this_server_dies_half_way() -> None:
    """Not serving: the check sees to it, and the other node takes over."""
    world = alone()
    world.when("A: connect", b__trouble=REFUSED)
    assert run(world).outcome == "not serving"


# Nothing done ------------------------------------------------------------------------------------


def test_another_program_is_at_work() -> None:
    world = active().but(locked_by="promote")
    outcome = run(world)
    assert outcome.outcome == "refused"
    assert "to promote" in outcome.why
    assert HANDOVER_LOCK_PATIENCE <= world.time < HANDOVER_LOCK_PATIENCE + 0.1
    assert world.b.access == OPEN


def test_the_vip_has_just_left() -> None:
    world = active().but(vip=False)
    assert run(world).outcome == "refused"
    assert world.b.access == OPEN


def test_without_a_run_directory() -> None:
    world = active().but(files__error=StateError("no such directory"))
    with pytest.raises(StateError):
        run(world)
    assert world.b.access == OPEN
