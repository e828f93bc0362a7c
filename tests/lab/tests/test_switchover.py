"""Planned switchovers, and what may go wrong with one, on both server families."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.lab.conftest import MEASURED
from tests.lab.matrix.switchovers import SCENARIOS, line_of
from tests.lab.observing.verify import proven
from tests.lab.servers.flavour import Flavour
from tests.lab.servers.flavours import FLAVOURS


@pytest.mark.parametrize(
    "flavour", [pytest.param(each, id=name) for name, each in FLAVOURS.items()]
)
@pytest.mark.parametrize("name", SCENARIOS)
def test_switchover(
    name: str, flavour: Flavour, record_property: Callable[[str, object], None]
) -> None:
    figures = proven(lambda: SCENARIOS[name](flavour))
    record_property(MEASURED, line_of(name, flavour, figures))
    assert figures.lost == 0
    assert figures.both_open == 0
