"""What was received is applied before a server is opened (simulation.py)."""

from __future__ import annotations

import pytest

from kachecks.transitions.promotion import promote
from kachecks.transitions.record import Steps
from tests.unit.doubles.promotions import GONE_PEER, OPENED, refused, run
from tests.unit.doubles.simulated_server import CLOSED, OPEN
from tests.unit.doubles.simulation import (
    MARIADB,
    MARIADB12,
    MYSQL,
    REFUSED,
    SILENT,
    VERSIONS,
    World,
)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("peer", [{}, GONE_PEER])
def test_it_waits_for_the_relay_log(version: str, peer: dict[str, object]) -> None:
    """For as long as it takes, as long as there is progress: here 50 s, drain_timeout is 30."""
    world = World(version).but(b__received=505, b__applies=10.0, a__made=505, **peer)
    assert run(world).done
    assert world.b.applied == 505
    assert 50 <= world.time < 55


@pytest.mark.parametrize("version", VERSIONS)
def test_no_progress(version: str) -> None:
    stuck = {**GONE_PEER, "b__received": 9, "b__applies": 0.0}
    world = World(version, drain_timeout="4").but(**stuck)
    refused(world, "no progress for 4 s in applying ")
    assert 4 <= world.time < 7
    world = World(version, drain_timeout="4", on_drain_timeout="open").but(**stuck)
    assert run(world).done
    assert world.b.applied == 5


@pytest.mark.parametrize("version", [MYSQL, MARIADB])
@pytest.mark.parametrize("trouble", [None, SILENT])
def test_a_replica_that_leaves_something_out(trouble: Exception | None, version: str) -> None:
    """GTIDs call it present. With on_broken_replica = open what was received is applied still."""
    world = World(version).but(b__ignored="app", a__trouble=trouble)
    refused(world, "Replicate_Ignore_DB = app; remove the filter, and rebuild this server if it")
    assert world.a.access == OPEN
    world = World(version, on_broken_replica="open", on_stale_replica="open")
    world.but(b__ignored="app", a__trouble=trouble, b__applied=2, b__applies=1)
    assert run(world).done
    assert world.b.applied == 5


@pytest.mark.parametrize("policy", ["refuse", "open"])
@pytest.mark.parametrize("trouble", [None, SILENT])
def test_replication_by_file_is_refused(trouble: Exception | None, policy: str) -> None:
    """Whatever on_broken_replica says: nothing is broken, but nobody can tell what is missing."""
    world = World(MARIADB, on_broken_replica=policy).but(b__by_file=True, a__trouble=trouble)
    refused(world, "replication from 10.0.0.1 goes by file and offset, and only GTIDs tell")
    assert world.a.access == OPEN  # found out before it was closed for it


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"a__by_file": True}, "the peer 10.0.0.1: gtid_mode is OFF"),
        ({"b__by_file": True}, "own server: gtid_mode is OFF"),
    ],
)
def test_gtids_switched_off(changes: dict[str, object], words: str) -> None:
    """Found out before the peer, which serves, is closed for it."""
    world = World().but(**changes)
    refused(world, words)
    assert world.a.access == OPEN


@pytest.mark.parametrize(("arrives", "done"), [(10.0, True), (0.0, False)])
def test_a_large_transaction_that_arrives_is_progress(arrives: float, done: bool) -> None:
    """The GTIDs stand still until all of it is here (16 s for 32 MB at 2 MB/s, MariaDB 10.11)."""
    world = World(MARIADB, drain_timeout="4").but(a__made=6, b__deaf=not done)
    assert run(world.but(b__arriving_until=arrives)).done == done
    assert (world.b.applied == 6) == done


def full_disk(version: str = MARIADB, **options: str) -> World:
    """A has made 9 transactions, as it says; the last two are in no binary log, and never come."""
    return World(version, **options).but(a__made=9, a__unwritten=2)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("errno", [3118, 13114])
def test_a_receiver_that_is_turned_away(version: str, errno: int) -> None:
    """What the peer has does not come: the VIP is better off there, and not in 30 s."""
    stuck = {"a__made": 9, "b__receiver": "Connecting", "b__receiver_errno": errno}
    world = World(version).but(**stuck)
    refused(world, "; its receiver gets ")
    assert 3 <= world.time < 4
    patient = World(version, on_drain_timeout="open").but(**stuck)
    assert run(patient).done
    assert patient.time >= 30


@pytest.mark.parametrize("version", VERSIONS)
def test_a_receiver_that_is_not_there_for_a_moment(version: str) -> None:
    """1040: one of its source's connections may become free."""
    stuck = {"a__made": 9, "b__receiver": "Connecting", "b__receiver_errno": 1040}
    refused(World(version, drain_timeout="8").but(**stuck), "no progress for 8 s in applying ")


@pytest.mark.parametrize("version", [MARIADB, MARIADB12])
def test_two_heartbeats_prove_the_end(version: str) -> None:
    """MariaDB uses up GTIDs for what its full disk did not take."""
    world = full_disk(version)
    steps = Steps(world.node)
    outcome = promote(world.node, steps)
    assert outcome.done
    assert world.b.applied == 7
    assert 1 < world.time < 2.5  # the first one was nearly due
    steps.record(outcome, "notify_master")
    names = [name for name, _ in world.recorded[0]["steps"]]  # type: ignore[attr-defined]
    assert names[-3:] == ["the peer's binary log ends before 1-1-9", "drain", "open"]


