"""Close this node's server for writes, whatever it takes. Safe at any time, any number of times.

The steps: connect; close while cutting clients; read back; cut once more; and for a server that
will not close, SIGKILL. Replication goes on.
"""

from __future__ import annotations

from kachecks.bounded import Budget
from kachecks.lean import NamedTuple, suppress
from kachecks.mysql import positions, queries
from kachecks.mysql.facts import Version
from kachecks.mysql.probe import probe_access, version_of
from kachecks.mysql.session import DriverError, Lost, Refused, ServerError, Session, SessionError
from kachecks.node import Node
from kachecks.state.files import StateError
from kachecks.transitions.clients import Cutter
from kachecks.transitions.record import Outcome, Steps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Callable

LOCK_WAIT_TIMEOUT = 1205
BUSY = frozenset({1040, 1203, 1226})  # connections used up; an administrator's place may get free
ACCESS_DENIED = frozenset({1142, 1143, 1227})

FRESH_LOOK = 0.5
"""Seconds for the last look at a server before it is killed; half of a shorter patience."""

SECOND_ATTEMPT = 2.0
"""Seconds to close a server that was mute and answers the last look."""

HURRY = 1.0
"""Seconds of patience that leave no time for a second attempt (an isolated node). Fewer than that
(notify_stop) leave none to cut many clients before closing."""

CUT_FIRST = 0.5
"""Seconds for cutting clients before the first attempt to close, and no more than a third of all:
enough for some hundred. The others are cut when it is closed, or waits for one of them."""

CUT_LAST = 0.8
"""Part of the time left in which the others are cut; the rest is for what comes after."""

CLOSING = 1.0
"""Seconds for which a server waits for what keeps it from closing (lock_wait_timeout)."""

QUIET = 0.5
"""Seconds without a session that could write through read_only (MariaDB before 12)."""


class NotClosed(Exception):
    """The server still takes writes, or somebody may; the text says why."""


class Closed(NamedTuple):
    """A server that has been read back as closed."""

    cut: int  # client connections
    remark: str = ""  # what could not be done after that
    quiet: bool = True  # False: an account that may write through read_only keeps coming back


class ClosedServer(NamedTuple):
    """This node's server, read back as closed."""

    now: Closed | None  # None: it was closed before
    position: str  # all that it has committed, "" where that could not be asked


def demote(node: Node, steps: Steps, patience: float) -> Outcome:
    """Close this node's server within about ``patience`` seconds, by killing it if need be.

    The caller holds the lock, or has waited for it long enough: closing needs no lock.
    """
    last_look = min(FRESH_LOOK, patience / 2)
    budget = Budget(node.clock, patience - last_look)
    hurry = patience < HURRY
    try:
        return _close(node, steps, budget, budget.left(), cut_first=not hurry)
    except Refused as refusal:
        return _wait_for_death(node, steps, budget, last_look, refusal)
    except NotClosed as error:
        return _last_resort(node, steps, last_look, str(error), try_again=0.0)
    except (ServerError, DriverError) as error:
        return _not_closed(f"the server cannot be closed: {error}{_cure(error)}")
    except SessionError as error:
        # The other node opens by the clock beside an isolated one, whatever this one still tries.
        again = last_look if patience <= HURRY else SECOND_ATTEMPT
        return _last_resort(node, steps, last_look, str(error), try_again=again)


def demote_mute(node: Node, steps: Steps, why: str) -> Outcome:
    """Close a server that has just been mute for as long as counts as hung: one more look."""
    return _last_resort(node, steps, FRESH_LOOK, why, try_again=SECOND_ATTEMPT)


