"""Session to Facts: the statements of a look at a server, and nothing that decides."""

from __future__ import annotations

from kachecks.mysql import queries
from kachecks.mysql.errors import CLOSED, OPEN, ServerError, SessionError, word_for
from kachecks.mysql.facts import Access, Facts, Version, parse_access, parse_channel, parse_version
from kachecks.mysql.session import Session

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def version_of(session: Session) -> Version:
    """The server's version, from its greeting: no statement is sent.

    Raises:
        ServerError: it is no MySQL or MariaDB, or one too old for what we rely on.
    """
    try:
        version = parse_version(session.server_version)
    except ValueError as error:
        raise ServerError(0, str(error)) from None
    oldest = (10, 5, 0) if version.mariadb else (5, 7, 8)
    if version.number < oldest:
        wanted = ".".join(map(str, oldest))
        raise ServerError(0, f"{version} is not supported: {wanted} is the oldest that is")
    return version


def probe_access(session: Session, timeout: float) -> Access:
    """Open or closed: one statement, no privilege. Raises SessionError."""
    version = version_of(session)
    return parse_access(version, session.query(queries.globals_of(version), timeout)[0])


def condition(connect: Callable[[float], Session], seconds: float) -> str:
    """What a server is now, in the words of mysql.errors; closed for most people counts as closed.

    Args:
        seconds: to connect, and again to ask.
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
    version = version_of(session)
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
