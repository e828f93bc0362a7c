"""The two sessions of a promotion and the lock that each holds (simulation.py)."""

from __future__ import annotations

import pytest

from kachecks.mysql.session import Lost, ServerError
from kachecks.transitions.refusal import StandAside
from kachecks.transitions.sessions import PEER_STATEMENT, PING_AFTER, STATEMENT
from tests.unit.doubles.promotions import GONE, OPENED, refused, run, stands_aside
from tests.unit.doubles.simulation import CLOSED, MUTE, OPEN, REFUSED, Session, World


@pytest.mark.parametrize("where", ["a", "b"])
def test_the_other_nodes_promotion_is_waited_for(where: str) -> None:
    world = World()
    server = getattr(world, where)
    other = server.held_by = Session(world, server)
    assert run(world).why == "the other node's promotion has not ended in time"
    assert world.b.access == CLOSED
    assert world.sessions_left == [other]
    assert 8 <= world.time < 12


@pytest.mark.parametrize("access", [OPEN, CLOSED])
def test_what_the_other_nodes_promotion_has_come_to(access: str) -> None:
    """It held the lock, and has opened; where it did not open, this node may."""
    world = World().but(a__access=CLOSED)
    other = world.a.held_by = Session(world, world.a)
    world.when("SELECT 1 AS one", other.close, a__access=access)
    if access == OPEN:
        refused(world, "the other node was promoted while this one waited for it")
    else:
        assert run(world).done
    assert world.a.access == access


@pytest.mark.parametrize("server", ["a", "b"])
@pytest.mark.parametrize("moment", ["A: SET GLOBAL super_read_only", "A: SELECT 1 AS one"])
def test_a_session_that_ends(server: str, moment: str) -> None:
    """With it the lock is gone. This node's is never made anew; nor the peer's, once counted."""
    world = World().but(a__made=900, b__applies=100.0)
    world.when(moment, getattr(world, server).end_our_sessions)
    outcome = run(world)
    if server == "a" and "SET" in moment:  # lost while it was being closed: asked anew
        assert outcome.done
        assert world.log.count("A: lock kachecks.main") == 2
    else:
        assert outcome.outcome == "interrupted"
        assert world.b.access == CLOSED
        assert OPENED not in world.log
    assert world.a.access == CLOSED


@pytest.mark.parametrize("server", ["a", "b"])
def test_both_sessions_are_looked_at_right_before_opening(server: str) -> None:
    """There was nothing to wait for, and no reason to use them."""
    world = World().but(a__access=CLOSED)
    asked = "B: SELECT @@global.gtid_executed"  # for the second time
    world.when(asked, world.then(asked, getattr(world, server).end_our_sessions))
    assert run(world).outcome == "interrupted"
    assert OPENED not in world.log


@pytest.mark.parametrize("trouble", [REFUSED, MUTE, Lost("gone"), ServerError(1040, "too many")])
def test_our_own_server_is_never_taken_for_the_peer(trouble: Exception) -> None:
    world = World().but(b__trouble=trouble)
    outcome = run(world)
    assert outcome.outcome == "interrupted"
    assert outcome.why.startswith("this node's own server: ")
    assert "A: connect" not in world.log


def test_sessions_are_used_before_the_server_ends_them() -> None:
    """wait_timeout is 3 s: two pauses, and a statement that is just in time."""
    assert 2 * PING_AFTER + max(STATEMENT, PEER_STATEMENT) <= 3
    world = World()
    run(world)
    world.order("B: SET SESSION wait_timeout = 3, autocommit = 1", "B: lock kachecks.main")


@pytest.mark.parametrize("server", ["a", "b"])
@pytest.mark.parametrize(("change", "kind"), GONE)
def test_it_stands_aside_while_it_waits_for_the_lock(
    server: str, change: dict[str, object], kind: type[StandAside]
) -> None:
    world = World()
    held = getattr(world, server)
    held.held_by = Session(world, held)
    world.when("GET_LOCK", **change, after=2.0)
    with pytest.raises(kind):
        run(world)
    assert world.time < 4


@pytest.mark.parametrize(("change", "kind"), GONE)
def test_it_stands_aside_during_a_long_drain(
    change: dict[str, object], kind: type[StandAside]
) -> None:
    world = World().but(a__made=5000, b__applies=100.0)
    world.when("sleep", **change, after=2.0)
    stands_aside(world, kind)
    assert world.time < 2.2


@pytest.mark.parametrize("trouble", [MUTE, ServerError(1227, "you need SUPER")])
@pytest.mark.parametrize("statement", ["SHOW REPLICA STATUS", "wait_timeout = 3"])
def test_our_own_server_lets_us_in_and_tells_nothing(statement: str, trouble: Exception) -> None:
    world = World().but(b__troubles={statement: trouble})
    assert run(world).outcome == "interrupted"
    assert "A: connect" not in world.log
    assert world.time < 2.1
    assert world.sessions_left == []
