"""Prepared XA transactions are counted, told, and not lost unsaid (simulation.py)."""

from __future__ import annotations

import pytest

from kachecks.mysql.prepared import may_still_commit, prepared
from kachecks.mysql.session import ServerError
from tests.unit.doubles.demotions import ended, opened
from tests.unit.doubles.promotions import GONE_PEER, OPENED, run
from tests.unit.doubles.simulated_server import OPEN
from tests.unit.doubles.simulation import MARIADB, MYSQL, VERSIONS, World

TOLD = "2 XA transactions are prepared, which MySQL lets anybody commit although it is closed"
NOT_KNOWN = {"XA RECOVER": ServerError(1401, "XAER_RMERR")}


def test_none_are_prepared() -> None:
    assert ended(opened(MYSQL), "closed").why.endswith("0 client connections cut")


def test_a_demotion_tells_of_them() -> None:
    outcome = ended(opened(MYSQL).but(b__prepared=2), "closed")
    assert outcome.why.endswith(f"; {TOLD}")
    assert outcome.position


def test_mariadb_refuses_to_commit_them() -> None:
    assert "XA" not in ended(opened(MARIADB).but(b__prepared=2), "closed").why


def test_unknown_is_not_none() -> None:
    outcome = ended(opened(MYSQL).but(b__troubles=NOT_KNOWN), "closed")
    assert "is not known: grant XA_RECOVER_ADMIN" in outcome.why
    session = World().but(b__troubles=NOT_KNOWN).servers.connect_local(1.0)
    assert prepared(session, 1.0) is None
    assert may_still_commit(session, 1.0)


def test_they_are_counted_when_it_is_closed() -> None:
    """And the target is read after that."""
    world = World(MYSQL).but(a__access=OPEN, a__prepared=2)
    assert TOLD in run(world).why
    world.order("A: SET GLOBAL super_read_only = 1", OPENED)


def test_what_the_peer_commits_while_this_node_applies() -> None:
    """Acknowledged by a closed server: waited for once more before opening."""
    world = World(MYSQL).but(a__access=OPEN, a__prepared=2, b__applies=10.0)
    seen: list[float] = []
    world.when("GTID_SUBTRACT", a__made=9)  # the target has been read
    world.when("SET GLOBAL read_only = 0", lambda: seen.append(int(world.b.applied)))
    assert run(world).done
    assert seen == [9]


@pytest.mark.parametrize("version", VERSIONS)
def test_those_here_are_told_of_when_it_opens(version: str) -> None:
    """Received by replication: each holds its row locks."""
    world = World(version).but(**GONE_PEER, b__prepared=1)
    assert run(world).why.endswith("; 1 XA transaction is prepared here, waiting to be ended")
