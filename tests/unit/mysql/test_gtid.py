"""Positions and GTIDs as values."""

from __future__ import annotations

import pytest

from kachecks.mysql.gtid import Position, lost_of, mariadb_missing, of_others
from tests.rows import rows

A = rows("mysql-9.7", "globals_open")[0]["server_uuid"] or ""
B = rows("mysql-9.7", "globals_closed")[0]["server_uuid"] or ""


def test_position_in_words() -> None:
    assert Position("1-1-2,2-2-7", "", None).text == "1-1-2,2-2-7"
    assert Position("", "", ("binlog.000007", 4)).text == "binlog.000007:4"
    assert Position("", "", None).text == ""


@pytest.mark.parametrize(
    ("identity", "left", "expected"),
    [
        (B, f"{A}:4-5", ""),
        (B, f"{A}:4-5,{B}:1-3:7", f"{B}:1-3:7"),
        (B, f"{B.upper()}:1", f"{B.upper()}:1"),
        ("2", "1-1-5", ""),
        ("2", "1-1-5,2-2-9", "2-2-9"),
        ("2", "2-1-9", ""),  # our domain, another's server_id
        ("2", "1-22-9", ""),
        ("2", "binlog.000001:657", ""),
        ("2", "", ""),
    ],
)
def test_transactions_of_our_own_that_we_lost(identity: str, left: str, expected: str) -> None:
    assert lost_of(identity, left) == expected


@pytest.mark.parametrize(
    ("wanted", "binlog_state", "slave_pos", "missing"),
    [
        ("0-1-100", "0-1-95,0-2-120", "0-2-120", ["0-1-100"]),  # a tail that came back counts not
        ("0-1-100", "0-1-100,0-2-120", "0-2-120", []),
        ("1-1-500", "2-2-7", "1-1-500", []),  # rebuilt from a backup: never in its own binlog
        ("1-1-500", "2-2-7", "1-3-500", []),  # and applied after another server's in that domain
        ("1-1-501", "2-2-7", "1-1-500", ["1-1-501"]),
    ],
)
def test_a_shared_domain_hides_no_divergence(
    wanted: str, binlog_state: str, slave_pos: str, missing: list[str]
) -> None:
    assert mariadb_missing(wanted, Position(binlog_state, slave_pos, None)) == missing


@pytest.mark.parametrize(
    ("identity", "gtids", "applied", "expected"),
    [
        (f"{A}", f"{A}:1-5,{B}:1-7", "", f"{B}:1-7"),
        (f"{A}", f"{A}:1-5:tag:1-2", "", ""),
        (f"{A}".upper(), f"{A}:1-5,\n{B}:1-7:9", "", f"{B}:1-7:9"),
        ("2", "1-1-5,1-2-9,3-2-4", "1-1-5", "1-1-5"),
        ("2", "1-2-9,1-1-5", "1-1-6", "1-1-5,1-1-6"),
        ("12", "1-2-9", "", "1-2-9"),
        ("2", "", "", ""),
    ],
)
def test_what_others_have_made(identity: str, gtids: str, applied: str, expected: str) -> None:
    """In one order: MariaDB lists its servers in any."""
    assert of_others(Position(gtids, applied, None), identity) == expected
