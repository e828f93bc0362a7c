"""The samples of a record as spans of time: from when until when a node was in which state."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from typing import NamedTuple

from tests.lab.records import evidence
from tests.lab.records.record import Record

SILENT = "no answer"
"""The server was alive and did not answer."""


class Span(NamedTuple):
    """A state of one node; seconds of the record's clock."""

    start: float
    end: float
    state: str


def access_spans(record: Record, node: str) -> list[Span]:
    """Open, closed, down or SILENT, each until the next answer that says something else."""
    points: list[tuple[float, str]] = []
    for sample in record.access:
        if sample.node != node:
            continue
        if sample.state is None:
            points.append((sample.asked, SILENT))
            continue
        if sample.answered - sample.asked > evidence.LONGEST_GAP:  # it hung, and then answered
            points.append((sample.asked, SILENT))
        points.append((sample.answered, sample.state))
    return _merged(points, record.end)


def holding_spans(record: Record, node: str) -> list[Span]:
    """The spans in which a node had the virtual IP."""
    points = [(sample.time, "held" if node in sample.nodes else "") for sample in record.holding]
    return [span for span in _merged(points, record.end) if span.state]


def writes_per_cell(record: Record, node: str, start: float, cell: float, cells: int) -> list[int]:
    """How many writes a node acknowledged in each of `cells` cells of `cell` seconds."""
    ends = [write.end for write in record.writes if write.acknowledged and write.node == node]
    places = [bisect_left(ends, start + cell * at) for at in range(cells + 1)]
    return [right - left for left, right in zip(places, places[1:])]


def _merged(points: Iterable[tuple[float, str]], end: float) -> list[Span]:
    """Each state from its first point to the first point of another state."""
    spans: list[Span] = []
    for time, state in sorted(points, key=lambda point: point[0]):
        if spans and spans[-1].state == state:
            continue
        if spans:
            spans[-1] = spans[-1]._replace(end=time)
        spans.append(Span(time, end, state))
    return spans
