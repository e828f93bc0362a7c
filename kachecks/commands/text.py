"""How all commands write for people: wrapped lines, spans of time, numbers of things. Pure."""

from __future__ import annotations

import textwrap

from kachecks.lean import shown

WIDTH = 80
"""Columns, where the width of the window is not asked for."""


def wrap(
    text: str, width: int = WIDTH, *, first: str = "", rest: str = "", cut: bool = False
) -> list[str]:
    """One paragraph as lines of ``width`` columns.

    Args:
        first, rest: the indentation of the first line, and of the others.
        cut: break words that are longer than a line, for a screen that has no more columns.
            Otherwise they stay in one piece, so that they can be copied.
    """
    return textwrap.wrap(
        shown(text),
        width,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=cut,
        break_on_hyphens=False,
    )


def span(seconds: float) -> str:
    """Two units at most: ``42 s``, ``3 min 5 s``, ``2 h 10 min``, ``12 d 3 h``."""
    whole = max(0, int(seconds))
    units = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))
    for (large, word), (small, below) in zip(units, units[1:]):
        if whole >= large:
            rest = whole % large // small
            return f"{whole // large} {word}" + (f" {rest} {below}" if rest else "")
    return f"{whole} s"


def count(number: int, noun: str) -> str:
    """``0 transactions``, ``1 transaction``, ``12,345 transactions``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
