"""An option file and its directories, for what runs check_mysql."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.doubles.check_process import Node


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)
