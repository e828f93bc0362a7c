"""Planned switchovers, and what may go wrong with one, on both server families."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.lab.matrix.switchovers import SCENARIOS
from tests.lab.observing.verify import proven
from tests.lab.servers.flavour import Flavour


@pytest.mark.parametrize("name", SCENARIOS)
def test_switchover(name: str, flavour: Flavour, measured: Callable[[str], None]) -> None:
    figures = proven(lambda: SCENARIOS[name](flavour))
    measured(figures.line(name, flavour))
    assert figures.lost == 0
    assert figures.both_open == 0
