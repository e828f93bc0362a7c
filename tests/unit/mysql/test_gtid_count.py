"""How many transactions a GTID set or a difference stands for."""

from __future__ import annotations

import pytest

from kachecks.mysql.gtid import Position
from kachecks.mysql.gtid_count import count, mariadb_count, mariadb_spans

A = "3e11fa47-71ca-11e1-9e33-c80aa9429562"
B = "4d8b564f-03f4-4975-856a-0e65c3105328"


@pytest.mark.parametrize(
    ("gtids", "expected"),
    [
        ("", 0),
        (f"{A}:1", 1),
        (f"{A}:7-7", 1),
        (f"{A}:1-5:7", 6),
        (f"{A}:1-5:7:100-1000", 907),
        (f"{A}:1-5,{B}:3-4", 7),
        (f"{A}:1-5,\n{B}:3-4", 7),
        (f"{A.upper()}: 1-5 , {B}:9", 6),
        (f"{A}:1-3:billing:1-5:9", 9),  # MySQL 8.3 and later
        (f"{A}:billing:1-3:e2e:7", 4),
        (f"{A}:1-9223372036854775806", 9223372036854775806),
        ("binlog.000003:1234", None),  # file and position
        ("1-2-345", None),  # MariaDB
        (f"{A}:1-x", None),
    ],
)
def test_count(gtids: str, expected: int | None) -> None:
    assert count(gtids) == expected


@pytest.mark.parametrize(
    ("wanted", "gtids", "applied", "expected"),
    [
        ("", "1-1-5", "", 0),
        ("1-1-5", "1-1-5", "", 0),
        ("1-1-9", "1-1-5", "", 4),
        ("1-1-9", "", "1-1-5", 4),  # log_slave_updates off: only the replica position knows
        ("1-1-9", "1-1-3", "1-1-5", 4),
        ("1-1-9,2-2-7", "1-1-5,2-2-6", "", 5),
        ("2-2-9,1-1-5", "1-1-5", "", 9),  # the other node's first transactions
        ("1-1-5", "", "", None),
        # One domain for both servers: it has one sequence.
        ("0-1-100,0-2-105", "0-1-100", "", 5),
        ("0-1-100,0-2-105", "0-1-100,0-2-50", "", 5),
        ("0-1-100,0-2-105", "0-1-90,0-2-50", "", 15),
        ("0-2-105", "", "0-1-100", 5),
        # Both went on alone from 0-1-100.
        ("0-1-100,0-2-105", "0-1-103,0-2-50", "", 5),
        ("0-1-103,0-2-50", "0-1-100,0-2-105", "", 3),
    ],
)
def test_mariadb_count(wanted: str, gtids: str, applied: str, expected: int | None) -> None:
    assert mariadb_count(wanted, Position(gtids, applied, None)) == expected


@pytest.mark.parametrize(
    ("wanted", "gtids", "expected"),
    [
        ("1-1-9", "1-1-5", ["1-1-6 to 1-1-9"]),
        ("1-1-6", "1-1-5", ["1-1-6"]),
        ("1-1-9,2-2-3", "1-1-9,2-2-1", ["2-2-2 to 2-2-3"]),
        ("2-2-3", "1-1-9", ["2-2-1 to 2-2-3"]),
        ("2-2-3", "", ["up to 2-2-3"]),
        ("0-1-7,0-2-9", "0-1-5", ["after 5 in domain 0, up to 0-1-7 and 0-2-9"]),
    ],
)
def test_mariadb_spans_for_people(wanted: str, gtids: str, expected: list[str]) -> None:
    spans = mariadb_spans(wanted, Position(gtids, "", None))
    assert list(map(str, spans)) == expected
