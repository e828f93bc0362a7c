"""A connection that holds up every write of the active node is named, and moves nothing."""

from __future__ import annotations

import pytest

from kachecks.check import held_up
from kachecks.check.deep_look import remember
from kachecks.check.verdict import Findings, Observation, judge
from kachecks.mysql.probe import probe
from tests.unit.doubles.deep_looks import look_in_full
from tests.unit.doubles.simulated_server import CLOSED, OPEN, Client
from tests.unit.doubles.simulation import VERSIONS, World

STATES = ("Waiting for global read lock", "Waiting for backup lock",
          "Waiting for table metadata lock", "Waiting for commit lock")  # fmt: skip
WAITS = Client("app", "Query", seconds=3, state=STATES[0])


def locked(*clients: Client, version: str = VERSIONS[0]) -> World:
    """B serves, and these are connected; the first is number 101."""
    world = World(version).but(b__access=OPEN, a__access=CLOSED)
    world.b.clients.clear()
    world.b.last_id = 100
    world.b.add(*clients)
    return world


def looks(world: World, seconds: int = 12) -> list[Findings]:
    """One a second, as keepalived has them made."""
    found = []
    for _ in range(seconds + 1):
        found.append(look_in_full(world))
        remember(world.node, found[-1], holder=True)
        world.pass_time(1.0)
    return found


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("state", STATES)
def test_after_ten_seconds(version: str, state: str) -> None:
    world = locked(Client("backup", host="10.0.0.9:4711", seconds=40),
                   Client("app", "Execute", seconds=3, state=state), version=version)  # fmt: skip
    found = looks(world)
    told = [number for number, each in enumerate(found) if each.held_up]
    assert told[0] in (10, 11), told
    assert f"clients are {state.lower()} (1 now): connection" in found[-1].held_up
    assert found[-1].held_up.endswith(
        "connection 101 of backup@10.0.0.9 (Sleep for 52 s) is the only one that does not wait"
    )
    assert not any(each.stalled for each in found)


def test_the_server_tells_who_holds_it() -> None:
    world = locked(Client("idle", seconds=900), Client("backup", "Query", seconds=2), WAITS)
    world.b.lock_holder = "102"
    found = looks(world)[-1].held_up
    assert "connection 102 of backup@10.0.0.10 (Query for 14 s) holds the lock" in found


def test_the_server_does_not_tell() -> None:
    world = locked(Client("idle", seconds=900), Client("backup", "Query", seconds=2), WAITS)
    found = looks(world)[-1].held_up
    assert "who of 2 others holds the lock cannot be told" in found
    assert "connection 101 of idle@10.0.0.10 (Sleep for 912 s) has been so the longest" in found


def test_replication_and_our_own_sessions_hold_nothing() -> None:
    world = locked(Client("repl", "Binlog Dump"), Client("system user", "Connect"), WAITS)
    assert looks(world)[-1].held_up.endswith("who holds the lock cannot be told")


def test_clients_without_patience() -> None:
    """Who waits is another one at each look."""
    world = locked(Client("backup"))
    found = []
    for _ in range(13):
        world.b.add(Client("app", "Query", seconds=0, state=STATES[0]))
        found += looks(world, 0)
        del world.b.clients[max(world.b.clients)]
    assert "(1 now): connection 101 of backup" in found[-1].held_up


def test_others_still_commit() -> None:
    """LOCK TABLES on one table of many holds up a few, not every write."""
    world = locked(Client("backup"), WAITS)
    found = []
    for _ in range(15):
        world.b.made += 1
        found += looks(world, 0)
    assert not any(each.held_up for each in found)


def test_it_moves_nothing() -> None:
    world = locked(Client("backup"), WAITS)
    found = looks(world)[-1]
    assert found.wrong
    session = world.servers.connect_local(1.0)
    seen = Observation(True, False, probe(session, 1.0), peer="closed", found=found)
    verdict = judge(seen, world.node.config)
    assert (verdict.reason, verdict.status, verdict.problem) == ("WRITES_HELD_UP", 0, True)


def test_what_a_server_says_is_not_shown_raw() -> None:
    world = locked(Client("evil\x1b[2J\n" + 99 * "x", host="h\x07:1"), WAITS)
    found = looks(world)[-1].held_up
    assert found.isprintable()
    assert "connection 101 of evil?[2J xxx" in found
    assert len(found) < 300


def test_rows_without_values() -> None:
    row = {"Id": None, "User": None, "Host": None, "Command": None, "Time": None, "State": None}
    assert held_up.waiting([row], 0.0) == ()
