"""A record as lines that are printed while it grows.

Colour only on a terminal, and not under NO_COLOR.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TextIO

from tests.lab.pictures.timeline import CELL, Index, bar, bars_for
from tests.lab.records.record import CLOSED, DOWN, NO_QUORUM, OPEN, Mark, Record

_COLOURS = {"good": "32", "bad": "31", "note": "36"}
_WORDS = {
    OPEN: "writable",
    CLOSED: "read-only",
    NO_QUORUM: "no quorum",
    DOWN: "down",
    None: "no answer",
    "": "not seen",
}


class Paint:
    """Colours for one stream, or none."""

    def __init__(self, stream: TextIO) -> None:
        self._on = stream.isatty() and not os.environ.get("NO_COLOR")

    def __call__(self, text: str, colour: str) -> str:
        return f"\033[{_COLOURS[colour]}m{text}\033[0m" if self._on else text


class LiveLines:
    """Prints a line per half second while things happen."""

    PERIOD = 0.5

    def __init__(
        self, nodes: Sequence[str], start: float, stream: TextIO, *, one_writer: bool = True
    ) -> None:
        """`one_writer`: two that are open are bad."""
        self._start = start
        self._next = start
        self._nodes = nodes
        self._stream = stream
        self._one_writer = one_writer
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
            bars = "".join(bar(count, self._most, self._bars) for count in counts)
            writers = sum(seen.access(node, end) == OPEN for node in self._nodes)
            two = self._one_writer and writers > 1
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
