"""Sessions of a healthy server whose work looks like writes that hang.

    with heavy_writes(node):
        ...

An UPDATE of many rows that takes more than ten seconds; an online ALTER that waits in its last
stage for a reader; a replayed log: many short transactions under one SET TIMESTAMP of yesterday;
and clients that commit one after the other, so that every look finds one in its commit.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

from tests.lab.pairs.node import Node
from tests.lab.servers.wire import Connection, WireError

LONG = 11
"""Seconds of the statement before its commit: more than writes may wait."""

CLIENTS = 4
YESTERDAY = 86520
"""Seconds ago."""

_PATIENCE = 150.0
"""Seconds for any of it: the UPDATE writes 40 MB several times over, on a disk that others use."""

_TABLES = (
    "CREATE TABLE app.numbers (n INT PRIMARY KEY)",
    "INSERT INTO app.numbers WITH RECURSIVE numbers AS"
    " (SELECT 1 AS n UNION ALL SELECT n + 1 FROM numbers WHERE n < 200) SELECT n FROM numbers",
    "CREATE TABLE app.big (id INT PRIMARY KEY AUTO_INCREMENT, pad VARCHAR(1000))",
    "INSERT INTO app.big (pad) SELECT REPEAT('x', 1000)"
    " FROM app.numbers AS one, app.numbers AS two",
    "CREATE TABLE app.altered (id INT PRIMARY KEY AUTO_INCREMENT, text VARCHAR(100))",
    "INSERT INTO app.altered (text) SELECT n FROM app.numbers",
    "CREATE TABLE app.replayed (id INT PRIMARY KEY AUTO_INCREMENT, n INT)",
)
_UPDATE = f"UPDATE app.big, (SELECT SLEEP({LONG})) AS late SET pad = REPEAT('y', 1000)"  # noqa: S608
_ALTER = "ALTER TABLE app.altered ADD INDEX (text), ALGORITHM = INPLACE, LOCK = NONE"


class Clients:
    """Sessions in threads. None of them may be cut."""

    def __init__(self, node: Node) -> None:
        self.failed: list[str] = []
        self.over = threading.Event()
        self._node = node
        self._sessions: list[Connection] = []
        self._threads: list[threading.Thread] = []

    def session(self) -> Connection:
        session = Connection(str(self._node.socket_path), "root", "", timeout=_PATIENCE)
        self._sessions.append(session)
        return session

    def start(self, *once: str, again: str = "") -> None:
        """Run these, and then one again and again until it is `over`."""
        thread = threading.Thread(target=self._work, args=(once, again), daemon=True)
        self._threads.append(thread)
        thread.start()

    def wait(self) -> None:
        """Until all of it is done."""
        for thread in self._threads:
            thread.join(_PATIENCE)
            assert not thread.is_alive(), "the writes do not end"
        assert not self.failed, f"writes on a healthy server failed: {self.failed}"

    def close(self) -> None:
        self.over.set()
        for session in self._sessions:
            session.close()

    def _work(self, once: tuple[str, ...], again: str) -> None:
        try:
            session = self.session()
            for statement in once:
                session.query(statement, _PATIENCE)
            while again and not self.over.is_set():
                session.query(again, _PATIENCE)
        except (WireError, OSError) as error:
            self.failed.append(f"{(again or once[0])[:40]}: {error}")


@contextlib.contextmanager
def busy_clients(node: Node, count: int) -> Iterator[Clients]:
    """So many write as fast as they can in here."""
    node.sql("CREATE TABLE app.busy (id INT PRIMARY KEY AUTO_INCREMENT, n INT)")
    clients = Clients(node)
    try:
        for _ in range(count):
            clients.start(again="INSERT INTO app.busy (n) VALUES (1)")
        yield clients
        clients.over.set()
        clients.wait()
    finally:
        clients.close()


@contextlib.contextmanager
def heavy_writes(node: Node) -> Iterator[None]:
    """All of it; left when it is done."""
    for statement in _TABLES:
        node.sql(statement, timeout=30)
    clients = Clients(node)
    try:
        reader = clients.session()
        for statement in ("BEGIN", "SELECT COUNT(*) FROM app.altered"):
            reader.query(statement, _PATIENCE)
        clients.start(_UPDATE)
        clients.start(_ALTER)
        replay = f"SET TIMESTAMP = {int(time.time()) - YESTERDAY}"
        for _ in range(CLIENTS):
            clients.start(replay, again="INSERT INTO app.replayed (n) VALUES (1)")
        yield
        time.sleep(LONG + 1)
        reader.close()  # and the ALTER goes on
        clients.over.set()
        clients.wait()
    finally:
        clients.close()
