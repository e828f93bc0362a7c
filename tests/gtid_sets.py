"""GTID_SUBTRACT of MySQL, for the servers that are not real ones."""

from __future__ import annotations

from collections.abc import Iterator


def subtract(wanted: str, present: str) -> str:
    """What of the one set is not in the other; each with one interval for each UUID."""
    have = dict(_intervals(present))
    left = []
    for uuid, (first, last) in _intervals(wanted):
        begin, end = have.get(uuid, (1, 0))
        around = ((first, min(last, begin - 1)), (max(first, end + 1), last))
        parts = [f"{low}-{high}" if low < high else f"{low}" for low, high in around if low <= high]
        if parts:
            left.append(":".join([uuid, *parts]))
    return ",".join(left)


def _intervals(gtids: str) -> Iterator[tuple[str, tuple[int, int]]]:
    for each in filter(None, gtids.split(",")):
        uuid, _, interval = each.rpartition(":")
        first, _, last = interval.partition("-")
        yield uuid, (int(first), int(last or first))
