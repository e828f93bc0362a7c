"""Close this node's server for writes, whatever it takes. Safe at any time, any number of times.

The steps are: connect, close while cutting clients, read back, cut once more. A server that was
open and will not close gets SIGKILL. Replication goes on.
"""

from __future__ import annotations

from kachecks.bounded import Budget
from kachecks.lean import NamedTuple, suppress
from kachecks.mysql import positions, prepared, queries
from kachecks.mysql.ability import why_not_a_pair
from kachecks.mysql.errors import CONNECTIONS_USED_UP, NOT_ALLOWED, BrokenAnswer, grants_files
from kachecks.mysql.facts import Access
from kachecks.mysql.probe import probe, probe_access, processlist
from kachecks.mysql.session import (
    DriverError,
    Lost,
    Refused,
    ServerError,
    Session,
    SessionError,
    ask,
)
from kachecks.mysqld_process import Process
from kachecks.node import Node
from kachecks.state.files import StateError
from kachecks.transitions.closing import Closed, Closing, NotClosed
from kachecks.transitions.first_cut import Silence
from kachecks.transitions.orderly_stop import ENDED, OrderlyStop
from kachecks.transitions.record import Outcome, Steps
from kachecks.transitions.semi_sync import note, switch_on_again

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from kachecks.mysql.facts import Row

FRESH_LOOK = 0.5
"""Seconds for the last look at a server before it is killed, or half of the patience if that is
less."""

LAST_LOOK_AT_MUTE = 0.2
"""The same where it was just mute for hung_after."""

CUT_READERS = 0.2
"""Seconds for cutting readers of the binary log; a KILL takes 2 ms at most."""

SECOND_ATTEMPT = 2.0
"""Seconds to close a server that was mute but answers the last look."""

HURRY = 1.0
"""With so few seconds of patience (an isolated node) there is no time for a second attempt of
SECOND_ATTEMPT."""


class ClosedServer(NamedTuple):
    """This node's server, read back as closed."""

    now: Closed | None  # None: it was closed before
    position: str  # all that it has committed, "" where that could not be asked


def demote(node: Node, steps: Steps, patience: float) -> Outcome:
    """Close this node's server within about ``patience`` seconds, if need be by killing it.

    The caller holds the lock, or has waited for it long enough: closing needs no lock.
    """
    last_look = min(FRESH_LOOK, patience / 2)
    connect = patience - last_look
    # In notify_stop a server that has just taken a connection is not given up for a last look.
    budget = Budget(node.clock, patience if patience < HURRY else connect)
    try:
        return _close(node, steps, budget, connect)
    except Refused as refusal:
        return _wait_for_death(node, steps, budget, last_look, refusal)
    except NotClosed as error:
        return _last_resort(node, steps, last_look, str(error), try_again=0.0)
    except (ServerError, DriverError) as error:
        return _not_closed(f"the server cannot be closed: {error}{_cure(error)}")
    except SessionError as error:
        # While this node is isolated the other one opens by the clock, whatever is tried here.
        again = last_look if patience <= HURRY else SECOND_ATTEMPT
        return _last_resort(node, steps, last_look, str(error), try_again=again)


def demote_mute(node: Node, steps: Steps, why: str) -> Outcome:
    """Close a server that counts as hung, as it was just mute for hung_after: after one more
    look."""
    return _last_resort(node, steps, LAST_LOOK_AT_MUTE, why, try_again=SECOND_ATTEMPT)


def close_server(node: Node, steps: Steps, budget: Budget, connect: float) -> ClosedServer:
    """Connect to this node's server and close it. Only client connections are killed.

    Args:
        connect: seconds to connect.

    Raises:
        NotClosed, SessionError: it still takes writes, or may take them.
    """
    mark = node.marks.open_mark()
    session = _connect(node, budget, connect)
    steps.done("connect")
    try:
        access = _access(session, budget.left(at_most=1.0))
        if access.closed and mark is None:
            with suppress(SessionError):
                switch_on_again(node, session)
            with suppress(OSError):
                if not node.network.vip_here():
                    cut_readers(node, session, budget)
            return ClosedServer(None, "")
        of_cluster = _of_cluster(session, budget) if mark is None else ""
        if of_cluster:
            raise ServerError(0, of_cluster)
        if access.writable:
            with suppress(StateError, OSError):  # what cannot be noted must still be closed
                node.marks.mark_open(node.servers.process_of(session))
        return _close_open(node, steps, budget, session)
    finally:
        session.close()


