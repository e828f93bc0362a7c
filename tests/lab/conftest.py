"""Fixtures of the lab's tests, and the table of what the scenarios measured."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from tests.lab import prepare
from tests.lab.servers import cache
from tests.lab.servers.flavour import Flavour
from tests.lab.servers.flavours import ALL_FLAVOURS, FLAVOURS
from tests.lab.tests.built import Built

MEASURED = "measured"


@pytest.fixture(params=FLAVOURS.values(), ids=FLAVOURS.keys())
def flavour(request: pytest.FixtureRequest) -> Flavour:
    """Each server family."""
    found: Flavour = request.param
    return found


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Once for all workers."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    built = Built(shared / "packages")
    with cache.lock("packages"):
        if not built.directory.exists():
            built.make()
    return built


@pytest.fixture
def measured(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Call it with a line that is to be printed when all tests are done."""
    return partial(record_property, MEASURED)


@pytest.fixture(scope="session", autouse=True)
def prepared() -> Iterator[None]:
    """What the lab needs is there; where it cannot be, the tests fail and are not skipped."""
    prepare.prepare(ALL_FLAVOURS.values())
    yield


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The figures, for whoever reads the log of a run."""
    lines = [
        line
        for report in terminalreporter.getreports("passed")
        for name, line in report.user_properties
        if name == MEASURED
    ]
    if lines:
        terminalreporter.section("failure matrix: what a client through the VIP saw")
        for flavour in ALL_FLAVOURS.values():
            terminalreporter.line(str(flavour))
        for line in sorted(lines, key=_by_row):
            terminalreporter.line(line)


def _by_row(line: str) -> tuple[int, str]:
    """`row 14   mysql …` by its number; what is no row comes last."""
    number = re.match(r"row (\d+)", line)
    return (int(number[1]) if number else 99, line)
