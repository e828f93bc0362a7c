"""What a record proves: pure functions over recorded values, no server and no clock.

Two spans in which a node was open overlap only where no delay of the sampler can explain it: a
span runs from the first answer "open" to the last question that was answered so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import combinations

from tests.lab.records.record import CLOSED, DOWN, OPEN, Access, Mark, Record, Row, Write

Span = tuple[float, float]

LONGEST_GAP = 0.25
"""Seconds: with a longer hole between samples, "never both" would prove nothing."""


@dataclass(frozen=True)
class Outage:
    """The longest time without an acknowledged write; the ends are moments of acknowledgement."""

    start: float
    end: float
    before: str | None
    """The node that acknowledged the last write before; None: there was none in the record."""
    after: str | None
    """The node that acknowledged the next one; None: the record ends first."""

    @property
    def seconds(self) -> float:
        return self.end - self.start


def acknowledged(writes: Iterable[Write]) -> list[Write]:
    return [write for write in writes if write.acknowledged]


def outage(record: Record, start: float, end: float | None = None) -> Outage:
    """The gap between acknowledged writes that takes up most of `start` .. `end`.

    Its own ends may lie outside: it begins with the last write acknowledged before `start`.
    """
    end = record.written_until if end is None else end
    edges: list[tuple[float, str | None]] = [(record.start, None)]
    edges += [(write.end, write.node) for write in acknowledged(record.writes)]
    edges.append((record.written_until, None))
    gaps = [
        Outage(left, right, before, after)
        for (left, before), (right, after) in zip(edges, edges[1:])
    ]
    return max(gaps, key=lambda gap: min(gap.end, end) - max(gap.start, start))


def outage_of(record: Record, fault: Mark) -> Outage:
    """The outage between a fault and the next one."""
    later = (mark.time for mark in record.faults if mark.time > fault.time)
    return outage(record, fault.time, min(later, default=None))


def first_write(record: Record, node: str, after: float) -> Write | None:
    """The first write that `node` acknowledged after a moment."""
    for write in acknowledged(record.writes):
        if write.node == node and write.end > after:
            return write
    return None


def lost(writes: Iterable[Write], rows: Collection[Row]) -> list[Write]:
    """Acknowledged writes whose row is not among `rows`."""
    tokens = {row.token for row in rows}
    return [write for write in acknowledged(writes) if write.token not in tokens]


def differing(left: Iterable[Row], right: Iterable[Row]) -> list[Row]:
    """Rows that only one of the two nodes has, in that form."""
    return sorted(set(left) ^ set(right), key=lambda row: (row.id, row.token))


def errors(writes: Iterable[Write]) -> Counter[int]:
    """How many attempts ended with which error number."""
    return Counter(write.errno for write in writes if write.errno is not None)


def two_writers(record: Record) -> list[Span]:
    """When two nodes were certainly open at once.

    A server that hung between two answers "open" counts as open in between: what it had begun,
    it finishes when it wakes up.
    """
    spans = [open_spans(record.access, name) for name in record.nodes]
    both = (overlaps(one, other) for one, other in combinations(spans, 2))
    return sorted(overlap for each in both for overlap in each)


def both_open(record: Record) -> float:
    """Seconds in which two nodes were certainly open at once."""
    return sum(end - start for start, end in two_writers(record))


def open_spans(access: Iterable[Access], node: str) -> list[tuple[Access, Access]]:
    """The runs of answers "open" of one node: the first and the last of each."""
    runs: list[tuple[Access, Access]] = []
    unbroken = False
    for sample in access:
        if sample.node != node or sample.state is None:
            continue
        if sample.state != OPEN:
            unbroken = False
        elif unbroken:
            runs[-1] = (runs[-1][0], sample)
        else:
            runs.append((sample, sample))
            unbroken = True
    return runs


def overlaps(
    left: Iterable[tuple[Access, Access]], right: Iterable[tuple[Access, Access]]
) -> list[Span]:
    """Where a run of the one node certainly coincides with one of the other."""
    right = list(right)
    found = (_overlap(one, other) for one in left for other in right)
    return [span for span in found if span is not None]


def _overlap(one: tuple[Access, Access], other: tuple[Access, Access]) -> Span | None:
    """A run is certain from its first answer to its last question. A run of a single sample is
    one moment somewhere between the two, and certain only within a span of the other.
    """
    spans = [(first.answered, last.asked) for first, last in (one, other)]
    start, end = max(span[0] for span in spans), min(span[1] for span in spans)
    if end > start:
        return start, end
    for moment, (left, right) in ((one, spans[1]), (other, spans[0])):
        asked, answered = moment[0].asked, moment[1].answered
        if moment[0] is moment[1] and left <= asked and answered <= right:
            return asked, answered
    return None


def both_holding(record: Record) -> float:
    """Seconds between samples that both saw the virtual IP on more than one node."""
    return sum(
        after.time - before.time
        for before, after in zip(record.holding, record.holding[1:])
        if len(before.nodes) > 1 and len(after.nodes) > 1
    )


def longest_gap(record: Record) -> float:
    """The longest time, in seconds, in which the sampler did not look where it should have.

    A question that a hung server left unanswered is no such gap: the sampler was there.
    """
    times = [record.start, *(sample.time for sample in record.holding), record.end]
    gaps = [after - before for before, after in zip(times, times[1:])]
    for node in record.nodes:
        samples = [sample for sample in record.access if sample.node == node]
        ends = [record.start, *(sample.answered for sample in samples)]
        starts = [*(sample.asked for sample in samples), record.end]
        gaps += [start - end for end, start in zip(ends, starts)]
    return max(gaps)


def opened(record: Record) -> list[str]:
    """Nodes that went from closed, or down, to open before the eyes of the sampler."""
    return [
        node
        for node in record.nodes
        if any(
            before.state in (CLOSED, DOWN) and after.state == OPEN
            for before, after in _in_turn(record.access, node)
        )
    ]


def _in_turn(access: Iterable[Access], node: str) -> list[tuple[Access, Access]]:
    known = [sample for sample in access if sample.node == node and sample.state is not None]
    return list(zip(known, known[1:]))


def missing_from(audit: Iterable[str], expected: Iterable[str]) -> str | None:
    """The first of `expected` that the audit log does not tell in that order, None if it does.

    Both are sentences such as "promote: opened"; the expected one may be a beginning.
    """
    told = iter(audit)
    for wanted in expected:
        if not any(entry.startswith(wanted) for entry in told):
            return wanted
    return None
