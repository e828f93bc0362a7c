"""The verdicts over a record, without any server: each must be able to say no."""

from __future__ import annotations

import pytest

from tests.lab.records import evidence
from tests.lab.records.record import Access, Holding, Mark, Record, Row, Write, parse_writes


def ack(end: float, node: str = "A", token: int = 0) -> Write:
    return Write(end - 0.001, end, token or round(end * 1000), id=1, node=node)


def failed(end: float, errno: int = 2003) -> Write:
    return Write(end - 0.001, end, None, errno=errno, error="no")


def samples(node: str, states: str, start: float = 0.0, period: float = 0.04) -> list[Access]:
    """One sample a period: o open, c closed, d down, ? unknown; each takes 1 ms."""
    meaning = {"o": "open", "c": "closed", "d": "down", "?": None}
    return [
        Access(node, start + at * period, start + at * period + 0.001, meaning[letter])
        for at, letter in enumerate(states)
    ]


def record(**parts: object) -> Record:
    defaults = {"nodes": ("A", "B"), "start": 0.0, "end": 10.0}
    return Record(**{**defaults, **parts})  # type: ignore[arg-type]


class TestOutage:
    def test_runs_from_the_last_acknowledged_write_to_the_first_of_the_other_node(self) -> None:
        writes = (ack(4.0), ack(4.9), failed(5.1), failed(5.3), ack(5.5, "B"), ack(5.6, "B"))
        found = evidence.outage(record(writes=writes, end=5.7), 5.0)
        assert (found.start, found.end) == (4.9, 5.5)
        assert (found.before, found.after) == ("A", "B")
        assert found.seconds == pytest.approx(0.6)

    def test_a_longer_gap_outside_the_window_does_not_count(self) -> None:
        writes = (ack(0.1), ack(3.0), ack(4.9), ack(5.4, "B"), ack(5.5, "B"), ack(9.9, "B"))
        found = evidence.outage(record(writes=writes), 5.0, 5.45)
        assert (found.start, found.end) == (4.9, 5.4)

    def test_a_gap_that_begins_at_the_end_of_the_window_belongs_to_the_next(self) -> None:
        writes = (ack(4.9), *(ack(5.4 + at * 0.1, "B") for at in range(17)), ack(9.9))
        faults = (Mark(5.0, "first", True), Mark(7.05, "second", True))
        seen = record(writes=writes, marks=faults)
        assert evidence.outage_of(seen, faults[0]).end == 5.4
        assert evidence.outage_of(seen, faults[1]).end == 9.9

    def test_a_second_gap_in_the_window_counts_when_it_is_longer(self) -> None:
        writes = (ack(4.9), ack(5.2, "B"), ack(6.2, "B"), ack(6.3, "B"))
        found = evidence.outage(record(writes=writes, end=6.4), 5.0)
        assert (found.before, found.after) == ("B", "B")
        assert found.seconds == pytest.approx(1.0)

    def test_without_a_later_write_it_lasts_as_long_as_the_client_tried(self) -> None:
        found = evidence.outage(record(writes=(ack(4.9), failed(9.0))), 5.0)
        assert found.after is None
        assert found.seconds == pytest.approx(4.1)

    def test_the_time_after_the_client_ended_is_none(self) -> None:
        writes = (ack(4.9), ack(5.4, "B"), ack(5.5, "B"))
        assert evidence.outage(record(writes=writes, end=30.0), 5.0).end == 5.4

    def test_an_attempt_that_failed_after_its_insert_is_no_acknowledgement(self) -> None:
        cut = Write(5.0, 5.1, 7, errno=2013, error="closed", node="A")
        assert evidence.outage(record(writes=(ack(4.9), cut)), 5.0).start == 4.9


class TestFirstWrite:
    def test_is_of_that_node_and_after_that_moment(self) -> None:
        writes = (ack(1.0, "B"), ack(4.0), ack(6.0), ack(6.5, "B"))
        found = evidence.first_write(record(writes=writes), "B", 5.0)
        assert found is not None
        assert found.end == 6.5
        assert evidence.first_write(record(writes=writes), "B", 7.0) is None


class TestLost:
    def test_an_acknowledged_write_without_a_row_is_lost(self) -> None:
        writes = [ack(1.0, token=11), ack(2.0, token=12), failed(3.0)]
        assert evidence.lost(writes, [Row(1, 11, 1)]) == [writes[1]]

    def test_a_row_that_was_never_acknowledged_is_not_missed(self) -> None:
        unsure = Write(1.0, 1.5, 13, errno=2013, error="closed")
        assert evidence.lost([unsure], []) == []


class TestDiffering:
    def test_equal_rows_in_another_order_do_not_differ(self) -> None:
        assert evidence.differing([Row(1, 1, 1), Row(2, 2, 1)], [Row(2, 2, 1), Row(1, 1, 1)]) == []

    def test_a_row_of_one_side_and_one_id_with_two_contents(self) -> None:
        left, right = [Row(25, 7, 1), Row(26, 9, 1)], [Row(25, 8, 2)]
        assert evidence.differing(left, right) == [Row(25, 7, 1), Row(25, 8, 2), Row(26, 9, 1)]


