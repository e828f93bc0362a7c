"""A session whose questions share one budget: a server that answers each of them just in time keeps
its asker no longer than one that does not answer at all."""

from __future__ import annotations

from typing import cast

from kachecks.bounded import Budget
from kachecks.mysql.errors import NoAnswer
from kachecks.mysql.facts import Row, Version
from kachecks.mysql.session import Session


def hurried(session: Session, budget: Budget) -> Session:
    """The same session, for questions alone: ``execute`` is not to be had."""
    return cast(Session, _Hurried(session, budget))


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
