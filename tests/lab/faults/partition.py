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


def reject_sql(pair: Pair, how: str, *nodes: Node) -> None:
    """These nodes refuse the other one's connections to their server, old and new: `tcp-reset`, or
    `icmp-port-unreachable`. It looks as if nobody listened."""
    _change(pair, "-A", nodes, MYSQL[0], target=("REJECT", "--reject-with", how))


def accept_sql(pair: Pair, how: str, *nodes: Node) -> None:
    """Undo `reject_sql`."""
    _change(pair, "-D", nodes, MYSQL[0], target=("REJECT", "--reject-with", how))


def end_dumps(node: Node) -> None:
    """End the connections by which others read this node's binary log."""
    for row in node.sql("SHOW PROCESSLIST"):
        thread = {key.lower(): value for key, value in row.items()}
        if str(thread["command"]).startswith("Binlog Dump"):
            node.sql(f"KILL {thread['id']}")


def _change(
    pair: Pair,
    action: str,
    nodes: Iterable[Node],
    *kinds: tuple[str, ...],
    target: tuple[str, ...] = ("DROP",),
) -> None:
    for node in nodes:
        for link in pair.other(node).links:
            for kind in kinds:
                node.iptables(action, "INPUT", *kind, "-s", link.address, "-j", *target)
