"""The VIP has left: cut the clients that came through it, so that they come back to where it is.

Their connections would go on writing to a member that is no longer the one to write to; the engine
bears that, they only pay for it (deadlocks, 3100). With writers = one this member is closed first.
Group Replication sets read_only by itself, and is never told to.
"""

from __future__ import annotations

from kachecks.bounded import Budget
from kachecks.cluster.facts import Galera
from kachecks.cluster.probe import probe
from kachecks.mysql import queries
from kachecks.mysql.errors import NO_SUCH_THREAD, SessionError
from kachecks.mysql.probe import processlist
from kachecks.mysql.session import Session
from kachecks.node import Node
from kachecks.transitions.clients import is_ours
from kachecks.transitions.record import Outcome, Steps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kachecks.mysqld_process import Process


def depart(node: Node, steps: Steps, patience: float) -> Outcome:
    """Close, where that is ours to do, and cut. Nothing that fails here keeps the VIP."""
    budget = Budget(node.clock, patience)
    try:
        session = node.servers.connect_local(budget.left())
    except SessionError as error:
        cut = _cut_without_session(node)
        return _outcome(cut, f"its server cannot be asked: {error}")
    try:
        closed = _close(node, session, budget)
        if closed:
            steps.done("close writes")
        cut = _cut(node, session, budget)
        steps.done("cut clients of the VIP")
        return _outcome(cut, closed, changed=bool(closed))
    except SessionError as error:
        return _outcome(0, f"its server has not answered: {error}")
    finally:
        session.close()
        node.marks.unmark_open()


def _outcome(cut: int, said: str, changed: bool = False) -> Outcome:
    clients = (
        f"{cut} client connections through the VIP were cut"
        if cut
        else ("no client is connected through the VIP")
    )
    why = "; ".join(filter(None, (clients, said)))
    return Outcome("demote", "left", why, done=True, changed=changed or bool(cut))


def _close(node: Node, session: Session, budget: Budget) -> str:
    """Make a member of Galera read_only, with writers = one; what was done. Raises SessionError."""
    if node.config.writers != "one":
        return ""
    member = probe(session, budget)
    if not isinstance(member, Galera) or member.read_only:
        return ""
    session.execute(queries.prepare_to_close(session.version), budget.left())
    try:
        session.execute(queries.close_writes(session.version), budget.left())
    except SessionError as error:  # as LOCK TABLES holds it up; who is cut cannot write either
        return f"read_only cannot be set: {error}"
    return "read_only is on now"


def _cut(node: Node, session: Session, budget: Budget) -> int:
    """How many were cut: by shutting their sockets, which needs no SQL and no quorum, else by KILL.
    Raises SessionError."""
    process = node.servers.process_of(session)
    if process is not None and process.known:
        cut = _shut(node, process)
        if cut is not None:
            return cut
    ports = node.servers.connections_through_vip()
    kills = [
        queries.kill(row["Id"] or "0")
        for row in processlist(session, budget.left())
        if _port(row["Host"]) in ports and not is_ours(row, (node.config.local.user,))
    ]
    errors = session.execute_each(kills, budget.left(), 1.0) if kills else []
    return len([each for each in errors if each is None or each.errno == NO_SUCH_THREAD])


def _cut_without_session(node: Node) -> int:
    process = node.marks.last_server()
    if process is None or not process.known or not node.servers.alive(process):
        return 0
    return _shut(node, process) or 0


def _shut(node: Node, process: Process) -> int | None:
    """None where this kernel, or this account, cannot do that."""
    try:
        return len(node.servers.end_sessions_through_vip(process))
    except OSError as error:
        node.telling.progress(f"  sockets cannot be shut: {error}")
        return None


def _port(host: str | None) -> int:
    """Of ``10.0.0.9:40000`` in a process list; -1 where there is none."""
    port = (host or "").rpartition(":")[2]
    return int(port) if port.isdecimal() else -1
