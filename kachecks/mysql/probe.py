"""A look at a server, from session to Facts. Nothing here decides."""

from __future__ import annotations

from kachecks.mysql import queries
from kachecks.mysql.errors import CLOSED, OPEN, NoAnswer, ServerError, SessionError, word_for
from kachecks.mysql.facts import GROUP_CHANNEL, Access, Facts, parse_access, parse_channel
from kachecks.mysql.session import Session

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def probe_access(session: Session, timeout: float) -> Access:
    """Open or closed: one statement, no privilege. Raises SessionError."""
    row = session.query(queries.globals_of(session.version), timeout)[0]
    return parse_access(session.version, row)


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
    row = session.query(queries.globals_of(version), timeout)[0]
    access = parse_access(version, row)
    return Facts(
        version=version,
        server_id=int(row["server_id"] or 0),
        server_uuid=row.get("server_uuid") or "",
        writable=access.writable,
        closed=access.closed,
        channels=(),
        channels_known=False,
    )


def probe_replication(session: Session, facts: Facts, timeout: float) -> Facts:
    """The same server with its channels. Raises SessionError as ``probe``."""
    rows = session.query(queries.replication_status(session.version), timeout)
    channels = tuple(parse_channel(channel) for channel in rows)
    return facts._replace(
        channels=channels,
        group_member=any(each.name == GROUP_CHANNEL and each.applier for each in channels),
        channels_known=True,
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
        rows = session.query(queries.PROCESSLIST, timeout)
    except ServerError:
        return
    ages = (row["Time"] or "" for row in rows if row["Info"] == statement)
    if any(age.isdigit() and int(age) >= STUCK for age in ages):
        raise NoAnswer(f"an earlier session has waited for it for over {STUCK} s")
