"""Close this node's server for writes, whatever it takes. Safe at any time, any number of times.

The steps are those of the manual's page on demotion: connect; close while cutting clients; read
back; cut once more; and for a server that will not close, SIGKILL. Replication goes on.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from typing import Callable

from kachecks import positions, queries
from kachecks.facts import Version
from kachecks.host import Budget, Host
from kachecks.mysqld_process import Process
from kachecks.probe import probe_access, version_of
from kachecks.session import DriverError, Lost, Refused, ServerError, Session, SessionError
from kachecks.state import StateError
from kachecks.steps import Outcome, Steps

LOCK_WAIT_TIMEOUT = 1205
NO_SUCH_THREAD = 1094
BUSY = frozenset({1040, 1203, 1226})  # connections used up; an administrator's place may get free
ACCESS_DENIED = frozenset({1142, 1143, 1227})
NO_SUCH_VIEW = frozenset({1049, 1142, 1143, 1146, 1356, 1449})

FRESH_LOOK = 0.5
"""Seconds for the last look at a server before it is killed; half of a shorter patience."""

QUIET = 0.5
"""Seconds without a session that could write through read_only (MariaDB before 12)."""

SYSTEM_USERS = frozenset({"system user", "event_scheduler", "unauthenticated user"})


class NotClosed(Exception):
    """The server still takes writes; the text says why."""


def demote(host: Host, steps: Steps, patience: float) -> Outcome:
    """Close this node's server within about ``patience`` seconds, by killing it if need be.

    The caller holds the lock, or has waited for it long enough: closing needs no lock.
    """
    last_look = min(FRESH_LOOK, patience / 2)
    budget = Budget(host, patience - last_look)
    mark = host.open_mark()
    try:
        session = _connect(host, budget)
    except Refused as refusal:
        return _wait_for_death(host, steps, budget, last_look, refusal)
    except (ServerError, DriverError) as error:
        why = f"cannot log in to close it: {error}"
        return Outcome("demote", "not closed", why, done=False, changed=False)
    except SessionError as error:
        return _last_resort(host, steps, mark, last_look, str(error))
    steps.done("connect")
    try:
        version = version_of(session)
        access = probe_access(session, budget.left(at_most=1.0))
        if access.closed and mark is None:
            why = "the server is closed"
            return Outcome("demote", "already closed", why, done=True, changed=False)
        if access.writable:
            mark = host.server_process(session)
            with suppress(StateError):  # what cannot be noted must still be closed
                host.mark_open(mark)
        users = own_users(host)
        cut = close_writes(host, session, users, budget)
        _stop_events(host, session, version, budget)
        steps.done("close")
        position = positions.executed(session, version, budget.left(at_most=1.0)).text
        _unmark(host)
        why = f"closed for writes, {cut} client connections cut"
        return Outcome("demote", "closed", why, done=True, changed=True, position=position)
    except ServerError as error:
        why = f"the server refuses to be closed: {error}{_cure(error)}"
        return Outcome("demote", "not closed", why, done=False, changed=True)
    except (NotClosed, SessionError) as error:
        return _last_resort(host, steps, mark, last_look, str(error))
    finally:
        session.close()


def own_users(host: Host) -> frozenset[str]:
    """The accounts of this suite on both nodes: they do not write, and are never cut."""
    return frozenset({host.config.local.user, host.config.remote.user})


def close_writes(
    host: Host,
    session: Session,
    users: Collection[str],
    budget: Budget,
    each_round: Callable[[], None] = lambda: None,
) -> int:
    """Close the server of ``session``, local or remote, and cut its clients; how many were cut.

    Returns only when it has been read back as closed. Clients are cut first: what they hold
    (LOCK TABLES, a running statement, a commit that waits for a semi-sync acknowledgement) is
    what SET GLOBAL read_only would wait for. They are cut again afterwards, so that pooled
    connections open anew, through the VIP. Semi-sync is switched off only when they are gone:
    before, it would acknowledge commits to them that the other node does not have.

    Raises:
        NotClosed: the budget is over.
        SessionError: as the server or the network has it.
    """
    version = version_of(session)
    session.execute(queries.PREPARE_TO_CLOSE, budget.left(at_most=1.0))
    writers = _write_through_accounts(session, version, budget)
    cut, written = cut_clients(session, users, writers, budget)
    while True:
        try:
            session.execute(queries.close_writes(version), budget.left(at_most=2.0))
            if probe_access(session, budget.left(at_most=1.0)).closed:
                break
        except ServerError as error:
            if error.errno != LOCK_WAIT_TIMEOUT:
                raise
            _switch_off_semi_sync(session, budget)
        each_round()
        if budget.over:
            raise NotClosed("writes that cannot be cut are still running")
        more, again = cut_clients(session, users, writers, budget)
        cut, written = cut + more, written or again
    more, again = cut_clients(session, users, writers, budget)
    cut, written = cut + more, written or again
    quiet = Budget(host, QUIET)
    while written and not quiet.over:
        if budget.over:
            raise NotClosed("an account that may write through read_only keeps coming back")
        host.sleep(0.05)
        each_round()
        more, again = cut_clients(session, users, writers, budget)
        cut += more
        if again:
            quiet = Budget(host, QUIET)
    return cut


def cut_clients(
    session: Session, users: Collection[str], writers: Collection[str], budget: Budget
) -> tuple[int, bool]:
    """Kill every client connection but replication's and our own; (how many, any of writers)."""
    cut, written = 0, False
    for row in session.query(queries.PROCESSLIST, budget.left(at_most=2.0)):
        user, command = row["User"] or "", row["Command"] or ""
        if user in SYSTEM_USERS or user in users or command.startswith(("Binlog Dump", "Daemon")):
            continue
        if row["Id"] == str(session.connection_id):
            continue
        try:
            session.execute(queries.kill(row["Id"] or "0"), budget.left(at_most=1.0))
        except ServerError as error:
            if error.errno != NO_SUCH_THREAD and error.errno != 1095:
                raise
            continue
        cut += 1
        written = written or user in writers
    return cut, written


