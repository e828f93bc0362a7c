"""Whether the virtual IP stayed where it was, from a record."""

from __future__ import annotations

from tests.lab.observing.handover import arrivals, left
from tests.lab.observing.record import Record


def never_left(record: Record, node: str, since: float) -> bool:
    """At every look from a moment on that node had it, and it came to no other."""
    return left(record, node, since) is None and not arrivals(record, since)
