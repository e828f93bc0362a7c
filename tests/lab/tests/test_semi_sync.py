"""Semi-synchronous replication, as the my.cnf snippets have it in comments, holds commits back."""

import time

import pytest

from tests.lab.pairs.node import Node
from tests.lab.pairs.pair import Pair
from tests.lab.servers.flavours import ALL_FLAVOURS
from tests.lab.tests.shared_pair import shared_pair

PATIENCE = 1.0
"""Seconds that a commit waits for the other node."""


def with_a_table_and_open(pair: Pair) -> None:
    pair.open(pair.a)
    pair.a.sql("CREATE TABLE app.t (id INT AUTO_INCREMENT PRIMARY KEY, word TEXT)")
    pair.wait_replication_caught_up()
    for node in pair.nodes:
        pair.open(node)


pair = shared_pair(ALL_FLAVOURS, ready=with_a_table_and_open, semi_sync=PATIENCE)


@pytest.mark.parametrize("source", ["a", "b"])
def test_commits_wait_for_the_other_node(pair: Pair, source: str) -> None:
    """Both ways, for the roles change."""
    node = getattr(pair, source)
    replica = pair.other(node)
    assert _seconds_of_a_commit(node) < PATIENCE / 2
    pair.receiver(replica, "STOP")
    assert PATIENCE <= _seconds_of_a_commit(node) < PATIENCE + 1
    pair.receiver(replica, "START")
    pair.wait_replication_caught_up()
    pair.wait_semi_sync()
    assert _seconds_of_a_commit(node) < PATIENCE / 2


def _seconds_of_a_commit(node: Node) -> float:
    begin = time.monotonic()
    node.sql("INSERT INTO app.t (word) VALUES ('word')")
    return time.monotonic() - begin
