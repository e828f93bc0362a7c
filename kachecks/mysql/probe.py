"""A look at a server, from session to Facts. Nothing here decides."""

from __future__ import annotations

from kachecks.mysql import queries
from kachecks.mysql.errors import CLOSED, OPEN, SessionError, word_for
from kachecks.mysql.facts import Access, Facts, parse_access, parse_channel
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
    version = session.version
    row = session.query(queries.globals_of(version), timeout)[0]
    access = parse_access(version, row)
    rows = session.query(queries.replication_status(version), timeout)
    return Facts(
        version=version,
        server_id=int(row["server_id"] or 0),
        server_uuid=row.get("server_uuid") or "",
        writable=access.writable,
        closed=access.closed,
        channels=tuple(parse_channel(channel) for channel in rows),
    )
