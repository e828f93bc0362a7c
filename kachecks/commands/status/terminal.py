"""The terminal: its size, its colours, and drawing on it without flicker."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple, TextIO

Painter = Callable[[str, str], str]
"""A function that gives a text a style."""

_STYLES = {"good": "32", "warn": "33", "bad": "1;31", "faint": "2", "title": "1"}
"""SGR parameters of ECMA-48; only the 8 colours that every theme has."""

_ENTER, _LEAVE = "\x1b[?1049h\x1b[?25l\x1b[?7l", "\x1b[?7h\x1b[?25h\x1b[?1049l"
"""Switch to xterm's alternate screen, without cursor and without wrapping at the right edge; and
back."""

_HOME, _TO_END_OF_LINE, _BELOW = "\x1b[H", "\x1b[K", "\x1b[J"


class Window(NamedTuple):
    """Room for text, in columns and lines."""

    width: int
    height: int | None  # None: as many lines as there are


WIDEST = 1000
"""Columns. More are a mistake in COLUMNS, and each line would be as wide."""


def window(beside: int = 0) -> Window:
    """The size by COLUMNS and LINES, or else of the terminal; 80 columns where there is none.

    Args:
        beside: lines that are needed for something else, such as the shell's prompt.
    """
    columns, lines = shutil.get_terminal_size((80, 0))
    return Window(min(columns, WIDEST), lines - beside if lines else None)


def painter(stream: TextIO, environment: Mapping[str, str] = os.environ) -> Painter:
    """Colours only on a terminal that knows them, and not with NO_COLOR (no-color.org)."""
    if environment.get("NO_COLOR") or not has_cursor(stream, environment):
        return lambda text, _style: text
    return paint


def paint(text: str, style: str) -> str:
    """The text in this style."""
    code = _STYLES.get(style)
    return f"\x1b[{code}m{text}\x1b[0m" if code and text else text


def has_cursor(stream: TextIO, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether it is a terminal that obeys control sequences."""
    return stream.isatty() and environment.get("TERM") not in (None, "", "dumb")


def showable(text: str) -> str:
    """The text as far as the encoding of standard output can show it."""
    encoding = sys.stdout.encoding or "ascii"
    return text.encode(encoding, "replace").decode(encoding)


class Screen:
    """A whole terminal, which is given back as it was. Without a terminal, frames just follow each
    other."""

    def __init__(self, on_terminal: bool) -> None:
        self._on_terminal = on_terminal

    def __enter__(self) -> Screen:
        if self._on_terminal:
            write(_ENTER)
        return self

    def __exit__(self, *_: object) -> None:
        if self._on_terminal:
            with suppress(OSError, ValueError):  # it may have gone
                write(_LEAVE)

    def draw(self, lines: Sequence[str], height: int | None) -> None:
        """One frame, in one write: each line replaces what stood there, so nothing flickers.

        Raises OSError: nobody reads it any more.
        """
        if not self._on_terminal:
            write("\n".join(lines) + "\n")
            return
        shown = list(lines)
        if height is not None and len(shown) > height:
            hidden = len(shown) - height + 1
            shown[height - 1 :] = [f"... {hidden} more lines: the window is too small"]
        write(_HOME + "\n".join(f"{line}{_TO_END_OF_LINE}" for line in shown) + _BELOW)


def write(text: str) -> None:
    """Text that is harmless already, with our own control sequences. Raises OSError, ValueError:
    nobody reads it any more."""
    sys.stdout.write(showable(text))
    sys.stdout.flush()