def close_server(
    node: Node, steps: Steps, budget: Budget, connect: float, cut_first: bool = True
) -> ClosedServer:
    """Connect to this node's server and close it; nothing is killed but client connections.

    Args:
        connect: seconds to connect.

    Raises:
        NotClosed, SessionError: it takes writes, or may.
    """
    mark = node.marks.open_mark()
    session = _connect(node, budget, connect)
    steps.done("connect")
    try:
        version = version_of(session)
        access = probe_access(session, budget.left(at_most=1.0))
        if access.closed and mark is None:
            return ClosedServer(None, "")
        if access.writable:
            with suppress(StateError):  # what cannot be noted must still be closed
                node.marks.mark_open(node.servers.process_of(session))
        closed = close_writes(
            node,
            session,
            own_users(node),
            budget,
            lambda: node.servers.connect_local(1.0),
            cut_first=cut_first,
        )
        steps.done("close")
        _unmark(node)
        position = ""
        with suppress(SessionError):
            _stop_events(node, session, version, budget)
            position = positions.executed(session, version, budget.left(at_most=1.0)).text
        return ClosedServer(closed, position)
    finally:
        session.close()


def _close(node: Node, steps: Steps, budget: Budget, connect: float, cut_first: bool) -> Outcome:
    """As close_server, for the audit log."""
    closed, position = close_server(node, steps, budget, connect, cut_first)
    if closed is None:
        why = "the server is closed"
        return Outcome("demote", "already closed", why, done=True, changed=False)
    why = f"closed for writes, {closed.cut} client connections cut{closed.remark}"
    return Outcome("demote", "closed", why, done=True, changed=True, position=position)


def own_users(node: Node) -> frozenset[str]:
    """The accounts of this suite on both nodes: they do not write, and are never cut."""
    return frozenset({node.config.local.user, node.config.remote.user})


def close_writes(
    node: Node,
    session: Session,
    users: Collection[str],
    budget: Budget,
    again: Callable[[], Session],
    each_round: Callable[[], None] = lambda: None,
    cut_first: bool = True,
    cut_last: float = float("inf"),
) -> Closed:
    """Close the server of ``session``, local or remote, and cut its clients.

    Returns only when it has been read back as closed. Clients are cut first, as many as can be in
    CUT_FIRST: what they hold (LOCK TABLES, a running statement, a commit that waits for a semi-sync
    acknowledgement) is what SET GLOBAL read_only would wait for. They are cut again afterwards, so
    that pooled connections open anew, through the VIP. Semi-sync is switched off only when they are
    gone: before, it would acknowledge commits to them that the other node does not have.

    Args:
        users: those never to cut.
        again: connects to it once more.
        each_round: called several times a second.
        cut_first: False where there is no time even for that.
        cut_last: seconds at most for those that are cut when it is closed.

    Raises:
        NotClosed: the budget is over.
        SessionError: as the server or the network has it.
    """
    version = version_of(session)
    cutter = Cutter(node, session, users, each_round)
    session.execute(queries.PREPARE_TO_CLOSE, budget.left(at_most=1.0))
    if cut_first:
        cutter.cut(budget, min(CUT_FIRST, budget.left() / 3))
    semi_sync: list[str] = []
    try:
        while True:
            waits = False
            try:
                session.execute(queries.close_writes(version), budget.left(at_most=2.0))
                if probe_access(session, budget.left(at_most=1.0)).closed:
                    break
            except ServerError as error:
                if error.errno != LOCK_WAIT_TIMEOUT:
                    raise
                waits = True
            each_round()
            if budget.over:
                raise NotClosed("writes that cannot be cut are still running")
            left = cutter.cut(budget, budget.left() - CLOSING).left
            if waits and not left:
                semi_sync += _switch_off_semi_sync(session, budget)
    except (NotClosed, SessionError):
        _semi_sync_back_on(session, semi_sync, again)
        raise
    try:
        # Those first that may write all the same.
        writers = _write_through_accounts(session, version, budget)
        seconds = min(budget.left() * CUT_LAST, cut_last)
        last = cutter.cut(budget, seconds, first=writers)
        if writers.intersection(cutter.users + last.left + last.ending):
            _cut_until_quiet(node, cutter, writers, budget, each_round)
        for variable in semi_sync:
            session.execute(queries.switch_on(variable), budget.left(at_most=1.0))
    except (NotClosed, SessionError) as error:  # it is closed, whatever else is left to do
        quiet = not _may_write_through(version)
        return Closed(len(cutter.users), f"; but {error}", quiet)
    remark = f"; but there was no time to cut another {len(last.left):,}" if last.left else ""
    return Closed(len(cutter.users), remark)


