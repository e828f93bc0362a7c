"""What a record of a cluster proves: pure functions over recorded values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations

from tests.lab.records.record import NO_QUORUM, Record, Write
from tests.lab.records.spans import access_spans, holding_spans

Span = tuple[float, float]


def held_without_quorum(record: Record) -> float:
    """Seconds with the virtual IP on a member that says it has no quorum, summed over members.

    Until the engine has noticed a loss, which takes it seconds, a member says nothing of it.
    """
    return sum(
        _shared(
            [(span.start, span.end) for span in holding_spans(record, node)],
            [
                (span.start, span.end)
                for span in access_spans(record, node)
                if span.state == NO_QUORUM
            ],
        )
        for node in record.nodes
    )


def two_acknowledging(clients: Iterable[Sequence[Write]]) -> float:
    """Seconds in which two clients certainly had their writes acknowledged by different members.

    A member certainly acknowledges from the first to the last of a client's writes that it
    acknowledged with no failure in between.
    """
    runs = [_runs(writes) for writes in clients]
    return sum(
        _shared([span], [other])
        for one, two in combinations(runs, 2)
        for node, span in one
        for another, other in two
        if node != another
    )


def _runs(writes: Sequence[Write]) -> list[tuple[str, Span]]:
    runs: list[tuple[str, Span]] = []
    unbroken = False
    for write in writes:
        if not write.acknowledged or write.node is None:
            unbroken = False
        elif unbroken and runs[-1][0] == write.node:
            runs[-1] = (write.node, (runs[-1][1][0], write.end))
        else:
            runs.append((write.node, (write.end, write.end)))
            unbroken = True
    return runs


def _shared(left: Iterable[Span], right: Sequence[Span]) -> float:
    return sum(
        max(0.0, min(end, other_end) - max(start, other_start))
        for start, end in left
        for other_start, other_end in right
    )
