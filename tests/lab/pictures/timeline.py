"""A record as text for people: a picture over time, live lines, and a table of figures.

Plain text for 80 columns. Colour only on a terminal, and not under NO_COLOR.
"""

from __future__ import annotations

import os
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import TextIO

from tests.lab.observing import evidence
from tests.lab.observing.record import CLOSED, DOWN, OPEN, Mark, Record, Row
from tests.lab.observing.sampler import HUNG_AFTER

CELL = 0.1
_CELLS = (CELL, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
_LABEL = 8
_STALE = 1.0
_BARS = "▁▂▃▄▅▆▇█"
_PLAIN_BARS = "12345678"
_LETTERS = {OPEN: "W", CLOSED: "r", DOWN: "x", None: "?", "": " "}
_WORDS = {OPEN: "writable", CLOSED: "read-only", DOWN: "down", None: "no answer", "": "not seen"}
_LEGEND = "V virtual IP  W writable  r read-only  x down  ? silent  + replicates  - not"

_COLOURS = {"good": "32", "bad": "31", "note": "36"}


class Paint:
    """Colours for one stream, or none."""

    def __init__(self, stream: TextIO) -> None:
        self._on = stream.isatty() and not os.environ.get("NO_COLOR")

    def __call__(self, text: str, colour: str) -> str:
        return f"\033[{_COLOURS[colour]}m{text}\033[0m" if self._on else text


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
        _line("writes", "".join(_bar(count, most, bars) for count in counts)),
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
    lines.append(_LEGEND[:width])
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


def _bar(count: int, most: int, bars: str) -> str:
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


class Live:
    """Prints a line per half second while things happen."""

    PERIOD = 0.5

    def __init__(self, nodes: Sequence[str], start: float, stream: TextIO) -> None:
        self._start = start
        self._next = start
        self._nodes = nodes
        self._stream = stream
        self._paint = Paint(stream)
        self._bars = bars_for(stream)
        self._told: set[Mark] = set()
        self._most = 1
        self._last_writer: str | None = None

    def header(self) -> None:
        columns = "".join(f"   {node.upper() + ':':<29}" for node in self._nodes)
        self._say(f"  time  writes{columns}".rstrip())

    def update(self, record: Record) -> None:
        """Print the lines that `record` now has whole, and its new marks."""
        seen = Index(record)
        while self._next + self.PERIOD <= record.end:
            end = self._next + self.PERIOD
            self._tell_marks(record, end)
            self._tell_writer(record, end)
            edges = [self._next + CELL * at for at in range(6)]
            counts = [seen.writes(left, right) for left, right in zip(edges, edges[1:])]
            self._most = max(self._most, *counts)
            bars = "".join(_bar(count, self._most, self._bars) for count in counts)
            two = sum(seen.access(node, end) == OPEN for node in self._nodes) > 1
            parts = "".join(self._node(seen, node, end, two=two) for node in self._nodes)
            self._say(f"{end - self._start:6.1f}  {bars}  {parts}".rstrip())
            self._next = end

    def _node(self, seen: Index, node: str, at: float, *, two: bool) -> str:
        vip = "VIP" if seen.holds(node, at) else " . "
        state = seen.access(node, at)
        running = seen.replicates(node, at)
        replication = {True: "replicates", False: "no repl.", None: ""}[running]
        word = f"{_WORDS[state]:<10}"
        if state == OPEN:
            word = self._paint(word, "bad" if two else "good")
        return f"   {vip}  {word} {replication:<13}"

    def _tell_marks(self, record: Record, until: float) -> None:
        for mark in record.marks:
            if mark.time <= until and mark not in self._told:
                self._told.add(mark)
                self._say(self._paint(f"{mark.time - self._start:6.1f}  == {mark.text} ==", "note"))

    def _tell_writer(self, record: Record, until: float) -> None:
        for write in record.writes:
            if not write.acknowledged or write.end > until or write.node == self._last_writer:
                continue
            if self._next <= write.end:
                since = [fault for fault in record.faults if fault.time < write.end]
                late = f", {write.end - since[-1].time:.2f} s after the fault" if since else ""
                name = str(write.node).upper()
                text = f"== first write acknowledged by {name}{late} =="
                self._say(self._paint(f"{write.end - self._start:6.1f}  {text}", "note"))
                self._last_writer = write.node

    def _say(self, text: str) -> None:
        self._stream.write(f"{text}\n")
        self._stream.flush()


def figures(record: Record, rows: dict[str, list[Row]] | None = None) -> list[tuple[str, str]]:
    """The table at the end: what a reader wants to know of a failover, in words and numbers.

    `rows`: what each node holds at the end, the active node's first.
    """
    done = evidence.acknowledged(record.writes)
    table = []
    for fault in record.faults:
        gap = evidence.outage_of(record, fault)
        after = gap.after.upper() if gap.after else "nobody"
        table.append((f"outage, {fault.text}", f"{gap.seconds:.2f} s, then {after} took writes"))
    table.append(("acknowledged writes", f"{len(done):,}"))
    if rows:
        (active, kept), *others = rows.items()
        gone = evidence.lost(record.writes, kept)
        table.append((f"acknowledged writes missing on {active.upper()}", f"{len(gone):,}"))
        for other, theirs in others:
            differ = evidence.differing(kept, theirs)
            table.append(
                (
                    f"rows that differ between {active.upper()} and {other.upper()}",
                    f"{len(differ):,}",
                )
            )
    failed = ", ".join(
        f"{count} x {errno}" for errno, count in sorted(evidence.errors(record.writes).items())
    )
    table += [
        ("seconds with two writable servers", f"{evidence.both_open(record):.2f}"),
        ("seconds with the virtual IP on both", f"{evidence.both_holding(record):.2f}"),
        ("attempts that failed, by error number", failed or "none"),
        ("longest gap between samples", f"{evidence.longest_gap(record) * 1000:.0f} ms"),
    ]
    return table


def table(rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their widest cell, the first one left, the others as they are."""
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows
    )
