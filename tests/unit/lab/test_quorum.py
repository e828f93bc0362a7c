"""What a record of a cluster proves: the VIP without a quorum, two members that acknowledge."""

from __future__ import annotations

import pytest

from tests.lab.clusters.ledger import Ledger, ledger
from tests.lab.pictures.timeline import picture
from tests.lab.records.quorum import held_without_quorum, two_acknowledging
from tests.lab.records.record import (
    NO_QUORUM,
    OPEN,
    Access,
    Holding,
    Mark,
    Record,
    Row,
    Write,
)


def told(node: str, *states: str) -> list[Access]:
    """One answer at each full second."""
    return [Access(node, at, at + 0.001, state) for at, state in enumerate(states)]


def written(node: str, *moments: float) -> list[Write]:
    return [Write(at - 0.01, at, int(at * 100), int(at * 100), node) for at in moments]


A_LOST = Record(
    nodes=("a", "b"),
    start=0.0,
    end=6.0,
    access=(
        *told("a", OPEN, OPEN, NO_QUORUM, NO_QUORUM, NO_QUORUM, NO_QUORUM),
        *told("b", *[OPEN] * 6),
    ),
    holding=tuple(Holding(at, frozenset("a" if at < 4 else "b")) for at in range(6)),
    marks=(Mark(1.0, "a cut", fault=True),),
)


def test_seconds_of_the_vip_on_a_member_that_has_no_quorum() -> None:
    assert held_without_quorum(A_LOST) == pytest.approx(2.0, abs=0.01)


def test_no_such_seconds_where_the_vip_goes_first() -> None:
    elsewhere = Record(
        ("a", "b"), 0.0, 6.0, access=A_LOST.access, holding=(Holding(0.0, frozenset("b")),)
    )
    assert held_without_quorum(elsewhere) == 0


def test_two_members_acknowledge_from_the_first_to_the_last_unbroken_write() -> None:
    left, right = written("a", 1, 2, 3), written("b", 2, 4)
    assert two_acknowledging([left, right]) == 1
    assert two_acknowledging([left, written("a", 1, 2, 3)]) == 0
    assert two_acknowledging([left, written("b", 3.5, 4)]) == 0


def test_a_failure_breaks_a_run() -> None:
    failed = [Write(2.1, 2.2, 1, errno=1047), *written("a", 3)]
    assert two_acknowledging([[*written("a", 1, 2), *failed], written("b", 2, 3)]) == 0


def of(rows: dict[str, list[Row]], *, one_writer: bool = False) -> Ledger:
    first = (*written("a", 0.5, 0.9), *written("b", 4.1, 5))
    record = Record(
        A_LOST.nodes, 0.0, 6.0, first, A_LOST.access, A_LOST.holding, marks=A_LOST.marks
    )
    return ledger(record, [written("b", 4.5)], rows, one_writer=one_writer)


def rows(*tokens: int) -> list[Row]:
    return [Row(token, token, 1) for token in tokens]


def test_ledger_counts_what_any_member_lacks_of_any_client() -> None:
    everything = rows(50, 90, 409, 450, 500)
    found = of({"a": everything, "b": everything})
    assert (found.acknowledged, found.missing, found.after) == (5, 0, "b")
    assert found.outage == pytest.approx(3.2)
    assert found.both_open is None
    assert of({"a": everything, "b": rows(50, 90, 409, 500)}).missing == 1
    assert of({"a": []}).missing == 5


def test_two_that_take_writes_count_only_where_one_may() -> None:
    assert of({"a": []}, one_writer=True).both_open == pytest.approx(1.0, abs=0.01)


def test_ledger_knows_nothing_where_nobody_tells() -> None:
    with pytest.raises(ValueError, match="no member"):
        of({})


def test_ledger_of_no_fault_is_none() -> None:
    with pytest.raises(ValueError, match="no fault"):
        ledger(Record(("a",), 0.0, 1.0), [], {"a": []}, one_writer=False)


def test_ledger_is_a_table() -> None:
    text = str(of({"a": []}))
    assert "VIP on a member without quorum  2.00 s" in text
    assert "outage, a cut                   3.20 s, then B" in text
    assert "take writes" not in text


def test_ledger_in_short_leaves_out_what_did_not_happen() -> None:
    everything = rows(50, 90, 409, 450, 500)
    line = of({"a": everything}).line()
    assert line.startswith("a cut 3.20 s, missing 0 of 5, VIP on a member without quorum 2.00 s")
    assert "VIP on two" not in line
    assert "no proof" in line  # somebody looked once a second


def test_the_picture_shows_who_has_no_quorum() -> None:
    shown = picture(A_LOST)
    assert "n no quorum" in shown
    seen = next(line for line in shown.splitlines() if line.startswith("A db"))
    assert seen.endswith("nnnn")
