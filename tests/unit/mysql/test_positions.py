"""What one server lacks of another: GTID sets, MariaDB's GTIDs, files and positions."""

from __future__ import annotations

from typing import Any

import pytest

from kachecks.mysql.errors import ServerError
from kachecks.mysql.facts import Channel, Version, parse_channel
from kachecks.mysql.gtid import Position, mariadb_missing
from kachecks.mysql.positions import executed, missing, not_received, unapplied
from tests.rows import Row, rows

MYSQL = Version(False, (9, 7, 4))
MARIADB = Version(True, (10, 11, 19))
A = rows("mysql-9.7", "globals_open")[0]["server_uuid"] or ""
B = rows("mysql-9.7", "globals_closed")[0]["server_uuid"] or ""


class Answers:
    """A session that answers from a list: (beginning of the statement, rows)."""

    def __init__(self, *answers: tuple[str, list[Row]]) -> None:
        self._answers = answers
        self.asked: list[str] = []
        self.version = MYSQL

    def of(self, version: Version) -> Any:
        """The same, from a server of this version."""
        self.version = version
        return self

    def query(self, sql: str, timeout: float) -> list[Row]:
        assert timeout == 1.0
        self.asked.append(sql)
        return next(found for start, found in self._answers if sql.startswith(start))


def gtids(text: str, applied: str = "", mode: str = "ON") -> tuple[str, list[Row]]:
    return "SELECT @@global", [{"executed": text, "applied": applied, "gtid_mode": mode}]


def subtract(text: str) -> tuple[str, list[Row]]:
    return "SELECT GTID_SUBTRACT", [{"missing": text}]


@pytest.mark.parametrize(
    ("server", "version", "name", "expected"),
    [
        ("mysql-9.7", MYSQL, "executed", Position(f"{A}:1-2", "")),
        ("mysql-9.7", MYSQL, "executed_behind", Position(f"{A}:1-5", "")),
        ("mariadb-10.11", MARIADB, "executed", Position("1-1-2", "1-1-2")),  # came back
        ("mariadb-10.11", MARIADB, "executed_replica", Position("1-1-2", "1-1-2")),
        ("mariadb-10.11", MARIADB, "executed_behind", Position("1-1-5", "1-1-5")),
    ],
)
def test_executed(server: str, version: Version, name: str, expected: Position) -> None:
    session = Answers(("SELECT @@global", rows(server, name)))
    assert executed(session.of(version), 1.0) == expected


def test_without_gtids_nobody_can_tell() -> None:
    """What was made before they were switched off is still named there, and proves nothing."""
    session = Answers(("SELECT @@global", rows("mysql-9.7", "executed_without_gtid")))
    with pytest.raises(ServerError, match=r"^gtid_mode is OFF, and without GTIDs"):
        executed(session.of(MYSQL), 1.0)


# wanted of the peer, own binlog state, own slave position, what is missing
MARIADB_SETS = [
    ("1-1-5", "1-1-5", "1-1-5", []),
    ("1-1-5", "1-1-4", "1-1-4", ["1-1-5"]),
    ("1-1-5", "", "1-1-5", []),  # log_slave_updates off, or provisioned from a backup
    ("1-1-5", "", "", ["1-1-5"]),
    ("1-1-5,2-2-9", "1-1-5,2-2-9", "1-1-5", []),  # 2-2: made here
    ("1-1-5,2-2-9", "1-1-5,2-2-8", "1-1-5", ["2-2-9"]),
    ("1-1-5,3-3-2", "1-1-5", "1-1-5", ["3-3-2"]),  # a third server's
    ("1-1-5,3-3-2", "1-1-5", "1-1-5,3-3-2", []),
    ("1-7-3,1-1-5", "1-1-5", "1-1-5", []),  # an earlier server of the same domain
    ("", "", "", []),
    ("1-1-10", "1-1-9", "1-1-9", ["1-1-10"]),  # numbers, not text
    (" 1-1-5 , 2-2-9 ", "1-1-5,2-2-9", "", []),
]


@pytest.mark.parametrize(("wanted", "logged", "applied", "expected"), MARIADB_SETS)
def test_mariadb_missing(wanted: str, logged: str, applied: str, expected: list[str]) -> None:
    assert mariadb_missing(wanted, Position(logged, applied)) == expected
    session = Answers(gtids(logged, applied))
    found = missing(session.of(MARIADB), Position(wanted, ""), 1.0)
    assert found == ",".join(expected)


def test_mysql_subtracts_on_the_server() -> None:
    session = Answers(gtids(f"{A}:1-3"), subtract(f"{A}:4-5,\n{B}:1"))
    wanted = Position(f"{A}:1-5,{B}:1", "")
    assert missing(session.of(MYSQL), wanted, 1.0) == f"{A}:4-5,{B}:1"
    assert session.asked[-1] == (f"SELECT GTID_SUBTRACT('{A}:1-5,{B}:1', '{A}:1-3') AS missing")


def test_nothing_wanted_nothing_missing() -> None:
    assert missing(Answers().of(MYSQL), Position("", ""), 1.0) == ""


def mysql_channel(received: str) -> Channel:
    row = rows("mysql-9.7", "replica_status_healthy")[0]
    return parse_channel({**row, "Retrieved_Gtid_Set": received})


def mariadb_channel(received: str) -> Channel:
    row = rows("mariadb-10.11", "replica_status_healthy")[0]
    return parse_channel({**row, "Gtid_IO_Pos": received})