def _cut_until_quiet(
    node: Node,
    cutter: Cutter,
    writers: frozenset[str],
    budget: Budget,
    each_round: Callable[[], None],
) -> None:
    """Cut on until no account that may write through read_only has come back for a while.

    Raises:
        NotClosed: one comes back again and again, or does not end.
    """
    quiet = Budget(node.clock, QUIET)
    while not quiet.over:
        if budget.over:
            raise NotClosed("an account that may write through read_only keeps coming back")
        node.clock.sleep(0.05)
        each_round()
        again = cutter.cut(Budget(node.clock, QUIET), QUIET, first=writers)
        if writers.intersection(again.users + again.left + again.ending):
            quiet = Budget(node.clock, QUIET)


def _connect(node: Node, budget: Budget, seconds: float) -> Session:
    """Connect; a server that is short of connections, or just let go of us, is asked again."""
    pause = 0.005
    while True:
        try:
            return node.servers.connect_local(max(min(seconds, budget.left()), 0.05))
        except Lost:
            if budget.over:
                raise
        except ServerError as error:
            if error.errno not in BUSY or budget.over:
                raise
        node.clock.sleep(pause)
        pause = min(2 * pause, 0.05)


def _wait_for_death(
    node: Node, steps: Steps, budget: Budget, last_look: float, refusal: Refused
) -> Outcome:
    """A closed port is not death: a server that shuts down may commit for seconds after it."""
    mark = node.marks.open_mark()
    process = mark or node.marks.last_server()
    if process is not None and not node.servers.wait_for_end(process, budget.left()):
        why = f"{refusal}, but pid {process.pid} has not ended"
        return _last_resort(node, steps, last_look, why, try_again=0.0)
    if mark is not None:
        _unmark(node)
    steps.done("wait for mysqld's end")
    why = "mysqld has ended"
    return Outcome("demote", "dead", why, done=True, changed=mark is not None)


def _last_resort(node: Node, steps: Steps, last_look: float, why: str, try_again: float) -> Outcome:
    """One more look at a server that would not close; then SIGKILL, if it was open.

    One that wakes up later would finish its commits after the other node has opened. Only the
    very process that carries the open mark: one that was never opened has nothing to commit.
    One that was mute and answers now is closed after all, within ``try_again`` seconds more.
    """
    mark = node.marks.open_mark()
    if mark is None:
        return _unmarked(node, last_look, why)
    if not node.servers.alive(mark):
        _unmark(node)
        why = "mysqld has ended"
        return Outcome("demote", "dead", why, done=True, changed=True)
    try:
        if try_again:
            return _close(node, steps, Budget(node.clock, try_again), last_look, cut_first=True)
        if _closed_after_all(node, last_look):
            _unmark(node)
            return Outcome("demote", "closed", why, done=True, changed=True)
    except (ServerError, DriverError) as error:  # alive: no reason to kill
        return _not_closed(f"the server cannot be closed: {error}{_cure(error)}")
    except (NotClosed, SessionError):
        pass
    steps.done("last look")
    return kill_open_server(node, steps, why)


def kill_open_server(node: Node, steps: Steps, why: str) -> Outcome:
    """SIGKILL to the very mysqld that carries the open mark, if stuck_mysqld allows it."""
    mark = node.marks.open_mark()
    if mark is None:
        return Outcome("demote", "left alone", why, done=True, changed=False)
    if node.config.stuck_mysqld == "leave":
        return _stuck(f"{why}; stuck_mysqld = leave, so pid {mark.pid} is left as it is")
    node.servers.kill(mark)
    ended = node.servers.wait_for_end(mark, 2.0)
    steps.done("kill")
    if not ended:
        return _stuck(f"{why}; SIGKILL sent to pid {mark.pid}, which has not ended (disk?)")
    _unmark(node)
    text = f"{why}; pid {mark.pid} was open and has been killed"
    return Outcome("demote", "killed", text, done=True, changed=True)


