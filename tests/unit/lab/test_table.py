"""The failure matrix' table, and what the manual says of its rows."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from tests.lab.hosts.process import CHECKOUT
from tests.lab.matrix import played
from tests.lab.matrix.table import BY_HAND, ON_ONE, ROWS
from tests.lab.servers.flavours import FLAVOURS

DOCS = CHECKOUT / "docs"
MEASURED = re.compile(r"^\| (\d[\w-]*) \| ([^|\n]+?)(?: \(see below\))? (?:\|[^|\n]+){3}\|$", re.M)
"""A row's name and what happens, in a table of five columns."""

OF_A_NUMBER = {"15": "15-both", "17": "17-master-open", "24": "24-restart-promotion", "10": "10-a"}
"""The variant that the manual has for a number that no row has alone."""

PLAYED_ELSEWHERE = {"28"}
"""doctor finds it before it matters: tests/lab/tests/test_doctor.py."""


def test_no_row_hides_another() -> None:
    plays = [(row.function, dict(row.arguments)) for row in ROWS.values()]
    assert all(plays.count(each) == 1 for each in plays)
    numbers = [row.number for row in ROWS.values()]
    assert numbers == sorted(numbers)


def test_what_is_left_to_be_played_by_hand_is_a_variant() -> None:
    assert set(ROWS) >= BY_HAND
    tested = {row.number for row in ROWS.values() if row.name not in BY_HAND}
    assert {row.number for row in ROWS.values()} - tested == {30, 31}


def test_what_one_family_plays_is_left_to_be_played_by_hand_on_the_other() -> None:
    assert set(ROWS) - BY_HAND >= set(ON_ONE)
    assert Counter(ON_ONE.values()).keys() == set(FLAVOURS)


def test_measured_rows_are_called_what_they_are() -> None:
    measured = (DOCS / "benchmarks.md").read_text().partition("## The failure matrix")[2]
    told = {OF_A_NUMBER.get(name, name): what for name, what in MEASURED.findall(measured)}
    assert len(told) > 60
    assert told == {name: ROWS[name].what for name in told}


def test_every_number_is_a_promise() -> None:
    """Rows in brackets in the column of what happens."""
    promises = re.findall(
        r"^\| [^|]*\((\d+)\) \|", (DOCS / "failures.md").read_text(), re.MULTILINE
    )
    assert {str(row.number) for row in ROWS.values()} == set(promises) - PLAYED_ELSEWHERE


def test_what_was_played_is_added_up(tmp_path: Path) -> None:
    file = tmp_path / "played.tsv"
    good = {"row": "1", "flavour": "mysql", "outage": 0.25, "lost": 0, "both_open": 0.0}
    entries = [good, {**good, "outage": 0.5}, {"row": "1", "flavour": "mysql", "failed": "why"}]
    entries += [{"row": "9", "flavour": "mariadb", "unproven": "too busy"}]
    for _ in range(2):
        played.write(played.with_more(played.read(file), entries), ROWS, file)
    assert played.read(file) == {("1", "mysql"): played.Played(6, 2, 0.5, 0, 0.0)}


def test_what_was_played_are_rows() -> None:
    assert {row for row, _ in played.read()} <= set(ROWS)
