"""Moments around a handover, from made-up records: each must be dated on the safe side."""

from __future__ import annotations

import pytest

from tests.lab.records import evidence, handover
from tests.lab.records.record import Access, Holding, Record


def record(holding: str = "", **access: str) -> Record:
    """`holding`: nodes of each look, 1 s apart, such as "a a ab b"; a dot for nobody.

    `access`: per node its answers, 1 s apart, each taking 0.1 s: o open, c closed, d down, ? none.
    """
    meaning = {"o": "open", "c": "closed", "d": "down", "?": None}
    return Record(
        nodes=tuple(access) or ("a", "b"),
        start=0.0,
        end=100.0,
        holding=tuple(
            Holding(float(at), frozenset(nodes.strip(".")))
            for at, nodes in enumerate(holding.split())
        ),
        access=tuple(
            Access(node, float(at), at + 0.1, meaning[letter])
            for node, letters in access.items()
            for at, letter in enumerate(letters)
        ),
    )


class TestArrivals:
    def test_one_clean_move_is_one(self) -> None:
        assert handover.arrivals(record("a a . b b"), 0.0) == ["b"]

    def test_turns_are_counted_each(self) -> None:
        assert handover.arrivals(record("a ab b ab a ab b"), 0.0) == ["b", "a", "b"]

    def test_back_to_the_same_node_is_one(self) -> None:
        assert handover.arrivals(record("a . a"), 0.0) == ["a"]

    def test_the_holder_at_that_moment_has_not_come(self) -> None:
        assert handover.arrivals(record("b b a a a"), 3.0) == []
        assert handover.arrivals(record("b b a a b"), 2.5) == ["b"]

    def test_a_coming_in_the_first_look_since_then_counts(self) -> None:
        assert handover.arrivals(record("b b a a"), 2.0) == ["a"]


class TestComingAndLeaving:
    def test_first_looks(self) -> None:
        seen = record("a a ab ab b")
        assert handover.came(seen, "b", 0.0) == 2.0
        assert handover.left(seen, "a", 0.0) == 4.0
        assert handover.left(seen, "b", 2.0) is None
        assert handover.came(seen, "a", 4.0) is None


class TestClosing:
    def test_a_dead_server_is_closed(self) -> None:
        assert handover.closed_by(record(a="oodd"), "a", 0.0) == 2.1

    def test_silence_is_not(self) -> None:
        assert handover.closed_by(record(a="oo??c"), "a", 0.0) == 4.1
        assert handover.closed_by(record(a="oo??"), "a", 0.0) is None

    def test_a_question_asked_before_does_not_tell(self) -> None:
        assert handover.closed_by(record(a="ccc"), "a", 0.05) == 1.1


class TestBothClosed:
    def test_from_the_first_closed_answer_to_the_last_closed_question(self) -> None:
        assert handover.both_closed(record(a="ooccc", b="cccco"), "a", "b", 0.0) == pytest.approx(
            3.0 - 2.1
        )

    def test_opened_before_the_other_closed(self) -> None:
        assert handover.both_closed(record(a="oooco", b="ccooo"), "a", "b", 0.0) < 0

    def test_in_one_period_proves_nothing(self) -> None:
        assert handover.both_closed(record(a="oocc", b="ccoo"), "a", "b", 0.0) < 0

    @pytest.mark.parametrize(("a", "b"), [("oooo", "ccoo"), ("oocc", "cccc"), ("oocc", "oooo")])
    def test_what_was_not_seen_is_an_error(self, a: str, b: str) -> None:
        with pytest.raises(ValueError, match="not both were seen"):
            handover.both_closed(record(a=a, b=b), "a", "b", 0.0)


def test_an_opening_is_dated_by_its_answer() -> None:
    assert handover.opened_by(record(a="cc?o"), "a", 0.0) == 3.1
    assert handover.opened_by(record(a="cc?c"), "a", 0.0) is None


def test_writers_within_a_span() -> None:
    seen = record(a="ooocc", b="cccoo")
    assert handover.writers(seen, 0.0) == {"a", "b"}
    assert handover.writers(seen, 2.05) == {"b"}
    assert handover.writers(seen, 0.0, 3.05) == {"a"}


class TestTwoWriters:
    def test_the_end_of_the_last_certain_moment(self) -> None:
        assert evidence.two_writers(record(a="oooocc", b="coooo"))[-1][1] == 3.0

    def test_none_after_a_clean_handover(self) -> None:
        assert evidence.two_writers(record(a="oocc", b="ccoo")) == []


def holding(*holders: str) -> Record:
    looks = tuple(Holding(float(at), frozenset(nodes)) for at, nodes in enumerate(holders))
    return Record(nodes=("a", "b"), start=0.0, end=10.0, holding=looks)


def test_it_never_left() -> None:
    assert handover.never_left(holding("b", "a", "a", "a"), "a", since=1.5)


def test_it_left_for_a_moment() -> None:
    assert not handover.never_left(holding("a", "a", "", "a"), "a", since=1.0)


def test_it_moved() -> None:
    assert not handover.never_left(holding("a", "a", "b"), "a", since=1.0)


def test_it_came_to_the_other_as_well() -> None:
    assert not handover.never_left(holding("a", "a", "ab"), "a", since=1.0)
