"""Rows of the failure matrix, each with the checks above it, on both server families."""

from __future__ import annotations

import pytest

from tests.lab.conftest import MEASURED
from tests.lab.flavour import Flavour
from tests.lab.rows import ROWS, line_of


@pytest.mark.parametrize("row", ROWS)
def test_row(row: str, flavour: Flavour) -> None:
    figures = ROWS[row](flavour)
    MEASURED.append(line_of(row, flavour, figures))
    assert figures.lost == 0
    assert figures.both_open == 0
