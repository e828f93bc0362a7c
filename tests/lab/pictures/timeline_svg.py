"""A record as a picture: writes, virtual IP and server of each node over time, as SVG.

Several records are drawn below each other on the same scale of time and of writes, so that they
can be compared by eye. Drawn by hand: what there is to draw is bars and strips, and a picture
without a plotting library can be tested to the letter and keeps its text as text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from tests.lab.pictures.svg import document, line, rectangle, text
from tests.lab.records import evidence, spans
from tests.lab.records.record import CLOSED, DOWN, OPEN, Mark, Record
from tests.lab.records.transitions import Transition

CELL = 0.05
"""Seconds that a bar of writes stands for."""

WIDTH, LEFT, RIGHT = 960, 96, 16
_PLOT = WIDTH - LEFT - RIGHT
_BARS, _HEAD, _NODE, _AXIS, _NOTE, _GAP = 64, 46, 54, 24, 16, 14  # heights
_VIP, _SERVER, _STEPS = 9, 17, 9  # heights of a node's strips

# Told apart by eyes that do not tell red from green (Okabe and Ito's palette).
_NODE_COLOURS = ("#0072b2", "#e69f00", "#009e73")
_GREY, _DARK, _RED = "#d0d7de", "#57606a", "#c1121f"
_STATES = {CLOSED: ("#e6e9ed", "read-only"), DOWN: ("#ffffff", "down")}
_STEP_COLOURS = ("#57606a", "#afb8c1")


class Panel(NamedTuple):
    """One record with its heading."""

    title: str
    record: Record
    transitions: Sequence[Transition] = ()
    one_writer: bool = True
    """Two that are writable are wrong, and red."""


class _Scale(NamedTuple):
    """Seconds to pixels. `left` and `right` count from the panel's origin."""

    origin: float
    left: float
    right: float

    def x(self, moment: float) -> float:
        inside = min(max(moment - self.origin, self.left), self.right)
        return LEFT + _PLOT * (inside - self.left) / (self.right - self.left)

    def shows(self, start: float, end: float) -> bool:
        return end - self.origin > self.left and start - self.origin < self.right


def picture(
    panels: Sequence[Panel], title: str, *, before: float = 1.0, after: float | None = None
) -> str:
    """The panels below each other, second 0 being the first fault of each.

    Args:
        after: seconds to show after the fault; default: until 1 s after the longest outage.
    """
    if after is None:
        after = max(_settled(panel.record) for panel in panels) + 1.0
    elements: list[str] = []
    top = float(_GAP)
    most = max(_most_writes(panel.record) for panel in panels)
    for panel in panels:
        scale = _Scale(_origin(panel.record), -before, after)
        elements += _panel(panel, scale, top, most)
        top += _height(panel, scale) + _GAP
    return document(WIDTH, top, title, elements)


def _origin(record: Record) -> float:
    return record.faults[0].time if record.faults else record.start


def _settled(record: Record) -> float:
    """Seconds from the fault to the first write after it; to the end if there is none."""
    if not record.faults:
        return record.end - record.start
    return evidence.outage_of(record, record.faults[0]).end - record.faults[0].time


def _most_writes(record: Record) -> int:
    cells = int((record.end - record.start) / CELL) + 1
    counts = (spans.writes_per_cell(record, n, record.start, CELL, cells) for n in record.nodes)
    return max(1, *(max(each, default=0) for each in counts))


def _shown(panel: Panel, scale: _Scale) -> list[Transition]:
    return [each for each in panel.transitions if scale.shows(each.start, each.end)]


def _height(panel: Panel, scale: _Scale) -> float:
    strips = len(panel.record.nodes) * _NODE
    return _HEAD + _BARS + strips + _AXIS + len(_notes(panel, scale)) * _NOTE


def _notes(panel: Panel, scale: _Scale) -> list[tuple[str, str]]:
    """Lines below the picture, each with its colour."""
    notes = []
    for each in _shown(panel, scale):
        after = each.end - scale.origin
        words = f"{each.node.upper()} {each.title} {after:+.2f} s: {_steps(each)}"
        notes.append((words, _DARK))
    seconds = evidence.both_open(panel.record) if panel.one_writer else 0.0
    if seconds:
        notes.append((f"red: both servers writable, {seconds:.1f} s in all", _RED))
    return notes


def _panel(panel: Panel, scale: _Scale, top: float, most: int) -> Iterator[str]:
    yield text(12, top + 14, panel.title, font_weight="600", font_size="14")
    bars = top + _HEAD
    yield from _writes(panel.record, scale, bars, most)
    place = bars + _BARS
    for number, node in enumerate(panel.record.nodes):
        colour = _NODE_COLOURS[number % len(_NODE_COLOURS)]
        yield from _node(panel, node, colour, scale, place + number * _NODE)
    bottom = place + len(panel.record.nodes) * _NODE
    yield from _axis(scale, bars, bottom)
    for mark in panel.record.marks:
        if scale.shows(mark.time, mark.time):
            yield from _mark(mark, scale, top + 30, bottom)
    for number, (words, colour) in enumerate(_notes(panel, scale)):
        y = bottom + _AXIS + 12 + number * _NOTE
        yield text(LEFT, y, words, colour, font_size="11")


