"""Cut those who came to this closed server through the VIP: its move would leave them behind."""

from __future__ import annotations

from kachecks.bounded import Budget
from kachecks.lean import suppress
from kachecks.mysql import queries
from kachecks.mysql.probe import processlist
from kachecks.mysql.session import Session, SessionError
from kachecks.node import Node
from kachecks.transitions.clients import is_ours

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Callable

    from kachecks.mysql.facts import Row

CUT_READERS = 0.2
"""Seconds for cutting readers of the binary log; a KILL takes 2 ms at most."""

LEFT_BEHIND = 4.0
"""Seconds at most to cut the others by KILL when the VIP has gone: they are in nobody's way."""


def cut_left_behind(node: Node, session: Session, budget: Budget, spared: Collection[str]) -> None:
    """Cut those who came through the VIP, now that it has gone and this server is closed: nothing
    that they send gets here any more.

    Args:
        spared: users whose sessions are never cut if kachecks has made them.
    """
    process = node.servers.process_of(session)
    if process is not None and process.known:
        with suppress(OSError):
            node.servers.end_sessions_through_vip(process)
            return
    _cut_through_vip(node, session, budget, LEFT_BEHIND, lambda row: not is_ours(row, spared))


def cut_readers(node: Node, session: Session, budget: Budget) -> int:
    """Cut those who read this closed server's binary log through the VIP, such as change data
    capture; how many.

    A reader only listens, so it would stay here for ever, and miss what the other node writes or
    get it late. It comes back through the VIP. Who came by this node's own address, as the peer and
    other replicas do, stays.
    """
    return _cut_through_vip(node, session, budget, CUT_READERS, _reads)


def _cut_through_vip(
    node: Node, session: Session, budget: Budget, seconds: float, which: Callable[[Row], bool]
) -> int:
    """How many were cut. What cannot be done here does no harm to closing."""
    with suppress(SessionError, OSError):
        ports = node.servers.connections_through_vip()
        if not ports:
            return 0
        rows = processlist(session, budget.left(at_most=1.0))
        rows = [row for row in rows if _port(row) in ports and which(row)]
        kills = [queries.kill(row["Id"] or "0") for row in rows]
        errors = session.execute_each(kills, budget.left(at_most=seconds), budget.left(at_most=1.0))
        return sum(error is None for error in errors)
    return 0


def _port(row: Row) -> int:
    port = (row["Host"] or "").rpartition(":")[2]
    return int(port) if port.isdecimal() else 0


def _reads(row: Row) -> bool:
    return (row["Command"] or "").startswith("Binlog Dump")
