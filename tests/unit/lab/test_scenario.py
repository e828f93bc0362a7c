"""What a scenario counts and prints, on made-up pairs."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tests.lab.matrix import scenario as module
from tests.lab.matrix.figures import Figures
from tests.lab.matrix.scenario import Scenario
from tests.lab.records.record import Row, Write

WRITES = (
    Write(0.1, 0.2, 11, 1, "a"),
    Write(0.2, 0.3, 12, 3, "a"),
    Write(0.3, 0.8, 13, None, "a", 2013, "receiving: timed out"),
    Write(0.8, 0.9, 14, 4, "b"),
)


@pytest.mark.parametrize(
    ("on_b", "missing"),
    [([11, 12, 14], 0), ([11, 12, 13, 14], 0), ([11, 14], 1), ([14], 2)],
    ids=["all", "more", "one", "all of A's"],
)
def test_missing_are_acknowledged_writes_that_the_node_lacks(
    on_b: list[int], missing: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    node: Any = object()
    observer: Any = SimpleNamespace(record=lambda: SimpleNamespace(writes=WRITES))
    pair: Any = SimpleNamespace(nodes=(None, node))
    rows = {id(node): [Row(number, number, 1) for number in on_b]}
    monkeypatch.setattr(module, "rows_of", lambda asked: rows[id(asked)])
    assert Scenario(pair, observer).count_missing(node) == missing


def test_what_was_not_counted_is_not_printed() -> None:
    flavour: Any = SimpleNamespace(name="mysql")
    assert "missing" not in Figures(0.4, 0, 0.0, 0.0).line("row 2", flavour)
    assert "missing before A was back 0" in Figures(0.4, 0, 0.0, 0.0, 0).line("row 1", flavour)
