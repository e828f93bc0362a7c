"""Prepared XA transactions: they outlive their session, a restart and a failover, and hold their
row locks until somebody ends them.

MySQL lets XA COMMIT and XA ROLLBACK through super_read_only, from any client, even when the session
that prepared it was killed (9.7.4); MariaDB refuses both with 1290 under read_only (10.11.18). So a
closed MySQL may acknowledge more commits, if somebody still reaches it, and these are counted.
"""

from __future__ import annotations

from kachecks.mysql import queries
from kachecks.mysql.errors import ServerError
from kachecks.mysql.session import Session, ask


def prepared(session: Session, timeout: float) -> int | None:
    """How many there are; None: not known, as the account may not ask.

    Raises:
        SessionError: the server did not answer.
    """
    try:
        return ask(session, queries.PREPARED, timeout, len)
    except ServerError:
        return None


def may_still_commit(session: Session, timeout: float) -> str:
    """What a closed server may still commit, as the end of a sentence; "" nothing.

    Raises:
        SessionError: the server did not answer.
    """
    if session.version.mariadb:
        return ""
    number = prepared(session, timeout)
    if number is None:
        return (
            "; whether XA transactions are prepared, which MySQL lets anybody commit although it is"
            " closed, is not known: grant XA_RECOVER_ADMIN"
        )
    if not number:
        return ""
    return f"; {_said(number)}, which MySQL lets anybody commit although it is closed"


def left_to_end(session: Session, timeout: float) -> str:
    """What a server that is about to open holds, as the end of a sentence; "" nothing, or not
    known.

    Raises:
        SessionError: the server did not answer.
    """
    number = prepared(session, timeout)
    return f"; {_said(number)} here, waiting to be ended" if number else ""


def _said(number: int) -> str:
    return f"{number} XA transaction{'s are' if number > 1 else ' is'} prepared"