def _connect(host: Host, budget: Budget) -> Session:
    """Connect; a server that is short of connections, or just let go of us, is asked again."""
    while True:
        try:
            return host.connect_local(max(budget.left(), 0.1))
        except Lost:
            if budget.over:
                raise
        except ServerError as error:
            if error.errno not in BUSY or budget.over:
                raise
        host.sleep(0.05)


def _wait_for_death(
    host: Host, steps: Steps, budget: Budget, last_look: float, refusal: Refused
) -> Outcome:
    """A closed port is not death: a server that shuts down may commit for seconds after it."""
    mark = host.open_mark()
    process = mark or host.last_server()
    was_alive = process is not None and host.alive(process)
    if process is not None and was_alive and not host.wait_for_end(process, budget.left()):
        why = f"{refusal}, but pid {process.pid} has not ended"
        return _last_resort(host, steps, mark, last_look, why)
    if mark is not None:
        _unmark(host)
    steps.done("wait for mysqld's end")
    why = "mysqld has ended"
    return Outcome("demote", "dead", why, done=True, changed=mark is not None)


def _last_resort(
    host: Host, steps: Steps, mark: Process | None, last_look: float, why: str
) -> Outcome:
    """Kill the mysqld that was open and cannot be closed, after one more look at it.

    One that wakes up later would finish its commits after the other node has opened. Only the
    very process that carries the open mark: one that was never opened has nothing to commit.
    """
    if mark is None:
        text = f"{why}; it was not open as far as is known, so it is left alone"
        return Outcome("demote", "left alone", text, done=True, changed=False)
    if not host.alive(mark):
        _unmark(host)
        why = "mysqld has ended"
        return Outcome("demote", "dead", why, done=True, changed=True)
    if _closed_after_all(host, last_look):
        _unmark(host)
        return Outcome("demote", "closed", why, done=True, changed=True)
    steps.done("last look")
    if host.config.stuck_mysqld == "leave":
        text = f"{why}; stuck_mysqld = leave, so pid {mark.pid} is left as it is"
        return Outcome("demote", "not closed", text, done=False, changed=True)
    host.kill(mark)
    ended = host.wait_for_end(mark, 2.0)
    steps.done("kill")
    if not ended:
        text = f"{why}; SIGKILL sent to pid {mark.pid}, which has not ended yet (disk?)"
        return Outcome("demote", "not closed", text, done=False, changed=True)
    _unmark(host)
    text = f"{why}; pid {mark.pid} was open and has been killed"
    return Outcome("demote", "killed", text, done=True, changed=True)


def _closed_after_all(host: Host, seconds: float) -> bool:
    try:
        session = host.connect_local(seconds)
    except SessionError:
        return False
    try:
        return probe_access(session, seconds).closed
    except SessionError:
        return False
    finally:
        session.close()


def _unmark(host: Host) -> None:
    """Remove the open mark; one that stays names a server that is closed or dead: harmless."""
    with suppress(StateError):
        host.unmark_open()


def _write_through_accounts(session: Session, version: Version, budget: Budget) -> frozenset[str]:
    """Users that may write through read_only; only MariaDB before 12 has any once closed.

    Where the view that lists them is missing, at least root is taken for one.
    """
    if not version.mariadb or version.number >= (12, 0, 0):
        return frozenset()
    try:
        rows = session.query(queries.WRITE_THROUGH_ACCOUNTS, budget.left(at_most=1.0))
    except ServerError as error:
        if error.errno not in NO_SUCH_VIEW:
            raise
        return frozenset({"root"})
    return frozenset(row["user"] or "" for row in rows)


def _stop_events(host: Host, session: Session, version: Version, budget: Budget) -> None:
    """Events of privileged definers write through read_only of MariaDB before 12.

    Needs SUPER, which our account has only if the operator gave it; without it the manual says
    what then cannot be promised. A note lets the next promotion switch them on again.
    """
    if not version.mariadb or version.number >= (12, 0, 0):
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
            host.note_events_off(host.server_process(session))


def _switch_off_semi_sync(session: Session, budget: Budget) -> None:
    for row in session.query(queries.SEMI_SYNC_SOURCE, budget.left(at_most=1.0)):
        try:
            session.execute(
                queries.switch_off(row["Variable_name"] or ""), budget.left(at_most=1.0)
            )
        except ServerError as error:
            if error.errno not in ACCESS_DENIED:
                raise


def _cure(error: ServerError) -> str:
    if error.errno in ACCESS_DENIED:
        return "; give this account the privileges in keepalived-snippets/grants.*.sql"
    return ""
