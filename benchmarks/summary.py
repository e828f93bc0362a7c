"""Many measurements as the three figures a reader wants: median, worst, and a ratio."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Summary(NamedTuple):
    """Of values of one kind; more is worse."""

    runs: int
    median: float
    worst: float


def summary(values: Iterable[float | None]) -> Summary | None:
    """None where nothing was measured; a value that is None was not."""
    known = [value for value in values if value is not None]
    return Summary(len(known), statistics.median(known), max(known)) if known else None


def nearest_to_median(values: Sequence[float]) -> int:
    """The place of the run that stands for all: the one whose value is the (lower) median."""
    return values.index(statistics.median_low(values))


def seconds(found: Summary | None) -> tuple[str, str]:
    """Median and worst as a table has them."""
    return ("-", "-") if found is None else (f"{found.median:.2f} s", f"{found.worst:.2f} s")


def milliseconds(found: Summary | None) -> tuple[str, str]:
    """The same of seconds that are few."""
    if found is None:
        return "-", "-"
    return f"{found.median * 1000:.1f} ms", f"{found.worst * 1000:.1f} ms"


def ratio(ours: Summary | None, other: Summary | None) -> str:
    """How many times the other's median is ours."""
    if ours is None or other is None or not other.median:
        return "-"
    times = ours.median / other.median
    return f"{times:.2f} x" if times < 10 else f"{times:,.0f} x"
