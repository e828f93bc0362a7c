"""Whoever holds the lock of a promotion and is not the other node's promotion is cut.

GET_LOCK needs no privilege, so any account that may log in could hold this lock, and with it every
failover of the pair.
"""

from __future__ import annotations

from kachecks.lean import NamedTuple, shown
from kachecks.mysql import queries
from kachecks.mysql.errors import NO_SUCH_THREAD
from kachecks.mysql.facts import Row, number_of
from kachecks.mysql.probe import processlist
from kachecks.mysql.session import ServerError, ask
from kachecks.transitions.clients import is_ours

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from kachecks.mysql.session import Session


LONGEST_USER = 128
"""Characters of an account's name (MariaDB; MySQL: 32) that people are told."""


def _holder(rows: list[Row]) -> str | None:
    return None if rows[0]["id"] is None else str(number_of(rows[0], "id"))


class Stranger(NamedTuple):
    """A session that is none of kachecks, and held the lock."""

    user: str
    why_not: str = ""  # it cannot be cut; "" where it was


def cut_stranger(
    session: Session, name: str, spared: Collection[str], seconds: float
) -> Stranger | None:
    """Cut the session that holds the lock of this pair in this server, unless it is one of ours.

    None: it is one of ours, or cannot be seen. With KILL it ends soon, not at once.

    Args:
        name: of the pair.
        spared: the accounts of kachecks.
        seconds: for each of the three statements.

    Raises:
        SessionError: as the server or the network has it, but not what the KILL is answered.
    """
    holder = ask(session, queries.lock_is_used_by(name), seconds, _holder)
    if holder is None:
        return None
    rows = processlist(session, seconds)
    row = next((each for each in rows if each["Id"] == holder), None)
    if row is None or is_ours(row, spared):
        return None
    user = shown(row["User"] or "", LONGEST_USER)
    try:
        session.execute(queries.kill(holder), seconds)
    except ServerError as error:
        if error.errno != NO_SUCH_THREAD:
            return Stranger(user, str(error))
    return Stranger(user)
