"""Who had what when, around a handover, from a record: pure functions over recorded values.

A state holds at an instant between question and answer, so what must have happened *by* a moment
is dated by the answer, and what may have happened *from* a moment on by the question before it.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.lab.records.record import CLOSED, DOWN, OPEN, Access, Record


def arrivals(record: Record, since: float) -> list[str]:
    """The nodes that the virtual IP came to from a moment on, in turn; one per coming.

    Who had it at that moment does not count, until it has lost it and got it again.
    """
    comings: list[str] = []
    before: frozenset[str] | None = None
    for sample in record.holding:
        if before is not None and sample.time >= since:
            comings += sorted(sample.nodes - before)
        before = sample.nodes
    return comings


def came(record: Record, node: str, since: float) -> float | None:
    """The first look from a moment on that saw the virtual IP on a node."""
    times = (sample.time for sample in record.holding if node in sample.nodes)
    return next((time for time in times if time >= since), None)


def left(record: Record, node: str, since: float) -> float | None:
    """The first look from a moment on that did not see the virtual IP on a node."""
    times = (sample.time for sample in record.holding if node not in sample.nodes)
    return next((time for time in times if time >= since), None)


def never_left(record: Record, node: str, since: float) -> bool:
    """At every look from a moment on that node had the virtual IP, and it came to no other."""
    return left(record, node, since) is None and not arrivals(record, since)


def closed_by(record: Record, node: str, since: float) -> float | None:
    """When, at the latest, a node was closed or down: the first such answer to a later question."""
    found = (sample for sample in _asked(record, node, since) if sample.state in (CLOSED, DOWN))
    return next((sample.answered for sample in found), None)


def closed_until(record: Record, node: str, since: float) -> float | None:
    """Until when, at least, a node stayed closed or down; None: it was open at once, or ever."""
    last = None
    for sample in _asked(record, node, since):
        if sample.state == OPEN:
            return last
        if sample.state is not None:
            last = sample.asked
    return None


def opened_by(record: Record, node: str, since: float) -> float | None:
    """When, at the latest, a node was open: the first such answer to a later question."""
    found = (sample for sample in _asked(record, node, since) if sample.state == OPEN)
    return next((sample.answered for sample in found), None)


def both_closed(record: Record, old: str, new: str, since: float) -> float:
    """Seconds from the closing of one node to the opening of the other, at least.

    Not above 0: that the one closed first has not been seen.

    Raises:
        ValueError: the one was never seen closed, or the other never seen to open.
    """
    closed, opened = closed_by(record, old, since), closed_until(record, new, since)
    if closed is None or opened is None:
        raise ValueError(f"{old} closing and {new} opening: not both were seen")
    return opened - closed


def writers(record: Record, since: float, until: float = float("inf")) -> set[str]:
    """The nodes that were seen open within a span of time."""
    return {
        sample.node
        for sample in record.access
        if sample.state == OPEN and sample.asked >= since and sample.answered <= until
    }


def _asked(record: Record, node: str, since: float) -> Iterator[Access]:
    return (sample for sample in record.access if sample.node == node and sample.asked >= since)
