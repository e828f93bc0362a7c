"""Median, worst, ratio, heading."""

from __future__ import annotations

from benchmarks.machine import heading
from benchmarks.summary import Summary, milliseconds, nearest_to_median, ratio, seconds, summary


def test_what_was_not_measured_does_not_count() -> None:
    assert summary([0.3, None, 0.1, 0.2]) == Summary(3, 0.2, 0.3)
    assert summary([None]) is None


def test_words() -> None:
    assert seconds(Summary(3, 0.2, 0.345)) == ("0.20 s", "0.34 s")
    assert milliseconds(Summary(3, 0.0123, 0.02)) == ("12.3 ms", "20.0 ms")
    assert seconds(None) == milliseconds(None) == ("-", "-")


def test_a_ratio_needs_both() -> None:
    one, three = Summary(1, 1.0, 1.0), Summary(1, 3.0, 3.0)
    assert ratio(three, one) == "3.00 x"
    assert ratio(Summary(1, 1234.0, 1234.0), one) == "1,234 x"
    assert ratio(one, None) == ratio(None, one) == ratio(one, Summary(1, 0.0, 0.0)) == "-"


def test_the_run_that_stands_for_all() -> None:
    assert nearest_to_median([0.9, 0.1, 0.5, 0.4]) == 3
    assert nearest_to_median([0.7]) == 0


def test_the_heading_is_one_line() -> None:
    here = {"date": "2026-01-02", "cores": "2", "memory": "24 GiB", "Linux": "6.1"}
    assert heading(here) == "2026-01-02, 2 cores, 24 GiB, Linux 6.1"