def _close_open(node: Node, steps: Steps, budget: Budget, session: Session) -> ClosedServer:
    """Raises NotClosed, SessionError."""

    def again(seconds: float) -> Session:
        return _connect(node, Budget(node.clock, seconds), seconds)

    closing = Closing(session, node.clock, budget, own_users(node), again)
    try:
        closed = closing.close(
            shut=lambda: _shut(node, closing.session),
            note=lambda variables: note(node, closing.session, variables),
            told=Silence(
                node.servers.connect_local, lambda hosts: _silence(node, closing.session, hosts)
            ),
        )
        steps.done("close")
        _unmark(node)
        return _after_closing(node, steps, budget, closing.session, closed)
    finally:
        closing.session.close()


def _silence(node: Node, session: Session, hosts: Collection[str]) -> None:
    """Nobody is told OK for a commit that the other node may never get."""
    if session.server_pid() is None:
        return
    with suppress(OSError, SessionError):
        process = node.servers.process_of(session)
        if process is not None and process.known:
            node.servers.end_clients(process, hosts)


def _shut(node: Node, session: Session) -> set[str]:
    """Shut the sockets of those who came through the VIP: MySQL 9.7 takes 0.7 ms for each KILL of
    thousands, and the VIP would wait for that. They learn it at once, and come back through the
    VIP.

    Their hosts; nobody's where it cannot be done: then each is cut by KILL.
    """
    with suppress(OSError, SessionError):
        process = node.servers.process_of(session)
        if process is not None and process.known:
            return node.servers.end_sessions_through_vip(process)
    return set()


def _after_closing(
    node: Node, steps: Steps, budget: Budget, session: Session, closed: Closed
) -> ClosedServer:
    """What is left to do, and cannot be done everywhere: the process list last, as it may be too
    much for this session."""
    position = ""
    with suppress(SessionError):
        _stop_events(node, session, budget)
        switch_on_again(node, session)
        left = prepared.may_still_commit(session, budget.left(at_most=1.0))
        closed = closed._replace(remark=closed.remark + left)
        position = positions.executed(session, budget.left(at_most=1.0)).gtids
    readers = cut_readers(node, session, budget)
    if readers:
        steps.done(f"cut {readers} readers of the binary log")
    return ClosedServer(closed, position)


def _access(session: Session, seconds: float) -> Access:
    """Neither open nor closed where the answer is broken: then it is closed all the same, and what
    counts is how it is read back. Raises SessionError."""
    try:
        return probe_access(session, seconds)
    except BrokenAnswer:
        return Access(writable=False, closed=False)


def _of_cluster(session: Session, budget: Budget) -> str:
    """Says that this server, which no check has noted as an open one of a pair, belongs to a
    cluster. Where that cannot be told it must be closed."""
    seconds = min(1.0, budget.left() / 8)  # for each statement: the closing needs the rest
    with suppress(SessionError):
        in_group = not session.version.mariadb and probe(session, seconds).group_member
        return why_not_a_pair(session, in_group, seconds)
    return ""


def cut_readers(node: Node, session: Session, budget: Budget) -> int:
    """Cut those who read this closed server's binary log through the VIP, such as change data
    capture; how many.

    A reader only listens, so it would stay here for ever, and miss what the other node writes or
    get it late. It comes back through the VIP. Who came by this node's own address, as the peer and
    other replicas do, stays. What cannot be done here does no harm to closing.
    """
    with suppress(SessionError, OSError):
        ports = node.servers.connections_through_vip()
        if not ports:
            return 0
        rows = processlist(session, budget.left(at_most=1.0))
        kills = [queries.kill(row["Id"] or "0") for row in rows if _reads_from(row, ports)]
        errors = session.execute_each(
            kills, budget.left(at_most=CUT_READERS), budget.left(at_most=1.0)
        )
        return sum(error is None for error in errors)
    return 0