def test_mysql_counts_the_relay_log_as_received() -> None:
    """Executed up to 3, in the relay log up to 5."""
    executed_3, relayed_5 = (f"{A}:1-5', '{A}:1-3'", f"{A}:4-5', '{A}:1-5'")
    session = Answers(
        gtids(f"{A}:1-3"),
        (f"SELECT GTID_SUBTRACT('{executed_3}", [{"missing": f"{A}:4-5"}]),
        (f"SELECT GTID_SUBTRACT('{relayed_5}", [{"missing": ""}]),
    )
    wanted = Position(f"{A}:1-5", "")
    assert not_received(session.of(MYSQL), wanted, (mysql_channel(f"{A}:1-5"),), 1.0) == ""
    assert len(session.asked) == 3
    assert missing(session.of(MYSQL), wanted, 1.0) == f"{A}:4-5"


def test_mysql_subtracts_what_each_channel_has_received() -> None:
    session = Answers(
        gtids(""),
        (f"SELECT GTID_SUBTRACT('{A}:1-5,{B}:1-2', '')", [{"missing": f"{A}:1-5,\n{B}:1-2"}]),
        (f"SELECT GTID_SUBTRACT('{A}:1-5,{B}:1-2', '{A}:1-4')", [{"missing": f"{A}:5,\n{B}:1-2"}]),
        (f"SELECT GTID_SUBTRACT('{A}:5,{B}:1-2', '{B}:1-2')", [{"missing": f"{A}:5"}]),
    )
    channels = (mysql_channel(f"{A}:1-4"), mysql_channel(f"{B}:1-2"))
    wanted = Position(f"{A}:1-5,{B}:1-2", "")
    assert not_received(session.of(MYSQL), wanted, channels, 1.0) == f"{A}:5"


@pytest.mark.parametrize(
    ("wanted", "logged", "applied", "received", "left"),
    [
        ("1-1-5", "1-1-3", "1-1-3", "1-1-5", ""),
        ("1-1-5", "1-1-3", "1-1-3", "1-1-4", "1-1-5"),
        ("1-1-5", "1-1-3", "1-1-3", "", "1-1-5"),
        ("1-1-5", "1-1-5", "1-1-5", "", ""),  # has just connected, and has it
        ("1-1-5,3-3-2", "1-1-3", "1-1-3", "1-1-5", "3-3-2"),
        ("1-1-5,3-3-2", "1-1-3", "1-1-3", "1-1-5,3-3-2", ""),
        ("0-1-100", "0-1-95,0-2-120", "0-2-120", "0-2-120", "0-1-100"),  # where it starts from
    ],
)
def test_mariadb_counts_the_relay_log_as_received(
    wanted: str, logged: str, applied: str, received: str, left: str
) -> None:
    session = Answers(gtids(logged, applied))
    channels = (mariadb_channel(received),)
    position = Position(wanted, "")
    assert not_received(session.of(MARIADB), position, channels, 1.0) == left


def test_mariadb_adds_up_what_its_channels_have_received() -> None:
    session = Answers(gtids("1-1-3", "1-1-3"))
    channels = (mariadb_channel("1-1-5"), mariadb_channel("3-3-2"))
    wanted = Position("1-1-5,3-3-2", "")
    assert not_received(session.of(MARIADB), wanted, channels, 1.0) == ""
    assert not_received(session.of(MARIADB), wanted, channels[:1], 1.0) == "3-3-2"
    assert not_received(session.of(MARIADB), wanted, (), 1.0) == "1-1-5,3-3-2"


@pytest.mark.parametrize("server", ["mysql-9.7", "mariadb-10.11"])
@pytest.mark.parametrize(("state", "left"), [("healthy", False), ("stopped", False)])
def test_unapplied_of_captured_rows(server: str, state: str, left: bool) -> None:
    version = MARIADB if server.startswith("maria") else MYSQL
    channel = parse_channel(rows(server, f"replica_status_{state}")[0])
    session = Answers(("SELECT @@global", rows(server, "executed_replica")), subtract(""))
    assert bool(unapplied(session.of(version), channel, 2, 1.0)) == left


def test_unapplied_of_mysql() -> None:
    channel = parse_channel(rows("mysql-9.7", "replica_status_applier_stopped")[0])
    session = Answers(("SELECT @@global", rows("mysql-9.7", "executed_behind")), subtract(f"{A}:6"))
    assert unapplied(session.of(MYSQL), channel, 2, 1.0) == f"{A}:6"
    assert session.asked[-1] == f"SELECT GTID_SUBTRACT('{A}:1-6', '{A}:1-5') AS missing"


@pytest.mark.parametrize(
    ("received", "applied", "expected"),
    [
        ("1-1-6", "1-1-5", "1-1-6"),
        ("1-1-6", "1-1-6", ""),
        ("1-1-6,2-2-9", "1-1-6", ""),  # 2-2-9 was made here and came back
        ("", "", ""),
    ],
)
def test_unapplied_of_mariadb(received: str, applied: str, expected: str) -> None:
    row = rows("mariadb-10.11", "replica_status_healthy")[0]
    channel = parse_channel({**row, "Gtid_IO_Pos": received})
    session = Answers(gtids(applied, applied))
    assert unapplied(session.of(MARIADB), channel, 2, 1.0) == expected
