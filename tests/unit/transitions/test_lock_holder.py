"""Whoever holds the lock of a promotion and is not kachecks is cut (simulation.py)."""

from __future__ import annotations

import pytest

from kachecks.mysql import queries
from kachecks.mysql.session import ServerError
from kachecks.transitions.promotion import promote
from kachecks.transitions.record import Steps
from tests.unit.doubles.promotions import run
from tests.unit.doubles.simulated_server import Client, Server
from tests.unit.doubles.simulation import CLOSED, OPEN, Session, World


def holds(world: World, server: Server, client: Client) -> Session:
    """Such a client has the lock there."""
    held = server.held_by = Session(world, server)
    server.clients[held.connection_id] = client
    return held


@pytest.mark.parametrize("where", ["a", "b"])
@pytest.mark.parametrize("access", [OPEN, CLOSED])
@pytest.mark.parametrize("who", [Client("app"), Client("kachecks", db="app")])
def test_a_stranger_is_cut(where: str, access: str, who: Client) -> None:
    """Nobody was promoted while it was waited for, so an open peer is closed like any other."""
    world = World().but(a__access=access)
    held = holds(world, getattr(world, where), who)
    steps = Steps(world.node)
    outcome = promote(world.node, steps)
    assert outcome.outcome == "opened"
    assert world.time < 2
    assert held.connection_id not in held.server.clients
    steps.record(outcome, "test")
    assert f"cut a session of {who.user} that held our lock" in str(world.recorded[0]["steps"])


def test_others_behind_it_are_cut_too() -> None:
    world = World()
    holds(world, world.b, Client("app"))
    rest = [Session(world, world.b) for _ in range(100)]
    for each in rest:
        world.b.clients[each.connection_id] = Client("app")

    def next_one() -> None:
        if rest:
            world.b.held_by = rest.pop()
            world.when("B: KILL", next_one)

    world.when("B: KILL", next_one)
    assert run(world).done
    assert not rest
    assert world.time < 4


def test_one_of_ours_is_never_cut() -> None:
    world = World()
    ours = holds(world, world.b, Client("kachecks", db=queries.OUR_SCHEMA))
    assert run(world).why == "the other node's promotion has not ended in time"
    assert ours.connection_id in world.b.clients


@pytest.mark.parametrize("where", ["a", "b"])
def test_a_stranger_that_may_not_be_cut(where: str) -> None:
    world = World()
    held = holds(world, getattr(world, where), Client("dba", unkillable=True))
    outcome = run(world)
    assert outcome.outcome == "refused"
    assert outcome.why.startswith("dba holds the lock of kachecks, and cannot be cut: error 1095")
    assert world.b.access == CLOSED
    assert world.sessions_left == [held]


def test_a_stranger_that_ends_at_that_moment() -> None:
    world = World()
    holds(world, world.b, Client("app"))
    world.b.troubles = {"KILL": ServerError(1094, "Unknown thread id")}
    world.when("KILL", b__held_by=None)
    assert run(world).done


def test_a_stranger_that_does_not_end() -> None:
    """It rolls back, with the lock, for longer than a promotion waits."""
    world = World()
    held = holds(world, world.b, Client("app"))
    world.b.troubles = {"KILL": ServerError(1094, "Unknown thread id")}
    outcome = run(world)
    assert outcome.why == "app holds the lock of kachecks again and again"
    assert world.time < 12
    assert held in world.sessions_left


def test_who_cannot_be_seen_is_waited_for() -> None:
    """An account without PROCESS sees nobody but itself."""
    world = World()
    held = holds(world, world.a, Client("app"))
    world.a.hides = {held.connection_id}
    assert run(world).why == "the other node's promotion has not ended in time"
    assert held in world.sessions_left
