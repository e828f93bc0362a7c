"""Both clients against a real server."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from kachecks.mysql import queries
from tests.unit.doubles.asker import BUSY, Asker
from tests.unit.mysql.conftest import Server


def root(asker: Asker, where: Path | int) -> int:
    made = asker.connect(where, 3, user="root", password=None)
    assert "raised" not in made, made
    assert "MariaDB" in made["version"]
    return int(made["id"])


@pytest.mark.parametrize("by", ["socket", "port"])
def test_rows(asker: Asker, mariadb: Server, by: str) -> None:
    number = root(asker, getattr(mariadb, by))
    sql = (
        "SELECT NULL AS nothing, '' AS empty, 'grüße ✓ 🐬' AS text, 42 AS number, 1.50 AS fraction"
    )
    reply = asker.ask("query", id=number, sql=f"{sql}, @@global.read_only AS read_only", timeout=2)
    assert reply["rows"] == [
        {
            "nothing": None,
            "empty": "",
            "text": "grüße ✓ 🐬",
            "number": "42",
            "fraction": "1.50",
            "read_only": "0",
        }
    ]
    assert list(reply["rows"][0]) == ["nothing", "empty", "text", "number", "fraction", "read_only"]
    many = asker.ask("query", id=number, sql="SELECT seq FROM mysql.seq_1_to_3000", timeout=2)
    assert [row["seq"] for row in many["rows"]] == [str(n) for n in range(1, 3001)]
    none = asker.ask("query", id=number, sql="SHOW ALL SLAVES STATUS", timeout=2)
    assert none["rows"] == []
    asker.ask("close", id=number)


def test_execute(asker: Asker, mariadb: Server) -> None:
    number = root(asker, mariadb.socket)
    for sql in ("SET GLOBAL read_only = 1", "DO 1", "SET SESSION lock_wait_timeout = 1"):
        assert "raised" not in asker.ask("execute", id=number, sql=sql, timeout=2)
    rows = asker.ask("query", id=number, sql="SELECT @@read_only, @@autocommit", timeout=2)["rows"]
    assert rows == [{"@@read_only": "1", "@@autocommit": "1"}]
    asker.ask("execute", id=number, sql="SET GLOBAL read_only = 0", timeout=2)
    wrong = asker.ask("execute", id=number, sql="KILL 999999", timeout=2)
    assert (wrong["raised"], wrong["errno"]) == ("ServerError", 1094)
    asker.ask("close", id=number)


def test_deadline_of_a_statement(asker: Asker, mariadb: Server) -> None:
    number = root(asker, mariadb.socket)
    reply = asker.ask("query", id=number, sql="SELECT SLEEP(3)", timeout=0.2)
    assert reply["raised"] == "NoAnswer"
    assert reply["seconds"] < 0.4 + BUSY


def test_wrong_password(asker: Asker, mariadb: Server) -> None:
    for place in (mariadb.socket, mariadb.port):
        reply = asker.connect(place, user="root")
        assert (reply["raised"], reply["errno"]) == ("ServerError", 1045)


def test_killed_session(asker: Asker, mariadb: Server) -> None:
    made = asker.connect(mariadb.socket, 3, user="root", password=None)
    other = root(asker, mariadb.socket)
    asker.ask("execute", id=other, sql=f"KILL {made['connection']}", timeout=2)
    reply = asker.ask("query", id=made["id"], sql="SELECT 1", timeout=2)
    assert reply["raised"] == "Lost"
    asker.ask("close", id=other)


def test_goodbye_is_said(asker: Asker, mariadb: Server) -> None:
    """The server ends the session at once, and counts no aborted client."""
    asking = root(asker, mariadb.socket)

    def ask(sql: str) -> Any:
        return asker.ask("query", id=asking, sql=sql, timeout=2)["rows"]

    before = ask("SHOW GLOBAL STATUS LIKE 'Aborted_clients'")
    made = asker.connect(mariadb.socket, 3, user="root", password=None)
    asker.ask("close", id=made["id"])
    end = time.monotonic() + BUSY
    while str(made["connection"]) in [row["Id"] for row in ask("SHOW PROCESSLIST")]:
        assert time.monotonic() < end
    assert ask("SHOW GLOBAL STATUS LIKE 'Aborted_clients'") == before
    asker.ask("close", id=asking)


def test_process_behind_the_socket(asker: Asker, mariadb: Server) -> None:
    others = [root(asker, mariadb.port), root(asker, mariadb.socket)]
    number = root(asker, mariadb.socket)
    assert asker.ask("server_pid", id=number)["pid"] == mariadb.pid
    assert asker.ask("server_pid", id=others[0])["pid"] is None  # over TCP nobody can tell
    for each in (number, *others):
        asker.ask("close", id=each)


@pytest.mark.parametrize("where", ["socket", "port"])
def test_our_sessions_are_told_by_their_database(asker: Asker, mariadb: Server, where: str) -> None:
    number = root(asker, getattr(mariadb, where))
    rows = asker.ask("query", id=number, sql=queries.PROCESSLIST, timeout=2)["rows"]
    (own,) = (row for row in rows if row["Info"] == queries.PROCESSLIST)
    assert own["db"] == queries.OUR_SCHEMA
    asker.ask("close", id=number)


@pytest.mark.parametrize("mode", ["PREFERRED", "DISABLED"])
def test_tls_is_not_forced(asker: Asker, mariadb: Server, mode: str) -> None:
    """MariaDB before 11.4 has no certificate unless it is given one."""
    made = asker.connect(mariadb.port, 3, user="root", password=None, ssl_mode=mode)
    assert "raised" not in made, made
    asker.ask("close", id=made["id"])


@pytest.mark.parametrize("mode", ["REQUIRED"])
def test_tls_is_insisted_on(asker: Asker, mariadb: Server, mode: str) -> None:
    reply = asker.connect(mariadb.port, 3, user="root", password=None, ssl_mode=mode)
    assert reply["raised"] == "ServerError"
