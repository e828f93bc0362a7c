"""Cuts between the two nodes of a pair that leave everything else as it is."""

from __future__ import annotations

from collections.abc import Iterable

from tests.lab.pairs.node import Node
from tests.lab.pairs.pair import Pair

VRRP = ("-p", "112")
MYSQL = (("-p", "tcp", "--dport", "3306"), ("-p", "tcp", "--sport", "3306"))
"""Requests and answers: the streams of both replicas, in old connections and in new ones."""


def deafen(pair: Pair, *nodes: Node) -> None:
    """These nodes no longer hear the other one's adverts."""
    _change(pair, "-A", nodes, VRRP)


def hear_again(pair: Pair, *nodes: Node) -> None:
    """Undo `deafen`."""
    _change(pair, "-D", nodes, VRRP)


def block_sql(pair: Pair) -> None:
    """No packet of MySQL passes between the nodes; nobody is told (no RST, no ICMP)."""
    _change(pair, "-A", pair.nodes, *MYSQL)


def unblock_sql(pair: Pair) -> None:
    """Undo `block_sql`."""
    _change(pair, "-D", pair.nodes, *MYSQL)


def _change(pair: Pair, action: str, nodes: Iterable[Node], *kinds: tuple[str, ...]) -> None:
    for node in nodes:
        for link in pair.other(node).links:
            for kind in kinds:
                node.iptables(action, "INPUT", *kind, "-s", link.address, "-j", "DROP")
