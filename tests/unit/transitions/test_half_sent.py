"""A dead peer's half transaction holds no locks on the node that has taken over (simulation.py)."""

from __future__ import annotations

import pytest

from kachecks.mysql.session import NoAnswer, ServerError
from kachecks.transitions.promotion import promote
from kachecks.transitions.record import Steps
from kachecks.transitions.refusal import VipGone
from tests.unit.doubles.promotions import GONE_PEER, OPENED, stands_aside
from tests.unit.doubles.simulated_server import HALF_APPLIED, OPEN
from tests.unit.doubles.simulation import MARIADB, MYSQL, VERSIONS, World

ROLLED_BACK = "a transaction that the peer has sent in part was rolled back"
ACTS = {
    MYSQL: ["STOP REPLICA IO_THREAD", "system user cut", "CHANGE", "START REPLICA"],
    MARIADB: ["STOP SLAVE IO_THREAD", "STOP SLAVE SQL_THREAD", "START SLAVE"],
}
OLD_MYSQL = "5.7.44"


def half_sent(version: str = MYSQL) -> World:
    world = World(version).but(**GONE_PEER)
    world.b.receive_half()
    return world


def holds_locks(world: World) -> bool:
    return HALF_APPLIED in world.b.clients.values()


def steps_of(world: World) -> list[str]:
    steps = Steps(world.node)
    outcome = promote(world.node, steps)
    assert (outcome.outcome, world.b.access) == ("opened", OPEN)
    assert world.sessions_left == []
    steps.record(outcome, "notify_master")
    return [name for name, _ in world.recorded[0]["steps"]]  # type: ignore[attr-defined]


def runs(world: World) -> bool:
    return (world.b.receiver, world.b.applier, world.b.applier_errno) == ("Connecting", "Yes", 0)


@pytest.mark.parametrize("version", [*VERSIONS, OLD_MYSQL])
def test_it_is_rolled_back_once_the_server_is_open(version: str) -> None:
    world = half_sent(version)
    assert steps_of(world)[-1] == ROLLED_BACK
    assert not holds_locks(world)
    assert not world.b.half_sent
    assert runs(world)
    assert world.time < 2
    for act in ACTS.get(version, []):
        world.order(OPENED, next(line for line in world.log if act in line))


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_received_whole_is_applied_before(version: str) -> None:
    world = half_sent(version).but(b__received=9)
    assert steps_of(world)[-1] == ROLLED_BACK
    assert (world.b.applied, world.b.received) == (9, 9)


@pytest.mark.parametrize("version", VERSIONS)
def test_nothing_is_touched_without_one(version: str) -> None:
    world = World(version).but(**GONE_PEER)
    assert steps_of(world)[-1] == "open"
    assert not any("STOP" in line for line in world.log)


def test_who_is_connected_is_not_asked_without_need() -> None:
    """The list of a crowd may be too much, or come late."""
    world = World().but(**GONE_PEER)
    world.when(OPENED, b__troubles={"SHOW PROCESSLIST": NoAnswer("no answer")})
    assert steps_of(world)[-1] == "open"


@pytest.mark.parametrize("version", VERSIONS)
def test_a_living_peer_sends_the_rest(version: str) -> None:
    world = World(version)
    world.b.receive_half()
    assert steps_of(world)[-1] == "open"
    assert holds_locks(world)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("when", ["sleep", "IO_THREAD"])
def test_more_has_come(version: str, when: str) -> None:
    """Between two looks, or until the receiver had stopped: nothing received is thrown away."""
    world = half_sent(version)
    world.when(OPENED, world.then(when, b__received=6, b__applies=0.0))
    assert ROLLED_BACK not in steps_of(world)
    assert world.b.received == 6
    assert runs(world)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("when", ["sleep", "IO_THREAD"])
def test_it_has_ended_by_itself(version: str, when: str) -> None:
    world = half_sent(version)
    world.when(OPENED, world.then(when, world.b.roll_back_half, b__half_sent=False))
    assert ROLLED_BACK not in steps_of(world)
    assert not any("KILL" in line or "SQL_THREAD" in line for line in world.log)
    assert runs(world)


def test_another_channel_on_mysql() -> None:
    """Its workers cannot be told from the peer's."""
    world = half_sent().but(b__third=True)
    assert "another channel" in steps_of(world)[-1]
    assert holds_locks(world)


def test_another_channel_on_mariadb() -> None:
    world = half_sent(MARIADB).but(b__third=True)
    assert steps_of(world)[-1] == ROLLED_BACK


@pytest.mark.parametrize(
    ("version", "statement"),
    [
        (MYSQL, "STOP REPLICA IO_THREAD"),
        (MYSQL, "CHANGE REPLICATION SOURCE TO SOURCE_AUTO_POSITION = 1"),
        (MARIADB, "STOP SLAVE SQL_THREAD"),
    ],
)
@pytest.mark.parametrize("error", [ServerError(1227, "Access denied"), NoAnswer("no answer")])
def test_who_cannot_stays_open_and_replicates(
    version: str, statement: str, error: ServerError | NoAnswer
) -> None:
    world = half_sent(version)
    world.b.troubles[statement] = error
    assert "may hold locks" in steps_of(world)[-1]
    assert (world.b.receiver, world.b.applier) == ("Connecting", "Yes")


def test_an_applier_that_does_not_stop() -> None:
    world = half_sent()
    world.b.stuck = True
    assert "has not stopped in 30 s" in steps_of(world)[-1]
    assert not any("CHANGE" in line for line in world.log)
    assert world.b.receiver == "Connecting"


@pytest.mark.parametrize("version", VERSIONS)
def test_the_vip_leaves_meanwhile(version: str) -> None:
    """The server is closed again by whoever called; replication runs."""
    world = half_sent(version)
    world.when(OPENED, world.then("sleep", vip=False))
    stands_aside(world, VipGone)
    assert runs(world)
    assert holds_locks(world)
