"""Before a switchover: every reason against it at once (simulation.py)."""

from __future__ import annotations

import pytest

from kachecks.commands.switchover.preflight import look_at_both, objections
from kachecks.keepalived.process import KeepalivedError
from kachecks.mysql.facts import Version
from kachecks.mysql.session import ServerError
from kachecks.state.maintenance_mark import in_local_time
from kachecks.state.marks import GaveWay
from tests.unit.doubles.simulation import CLOSED, MARIADB, MUTE, MYSQL, OPEN, REFUSED, Client, World
from tests.unit.doubles.switchovers import active


def found(world: World, force: bool = False) -> list[str]:
    seen = look_at_both(world.node)
    assert world.b.access == OPEN
    assert not any("SET GLOBAL" in line or "permit" in line for line in world.log)
    assert world.sessions_left == []
    return objections(seen, world.node.config, force)


@pytest.mark.parametrize("version", [MYSQL, MARIADB])
def test_nothing_in_the_way(version: str) -> None:
    world = active(version)
    world.b.add(Client("app", transaction=5))
    world.b.add(Client("system user", transaction=100))
    world.a.lag, world.a.of_b = "2", 5
    assert found(world) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"gave_way": GaveWay(0, "superseded")}, "has given way: superseded"),
        ({"locked_by": "promote"}, "is at work here, to promote"),
        ({"keepalived__running": False}, "no keepalived runs here"),
        ({"keepalived__error": KeepalivedError("two of them")}, "two of them"),
        ({"b__trouble": REFUSED}, "check [client] in k.cnf"),
        ({"a__trouble": MUTE}, "the peer: no answer"),
        ({"a__trouble": ServerError(1045, "denied")}, "check [peer] in k.cnf"),
        ({"a__access": OPEN}, "the peer is open too"),
        ({"a__ignored": "app"}, "the peer: replication from 10.0.0.1 leaves something out"),
        ({"a__channels": 0}, "the peer: it does not replicate"),
        ({"a__applier": "No"}, "the peer: its applier has stopped"),
        ({"a__applier": "No", "a__applier_errno": 1062}, "error 1062: Duplicate entry '25'"),
        ({"a__receiver": "Connecting"}, "the peer: its receiver is not connected"),
        (
            {"a__lag": "3", "a__of_b": 5},
            "the peer: it is 3 s behind, more than 2 s: wait, or --force",
        ),
        ({"a__number": 2}, "server_id"),
        ({"b__source_id": 9}, "a different cluster's data"),
        ({"vip": False}, "run this on the active node"),
        ({"network__no_vrrp": True}, "no keepalived runs there"),
    ],
)
def test_what_is_in_the_way(changes: dict[str, object], said: str) -> None:
    (sentence,) = found(active().but(**changes))
    assert said in sentence


def test_a_peer_that_is_not_closed_is_told_in_its_own_words() -> None:
    """MariaDB 12 knows no super_read_only."""
    seen = look_at_both(active().node)
    assert seen.peer is not None
    ajar = seen.peer._replace(version=Version(True, (12, 0, 2)), closed=False)
    same = seen.local and seen.local._replace(version=ajar.version)
    (said,) = objections(seen._replace(local=same, peer=ajar), active().node.config)
    assert said.endswith("SET GLOBAL read_only = 'NO_LOCK_NO_ADMIN' there")


WAITS = Client("system user", command="Connect", state="Waiting for global read lock")


def test_a_reader_that_holds_up_the_peers_applier() -> None:
    """Nobody could write until that has ended: a backup of hours, perhaps."""
    world = active().but(a__of_b=5)
    world.a.add(WAITS)
    (sentence,) = found(world)
    assert "the peer's applier is waiting for global read lock" in sentence
    assert found(world, force=True) == []


def test_appliers_that_meet_for_a_moment_are_not_held_up() -> None:
    world = active().but(a__of_b=5)
    world.a.add(WAITS)
    meeting = world.a.last_id
    world.when("sleep", lambda: world.a.clients.pop(meeting) and None)
    assert found(world) == []


def test_a_peer_that_has_everything_waits_for_nothing() -> None:
    world = active()
    world.a.add(WAITS)
    assert found(world) == []


def test_maintenance_is_in_the_way() -> None:
    world = active()
    world.declare(in_local_time(0, 4e9, "kim", "disks"))
    (sentence,) = found(world)
    assert "by kim: disks; end it" in sentence


def test_a_closed_server() -> None:
    world = active().but(b__access=CLOSED)
    seen = look_at_both(world.node)
    (sentence,) = objections(seen, world.node.config)
    assert "this node's server is closed" in sentence


def test_a_long_transaction() -> None:
    world = active()
    world.b.add(Client("app", transaction=6))
    (sentence,) = found(world)
    assert "of app has a transaction open for 6 s" in sentence


def test_what_an_operator_may_know_better() -> None:
    world = active()
    world.b.add(Client("app", transaction=6))
    world.a.lag, world.a.of_b = "60", 5
    world.network.no_vrrp = True
    assert len(found(world)) == 3
    assert found(world, force=True) == []


def test_without_the_right_to_knock() -> None:
    """Not known is no objection: should nobody take the VIP, it comes back."""
    assert found(active().but(network__errors={"vrrp?": PermissionError()})) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"b__applier": "No", "b__applier_errno": 1062}, "APPLIER_STOPPED"),
        ({"b__ignored": "app"}, "NOT_REPLICATING"),
        ({"b__channels": 0}, "NOT_REPLICATING"),
        ({"b__receiver": "Connecting"}, "RECEIVER_STOPPED"),
        ({"b__lag": "31", "b__applied": 4, "b__applies": 0}, "LAG"),
    ],
)
def test_a_node_that_could_not_take_the_vip_back(changes: dict[str, object], said: str) -> None:
    """Open, it keeps the VIP with an alert; closed, it would fail as a standby."""
    world = active().but(**changes)
    (sentence,) = found(world)
    assert f"could not take the VIP back: {said}" in sentence
    assert found(world, force=True) == []


def test_a_lag_of_this_node_that_gtids_disprove() -> None:
    assert found(active().but(b__lag="236411")) == []


def test_every_reason_at_once() -> None:
    world = active().but(keepalived__running=False, a__applier="No")
    world.b.add(Client("app", transaction=60))
    assert len(found(world)) == 3