def _reads_from(row: Row, ports: set[int]) -> bool:
    port = (row["Host"] or "").rpartition(":")[2]
    reads = (row["Command"] or "").startswith("Binlog Dump")
    return reads and port.isdecimal() and int(port) in ports


def _close(node: Node, steps: Steps, budget: Budget, connect: float) -> Outcome:
    """As close_server, with the outcome for the audit log."""
    closed, position = close_server(node, steps, budget, connect)
    if closed is None:
        why = "the server is closed"
        return Outcome("demote", "already closed", why, done=True, changed=False)
    why = f"closed for writes, {closed.cut} client connections cut{closed.remark}"
    return Outcome("demote", "closed", why, done=True, changed=True, position=position)


def own_users(node: Node) -> frozenset[str]:
    """The accounts of kachecks on both nodes; what its programs do with them is never cut."""
    return frozenset({node.config.local.user, node.config.remote.user})


def _connect(node: Node, budget: Budget, seconds: float) -> Session:
    """Connect; try again if the server has no connection left, or has just dropped ours."""
    pause = 0.005
    while True:
        try:
            return node.servers.connect_local(max(min(seconds, budget.left()), 0.05))
        except Lost:
            if budget.over:
                raise
        except ServerError as error:
            if error.errno not in CONNECTIONS_USED_UP or budget.over:
                raise
        node.clock.sleep(pause)
        pause = min(2 * pause, 0.05)


def _wait_for_death(
    node: Node, steps: Steps, budget: Budget, last_look: float, refusal: Refused
) -> Outcome:
    """Wait for a server whose port is closed: while it shuts down it may go on committing for
    seconds."""
    mark = node.marks.open_mark()
    process = mark if mark is not None and mark.known else node.marks.last_server()
    cut_off = node.cut_off_server()
    if cut_off:
        return _not_closed(f"{refusal}, {cut_off}")
    known = process is not None and process.known
    stopped = OrderlyStop(node, process).wait(budget) if process and known else ENDED
    if stopped.gets_on and mark is not None:
        return _not_closed(stopped.why)
    if not stopped.done:
        return _last_resort(node, steps, last_look, f"{refusal}, but {stopped.why}", try_again=0.0)
    if mark is not None:
        _unmark(node)
    steps.done("wait for mysqld's end")
    outcome = "dead" if stopped == ENDED else "closed"
    return Outcome("demote", outcome, stopped.why, done=True, changed=mark is not None)


def _last_resort(node: Node, steps: Steps, last_look: float, why: str, try_again: float) -> Outcome:
    """Take one more look at a server that would not close, and then send SIGKILL if it was open.

    A server that wakes up later would finish its commits after the other node has opened. Only the
    very process that carries the open mark is killed, since one that was never opened has nothing
    to commit. A server that was mute and answers now gets ``try_again`` more seconds to be closed
    after all.
    """
    mark = node.marks.open_mark()
    if mark is None:
        return _unmarked(node, last_look, why)
    if mark.known and not node.servers.alive(mark):
        return _ended(node, "mysqld has ended")
    try:
        if try_again:
            return _close(node, steps, Budget(node.clock, try_again), last_look)
        if _closed_after_all(node, last_look):
            _unmark(node)
            return Outcome("demote", "closed", why, done=True, changed=True)
    except (ServerError, DriverError) as error:  # alive: no reason to kill
        return _not_closed(f"the server cannot be closed: {error}{_cure(error)}")
    except (NotClosed, SessionError):
        pass
    steps.done("last look")
    if not mark.known:
        return _unmarked(node, last_look, why)
    return kill_open_server(node, steps, why)


