"""Clients of the standby do not hold up its promotion, nor the first writes (simulation.py)."""

from __future__ import annotations

import pytest

from kachecks.transitions.promotion import promote
from kachecks.transitions.record import Steps
from tests.unit.doubles.promotions import GONE_PEER, OPENED, refused, run, stands_aside
from tests.unit.doubles.simulated_server import CLOSED, Client
from tests.unit.doubles.simulation import VERSIONS, World

BEHIND = {**GONE_PEER, "b__received": 9}


def a_backup(**changes: object) -> Client:
    """FLUSH TABLES WITH READ LOCK, and then nothing."""
    return Client("backup", holds_up=True, **changes)  # type: ignore[arg-type]


def cuts(world: World) -> list[str]:
    return [line for line in world.log if line.endswith(" cut")]


@pytest.mark.parametrize("version", VERSIONS)
def test_who_holds_the_applier_up_is_cut(version: str) -> None:
    world = World(version).but(**BEHIND)
    world.b.add(a_backup(), Client("system user", "Connect"), Client("repl", "Binlog Dump"))
    world.b.add(Client("report"))
    steps = Steps(world.node)
    outcome = promote(world.node, steps)
    assert (outcome.outcome, world.b.applied) == ("opened", 9)
    assert 1.5 <= world.time < 4
    assert cuts(world) == ["B: backup cut", "B: report cut"]
    steps.record(outcome, "notify_master")
    names = [name for name, _ in world.recorded[0]["steps"]]  # type: ignore[attr-defined]
    assert names[-3:] == [
        "cut 2 clients of this server, which may hold the applier up", "drain", "open",
    ]  # fmt: skip


def test_who_comes_back_is_cut_again() -> None:
    world = World(drain_timeout="30").but(**BEHIND)
    world.b.add(a_backup(returns=3))
    assert run(world).done
    assert cuts(world) == 4 * ["B: backup cut"]
    assert world.b.applied == 9


def test_who_cannot_be_cut_ends_it() -> None:
    world = World(drain_timeout="4").but(**BEHIND)
    world.b.add(a_backup(unkillable=True))
    refused(world, "no progress for 4 s in applying ")


def test_nobody_is_cut_while_it_gets_on() -> None:
    """50 s of applying; they are cut at the end."""
    world = World(drain_timeout="4").but(b__received=505, b__applies=10.0, a__made=505)
    world.b.add(Client("report"))
    assert run(world).done
    world.order("B: report cut", OPENED)
    assert world.time > 50
    assert cuts(world) == ["B: report cut"]


@pytest.mark.parametrize("version", VERSIONS)
def test_readers_are_cut_before_opening(version: str) -> None:
    """Nothing had to be applied: opening would succeed, and every INSERT would hang."""
    world = World(version).but(**GONE_PEER)
    world.b.add(a_backup())
    assert run(world).done
    world.order("B: backup cut", OPENED)
    assert world.time < 2


def test_who_has_come_through_the_vip_is_not_cut() -> None:
    """Younger than the promotion: it waits to write."""
    world = World().but(**GONE_PEER)
    world.when("GET_LOCK", lambda: world.b.add(Client("app")))
    assert run(world).done
    assert not cuts(world)


def test_who_lingers_is_cut_however_it_came() -> None:
    """A backup that began while the promotion looked for its peer."""
    world = World().but(**GONE_PEER)
    world.when("GET_LOCK", lambda: world.b.add(a_backup(seconds=2)))
    assert run(world).done
    world.order("B: backup cut", OPENED)


def test_too_many_to_be_cut_before_opening() -> None:
    """The others are cut after it, and before it is said to be open."""
    world = World().but(**GONE_PEER)
    world.b.add(*[Client("report") for _ in range(2000)])
    assert run(world).done
    at = world.log.index(OPENED)
    assert 100 < len([line for line in world.log[:at] if line.endswith(" cut")]) < 1000
    assert len(cuts(world)) == 2000


def test_the_vip_goes_while_they_are_cut() -> None:
    world = World().but(**GONE_PEER)
    world.b.add(*[Client("report") for _ in range(2000)])
    world.when("KILL", vip=False)
    stands_aside(world)
    assert world.b.access == CLOSED


@pytest.mark.parametrize("version", VERSIONS)
def test_an_applier_that_gave_up_waiting_is_started_again(version: str) -> None:
    """1205: a client's row lock, as often as slave_transaction_retries says."""
    held_up = {**BEHIND, "b__applier": "No", "b__applier_errno": 1205}
    world = World(version).but(**held_up)
    world.b.add(a_backup())
    assert run(world).done
    assert world.b.applied == 9
    world.order("B: backup cut", "SQL_THREAD", OPENED)


def test_but_only_once() -> None:
    world = World().but(**BEHIND, b__applier="No", b__applier_errno=1205)
    world.when("SQL_THREAD", world.then("SHOW REPLICA", b__applier="No"))
    refused(world, "the applier has stopped with error 1205")
