"""The moment for cutting the clients of a MariaDB server that waits for semi-sync acknowledgements:
when another session is about to close it."""

from __future__ import annotations

from kachecks.lean import NamedTuple
from kachecks.mysql.session import Session, SessionError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Callable


class Silence(NamedTuple):
    """What it takes to close a server whose clients wait for a semi-sync acknowledgement."""

    connect: Callable[[float], Session]  # tries it once, for so many seconds
    silence: Callable[[Collection[str]], None]  # see Cutter


class FirstCut:
    """Waits for it, with fewer looks the longer that takes."""

    def __init__(self, another: Session, cut: Callable[[Session], bool]) -> None:
        """
        Args:
            another: the session that is about to close it.
            cut: cuts clients if that one waits, and tells whether it does.
        """
        self.trouble: SessionError | None = None  # of the session that looks
        self._another = another
        self._cut = cut
        self._turns = 0  # calls until the next look
        self._looks = 0
        self._done = False

    def look(self) -> None:
        """Called every few milliseconds. Raises SessionError."""
        self._turns -= 1
        if self._done or self._turns > 0:
            return
        self._looks += 1
        self._turns = self._looks
        try:
            self._done = self._cut(self._another)
        except SessionError as error:
            self.trouble = error
            raise
