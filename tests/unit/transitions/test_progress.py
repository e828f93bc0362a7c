"""What long work says of its progress, with times as arguments."""

from __future__ import annotations

import pytest

from kachecks.transitions.progress import Progress, ProgressLines, sentence


@pytest.mark.parametrize(
    ("left", "rate", "expected"),
    [
        (1234, 560.4, "1,234 transactions left, 560/s, about 2 s"),
        (1, 0.5, "1 transaction left, 0.5/s, about 2 s"),
        (3, 1000.0, "3 transactions left, 1,000/s, about 1 s"),
        (60000, 100.0, "60,000 transactions left, 100/s, about 10 min"),
        (10**7, 1000.0, "10,000,000 transactions left, 1,000/s, about 3 h"),
        (10**9, 1000.0, "1,000,000,000 transactions left, 1,000/s, about 12 days"),
        (7, None, "7 transactions left"),
        (7, 0.0, "7 transactions left, none applied meanwhile"),
        (7, -20.0, "7 transactions left, 20/s more than are applied"),
        (0, 20.0, "0 transactions left"),
        (None, None, "transactions are left, their number is not known"),
    ],
)
def test_sentence(left: int | None, rate: float | None, expected: str) -> None:
    assert sentence(left, rate) == expected


def test_first_line_after_a_second_then_one_a_second() -> None:
    progress = Progress(10.0)
    lines = []
    for at, left in ((10.0, 1000), (10.5, 900), (11.0, 800), (11.5, 700), (12.0, 400)):
        if progress.due(at):
            lines.append((at, progress.line(at, left)))
    assert lines == [
        (10.0, ""),
        (11.0, "800 transactions left, 200/s, about 4 s (1 s so far)"),
        (12.0, "400 transactions left, 300/s, about 1 s (2 s so far)"),
    ]


def test_rate_follows_a_change() -> None:
    progress = Progress(0.0)
    for second in range(20):
        progress.line(float(second), 10000)  # nothing for 20 s
    said = [progress.line(20.0 + second, 10000 - 100 * second) for second in range(10)]
    assert "100/s" in said[-1]


def test_counting_only_when_a_line_is_due() -> None:
    time, counted, said = [0.0], [], []
    telling = ProgressLines(lambda: time[0], said.append)
    for tenth in range(25):
        time[0] = tenth / 10
        telling(lambda: counted.append(1) or 100)
    assert len(counted) == 3  # at the beginning, after one second, after two
    assert said == [
        "100 transactions left, none applied meanwhile (1 s so far)",
        "100 transactions left, none applied meanwhile (2 s so far)",
    ]


def test_uncountable() -> None:
    progress = Progress(0.0)
    assert progress.line(1.0, None) == (
        "transactions are left, their number is not known (1 s so far)"
    )
