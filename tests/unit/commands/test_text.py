"""How all commands write: lines, spans of time, numbers of things."""

from __future__ import annotations

import pytest

from kachecks.commands.text import count, span, wrap


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-1, "0 s"), (59.9, "59 s"), (60, "1 min"), (3725, "1 h 2 min"), (90000, "1 d 1 h")],
)
def test_spans(seconds: float, text: str) -> None:
    assert span(seconds) == text


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 rules"), (1, "1 rule"), (2, "2 rules"), (12345, "12,345 rules")]
)
def test_counts(number: int, text: str) -> None:
    assert count(number, "rule") == text


def test_what_is_to_be_copied_stays_in_one_piece() -> None:
    command = "--defaults-file=/etc/kachecks/kachecks.cnf"
    assert wrap(f"run it with {command} now", 20, first="> ", rest="  ") == [
        "> run it with",
        f"  {command}",
        "  now",
    ]


def test_a_screen_is_never_wider() -> None:
    assert wrap("a" * 25, 10, cut=True) == ["a" * 10, "a" * 10, "a" * 5]


def test_no_text_moves_the_cursor() -> None:
    assert wrap("it\x1b[2J is\r\ngone") == ["it?[2J is  gone"]
