"""Closing a server whose clients hold on to it: it is closed, they are cut, nobody is killed."""

from __future__ import annotations

import contextlib
import signal
import threading
from typing import Any

import pytest

from tests.lab.error import LabError
from tests.lab.pairs.node import Node
from tests.lab.pairs.pair import Pair
from tests.lab.servers.accounts import APP_DATABASE, APP_PASSWORD, APP_USER
from tests.lab.servers.flavour import Flavour


def session(node: Node, user: str, password: str = "") -> Any:
    """A client's connection to that node's server."""
    import mysql.connector

    return mysql.connector.connect(
        unix_socket=str(node.socket_path),
        user=user,
        password=password,
        database=APP_DATABASE,
        use_pure=True,
        autocommit=False,
        ssl_disabled=True,
    )


def run(connection: Any, sql: str) -> None:
    connection.cmd_query(sql)


def alive(connection: Any) -> bool:
    try:
        connection.cmd_query("SELECT 1")
        connection.get_rows()
    except Exception:  # noqa: BLE001 - whatever the driver makes of a cut connection
        return False
    return True


def wait_for_row(connection: Any) -> None:
    """An UPDATE that waits for another's row lock; cut, or rolled back with its session."""
    with contextlib.suppress(Exception):
        run(connection, "UPDATE held SET text = 'waited'")


def test_closing_cuts_what_is_in_the_way(flavour: Flavour) -> None:
    """A table lock, a row-lock waiter, an open transaction and a root session, all at once."""
    with Pair(flavour, suite="kachecks") as pair:
        server = pair.a.mysqld_pid()
        pair.a.sql("CREATE TABLE app.held (id INT PRIMARY KEY, text VARCHAR(20))")
        pair.a.sql("CREATE TABLE app.locked (id INT PRIMARY KEY)")
        pair.a.sql("INSERT INTO app.held VALUES (1, 'before')")
        app = [session(pair.a, APP_USER, APP_PASSWORD) for _ in range(3)]
        root = session(pair.a, "root")
        run(app[0], "LOCK TABLES locked WRITE")
        run(app[1], "UPDATE held SET text = 'uncommitted' WHERE id = 1")
        waiter = threading.Thread(target=wait_for_row, args=(app[2],), daemon=True)
        waiter.start()
        run(root, "UPDATE held SET text = 'root' WHERE id = 2")

        result = pair.a.run(["/opt/kachecks/bin/notify_down", "--keep-keepalived"])

        assert "closed for writes" in result.stdout
        assert pair.a.mysqld_pid() == server, "mysqld was killed instead of its clients"
        assert not pair.is_open(pair.a)
        assert [alive(connection) for connection in [*app, root]] == [False] * 4
        waiter.join(5)
        assert pair.a.value("SELECT text FROM app.held") == "before"
        assert pair.a.audit()[-1]["milliseconds"] < 5000


def test_who_is_not_killed(flavour: Flavour) -> None:
    """A hung standby is left alone, and so is a hung holder with stuck_mysqld = leave.

    That a hung holder is killed otherwise is row 3.
    """
    with Pair(flavour, suite="kachecks") as pair:
        standby = pair.b.mysqld_pid()
        pair.b.kill_mysqld(signal.SIGSTOP)
        said = pair.b.run(["/opt/kachecks/bin/notify_backup"], check=False).stdout
        assert "left alone" in said
        assert pair.b.mysqld_pid() == standby
        pair.b.kill_mysqld(signal.SIGCONT)
        pair.wait_until(
            lambda: pair.b.run(["/opt/kachecks/bin/check_mysql"], check=False).returncode == 0,
            10,
            "B to be fit",
        )

        pair.set_options(pair.a, {"stuck_mysqld": "leave"})
        pair.a.kill_mysqld(signal.SIGSTOP)
        result = pair.a.run(["/opt/kachecks/bin/notify_down", "--keep-keepalived"], check=False)
        assert result.returncode == 1
        assert "stuck_mysqld = leave" in result.stdout
        assert pair.a.mysqld_pid() is not None
        with pytest.raises(LabError):
            pair.wait_until(lambda: pair.is_open(pair.b), 3, "B must not open beside a hung A")
