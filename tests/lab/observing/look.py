"""How a server is asked whether it takes writes of ordinary clients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from tests.lab.records.record import CLOSED, OPEN


class Look(NamedTuple):
    """A statement that gives one row."""

    statement: str
    state: Callable[[Sequence[str | None]], str]
    """What the row means: OPEN, CLOSED or NO_QUORUM."""
    session: tuple[str, ...] = ()
    """Statements that a new session needs first."""


READ_ONLY = Look(
    "SELECT @@global.read_only", lambda row: OPEN if row[0] in ("0", "OFF") else CLOSED
)
"""Of a server of a pair."""
