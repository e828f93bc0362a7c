"""A look at a server, from session to Facts. Nothing here decides."""

from __future__ import annotations

from kachecks.mysql import queries
from kachecks.mysql.errors import CLOSED, OPEN, NoAnswer, ServerError, SessionError, word_for
from kachecks.mysql.facts import (
    GROUP_CHANNEL,
    Access,
    Facts,
    Row,
    number_of,
    parse_access,
    parse_channel,
    uuid_of,
)
from kachecks.mysql.session import Session, ask

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def probe_access(session: Session, timeout: float) -> Access:
    """Open or closed: one statement, no privilege. Raises SessionError."""
    version = session.version
    return ask(
        session, queries.globals_of(version), timeout, lambda rows: parse_access(version, rows[0])
    )


def condition(connect: Callable[[float], Session], seconds: float) -> str:
    """What a server is now, in the words of mysql.errors. Closed to ordinary accounts counts as
    closed.

    Args:
        seconds: to connect, and as many again to ask.
    """
    try:
        session = connect(seconds)
        try:
            return OPEN if probe_access(session, seconds).writable else CLOSED
        finally:
            session.close()
    except SessionError as error:
        return word_for(error)


def probe(session: Session, timeout: float) -> Facts:
    """Identity, access and replication: two statements, each within ``timeout`` seconds.

    Raises:
        SessionError: the server did not answer, or refused (1227: the account lacks
            REPLICATION CLIENT or SLAVE MONITOR).
    """
    return probe_replication(session, probe_identity(session, timeout), timeout)


def probe_identity(session: Session, timeout: float) -> Facts:
    """Identity and access: one statement, no privilege. Nothing is known of the channels then.
    Raises SessionError."""
    version = session.version

    def identity(rows: list[Row]) -> Facts:
        access = parse_access(version, rows[0])
        return Facts(
            version=version,
            server_id=number_of(rows[0], "server_id"),
            server_uuid="" if version.mariadb else uuid_of(rows[0], "server_uuid"),
            writable=access.writable,
            closed=access.closed,
            channels=(),
            channels_known=False,
        )

    return ask(session, queries.globals_of(version), timeout, identity)


def probe_replication(session: Session, facts: Facts, timeout: float) -> Facts:
    """The same server with its channels. Raises SessionError as ``probe``."""
    statement = queries.replication_status(session.version)
    channels = ask(session, statement, timeout, lambda rows: tuple(map(parse_channel, rows)))
    return facts._replace(
        channels=channels,
        group_member=any(each.name == GROUP_CHANNEL and each.applier for each in channels),
        channels_known=True,
    )


def processlist(session: Session, timeout: float) -> list[Row]:
    """All sessions of a server. Id is a number, Time is one or NULL, and no column is missing.
    Raises SessionError."""
    return ask(session, queries.PROCESSLIST, timeout, _processes)


def readers_of(rows: list[Row]) -> frozenset[int]:
    """Ports at the far ends of the connections that read the binary log, from a process list. Those
    over a unix socket have none."""
    hosts = (row["Host"] or "" for row in rows if (row["Command"] or "").startswith("Binlog Dump"))
    ports = (host.rpartition(":")[2] for host in hosts)
    return frozenset(int(port) for port in ports if port.isdecimal() and len(port) <= LONGEST_PORT)


LONGEST_PORT = 5


def _processes(rows: list[Row]) -> list[Row]:
    for row in rows:
        number_of(row, "Id")
        if row["Time"] is not None:
            number_of(row, "Time")
        for column in ("User", "Host", "Command", "State", "db", "Info"):
            row[column]
    return rows


THREADS_OF_ITS_OWN = ("system user", "event_scheduler")
"""Users of the process list that stand for no connection."""


def unseen(session: Session, timeout: float) -> int:
    """How many connections a server counts, and does not list to our account. One that is just
    being made or ended may be among them.

    Our account lacks PROCESS, or the list is cut short (queries.PROCESSLIST). At least 1 where not
    even our own connection is listed. Raises SessionError.
    """
    counted = ask(session, queries.CONNECTED, timeout, lambda rows: number_of(rows[0], "Value"))
    listed = [
        row["Id"]
        for row in processlist(session, timeout)
        if row["User"] not in THREADS_OF_ITS_OWN and row["Command"] != "Daemon"
    ]
    at_least = 0 if str(session.connection_id) in listed else 1
    return max(counted - len(listed), at_least)


def uptime(session: Session, timeout: float) -> int | None:
    """Whole seconds since the server's start; None where it does not tell. Raises SessionError."""
    return ask(
        session,
        queries.UPTIME,
        timeout,
        lambda rows: number_of(rows[0], "Value") if rows else None,
    )


STUCK = 2
"""Seconds that a session must have waited for a replication status; most answers take 1 ms."""


def must_not_be_stuck(session: Session, timeout: float) -> None:
    """Not to be asked for the replication status while an earlier session of this account still
    waits for it: whoever asks waits too, and after a minute of such looks no connection is left for
    anybody.

    Raises:
        NoAnswer: one still waits.
        SessionError: there was no answer. An error in place of the list says nothing.
    """
    statement = queries.replication_status(session.version)
    try:
        rows = processlist(session, timeout)
    except ServerError:
        return
    ages = (row["Time"] or "" for row in rows if row["Info"] == statement)
    if any(age.isdigit() and int(age) >= STUCK for age in ages):
        raise NoAnswer(f"an earlier session has waited for it for over {STUCK} s")
