"""Fixtures of the lab's tests, and the table of what the scenarios measured."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab import prepare
from tests.lab.flavour import FLAVOURS, Flavour

MEASURED: list[str] = []
"""One line per scenario, printed when all tests are done."""


@pytest.fixture(params=FLAVOURS.values(), ids=FLAVOURS.keys())
def flavour(request: pytest.FixtureRequest) -> Flavour:
    """Each server family."""
    found: Flavour = request.param
    return found


@pytest.fixture(scope="session", autouse=True)
def prepared() -> Iterator[None]:
    """What the lab needs is there; where it cannot be, the tests fail and are not skipped."""
    prepare.prepare()
    yield


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The figures, for whoever reads the log of a run."""
    if MEASURED:
        terminalreporter.section("failure matrix: what a client through the VIP saw")
        for line in MEASURED:
            terminalreporter.line(line)