def test_two_heartbeats_are_not_waited_for_where_nothing_is_missing() -> None:
    world = World(MARIADB).but(a__made=9)
    assert run(world).done
    assert world.b.applied == 9
    assert world.time < 0.5


@pytest.mark.parametrize(
    "heartbeats",
    [
        {"b__heartbeat_period": 3.0},  # one: on its way, perhaps, before the peer was closed
        {"b__heartbeats": 104711, "b__heartbeat_period": 600.0},  # of before
    ],
)
def test_fewer_heartbeats_prove_nothing(heartbeats: dict[str, object]) -> None:
    world = full_disk(drain_timeout="4").but(**heartbeats)
    refused(world, "no progress for 4 s in applying 1-1-9")


def test_mysql_has_no_such_proof() -> None:
    """Its GTIDs are made when the binary log is written."""
    refused(full_disk(MYSQL, drain_timeout="4"), "no progress for 4 s in applying ")


@pytest.mark.parametrize(
    ("change", "applied"), [({"a__unwritten": 1}, 8), ({"b__receiver": "Connecting"}, 7)]
)
def test_what_comes_between_two_heartbeats(change: dict[str, object], applied: int) -> None:
    """A transaction, or a new connection: two more are needed after it."""
    world = full_disk()
    world.when("sleep", **change, after=1.5)
    assert run(world).done
    assert world.time > 3.5
    assert world.b.applied == applied


def test_what_was_received_is_applied_first() -> None:
    """However long the peer has been silent by then."""
    world = full_disk().but(a__made=107, b__applies=10.0)
    assert run(world).done
    assert world.b.applied == 105
    assert world.time > 10


BROKEN = {"b__applier": "No", "b__applier_errno": 1062, "b__received": 9}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({**BROKEN, "a__trouble": None}, "stopped with error 1062: Duplicate entry '25'"),
        ({**BROKEN, "a__trouble": SILENT}, "stopped with error 1062: Duplicate entry '25'"),
        ({"b__channels": 0}, "does not replicate from the peer"),
    ],
)
def test_broken_replica(changes: dict[str, object], why: str) -> None:
    refused(World(MARIADB).but(**changes), why)
    assert run(World(MARIADB, on_broken_replica="open").but(**changes)).done


def test_it_breaks_during_the_drain() -> None:
    world = World().but(**GONE_PEER, b__received=900, b__applies=500.0, b__breaks_at=300)
    refused(world, "error 1062")
    assert world.b.applied == 299


@pytest.mark.parametrize("version", [MYSQL, MARIADB])
@pytest.mark.parametrize("trouble", [None, SILENT])
def test_a_stopped_applier_is_started(version: str, trouble: Exception | None) -> None:
    receiver = "Connecting" if trouble else "Yes"
    world = World(version).but(a__trouble=trouble, a__made=9, b__receiver=receiver)
    assert run(world.but(b__applier="No", b__received=9)).done
    assert world.b.applied == 9
    noun = "SLAVE" if version == MARIADB else "REPLICA"
    assert f"B: START {noun} SQL_THREAD" in world.log


def test_a_receiver_that_waits_is_restarted_now() -> None:
    """Not in connect_retry seconds. Once."""
    world = World().but(a__made=40, b__receiver="Connecting")
    assert run(world).done
    world.order("A: SET GLOBAL", "B: STOP REPLICA IO_THREAD", "B: START REPLICA IO_THREAD", OPENED)
    assert world.log.count("B: START REPLICA IO_THREAD") == 1
    assert world.b.applied == 40


def test_a_receiver_is_left_alone_while_the_peer_is_dead() -> None:
    world = World().but(**GONE_PEER, b__received=40, b__applies=10.0)
    assert run(world).done
    assert "IO_THREAD" not in " ".join(world.log)


STOPPED = {"b__receiver": "No", "b__applier": "No", "b__received": 9, "a__made": 9}


def test_mariadb_with_both_threads_stopped_and_a_dead_peer() -> None:
    """To start one would throw the relay log away (mysql.md, finding 2)."""
    world = World(MARIADB).but(a__trouble=REFUSED, **STOPPED)
    refused(world, "both replication threads are stopped")
    assert world.b.received == 9


@pytest.mark.parametrize("version", [MYSQL, MARIADB])
def test_both_threads_stopped_and_the_peer_there(version: str) -> None:
    world = World(version).but(**STOPPED)
    assert run(world).done
    assert world.b.applied == 9


@pytest.mark.parametrize("version", [MYSQL, MARIADB])
def test_transactions_of_our_own_that_we_lost(version: str) -> None:
    """The peer has more of ours than we have: they can never come."""
    world = World(version).but(b__made=6)
    refused(world, "transactions of this server that it no longer has")


@pytest.mark.parametrize("version", [MYSQL, MARIADB])
def test_a_person_is_told_how_far_the_drain_is(version: str) -> None:
    world = World(version).but(a__made=40, a__access=CLOSED, b__applies=10.0)
    said: list[str] = []
    world.node.telling.progress = said.append  # type: ignore[method-assign]
    world.node.telling.verbose = True
    assert run(world).done
    left = [int(line.split()[0]) for line in said if "transactions left" in line]
    assert len(left) >= 2
    assert left == sorted(left, reverse=True)
