"""Rows of the failure matrix, each with the checks above it, on both server families.

Rows 1 to 8 also on further generations of them, with the keepalived of their time.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.lab.conftest import MEASURED
from tests.lab.matrix.pause import MAY_HAVE_TWO_WRITERS
from tests.lab.matrix.rows import ROWS, line_of
from tests.lab.observing.verify import proven
from tests.lab.servers.flavour import Flavour
from tests.lab.servers.flavours import ALL_FLAVOURS, FLAVOURS

LAST_ON_ALL = 8


def flavours_for(row: str) -> dict[str, Flavour]:
    """By the row's number; variants such as "6-hung" are played on the two families alone."""
    number = re.match(r"\d+", row)
    assert number, f"a row without a number: {row}"
    return ALL_FLAVOURS if number[0] == row and int(row) <= LAST_ON_ALL else FLAVOURS


PLAYED = [
    pytest.param(row, flavour, id=f"{name}-{row}")
    for row in ROWS
    for name, flavour in flavours_for(row).items()
]


@pytest.mark.parametrize(("row", "flavour"), PLAYED)
def test_row(row: str, flavour: Flavour, record_property: Callable[[str, object], None]) -> None:
    figures = proven(lambda: ROWS[row](flavour))
    record_property(MEASURED, line_of(row, flavour, figures))
    assert figures.lost == 0
    assert figures.both_open == 0 or row in MAY_HAVE_TWO_WRITERS