def kill_open_server(node: Node, steps: Steps, why: str) -> Outcome:
    """Send SIGKILL to the very mysqld that carries the open mark, if stuck_mysqld allows it."""
    mark = node.marks.open_mark()
    if mark is None:
        return Outcome("demote", "left alone", why, done=True, changed=False)
    if not mark.known:
        return _stuck(f"{why}; it was open, and {UNTOLD}")
    if node.config.stuck_mysqld == "leave":
        return _stuck(f"{why}; stuck_mysqld = leave, so pid {mark.pid} is left as it is")
    try:
        if not node.servers.kill(mark):
            return _ended(node, f"{why}; then mysqld has ended")
    except PermissionError:
        return _may_not_kill(node, steps, mark, why)
    # Told before its end, as keepalived may kill this very hook (notify_stop) before a large server
    # has given its memory back.
    killing = f"{why}; SIGKILL was sent to pid {mark.pid}, which was open"
    steps.record(Outcome("demote", "killing", killing, done=True, changed=True), KILL_ALLOWED)
    ended = node.servers.wait_for_end(mark, KILLED)
    steps.done("kill")
    if not ended:
        return _stuck(
            f"{why}; SIGKILL was sent to pid {mark.pid}, which has not ended (dead disk?)"
        )
    _unmark(node)
    text = f"{why}; pid {mark.pid} was open and has been killed"
    return Outcome("demote", "killed", text, done=True, changed=True)


KILL_ALLOWED = "stuck_mysqld = kill"
"""The cause in the audit log: the option that has allowed it."""

KILLED = 2.0
"""Seconds for a process to end that was sent SIGKILL."""


def _may_not_kill(node: Node, steps: Steps, mark: Process, why: str) -> Outcome:
    """keepalived's unit lacks CAP_KILL, or may not see it: all that is left is to wait for the
    server's own end."""
    ended = node.servers.wait_for_end(mark, KILLED)
    steps.done("wait for mysqld's end")
    if not ended:
        return _not_closed(
            f"{why}; pid {mark.pid} was open, and this program may not kill it: give keepalived's"
            " unit CAP_KILL and CAP_SYS_PTRACE (kachecks doctor)"
        )
    return _ended(node, f"{why}; then mysqld has ended")


def _ended(node: Node, why: str) -> Outcome:
    """The server that carried the mark is dead."""
    _unmark(node)
    return Outcome("demote", "dead", why, done=True, changed=True)


def _unmarked(node: Node, last_look: float, why: str) -> Outcome:
    """Where no mark names a process none may be killed. That is harmless only if the server was not
    open."""
    with suppress(SessionError):
        if not _closed_after_all(node, last_look):
            return _not_closed(f"{why}; it is open, and {UNTOLD}")
    if node.marks.open_mark() is not None:
        return _stuck(f"{why}; it was open, and {UNTOLD}")
    text = f"{why}; it was not open as far as is known, so it is left alone"
    return Outcome("demote", "left alone", text, done=True, changed=False)


UNTOLD = (
    "which process it is cannot be told (it is reached by TCP, or runs in another pid namespace)"
)


def _not_closed(why: str) -> Outcome:
    """The server is alive, and goes on taking writes."""
    return Outcome("demote", "not closed", why, done=False, changed=True)


def _stuck(why: str) -> Outcome:
    """The server does not answer, and could not be made to end."""
    return Outcome("demote", "stuck", why, done=False, changed=True)


def _closed_after_all(node: Node, seconds: float) -> bool:
    """Raises SessionError."""
    session = node.servers.connect_local(seconds)
    try:
        return probe_access(session, seconds).closed
    finally:
        session.close()


def _unmark(node: Node) -> None:
    """Remove the open mark. If that fails it does no harm, as the server it names is closed or
    dead."""
    with suppress(StateError):
        node.marks.unmark_open()


def _stop_events(node: Node, session: Session, budget: Budget) -> None:
    """Switch the event scheduler off: on MariaDB before 12, events of privileged definers write
    through read_only.

    That needs SUPER, which our account has only if the operator gave it; docs/failures.md says what
    cannot be promised without it. A note lets the next promotion switch the events on again.
    """
    if not session.version.lets_admins_write:
        return
    seconds = budget.left(at_most=1.0)
    if not ask(session, queries.EVENTS, seconds, lambda rows: rows[0]["event_scheduler"] == "ON"):
        return
    try:
        session.execute(queries.SWITCH_OFF_EVENTS, budget.left(at_most=1.0))
    except ServerError as error:
        if error.errno not in NOT_ALLOWED:
            raise
    else:
        with suppress(StateError):
            node.marks.note_events_off(node.servers.process_of(session))


def _cure(error: SessionError) -> str:
    if isinstance(error, ServerError) and error.errno in NOT_ALLOWED:
        return f"; give this account the privileges of {grants_files()}"
    return ""
