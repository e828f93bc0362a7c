"""grants.mariadb.sql on a real server: its view names whoever writes through read_only."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from kachecks.mysql import operator_queries, queries
from tests.unit.mysql.conftest import Server

GRANTS = Path(__file__).parents[3] / "keepalived-snippets/grants.mariadb.sql"

ROUTINES = """
CREATE DATABASE app; CREATE TABLE app.t (a INT); CREATE TABLE app.w (a INT);
CREATE USER ordinary@localhost; GRANT INSERT, EXECUTE ON *.* TO ordinary@localhost;
CREATE USER poor@localhost; GRANT INSERT ON *.* TO poor@localhost;
CREATE ROLE writers; GRANT READ_ONLY ADMIN, INSERT, EXECUTE ON *.* TO writers;
DELIMITER //
CREATE DEFINER = root@localhost PROCEDURE app.roots() INSERT INTO app.t VALUES (1)//
CREATE DEFINER = writers PROCEDURE app.roles() INSERT INTO app.t VALUES (1)//
CREATE DEFINER = poor@localhost PROCEDURE app.plain() INSERT INTO app.t VALUES (1)//
CREATE DEFINER = ordinary@localhost PROCEDURE app.around() CALL app.roots()//
CREATE DEFINER = root@localhost PROCEDURE app.invoked() SQL SECURITY INVOKER
    INSERT INTO app.t VALUES (1)//
CREATE DEFINER = root@localhost FUNCTION app.counted() RETURNS INT
    BEGIN INSERT INTO app.t VALUES (1); RETURN 1; END//
CREATE DEFINER = root@localhost TRIGGER app.fired BEFORE INSERT ON app.w
    FOR EACH ROW INSERT INTO app.t VALUES (1)//
CREATE DEFINER = root@localhost SQL SECURITY DEFINER VIEW app.seen AS SELECT * FROM app.t//
GRANT EXECUTE ON PROCEDURE app.plain TO poor@localhost//
SET sql_mode = ORACLE//
CREATE PACKAGE app.pack AS PROCEDURE inside; END;
//
CREATE PACKAGE BODY app.pack AS PROCEDURE inside AS BEGIN INSERT INTO t VALUES (1); END; END;
//
"""

ACCOUNTS = {
    "all_of_app": "EXECUTE, INSERT, SELECT ON app.*",
    "by_pattern": r"EXECUTE ON `ap\p%`.*",
    "everything": "EXECUTE ON *.*",
    "one": "EXECUTE ON PROCEDURE app.roots",
    "of_a_role": "EXECUTE ON PROCEDURE app.roles",
    "nested": "EXECUTE ON PROCEDURE app.around",
    "packed": "EXECUTE ON PACKAGE BODY app.pack",
    "functions": "EXECUTE ON FUNCTION app.counted",
    "invoker": "EXECUTE ON PROCEDURE app.invoked",
    "harmless": "EXECUTE ON PROCEDURE app.plain",
    "tables": "INSERT, SELECT, UPDATE ON app.*",
}
CALLS = (
    "CALL app.roots()", "CALL app.roles()", "CALL app.plain()", "CALL app.around()",
    "CALL app.invoked()", "SELECT app.counted()", "INSERT INTO app.w VALUES (1)",
    "INSERT INTO app.seen VALUES (1)", "SET sql_mode = ORACLE; USE app; CALL pack.inside()",
)  # fmt: skip


def said(server: Server, sql: str, user: str = "root") -> list[str]:
    """Lines of columns with tabs between; what is refused says nothing."""
    ran = subprocess.run(
        ["mariadb", "--no-defaults", "-N", f"--user={user}", f"--socket={server.socket}"],
        input=sql, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert not ran.returncode or user != "root", ran.stderr
    return ran.stdout.splitlines()


@pytest.fixture(scope="module")
def granted(mariadb: Server) -> Server:
    """With the accounts and objects of the grants file, and with ours; it is closed."""
    text = GRANTS.read_text().replace("NODE1_ADDRESS", "10.0.0.1")
    said(mariadb, text.replace("NODE2_ADDRESS", "10.0.0.2"))
    said(mariadb, ROUTINES)
    said(mariadb, "CREATE ROLE callers; CREATE USER by_role@localhost; GRANT callers TO by_role@"
        "localhost; SET DEFAULT ROLE callers FOR by_role@localhost;"
        " GRANT EXECUTE ON PROCEDURE app.roots TO callers")  # fmt: skip
    for name, what in ACCOUNTS.items():
        grant = f"SET sql_mode = ORACLE; GRANT {what} TO {name}@localhost"
        said(mariadb, f"CREATE USER {name}@localhost; {grant}")
    said(mariadb, "SET GLOBAL read_only = 1")
    return mariadb


def writes(server: Server, user: str) -> bool:
    """It gets a row into a closed server, by one way or another."""
    before = said(server, "SELECT COUNT(*) FROM app.t")
    for call in CALLS:
        said(server, call, user)
    return said(server, "SELECT COUNT(*) FROM app.t") != before


def test_whoever_writes_through_read_only_is_named(granted: Server) -> None:
    """Nobody else is, among those who may call something."""
    listed = [line.split("\t")[0] for line in said(granted, operator_queries.WRITE_BY_ROUTINE)]
    found = {name for name in (*ACCOUNTS, "by_role") if writes(granted, name)}
    assert found == set(ACCOUNTS) - {"functions", "invoker", "harmless", "tables"} | {"by_role"}
    assert set(listed) == found | {"ordinary"}
    users = set(said(granted, queries.WRITE_THROUGH_ACCOUNTS))
    assert found | {"root", "kachecks", "ordinary"} <= users
    assert not users & {"functions", "invoker", "harmless", "tables", "poor"}


def test_what_the_account_without_a_name_may_call(granted: Server) -> None:
    """Its rights on a database are those of everybody who has none there."""
    row = "INSERT INTO mysql.db (host, db, user, execute_priv) VALUES ('%', 'app', '', 'Y')"
    said(granted, f"CREATE USER newcomer@localhost; {row}; FLUSH PRIVILEGES")
    try:
        assert writes(granted, "newcomer")
        assert "newcomer" in said(granted, queries.WRITE_THROUGH_ACCOUNTS)
    finally:
        said(granted, "DELETE FROM mysql.db WHERE user = ''; DROP USER newcomer@localhost")


def test_what_everybody_may_call(granted: Server) -> None:
    version = said(granted, "SELECT VERSION()")[0]
    if tuple(map(int, version.split("-")[0].split(".")[:2])) < (10, 11):
        pytest.skip("there is no PUBLIC before MariaDB 10.11")
    said(granted, "GRANT EXECUTE ON PROCEDURE app.roots TO PUBLIC")
    try:
        assert writes(granted, "tables")
        assert "tables" in said(granted, queries.WRITE_THROUGH_ACCOUNTS)
    finally:
        said(granted, "REVOKE EXECUTE ON PROCEDURE app.roots FROM PUBLIC")
