"""Two servers are asked in turn: one that is slow must not be taken for the other, nor for one that
does not answer at all.

The questions to the peer share one budget: if it answers each of them just in time, it keeps its
asker no longer than a mute one. What this node's own server does not answer says nothing of the
peer.
"""

from __future__ import annotations

from kachecks.bounded import Budget
from kachecks.mysql.errors import BrokenAnswer, NoAnswer, ServerError, SessionError
from kachecks.mysql.facts import Row, Version
from kachecks.mysql.session import Session

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def hurried(session: Session, budget: Budget) -> Session:
    """The same session, for questions alone: ``execute`` is not to be had."""
    return _Hurried(session, budget)  # type: ignore[return-value]


class _Hurried:
    """What asks, of a session."""

    def __init__(self, session: Session, budget: Budget) -> None:
        self._session = session
        self._budget = budget
        self.address = session.address

    @property
    def version(self) -> Version:
        """As of a session. Raises ServerError."""
        return self._session.version

    def query(self, sql: str, timeout: float) -> list[Row]:
        """As of a session, within what is left of the budget. Raises SessionError."""
        if self._budget.over:
            raise NoAnswer(f"{self.address} has answered too slowly")
        return self._session.query(sql, self._budget.left(timeout))

    def close(self) -> None:
        """As of a session."""
        self._session.close()


class OwnServer(SessionError):
    """This node's own server has not answered, and that session is of no more use."""


def ours(session: Session) -> Session:
    """The same session with this node's own server, for questions alone.

    Its errors are an OwnServer, but for those that a living server sends.
    """
    return _Ours(session)  # type: ignore[return-value]


class _Ours:
    """What asks, of a session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.address = session.address

    @property
    def version(self) -> Version:
        """As of a session. Raises ServerError."""
        return self._session.version

    def query(self, sql: str, timeout: float) -> list[Row]:
        """As of a session. Raises ServerError, OwnServer."""
        try:
            return self._session.query(sql, timeout)
        except SessionError as error:
            if isinstance(error, ServerError) and not isinstance(error, BrokenAnswer):
                raise
            raise OwnServer(str(error)) from None

    def __getattr__(self, name: str) -> Any:
        """Else as the session itself, such as its process."""
        return getattr(self._session, name)
