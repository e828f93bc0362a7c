"""A terminal's screen as a picture: an SVG that has the text in it, to read and to search."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple
from xml.sax.saxutils import escape

WIDTH, HEIGHT, BASELINE = 8, 17, 13  # of one character, in pixels
MARGIN = 12
BACKGROUND, FOREGROUND = "#1b1f24", "#d6dbe0"
COLOURS = {
    "default": FOREGROUND,
    "red": "#ff7b72",
    "green": "#56d364",
    "brown": "#e3b341",  # what terminals call 33; shown as yellow
    "yellow": "#e3b341",
}


class Letter(NamedTuple):
    """One cell of the screen, as a terminal emulator has it."""

    data: str
    colour: str  # of COLOURS
    bold: bool


BLANK = Letter(" ", "default", False)


def picture(lines: Sequence[Sequence[Letter]], columns: int, title: str) -> str:
    """The whole screen."""
    width, height = columns * WIDTH + 2 * MARGIN, len(lines) * HEIGHT + 2 * MARGIN
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    text = "\n".join(
        run for number, line in enumerate(lines) for run in _runs(line, MARGIN + number * HEIGHT)
    )
    font = "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">\n'
        f"<title>{escape(title)}</title>\n"
        f'<rect width="{width}" height="{height}" rx="6" fill="{BACKGROUND}"/>\n'
        f'<g font-family="{font}" font-size="13" xml:space="preserve">\n{text}\n</g>\n</svg>\n'
    )


def _runs(line: Sequence[Letter], top: int) -> Iterator[str]:
    """Each run of letters that look alike, stretched to the grid whatever the font is."""
    column = 0
    for (colour, bold), letters in groupby(line, key=lambda each: each[1:]):
        data = "".join(letter.data for letter in letters)
        before = len(data) - len(data.lstrip())
        shown = data.strip()
        if shown:
            attributes: Mapping[str, object] = {
                "x": MARGIN + (column + before) * WIDTH,
                "y": top + BASELINE,
                "textLength": len(shown) * WIDTH,
                "fill": COLOURS.get(colour, FOREGROUND),
                **({"font-weight": "bold"} if bold else {}),
            }
            written = " ".join(f'{name}="{value}"' for name, value in attributes.items())
            yield f"<text {written}>{escape(shown)}</text>"
        column += len(data)