def _unmarked(node: Node, last_look: float, why: str) -> Outcome:
    """No process may be killed. That is only harmless where none was open."""
    with suppress(SessionError):
        if not _closed_after_all(node, last_look):
            return _not_closed(f"{why}; it is open, and which process it is cannot be told")
    if node.config.local.socket is None:
        return _stuck(f"{why}; over TCP it cannot be told which process it is")
    text = f"{why}; it was not open as far as is known, so it is left alone"
    return Outcome("demote", "left alone", text, done=True, changed=False)


def _not_closed(why: str) -> Outcome:
    """It is alive, and goes on taking writes."""
    return Outcome("demote", "not closed", why, done=False, changed=True)


def _stuck(why: str) -> Outcome:
    """It does not answer, and has not been made to end."""
    return Outcome("demote", "stuck", why, done=False, changed=True)


def _closed_after_all(node: Node, seconds: float) -> bool:
    """Raises SessionError."""
    session = node.servers.connect_local(seconds)
    try:
        return probe_access(session, seconds).closed
    finally:
        session.close()


def _unmark(node: Node) -> None:
    """Remove the open mark; one that stays names a server that is closed or dead: harmless."""
    with suppress(StateError):
        node.marks.unmark_open()


def _may_write_through(version: Version) -> bool:
    """MariaDB's read_only before 12 does not hold those back who have SUPER or READ_ONLY ADMIN."""
    return version.mariadb and version.number < (12, 0, 0)


def _write_through_accounts(session: Session, version: Version, budget: Budget) -> frozenset[str]:
    """Users that may write through read_only; there are some only where the version has it.

    Where the view that lists them is missing, at least root is taken for one.
    """
    if not _may_write_through(version):
        return frozenset()
    try:
        rows = session.query(queries.WRITE_THROUGH_ACCOUNTS, budget.left(at_most=1.0))
    except ServerError:
        return frozenset({"root"})
    return frozenset(row["user"] or "" for row in rows)


def _stop_events(node: Node, session: Session, version: Version, budget: Budget) -> None:
    """Events of privileged definers write through read_only of MariaDB before 12.

    Needs SUPER, which our account has only if the operator gave it; README says what cannot be
    promised without. A note lets the next promotion switch them on again.
    """
    if not _may_write_through(version):
        return
    if session.query(queries.EVENTS, budget.left(at_most=1.0))[0]["event_scheduler"] != "ON":
        return
    try:
        session.execute(queries.SWITCH_OFF_EVENTS, budget.left(at_most=1.0))
    except ServerError as error:
        if error.errno not in ACCESS_DENIED:
            raise
    else:
        with suppress(StateError):
            node.marks.note_events_off(node.servers.process_of(session))


def _switch_off_semi_sync(session: Session, budget: Budget) -> list[str]:
    """Release commits that wait for an acknowledgement; the variables that were switched off."""
    switched: list[str] = []
    for row in session.query(queries.SEMI_SYNC_SOURCE, budget.left(at_most=1.0)):
        variable = row["Variable_name"] or ""
        try:
            session.execute(queries.switch_off(variable), budget.left(at_most=1.0))
        except ServerError as error:
            if error.errno not in ACCESS_DENIED:
                raise
        else:
            switched.append(variable)
    return switched


def _semi_sync_back_on(session: Session, switched: list[str], again: Callable[[], Session]) -> None:
    """The server goes on taking writes: as semi-synchronously as before, if it can be reached."""
    if not switched:
        return
    with suppress(SessionError):
        for variable in switched:
            session.execute(queries.switch_on(variable), 1.0)
        return
    with suppress(SessionError):  # the last attempt to close was given up, and its session with it
        another = again()
        try:
            for variable in switched:
                another.execute(queries.switch_on(variable), 1.0)
        finally:
            another.close()


def _cure(error: SessionError) -> str:
    if isinstance(error, ServerError) and error.errno in ACCESS_DENIED:
        return "; give this account the privileges in keepalived-snippets/grants.*.sql"
    return ""
