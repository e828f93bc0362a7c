"""Whether the virtual IP stayed: the verdict must be able to say no."""

from __future__ import annotations

from tests.lab.observing.holding import never_left
from tests.lab.observing.record import Holding, Record


def record(*holders: str) -> Record:
    holding = tuple(Holding(float(at), frozenset(nodes)) for at, nodes in enumerate(holders))
    return Record(nodes=("a", "b"), start=0.0, end=10.0, holding=holding)


def test_stayed() -> None:
    assert never_left(record("b", "a", "a", "a"), "a", since=1.5)


def test_left_for_a_moment() -> None:
    assert not never_left(record("a", "a", "", "a"), "a", since=1.0)


def test_moved() -> None:
    assert not never_left(record("a", "a", "b"), "a", since=1.0)


def test_came_to_the_other_as_well() -> None:
    assert not never_left(record("a", "a", "ab"), "a", since=1.0)