class TestBothOpen:
    def both(self, a: list[Access], b: list[Access]) -> float:
        together = sorted(a + b, key=lambda sample: sample.asked)
        return evidence.both_open(record(access=tuple(together)))

    def test_a_clean_handover_is_none(self) -> None:
        assert self.both(samples("A", "ooocccc"), samples("B", "ccccooo")) == 0

    def test_samples_that_follow_each_other_are_none(self) -> None:
        a = samples("A", "ooocccc")
        b = samples("B", "cccoooo", start=0.002)
        assert self.both(a, b) == 0

    def test_two_writers_are_seen_for_as_long_as_they_were(self) -> None:
        a = samples("A", "oooooooccc")
        b = samples("B", "ccoooooooo", start=0.01)
        assert self.both(a, b) == pytest.approx(0.24 - 0.09 - 0.001)

    def test_a_single_sample_within_the_others_span_counts(self) -> None:
        a = samples("A", "ooooo")
        b = samples("B", "ccocc", start=0.01)
        assert self.both(a, b) == pytest.approx(0.001)

    def test_a_single_sample_at_the_edge_of_the_others_span_does_not(self) -> None:
        a = samples("A", "ooccc")
        b = samples("B", "cocc", start=0.0005)
        assert self.both(a, b) == 0

    def test_a_slow_answer_that_may_be_from_before_does_not(self) -> None:
        a = [*samples("A", "oo"), Access("A", 0.08, 0.12, "open"), *samples("A", "cc", 0.121)]
        b = [*samples("B", "cc"), *samples("B", "ooo", start=0.1)]
        assert self.both(a, b) == 0

    def test_a_server_that_hung_while_open_was_open_all_the_time(self) -> None:
        a = [*samples("A", "oo"), Access("A", 0.08, 5.0, "open"), *samples("A", "dd", 5.01)]
        b = [*samples("B", "cc"), *samples("B", "o" * 200, start=1.0)]
        assert self.both(a, b) == 0  # one late answer: the moment it was true is unknown
        a = [*a[:3], *samples("A", "o", 5.01), *samples("A", "dd", 5.05)]
        assert self.both(a, b) == pytest.approx(5.01 - 1.001)

    def test_an_unknown_state_between_two_open_ones_ends_nothing(self) -> None:
        a = samples("A", "o??o")
        b = samples("B", "oooo")
        assert self.both(a, b) == pytest.approx(0.119)

    def test_a_dead_server_is_not_open(self) -> None:
        assert self.both(samples("A", "oooddddd"), samples("B", "cccccooo")) == 0


class TestBothHolding:
    def test_counts_the_time_between_samples_that_saw_two(self) -> None:
        seen = [("A",), ("A", "B"), ("A", "B"), ("A", "B"), ("B",), ("A", "B"), ("B",)]
        holding = tuple(Holding(at * 0.02, frozenset(nodes)) for at, nodes in enumerate(seen))
        assert evidence.both_holding(record(holding=holding)) == pytest.approx(0.04)


class TestLongestGap:
    def full(self, **parts: object) -> Record:
        steady = tuple(Holding(at * 0.02, frozenset()) for at in range(51))
        access = (*samples("A", "o" * 26), *samples("B", "c" * 26))
        return record(**{"end": 1.0, "holding": steady, "access": access, **parts})

    def test_a_steady_sampler_has_its_period(self) -> None:
        assert evidence.longest_gap(self.full()) == pytest.approx(0.039)

    def test_a_starved_sampler_is_seen(self) -> None:
        late = (*samples("A", "o" * 26), *samples("B", "c" * 5), *samples("B", "c" * 11, 0.6))
        assert evidence.longest_gap(self.full(access=late)) == pytest.approx(0.6 - 0.161)

    def test_starved_before_its_first_or_after_its_last_sample(self) -> None:
        late = tuple(Holding(0.5 + at * 0.02, frozenset()) for at in range(26))
        assert evidence.longest_gap(self.full(holding=late)) == pytest.approx(0.5)
        assert evidence.longest_gap(self.full(end=3.0)) == pytest.approx(2.0)

    def test_a_hung_server_is_no_gap(self) -> None:
        hung = (*samples("A", "o" * 26), Access("B", 0.001, 0.999, None))
        assert evidence.longest_gap(self.full(access=hung)) == pytest.approx(0.039)

    def test_a_node_never_sampled_is_one(self) -> None:
        assert evidence.longest_gap(self.full(access=())) == 1.0


def test_errors_are_counted_by_number() -> None:
    writes = [ack(1), failed(2, 1290), failed(3, 1290), failed(4, 2003)]
    assert evidence.errors(writes) == {1290: 2, 2003: 1}


def test_lines_of_the_writer_become_writes() -> None:
    lines = [
        "[1.0, 1.1, 77, 5, 2, null, null]\n",
        '[2.0, 2.1, null, null, null, 2003, "refused"]\n',
        "[3.0, 3.1, 78, 6, 9, null, null]\n",
        "[3.0, 3.1, 78, ",
    ]
    good, refused, foreign = parse_writes(lines, {1: "A", 2: "B"})
    assert good == Write(1.0, 1.1, 77, 5, "B")
    assert good.acknowledged
    assert not refused.acknowledged
    assert refused.errno == 2003
    assert foreign.node == "server 9"


class TestOpened:
    def test_a_node_that_was_closed_or_down_before(self) -> None:
        access = (*samples("A", "ooooo"), *samples("B", "cc?oo"))
        assert evidence.opened(record(access=access)) == ["B"]
        assert evidence.opened(record(access=tuple(samples("A", "do")))) == ["A"]

    def test_not_one_that_was_open_all_the_time(self) -> None:
        assert evidence.opened(record(access=tuple(samples("A", "oo?o")))) == []


class TestMissingFrom:
    TOLD = ("promote: opened", "demote: closed", "promote: refused")

    def test_in_order_and_by_its_beginning(self) -> None:
        assert evidence.missing_from(self.TOLD, ("promote: opened", "promote")) is None

    def test_absent_or_out_of_order(self) -> None:
        assert evidence.missing_from(self.TOLD, ("demote: dead",)) == "demote: dead"
        wanted = ("promote: refused", "demote: closed")
        assert evidence.missing_from(self.TOLD, wanted) == "demote: closed"
