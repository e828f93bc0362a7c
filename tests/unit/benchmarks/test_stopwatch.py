"""The stopwatch measures what it runs, and not itself."""

from __future__ import annotations

import sys

from benchmarks import stopwatch

ENV = {"PATH": "/usr/bin:/bin"}
REPORT = """\
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 50.00    0.000100          10        10           read
 50.00    0.000100           5        20         2 openat
------ ----------- ----------- --------- --------- ----------------
100.00    0.000200           6        30         2 total
"""


def test_status_and_times() -> None:
    run = stopwatch.timed(["/bin/sh", "-c", "sleep 0.02; exit 7"], ENV)
    assert run.status == 7
    assert run.wall >= 0.02
    assert 0 < run.cpu < run.wall


def test_cpu_of_grandchildren_counts() -> None:
    busy = "sum(range(2_000_000))"
    alone = stopwatch.timed([sys.executable, "-c", busy], ENV)
    grandchild = stopwatch.timed(["/bin/sh", "-c", f"{sys.executable} -c '{busy}'; :"], ENV)
    assert grandchild.cpu > alone.cpu / 3


def test_memory_is_that_of_the_program_and_not_of_who_measures() -> None:
    small = stopwatch.peak_memory(["/bin/sh", "-c", ":"], ENV)
    large = stopwatch.peak_memory([sys.executable, "-c", "b'x' * 50_000_000"], ENV)
    assert small < 8 << 20  # this Python is larger
    assert large > 50_000_000


def test_the_total_of_strace() -> None:
    assert stopwatch.total_of(REPORT) == 30
    assert stopwatch.total_of(REPORT.replace("         2 total", "           total")) == 30
    assert stopwatch.total_of("") is None
    assert stopwatch.total_of("strace: exec: No such file or directory") is None


def test_programs_are_run_in_turn_and_told_by_name() -> None:
    programs = {
        "yes": {"argv": ["/bin/true"], "env": ENV},
        "no": {"argv": ["/bin/false"], "env": ENV},
    }
    found = stopwatch.measure(programs, 3)
    assert {name: each["status"] for name, each in found.items()} == {"yes": [0], "no": [1]}
    assert len(found["yes"]["wall"]) == len(found["yes"]["cpu"]) == 3
