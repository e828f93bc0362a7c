"""kachecks rejoin on real servers: a node comes back with transactions that only it has."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from tests.lab.pairs.commands import said_in_json
from tests.lab.pairs.node import Node
from tests.lab.pairs.pair import Pair
from tests.lab.servers.flavour import Flavour
from tests.lab.servers.flavours import MYSQL


@contextlib.contextmanager
def pair_with_a_table(flavour: Flavour) -> Iterator[Pair]:
    with Pair(flavour, suite="kachecks") as pair:
        pair.a.sql("CREATE TABLE app.t (id INT PRIMARY KEY)")
        pair.wait_replication_caught_up()
        yield pair


def test_a_tail_is_counted_and_flows_back(flavour: Flavour) -> None:
    with pair_with_a_table(flavour) as pair:
        a, b = pair.nodes
        pair.wait_until(lambda: rejoin(b)["status"] == 0, 10, "B to be fit")
        assert rejoin(a)["status"] == 0

        _returns_with_a_tail(pair)
        back = rejoin(a)
        assert (back["status"], codes(back)) == (2, ["RECEIVER_STOPPED"])
        assert (back["only_here"]["transactions"], back["only_there"]["transactions"]) == (3, 0)
        assert pair.is_open(b)
        assert not pair.is_open(a)

        pair.receiver(b, "START")
        pair.wait_until(lambda: rejoin(a)["status"] == 0, 20, "A to be back")
        assert rejoin(b)["status"] == 0
        assert pair.tables_equal()


def test_a_tail_that_collides(flavour: Flavour) -> None:
    with pair_with_a_table(flavour) as pair:
        a, b = pair.nodes
        _returns_with_a_tail(pair)
        b.sql("INSERT INTO app.t VALUES (2)")  # as the last one of A's tail
        pair.receiver(b, "START")
        pair.wait_until(lambda: codes(rejoin(a)) == ["APPLIER_ERROR"] * 2, 15, "1062 on both")
        for node, active in ((a, False), (b, True)):
            said = rejoin(node)
            assert said["status"] == 2
            assert said["only_here"]["transactions"] == 1
            assert said["only_there"]["transactions"] == 1
            choices = " ".join(each for found in said["findings"] for each in found["choices"])
            assert ("rebuild the other node from this node" in choices) is active
            assert ("rebuild this node from the other node" in choices) is not active


def test_what_mysql_has_purged() -> None:
    with pair_with_a_table(MYSQL) as pair:
        a, b = pair.nodes
        pair.receiver(b, "STOP")
        a.sql("INSERT INTO app.t VALUES (1)")
        a.sql("FLUSH BINARY LOGS")
        newest = next(iter(a.sql("SHOW BINARY LOGS")[-1].values()))
        a.sql(f"PURGE BINARY LOGS TO '{newest}'")
        stopped = rejoin(b)
        assert codes(stopped) == ["PURGED", "RECEIVER_STOPPED"]
        assert stopped["only_there"]["purged"] == stopped["only_there"]["gtids"]
        pair.receiver(b, "START")
        pair.wait_until(lambda: codes(rejoin(b)) == ["PURGED", "RECEIVER_ERROR"], 15, "1236")
        assert rejoin(b)["status"] == 2


def _returns_with_a_tail(pair: Pair) -> None:
    """A comes back, closed, with three rows; B serves, and its receiver is stopped."""
    a, b = pair.nodes
    pair.receiver(b, "STOP")
    a.sql("INSERT INTO app.t VALUES (0)")
    a.sql("INSERT INTO app.t VALUES (1)")
    a.sql("INSERT INTO app.t VALUES (2)")
    missing = rejoin(b)
    assert (missing["status"], codes(missing)) == (2, ["RECEIVER_STOPPED"])
    assert missing["only_there"]["transactions"] == 3
    a.power_off()
    pair.wait_until(lambda: pair.is_serving(b), 15, "B to serve")
    away = rejoin(b)
    assert (away["status"], codes(away), away["other"]) == (1, ["PEER_AWAY"], None)
    a.power_on()
    a.start_mysqld()
    a.start_keepalived()


def rejoin(node: Node) -> dict[str, Any]:
    """What it says; the exit status is the same."""
    status, said = said_in_json(node, "rejoin")
    assert said["status"] == status
    return said


def codes(said: dict[str, Any]) -> list[str]:
    return [each["code"] for each in said["findings"]]
