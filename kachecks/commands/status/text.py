"""The screen of ``kachecks status``: two columns of cells, for any window."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import NamedTuple

from kachecks.commands.status.cells import BAD, FAINT, GOOD, TITLE, WARN, Cell, Row, rows
from kachecks.commands.status.facts import Status
from kachecks.commands.status.judgement import FINE, NOT_SERVING, Summary
from kachecks.commands.status.terminal import Painter, Window
from kachecks.commands.text import wrap
from kachecks.lean import shown
from kachecks.state.transition import Transition

ROOM = 120
"""Columns; from this width on, sentences and GTIDs are shown in full."""

NARROWEST = 60
"""Columns; in a narrower window the lines wrap."""

_LABEL = 10
_GAP = 2


class _Limits(NamedTuple):
    """Lines at most of one cell, of one transition, and of each sentence below."""

    cell: int
    transition: int
    sentence: int


_LIMITS = {
    True: (_Limits(8, 4, 4), _Limits(4, 2, 2), _Limits(2, 1, 1)),
    False: (_Limits(3, 2, 3), _Limits(2, 1, 2), _Limits(1, 1, 1)),
}
"""By room. The first limits for which the window is high enough are used."""


def screen(status: Status, summary: Summary, window: Window, paint: Painter) -> list[str]:
    """Every line, at most as wide as the window. Texts are shortened if the window is not high
    enough."""
    width = max(window.width, NARROWEST)
    lines: list[str] = []
    for limits in _LIMITS[width >= ROOM]:
        lines = list(_Screen(width, limits, paint).lines(status, summary))
        if window.height is None or len(lines) <= window.height:
            break
    return lines


class _Screen:
    def __init__(self, width: int, limits: _Limits, paint: Painter) -> None:
        self._width = width
        self._room = width >= ROOM
        self._limits = limits
        self._paint = paint

    def lines(self, status: Status, summary: Summary) -> Iterator[str]:
        paint, room = self._paint, self._room
        yield paint(self._header(status), FAINT)
        style = {FINE: GOOD, NOT_SERVING: BAD}.get(summary.status, WARN)
        yield from self._sentence(f"{summary.word}: {summary.sentence}", "", style)
        yield ""
        for row in rows(status, room):
            yield from self._row(row)
        yield ""
        yield paint(f"Last transitions of {shown(status.here.name)}", TITLE)
        for transition in status.transitions or ():
            yield from self._transition(transition)
        if not status.transitions:
            why = status.transitions_said
            yield paint(f"  unknown: {shown(why)}" if why else "  none in the audit log", FAINT)
        if room and summary.problems:
            yield ""
            for problem in summary.problems:
                yield from self._sentence(f"wrong: {problem}", "  ", WARN)

    def _header(self, status: Status) -> str:
        left = f"kachecks {status.pair}  VIP {', '.join(status.vips)}"
        right = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(status.time))
        room = self._width - len(right)
        return f"{left[: room - 1]:<{room}}{right}"

    def _row(self, row: Row) -> Iterator[str]:
        width = (self._width - _LABEL - 2 * _GAP) // 2
        here, there = self._cell(row.here, width), self._cell(row.there, width)
        for at in range(max(len(here), len(there))):
            label = f"{row.label if at == 0 else '':<{_LABEL}}"
            left = here[at] if at < len(here) else ""
            right = there[at] if at < len(there) else ""
            painted = self._paint(left, row.here.style) + " " * (width - len(left))
            line = f"{label}{' ' * _GAP}{painted}{' ' * _GAP}{self._paint(right, row.there.style)}"
            yield line.rstrip()

    def _cell(self, cell: Cell, width: int) -> list[str]:
        lines = [
            line
            for paragraph in cell.text.split("\n")
            for line in wrap(paragraph, width, cut=True) or [""]
        ]
        return _cut(lines, self._limits.cell, width)

    def _transition(self, transition: Transition) -> list[str]:
        took = ""
        if transition.milliseconds is not None:
            took = f" in {transition.milliseconds / 1000:.3f} s"
        when = transition.time.replace("T", " ")[:19]
        by = f" ({transition.cause})" if self._room and transition.cause else ""
        text = f"{when}  {transition.transition}: {transition.outcome}{took}: {transition.why}{by}"
        lines = wrap(text, self._width, first="  ", rest="    ", cut=True)
        return _cut(lines, self._limits.transition, self._width)

    def _sentence(self, text: str, indent: str, style: str) -> list[str]:
        lines = wrap(text, self._width, rest=indent, cut=True)
        return [
            self._paint(line, style) for line in _cut(lines, self._limits.sentence, self._width)
        ]


def _cut(lines: list[str], most: int, width: int) -> list[str]:
    """The first lines; dots at the end say that there were more."""
    if len(lines) <= most:
        return lines
    return [*lines[: most - 1], f"{lines[most - 1][: width - 3]}..."]
