"""Semi-synchronous replication, as the my.cnf snippets have it in comments, holds commits back."""

import time
from collections.abc import Iterator

import pytest

from tests.lab.pairs.node import Node
from tests.lab.pairs.pair import Pair
from tests.lab.servers.flavours import ALL_FLAVOURS

PATIENCE = 1.0
"""Seconds that a commit waits for the other node."""


@pytest.fixture(scope="module", params=ALL_FLAVOURS.values(), ids=ALL_FLAVOURS.keys())
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    with Pair(request.param, semi_sync=PATIENCE) as pair:
        pair.open(pair.a)
        pair.a.sql("CREATE TABLE app.t (id INT AUTO_INCREMENT PRIMARY KEY, word TEXT)")
        pair.wait_replication_caught_up()
        for node in pair.nodes:
            pair.open(node)
        yield pair


@pytest.mark.parametrize("source", ["a", "b"])
def test_commits_wait_for_the_other_node(pair: Pair, source: str) -> None:
    """Both ways, for the roles change."""
    node = getattr(pair, source)
    replica = pair.other(node)
    assert _seconds_of_a_commit(node) < PATIENCE / 2
    words = "REPLICA" if node.flavour.name.startswith("mysql") else "SLAVE"
    replica.sql(f"STOP {words} IO_THREAD")
    assert PATIENCE <= _seconds_of_a_commit(node) < PATIENCE + 1
    replica.sql(f"START {words} IO_THREAD")
    pair.wait_replication_caught_up()
    pair.wait_semi_sync()
    assert _seconds_of_a_commit(node) < PATIENCE / 2


def _seconds_of_a_commit(node: Node) -> float:
    begin = time.monotonic()
    node.sql("INSERT INTO app.t (word) VALUES ('word')")
    return time.monotonic() - begin
