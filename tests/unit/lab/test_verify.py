"""The checks above the failure matrix on pairs made of words: each of them must be able to fail."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from tests.lab.observing import verify as module
from tests.lab.observing.verify import ATTEMPTS, NOBODY, Expect, NotProvenError, proven, verify
from tests.lab.records.record import Access, Holding, Record, Row, Write


@dataclass
class Node:
    name: str
    vip: bool = False
    is_open: bool = False
    rows: list[Row] | None = field(default_factory=list)
    log: list[str] = field(default_factory=list)

    def has_vip(self, _address: str) -> bool:
        return self.vip

    def audit(self) -> list[dict[str, str]]:
        return [dict(zip(("transition", "outcome"), entry.split(": "))) for entry in self.log]

    def sql(self, _statement: str) -> list[dict[str, Any]]:
        return [
            {
                "Slave_IO_Running": "Yes",
                "Slave_SQL_Running": "No",
                "Last_SQL_Error": "Duplicate entry '25' for key 'PRIMARY'",
                "Last_IO_Error": "",
            }
        ]


class Named:
    name = "kachecks"
    show_replication = "SHOW ALL SLAVES STATUS"


class Pair:
    suite = flavour = Named

    def __init__(self, a: Node, b: Node) -> None:
        self.nodes = (a, b)

    def is_open(self, node: Node) -> bool:
        return node.is_open


ROWS = [Row(1, 11, 1), Row(3, 12, 1), Row(4, 13, 2)]
WRITES = (Write(0.1, 0.2, 11, 1, "a"), Write(0.2, 0.3, 12, 3, "a"), Write(0.8, 0.9, 13, 4, "b"))


def sampled(node: str, states: str) -> list[Access]:
    meaning = {"o": "open", "c": "closed", "d": "down"}
    return [
        Access(node, at * 0.1, at * 0.1 + 0.001, meaning[letter])
        for at, letter in enumerate(states)
    ]


RECORD = Record(
    ("a", "b"),
    start=0.0,
    end=1.0,
    writes=WRITES,
    access=(*sampled("a", "oooodddccc"), *sampled("b", "ccccccoooo")),
    holding=tuple(Holding(at * 0.05, frozenset("b")) for at in range(20)),
)
SOON = Expect(within=0.0)


@pytest.fixture
def pair(monkeypatch: pytest.MonkeyPatch) -> Pair:
    monkeypatch.setattr(module, "rows_of", lambda node: node.rows)
    a = Node("a", rows=list(ROWS), log=["promote: opened", "demote: dead"])
    return Pair(a, Node("b", vip=True, is_open=True, rows=list(ROWS), log=["promote: opened"]))


def fails(pair: Pair, *words: str, record: Record = RECORD, expect: Expect = SOON) -> None:
    with pytest.raises(AssertionError) as caught:
        verify(pair, record, expect)  # type: ignore[arg-type]
    text = str(caught.value)
    for word in words:
        assert word in text
    assert text.count("\n* ") == 1, text


def test_a_good_end_passes(pair: Pair) -> None:
    verify(pair, RECORD, SOON)  # type: ignore[arg-type]
    verify(pair, RECORD, replace(SOON, holder="b"))  # type: ignore[arg-type]


def test_the_wrong_holder(pair: Pair) -> None:
    fails(pair, "virtual IP is on B", "expected both on A", expect=replace(SOON, holder="a"))
    fails(pair, "expected neither anywhere", expect=replace(SOON, holder=NOBODY))


def test_two_holders_two_open_or_open_elsewhere(pair: Pair) -> None:
    a, b = pair.nodes
    a.vip = True
    fails(pair, "virtual IP is on A and B")
    a.vip, a.is_open = False, True
    fails(pair, "open for writes: A and B")
    b.is_open = False
    fails(pair, "virtual IP is on B, open for writes: A")
    fails(pair, "expected both on B", expect=replace(SOON, holder="b"))
    b.vip = False
    fails(pair, "expected neither anywhere", expect=replace(SOON, holder=NOBODY))


def test_nobody_serves(pair: Pair) -> None:
    pair.nodes[1].vip = pair.nodes[1].is_open = False
    fails(pair, "virtual IP is on nobody, open for writes: nobody")
    verify(pair, RECORD, replace(SOON, holder=NOBODY))  # type: ignore[arg-type]


def test_different_rows_and_why(pair: Pair) -> None:
    pair.nodes[0].rows = ROWS[:2]
    fails(pair, "1 rows are on one node only", "token=13", "Duplicate entry '25'")
    verify(pair, RECORD, replace(SOON, same_rows=False))  # type: ignore[arg-type]


def test_a_node_that_does_not_answer(pair: Pair) -> None:
    pair.nodes[0].rows = None
    fails(pair, "only B can be asked for its rows")


def test_a_lost_write_on_the_active_node(pair: Pair) -> None:
    for node in pair.nodes:
        node.rows = [ROWS[0], ROWS[2]]
    fails(pair, "1 acknowledged writes are not on B", "token=12")
    verify(pair, RECORD, replace(SOON, lost=1))  # type: ignore[arg-type]


def test_two_writers(pair: Pair) -> None:
    both = (*sampled("a", "oooooooccc"), *sampled("b", "cccooooooo"))
    log = pair.nodes[1].log
    assert log
    record = replace(RECORD, access=both)
    fails(pair, "both servers were writable for 299 ms", record=record)
    verify(pair, record, replace(SOON, both_open=0.3))  # type: ignore[arg-type]


def test_a_starved_sampler(pair: Pair) -> None:
    fails(pair, "did not look for 599 ms", record=replace(RECORD, end=1.5))


def test_an_opening_that_the_audit_log_does_not_tell(pair: Pair) -> None:
    pair.nodes[1].log = ["demote: closed"]
    fails(pair, "audit log of B does not tell 'promote: opened'", "demote: closed")


def test_an_audit_log_in_another_order(pair: Pair) -> None:
    expect = replace(SOON, audit={"a": ("demote", "promote")})
    fails(pair, "audit log of A does not tell 'promote'", expect=expect)


def test_a_run_that_proves_nothing_is_played_again() -> None:
    runs: list[int] = []

    def play() -> int:
        runs.append(1)
        if len(runs) < ATTEMPTS:
            raise NotProvenError
        return len(runs)

    assert proven(play) == ATTEMPTS


def test_a_run_that_never_proves_anything_fails() -> None:
    def play() -> int:
        raise NotProvenError("the sampler came late")

    with pytest.raises(NotProvenError):
        proven(play)


def test_a_run_that_went_wrong_is_not_played_again() -> None:
    runs: list[int] = []

    def play() -> int:
        runs.append(1)
        raise AssertionError("both were open")

    with pytest.raises(AssertionError, match="both were open"):
        proven(play)
    assert len(runs) == 1
