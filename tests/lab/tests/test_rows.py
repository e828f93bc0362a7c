"""Rows of the failure matrix, each with the checks above it, on both server families.

Rows 1 to 8 also on further generations of them, with the keepalived of their time.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.lab.matrix.table import BY_HAND, ROWS, Row
from tests.lab.observing.verify import proven
from tests.lab.servers.flavour import Flavour

PLAYED = [
    pytest.param(row, flavour, id=f"{name}-{row.name}")
    for row in ROWS.values()
    if row.name not in BY_HAND
    for name, flavour in row.flavours.items()
]


@pytest.mark.parametrize(("row", "flavour"), PLAYED)
def test_row(row: Row, flavour: Flavour, measured: Callable[[str], None]) -> None:
    figures = proven(lambda: row.play(flavour))
    measured(figures.line(f"row {row.name}", flavour))
    assert figures.lost == 0
    assert figures.both_open == 0 or row.two_writers