def _writes(record: Record, scale: _Scale, top: float, most: int) -> Iterator[str]:
    """A bar per cell, the writes of each node in its colour."""
    yield text(12, top + 12, "writes")
    yield text(12, top + 26, f"per {CELL * 1000:.0f} ms", _DARK, font_size="11")
    floor = top + _BARS - 4
    cells = round((scale.right - scale.left) / CELL)
    start = scale.origin + scale.left
    stacked = [0] * cells
    for number, node in enumerate(record.nodes):
        colour = _NODE_COLOURS[number % len(_NODE_COLOURS)]
        counts = spans.writes_per_cell(record, node, start, CELL, cells)
        for at, count in enumerate(counts):
            if not count:
                continue
            height = (_BARS - 8) * count / most
            base = floor - (_BARS - 8) * stacked[at] / most
            left, right = (scale.x(start + CELL * place) for place in (at, at + 1))
            yield rectangle(left, base - height, max(right - left - 0.6, 0.6), height, colour)
            stacked[at] += count
    yield line(LEFT, floor, LEFT + _PLOT, floor, _GREY)
    for fault in record.faults[:1]:
        gap = evidence.outage_of(record, fault)
        left, right = scale.x(gap.start), scale.x(gap.end)
        height = floor - 14
        yield line(left, height, right, height, _RED, stroke_width="1.5")
        for end in (left, right):
            yield line(end, height - 4, end, height + 4, _RED, stroke_width="1.5")
        words = f"{gap.seconds:.2f} s without a write"
        fits = right - left > 6.2 * len(words)
        place, anchor = ((left + right) / 2, "middle") if fits else (right + 6, "start")
        if not fits:  # over the bars
            yield rectangle(place - 3, height - 17, 6.2 * len(words) + 6, 15, "#ffffff")
        yield text(place, height - 6, words, _RED, text_anchor=anchor)


def _node(panel: Panel, node: str, colour: str, scale: _Scale, top: float) -> Iterator[str]:
    """Three strips: virtual IP, server, steps of promotion and demotion."""
    record = panel.record
    yield text(12, top + 22, node.upper(), colour, font_weight="700", font_size="14")
    right_of = {"text_anchor": "end", "font_size": "10"}
    yield text(LEFT - 6, top + 11, "virtual IP", _DARK, **right_of)
    for span in spans.holding_spans(record, node):
        yield from _strip(scale, span.start, span.end, top + 3, _VIP, colour)
    server = top + 5 + _VIP
    yield text(LEFT - 6, server + 12, "server", _DARK, **right_of)
    for span in spans.access_spans(record, node):
        fill, word = (colour, "writable") if span.state == OPEN else _STATES.get(
            span.state, ("#f5c2c7", span.state)
        )  # fmt: skip
        if not scale.shows(span.start, span.end):
            continue
        yield from _strip(scale, span.start, span.end, server, _SERVER, fill, border=_GREY)
        left, right = scale.x(span.start), scale.x(span.end)
        if right - left > 7 * len(word):
            ink = "#ffffff" if span.state == OPEN else _DARK
            yield text(left + 6, server + 13, word, ink, font_size="11")
    for start, end in evidence.two_writers(record) if panel.one_writer else ():
        yield from _strip(scale, start, end, server + _SERVER - 4, 4, _RED)
    steps = server + _SERVER + 3
    if panel.transitions:
        yield text(LEFT - 6, steps + 8, "steps", _DARK, **right_of)
    for transition in panel.transitions:
        if transition.node == node:
            yield from _blocks(transition, scale, steps)


def _strip(
    scale: _Scale, start: float, end: float, y: float, height: float, fill: str, border: str = ""
) -> Iterator[str]:
    if scale.shows(start, end):
        left, right = scale.x(start), scale.x(end)
        edge = {"stroke": border, "stroke_width": "0.5"} if border else {}
        yield rectangle(left, y, max(right - left, 1.0), height, fill, **edge)


def _blocks(transition: Transition, scale: _Scale, y: float) -> Iterator[str]:
    """A block per step, two greys in turn."""
    begin = transition.start
    for number, (name, milliseconds) in enumerate(transition.steps):
        end = begin + milliseconds / 1000
        if scale.shows(begin, end):
            left, right = scale.x(begin), scale.x(end)
            colour = _STEP_COLOURS[number % 2]
            hint = f"{transition.title}: {name} {milliseconds:g} ms"
            yield rectangle(left, y, max(right - left, 0.8), _STEPS, colour, hint)
        begin = end


def _steps(transition: Transition) -> str:
    """In words; what takes no time is not worth any, and the last step ends the transition."""
    told = [f"{name} {spent:.0f}" for name, spent in transition.steps if spent >= 1]
    return f"{', '.join(told)} ms" if told else f"{transition.milliseconds:.0f} ms"


def _axis(scale: _Scale, top: float, bottom: float) -> Iterator[str]:
    span = scale.right - scale.left
    step = next((size for size in (0.1, 0.2, 0.5, 1.0, 2.0, 5.0) if span / size <= 16), 10.0)
    tick = round(scale.left / step + 0.499)
    while tick * step <= scale.right:
        x = scale.x(scale.origin + tick * step)
        yield line(x, top, x, bottom + 4, _GREY, stroke_width="0.5", stroke_dasharray="2 3")
        label = f"{tick * step:g} s"
        yield text(x, bottom + 16, label, _DARK, text_anchor="middle", font_size="11")
        tick += 1


def _mark(mark: Mark, scale: _Scale, top: float, bottom: float) -> Iterator[str]:
    x, colour = scale.x(mark.time), _RED if mark.fault else _DARK
    yield line(x, top + 4, x, bottom, colour, stroke_dasharray="" if mark.fault else "4 3")
    yield text(x, top, mark.text, colour, text_anchor="middle" if x > 2 * LEFT else "start")
