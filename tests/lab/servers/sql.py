"""One statement over a unix socket, for the lab's own use: as root, a connection per call."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Optional

Row = dict[str, Any]


def query(
    socket: Path, statement: str, database: Optional[str] = None, **options: Any
) -> list[Row]:
    """Run `statement` in a session of its own, options as in `session`.

    Raises mysql.connector.Error: also when an answer takes longer than `timeout` seconds.
    """
    with session(socket, database, **options) as ask:
        return ask(statement)


@contextlib.contextmanager
def session(
    socket: Path,
    database: Optional[str] = None,
    user: str = "root",
    password: str = "",
    timeout: int = 10,
) -> Iterator[Callable[[str], list[Row]]]:
    """What runs a statement, with autocommit, and gives its rows; none if it has none.

    Both raise mysql.connector.Error: also after `timeout` seconds without an answer.
    """
    import mysql.connector  # 70 ms: not for those who only want namespaces

    connection = mysql.connector.connect(
        unix_socket=str(socket),
        user=user,
        password=password,
        database=database,
        use_pure=True,
        autocommit=True,
        connection_timeout=timeout,
        read_timeout=timeout,
    )

    def ask(statement: str) -> list[Row]:
        cursor = connection.cursor(dictionary=True)
        cursor.execute(statement)
        rows: list[Row] = cursor.fetchall() if cursor.with_rows else []
        return rows

    try:
        yield ask
    finally:
        connection.close()


def answers(socket: Path) -> bool:
    """Whether a server is there, and root is let in."""
    import mysql.connector

    try:
        return bool(query(socket, "SELECT 1"))
    except mysql.connector.Error:
        return False


def is_open(socket: Path) -> bool:
    """It takes writes of ordinary accounts. A server that does not answer: not open."""
    import mysql.connector

    try:
        found = query(socket, "SELECT @@global.read_only AS value")[0]["value"]
    except mysql.connector.Error:
        return False
    return str(found) in ("0", "OFF")
