"""One spelling of a time, in the option file and on every command line."""

from __future__ import annotations

import argparse

import pytest

from kachecks import command_line
from kachecks.config.kinds import duration, spelled


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("3", 3),
        ("0.5", 0.5),
        (".5", 0.5),
        ("3s", 3),
        ("850ms", 0.85),
        ("1s500ms", 1.5),
        ("90s", 90),
        ("30m", 1800),
        ("2h", 7200),
        ("1.5h", 5400),
        ("1d12h", 129600),
        ("0m", 0),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert duration(text) == seconds
    assert command_line.duration(0, 1e6)(text) == seconds


@pytest.mark.parametrize(
    "text",
    ["", "h", "ms", "-1h", "2 h", "1w", "1h30", "1.2.3", "1e3", "1_0", "inf", "nan", "3 s", "1ss"],
)
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match=r"^$"):
        duration(text)
    with pytest.raises(argparse.ArgumentTypeError, match="expected a time, 1s to 30d, written"):
        command_line.duration(1, 30 * 86400)(text)


@pytest.mark.parametrize("text", ["0", "0.19", "2d"])
def test_beyond_the_limits(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        command_line.duration(0.2, 86400)(text)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (0.85, "0.85s"), (5, "5s"), (60, "1m"), (2592000, "30d")]
)
def test_spelled(seconds: float, text: str) -> None:
    assert spelled(seconds) == text
    assert duration(text) == seconds
