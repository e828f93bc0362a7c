"""A record as a picture over time, in plain text for 80 columns."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import TextIO

from tests.lab.records import evidence
from tests.lab.records.record import CLOSED, DOWN, HUNG_AFTER, NO_QUORUM, OPEN, Mark, Record

CELL = 0.1
_CELLS = (CELL, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
_LABEL = 8
_STALE = 1.0
_BARS = "▁▂▃▄▅▆▇█"
_PLAIN_BARS = "12345678"
_LETTERS = {OPEN: "W", CLOSED: "r", NO_QUORUM: "n", DOWN: "x", None: "?", "": " "}
_LEGEND = "V virtual IP  W writable  r read-only  x down  ? silent  + replicates  - not"
_LEGEND_OF_CLUSTER = "V virtual IP  W takes writes  r read-only  n no quorum  x down  ? silent"


def bars_for(stream: TextIO) -> str:
    """Characters from few to many that the stream can show."""
    try:
        _BARS.encode(stream.encoding or "ascii")
    except (LookupError, UnicodeEncodeError):
        return _PLAIN_BARS
    return _BARS


class Index:
    """A record, prepared to be asked what a cell of time looked like."""

    def __init__(self, record: Record) -> None:
        self._ends = [write.end for write in record.writes if write.acknowledged]
        self._nodes = [write.node for write in record.writes if write.acknowledged]
        self._holding = record.holding
        self._held = [sample.time for sample in record.holding]
        self._access = {n: [a for a in record.access if a.node == n] for n in record.nodes}
        self._answered = {n: [a.answered for a in self._access[n]] for n in record.nodes}
        self._replicating = {
            n: [r for r in record.replicating if r.node == n] for n in record.nodes
        }
        self._replicated = {n: [r.time for r in self._replicating[n]] for n in record.nodes}

    def writes(self, start: float, end: float) -> int:
        return bisect_left(self._ends, end) - bisect_left(self._ends, start)

    def writer(self, start: float, end: float) -> str:
        """The node that acknowledged writes in the cell, "*" for both."""
        nodes = set(self._nodes[bisect_left(self._ends, start) : bisect_left(self._ends, end)])
        return "*" if len(nodes) > 1 else (next(iter(nodes), "") or "")[:1].upper()

    def holds(self, node: str, at: float) -> bool | None:
        """Whether the node had the virtual IP in the last sample before a moment."""
        place = bisect_right(self._held, at)
        return node in self._holding[place - 1].nodes if place else None

    def access(self, node: str, at: float) -> str | None:
        """The state last answered before a moment; None: hung then, "": not sampled yet."""
        samples = self._access[node]
        place = bisect_right(self._answered[node], at)
        if place < len(samples) and samples[place].asked + HUNG_AFTER < at:
            return None
        return samples[place - 1].state if place else ""

    def replicates(self, node: str, at: float) -> bool | None:
        """What was last seen before a moment, if that is not old by then."""
        place = bisect_right(self._replicated[node], at)
        if not place or self._replicated[node][place - 1] < at - _STALE:
            return None
        return self._replicating[node][place - 1].running


def picture(
    record: Record,
    origin: Mark | None = None,
    *,
    before: float = 1.0,
    after: float = 6.0,
    width: int = 80,
    bars: str = _BARS,
) -> str:
    """What the client, the nodes and the scenario did around `origin` (default: first fault)."""
    origin = origin or next(iter(record.faults), Mark(record.start, "start"))
    start = max(record.start, origin.time - before)
    end = min(record.end, origin.time + after)
    room = width - _LABEL
    cell = next((size for size in _CELLS if (end - start) / size <= room), _CELLS[-1])
    start = origin.time - cell * int((origin.time - start) / cell)  # a cell begins at the fault
    edges = [start + cell * at for at in range(min(room, int((end - start) / cell)) + 1)]
    seen = Index(record)

    counts = [seen.writes(left, right) for left, right in zip(edges, edges[1:])]
    most = max([*counts, 1])
    lines = [
        f"{cell:g} s a column, {most} writes a full bar",
        _line("time", _scale(edges, origin.time, cell)),
        _line("writes", "".join(bar(count, most, bars) for count in counts)),
        _line("by", "".join(seen.writer(*pair) or "." for pair in zip(edges, edges[1:]))),
    ]
    for node in record.nodes:
        vip = "".join({True: "V", False: ".", None: " "}[seen.holds(node, at)] for at in edges[1:])
        access = "".join(_LETTERS[seen.access(node, at)] for at in edges[1:])
        runs = (seen.replicates(node, at) for at in edges[1:])
        replication = "".join({True: "+", False: "-", None: " "}[run] for run in runs)
        name = node.upper()
        lines += [_line(f"{name} vip", vip), _line(f"{name} db", access)]
        if replication.strip():
            lines.append(_line(f"{name} repl", replication))
    for mark in sorted((*record.marks, *takeovers(record)), key=lambda mark: mark.time):
        if start <= mark.time < edges[-1]:
            lines.append(_pointer(mark.text, bisect_right(edges, mark.time) - 1, width))
    quorum_lost = any(sample.state == NO_QUORUM for sample in record.access)
    lines.append(_LEGEND_OF_CLUSTER if quorum_lost else _LEGEND)
    return "\n".join(line.rstrip()[:width] for line in lines)


def takeovers(record: Record) -> list[Mark]:
    """For each fault the first write after the gap it made."""
    marks = []
    for fault in record.faults:
        gap = evidence.outage_of(record, fault)
        if gap.after is not None and gap.end > fault.time:
            late = f"{gap.end - fault.time:.2f} s later"
            text = f"first write acknowledged by {gap.after.upper()}, {late}"
            marks.append(Mark(gap.end, text))
    return marks


def _line(label: str, cells: str) -> str:
    return f"{label:<{_LABEL}}{cells}"


def _pointer(text: str, column: int, width: int) -> str:
    """An arrow under a column, with its text on the side that has room."""
    place = _LABEL + column
    if place + 2 + len(text) <= width:
        return f"{' ' * place}^ {text}"
    return f"{text[: place - 1]} ".rjust(place) + "^"


def bar(count: int, most: int, bars: str) -> str:
    if not count:
        return "."
    return bars[min(len(bars) - 1, int((count / most) * len(bars) - 0.001))]


def _scale(edges: Sequence[float], origin: float, cell: float) -> str:
    """Seconds from the origin, a number every ten cells."""
    scale = [" "] * (len(edges) - 1)
    zero = round((origin - edges[0]) / cell)
    for at in range(zero % 10, len(scale), 10):
        number = f"{(at - zero) * cell:.0f}" if cell >= CELL else ""
        scale[at : at + len(number) + 1] = "|" + number
    return "".join(scale)[: len(edges) - 1]
