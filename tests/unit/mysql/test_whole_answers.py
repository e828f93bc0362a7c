"""Tables of a server are read whole, whatever is set globally there; and where they are not, that
is noticed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from kachecks.config.options import Login
from kachecks.mysql import operator_queries, queries
from kachecks.mysql.errors import BrokenAnswer
from kachecks.mysql.facts import Row
from kachecks.mysql.probe import unseen
from kachecks.mysql.session import Address, ServerError, Session
from tests.unit.mysql.conftest import Server
from tests.unit.mysql.test_grants_mariadb import GRANTS

SECONDS = 5.0

ACCOUNTS = (
    "CREATE ROLE one", "CREATE ROLE two", "CREATE ROLE three",
    "GRANT READ_ONLY ADMIN ON *.* TO one", "GRANT one TO two", "GRANT two TO three",
    "CREATE USER by_three_roles@localhost", "GRANT three TO by_three_roles@localhost",
    "CREATE USER direct@localhost", "GRANT READ_ONLY ADMIN ON *.* TO direct@localhost",
    "CREATE USER ordinary@localhost",
)  # fmt: skip

SMALL = {
    "sql_select_limit": "1",
    "max_join_size": "1",
    "max_statement_time": "0.00001",
    "max_recursive_iterations": "2",
    "sql_mode": "'PAD_CHAR_TO_FULL_LENGTH'",
}


def connect(server: Server, user: str = "root") -> Session:
    login = Login(user, None, None, 3306, str(server.socket))
    return Session(Address(login, "localhost", str(server.socket)), SECONDS)


@pytest.fixture(scope="module")
def granted(mariadb: Server) -> Server:
    """With the view of the grants file, and the accounts above."""
    view = GRANTS.read_text().split("CREATE SQL SECURITY DEFINER", 1)[1].split(";\n", 1)[0]
    with closing(connect(mariadb)) as root:
        root.execute("CREATE DATABASE kachecks", SECONDS)
        plain = "\n".join(line.split("-- ")[0] for line in view.splitlines())
        root.execute(f"CREATE SQL SECURITY DEFINER{plain}", SECONDS)
        for statement in ACCOUNTS:
            root.execute(statement, SECONDS)
    return mariadb


@contextmanager
def set_globally(server: Server, name: str, value: str) -> Iterator[None]:
    """For sessions that begin meanwhile."""
    with closing(connect(server)) as root:
        (row,) = root.query(f"SELECT @@global.{name} AS was", SECONDS)
        was = f"'{row['was']}'" if name == "sql_mode" else row["was"]
        root.execute(f"SET GLOBAL {name} = {value}", SECONDS)
        try:
            yield
        finally:
            root.execute(f"SET GLOBAL {name} = {was}", SECONDS)


@pytest.mark.parametrize("name", SMALL)
def test_all_who_write_through_read_only(granted: Server, name: str) -> None:
    with set_globally(granted, name, SMALL[name]), closing(connect(granted)) as session:
        rows = session.query(queries.WRITE_THROUGH_ACCOUNTS, SECONDS)
        assert {row["user"] for row in rows} == {"root", "direct", "by_three_roles"}
        assert session.query(operator_queries.WRITE_BY_ROUTINE, SECONDS) == []


def first_statements(server: Server) -> list[str]:
    """Of a session that closes, of one that opens, and of one that looks for an operator."""
    with closing(connect(server)) as session:
        close = queries.prepare_to_close(session.version)
    return [close, queries.LET_GO_WHEN_SILENT, operator_queries.ASK_FOR_ALL]


@pytest.mark.parametrize("name", ["sql_select_limit", "max_join_size"])
@pytest.mark.parametrize("which", range(3))
def test_all_that_is_shown(granted: Server, name: str, which: int) -> None:
    """A session that has not said so first is shown less, or nothing."""
    first = first_statements(granted)[which]
    with set_globally(granted, name, "1"), closing(connect(granted)) as session:
        try:
            cut = len(session.query(operator_queries.VARIABLES, SECONDS))
        except ServerError as error:
            cut = 0
            assert error.errno == 1104
        session.execute(first, SECONDS)
        assert len(session.query(operator_queries.VARIABLES, SECONDS)) > 500 > cut
        assert len(session.query(queries.CONNECTED, SECONDS)) == 1


def test_closing_waits_as_long_as_it_says(granted: Server) -> None:
    """It is ended by lock_wait_timeout (1205), after which it is tried again, never by a global
    limit of statements (1969)."""
    with set_globally(granted, "max_statement_time", "0.1"), closing(connect(granted)) as locker:
        locker.execute("CREATE TABLE IF NOT EXISTS kachecks.t (a INT)", SECONDS)
        locker.execute("LOCK TABLES kachecks.t WRITE", SECONDS)
        with closing(connect(granted)) as session:
            session.execute(queries.prepare_to_close(session.version), SECONDS)
            with pytest.raises(ServerError) as caught:
                session.execute("SET GLOBAL read_only = 1", SECONDS)
    assert caught.value.errno == 1205


def test_an_account_that_does_not_see_everybody(granted: Server) -> None:
    with closing(connect(granted)) as root, closing(connect(granted, "ordinary")) as ordinary:
        assert unseen(root, SECONDS) == 0
        assert unseen(ordinary, SECONDS) == 1


# What a server may say ----------------------------------------------------------------------------


class Saying:
    """A session with the connection 7 of a server."""

    address, connection_id = "10.0.0.1 port 3306", 7

    def __init__(self, connected: list[Row], *listed: tuple[int, str, str]) -> None:
        self._connected = connected
        self._listed = listed

    def query(self, sql: str, _timeout: float) -> list[Row]:
        if sql == queries.CONNECTED:
            return self._connected
        assert sql == queries.PROCESSLIST
        rest = dict.fromkeys(("Host", "Time", "State", "db", "Info"), None)
        return [
            {"Id": str(number), "User": user, "Command": command, **rest}
            for number, user, command in self._listed
        ]


OURS = (7, "kachecks", "Query")
OTHER = (8, "app", "Sleep")
DUMP = (9, "repl", "Binlog Dump GTID")
THREADS = ((1, "system user", "Connect"), (2, "event_scheduler", "Daemon"), (3, "x", "Daemon"))


@pytest.mark.parametrize(
    ("connected", "listed", "number"),
    [
        (1, [OURS], 0),
        (3, [OURS, OTHER, DUMP, *THREADS], 0),
        (1, [OURS, OTHER], 0),  # one has gone before it was counted
        (2, [OURS, *THREADS], 1),
        (5, [OURS, DUMP], 3),
        (5, [], 5),
        (1, [OTHER], 1),  # not even ours
        (1, [OTHER, DUMP], 1),
    ],
)
def test_connections_that_are_not_listed(
    connected: int, listed: list[tuple[int, str, str]], number: int
) -> None:
    row = {"Variable_name": "Threads_connected", "Value": str(connected)}
    assert unseen(Saying([row], *listed), SECONDS) == number  # type: ignore[arg-type]


@pytest.mark.parametrize("connected", [[], [{"Value": "many"}]])
def test_a_count_that_makes_no_sense(connected: list[Row]) -> None:
    with pytest.raises(BrokenAnswer):
        unseen(Saying(connected, OURS), SECONDS)  # type: ignore[arg-type]
