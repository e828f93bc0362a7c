"""One transition of a node, as its audit log tells of it."""

from __future__ import annotations

from kachecks.lean import NamedTuple


class Transition(NamedTuple):
    """One line of the audit log."""

    time: str  # as in the log: UTC, ISO 8601
    transition: str
    outcome: str
    why: str
    cause: str
    milliseconds: float | None
