"""The right statement for each server; what cannot be run here is compared with the manuals."""

import pytest

from kachecks.mysql import queries
from kachecks.mysql.facts import Version
from tests.rows import rows, statement

V57 = Version(False, (5, 7, 44))
V8021 = Version(False, (8, 0, 21))
V8022 = Version(False, (8, 0, 22))
V81 = Version(False, (8, 1, 0))
V82 = Version(False, (8, 2, 0))
V97 = Version(False, (9, 7, 4))
M105 = Version(True, (10, 5, 9))
M1011 = Version(True, (10, 11, 19))
M118 = Version(True, (11, 8, 6))
M12 = Version(True, (12, 0, 1))


@pytest.mark.parametrize(
    ("version", "status", "close"),
    [
        (V57, "SHOW SLAVE STATUS", "super_read_only = 1"),
        (V8021, "SHOW SLAVE STATUS", "super_read_only = 1"),
        (V8022, "SHOW REPLICA STATUS", "super_read_only = 1"),
        (V81, "SHOW REPLICA STATUS", "super_read_only = 1"),
        (V82, "SHOW REPLICA STATUS", "super_read_only = 1"),
        (V97, "SHOW REPLICA STATUS", "super_read_only = 1"),
        (M105, "SHOW ALL SLAVES STATUS", "read_only = 1"),
        (M1011, "SHOW ALL SLAVES STATUS", "read_only = 1"),
        (M118, "SHOW ALL SLAVES STATUS", "read_only = 1"),
        (M12, "SHOW ALL SLAVES STATUS", "read_only = 'NO_LOCK_NO_ADMIN'"),
    ],
)
def test_by_version(version: Version, status: str, close: str) -> None:
    assert queries.replication_status(version) == status
    assert queries.close_writes(version) == f"SET GLOBAL {close}"


@pytest.mark.parametrize(
    ("version", "old"),
    [
        (Version(False, (5, 7, 19)), True),
        (V57, False),
        (V97, False),
        (M1011, True),
        (Version(True, (11, 1, 0)), True),
        (M118, False),
        (M12, False),
    ],
)
def test_the_name_of_transaction_read_only(version: Version, old: bool) -> None:
    name = "tx_read_only" if old else "transaction_read_only"
    assert f"@@global.{name} AS transaction_read_only" in queries.ability(version)


@pytest.mark.parametrize(("version", "server"), [(V97, "mysql-9.7"), (M1011, "mariadb-10.11")])
def test_captured_with_the_statements_of_today(version: Version, server: str) -> None:
    """A statement that changes must be captured again (tests/rows/capture.py)."""
    assert queries.globals_of(version) == statement(server, "globals_open")
    assert queries.executed(version) == statement(server, "executed")
    assert queries.replication_status(version) == statement(server, "replica_status_healthy")
    assert statement(server, "processlist") == queries.PROCESSLIST
    assert statement(server, "semi_sync_on") == queries.SEMI_SYNC_SOURCE
    assert statement(server, "events") == queries.EVENTS
    assert queries.take_lock("main", 1) == statement(server, "lock")
    if version.mariadb:
        assert statement(server, "write_through_accounts") == queries.WRITE_THROUGH_ACCOUNTS


def test_semi_sync_by_the_name_the_server_gives_it() -> None:
    for server, name in (
        ("mysql-9.7", "rpl_semi_sync_source_enabled"),
        ("mariadb-10.11", "rpl_semi_sync_master_enabled"),
    ):
        assert rows(server, "semi_sync_off") == []
        (row,) = rows(server, "semi_sync_on")
        assert row["Variable_name"] == name
        assert queries.switch_off(name) == f"SET GLOBAL {name} = 0"


@pytest.mark.parametrize(
    ("version", "channel", "start", "stop"),
    [
        (V57, "", "START SLAVE SQL_THREAD", "STOP SLAVE IO_THREAD"),
        (V97, "", "START REPLICA SQL_THREAD", "STOP REPLICA IO_THREAD"),
        (
            V97,
            "o'ne",
            "START REPLICA SQL_THREAD FOR CHANNEL 'o''ne'",
            "STOP REPLICA IO_THREAD FOR CHANNEL 'o''ne'",
        ),
        (M1011, "", "START SLAVE SQL_THREAD", "STOP SLAVE IO_THREAD"),
        (M1011, "o'ne", "START SLAVE 'o''ne' SQL_THREAD", "STOP SLAVE 'o''ne' IO_THREAD"),
    ],
)
def test_threads(version: Version, channel: str, start: str, stop: str) -> None:
    assert queries.start_applier(version, channel) == start
    assert queries.stop_receiver(version, channel) == stop
    assert queries.start_receiver(version, channel) == stop.replace("STOP", "START")
    assert queries.stop_applier(version, channel) == start.replace("START", "STOP")


def test_a_name_ends_where_its_quotes_do() -> None:
    """In a session with NO_BACKSLASH_ESCAPES as in one without."""
    version = Version(True, (10, 11, 19))
    assert queries.literal("a'; DROP\\") == "'a''; DROP\\\\'"
    for name in ("a\\", "a\\'; RESET SLAVE ALL; #", "'", "\\'"):
        for escape in ("\\", ""):
            assert _rest(queries.start_applier(version, name), escape) == " SQL_THREAD"
    assert queries.stop_applier(Version(False, (9, 7, 0)), "a\\").endswith(" CHANNEL 'a\\\\'")


def _rest(statement: str, escape: str) -> str:
    """What follows the first literal of the statement, as a server reads it."""
    at = statement.index("'") + 1
    while True:
        if statement[at : at + 2] == "''" or (escape and statement[at] == escape):
            at += 2
        elif statement[at] == "'":
            return statement[at + 1 :]
        else:
            at += 1


def test_the_relay_log_is_thrown_away_by_a_change_of_nothing() -> None:
    old, new = Version(False, (8, 0, 22)), Version(False, (8, 0, 23))
    assert queries.forget_relay_log(old, "") == "CHANGE MASTER TO MASTER_AUTO_POSITION = 1"
    assert queries.forget_relay_log(new, "o'ne") == (
        "CHANGE REPLICATION SOURCE TO SOURCE_AUTO_POSITION = 1 FOR CHANNEL 'o''ne'"
    )


def test_gtid_sets_are_checked_before_they_become_a_statement() -> None:
    one, two = "42d4377e-0000-11f0-8000-000000000001:1-3:7", "42d4377e-0000:tag:1"
    sql = queries.gtid_missing(f"{one},\n {two}", one)
    assert sql == f"SELECT GTID_SUBTRACT('{one},{two}', '{one}') AS missing"
    for text in ("a:1'); DROP TABLE t; --", "a:1\\", 'a:1"', "a:1;", "a:1)"):
        with pytest.raises(ValueError, match="not a GTID set"):
            queries.gtid_missing(text, "")


def test_only_a_number_is_killed() -> None:
    assert queries.kill("42") == "KILL 42"
    for text in ("", "QUERY 4", "4; DROP", "4 OR 1"):
        with pytest.raises(ValueError, match="invalid literal"):
            queries.kill(text)
