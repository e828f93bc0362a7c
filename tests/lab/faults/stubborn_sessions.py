"""Sessions that do all that keeps a server from closing, or commits when it should not.

    with StubbornSessions(node, "root", "") as sessions:
        ...  # close the server
    sessions.committed   # when the writer in a loop began and ended what the server acknowledged

Per account: LOCK TABLES ... WRITE; a transaction that is open and idle; an UPDATE that waits for
the row that it has changed; one long write; and a session that writes in a loop.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable

from tests.lab.pairs.node import Node
from tests.lab.servers.wire import Connection, WireError

# WHO is the account: each has tables of its own.
_TABLES = (
    "CREATE TABLE app.WHO_locked (id INT PRIMARY KEY)",
    "CREATE TABLE app.WHO_held (id INT PRIMARY KEY, text VARCHAR(20))",
    "INSERT INTO app.WHO_held VALUES (1, 'before')",
    "CREATE TABLE app.WHO_numbers (n INT PRIMARY KEY)",
    "INSERT INTO app.WHO_numbers WITH RECURSIVE numbers AS"
    " (SELECT 1 AS n UNION ALL SELECT n + 1 FROM numbers WHERE n < 500) SELECT n FROM numbers",
    "CREATE TABLE app.WHO_long (a INT, b INT, c INT, PRIMARY KEY (a, b, c))",
    "CREATE TABLE app.WHO_loop (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY)",
)
_WAITING = "UPDATE app.WHO_held SET text = 'waited'"
_LONG = (  # 125 million rows: many minutes
    "INSERT INTO app.WHO_long SELECT one.n, two.n, three.n"
    " FROM app.WHO_numbers AS one, app.WHO_numbers AS two, app.WHO_numbers AS three"
)
_CONTENTS = "CHECKSUM TABLE app.WHO_locked, app.WHO_held, app.WHO_long, app.WHO_loop"

_CUT = (1053, 1317, 1927, 3169)
"""Shutdown, interrupted, killed (MariaDB), killed (MySQL): sent by a server that ends a session."""

_PATIENCE = 5.0
"""Seconds for the sessions to get where they should be."""


class StubbornSessions:
    """Sessions of one account, each with tables of its own in the database `app`."""

    def __init__(self, node: Node, user: str, password: str, *, returning: bool = False) -> None:
        """`returning`: the writer in a loop connects again as soon as it is cut."""
        self._node = node
        self._account = (user, password)
        self._returning = returning
        self._stop = threading.Event()
        self._sessions: list[Connection] = []
        self._threads: list[threading.Thread] = []
        self.committed: list[tuple[float, float]] = []

    def __enter__(self) -> StubbornSessions:
        for statement in _TABLES:
            self._node.sql(self._own(statement))
        self._idle = [
            self._session("LOCK TABLES app.WHO_locked WRITE"),
            self._session("BEGIN", "UPDATE app.WHO_held SET text = 'uncommitted'"),
        ]
        self._begin(_WAITING)
        self._begin(_LONG)
        self._start(self._write_in_a_loop, "INSERT INTO app.WHO_loop VALUES ()")
        self._wait_until_at_work()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def holding_on(self) -> int:
        """How many of those that do nothing are still connected."""
        return sum(self._is_alive(session) for session in self._idle)

    def _is_alive(self, session: Connection) -> bool:
        try:
            session.query("SELECT 1", _PATIENCE)
        except WireError:
            return False
        return True

    def contents(self) -> dict[str, object]:
        """Checksums of the tables that these sessions write, of what has been committed."""
        rows = self._node.sql(self._own(_CONTENTS))
        return {str(row["Table"]): row["Checksum"] for row in rows}

    def stop(self) -> None:
        """End those that the server has not ended."""
        self._stop.set()
        for session in self._sessions:
            session.close()
        for thread in self._threads:
            thread.join(1.0)

    def _session(self, *statements: str) -> Connection:
        user, password = self._account
        session = Connection(str(self._node.socket_path), user, password, timeout=_PATIENCE)
        self._sessions.append(session)
        for statement in statements:
            session.query(self._own(statement), _PATIENCE)
        return session

    def _begin(self, statement: str) -> None:
        """Run a statement that does not end by itself."""
        self._start(self._wait_for, self._session(), statement)

    def _wait_for(self, session: Connection, statement: str) -> None:
        with contextlib.suppress(WireError, OSError, ValueError):  # cut, or closed by stop()
            session.query(self._own(statement))

    def _write_in_a_loop(self, statement: str) -> None:
        while not self._stop.is_set():
            with contextlib.suppress(WireError, OSError, ValueError):
                self._write_until_cut(self._session(), statement)
            if not self._returning:
                return
            time.sleep(0.01)

    def _write_until_cut(self, session: Connection, statement: str) -> None:
        """A server that refuses to write is asked again."""
        while not self._stop.is_set():
            begun = time.monotonic()
            try:
                session.query(self._own(statement))
            except WireError as error:
                if not error.from_server or error.errno in _CUT:
                    session.close()
                    raise
                time.sleep(0.01)
            else:
                self.committed.append((begun, time.monotonic()))

    def _start(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _wait_until_at_work(self) -> None:
        """The waiter waits, the long write runs, the loop has written."""
        begun = {self._own(_WAITING), self._own(_LONG)}

        def at_work() -> bool:
            running = {str(row["Info"]) for row in self._node.sql("SHOW FULL PROCESSLIST")}
            return bool(self.committed) and begun <= running

        self._node.wait(at_work, _PATIENCE, f"the sessions of {self._account[0]} to be at work")

    def _own(self, statement: str) -> str:
        return statement.replace("WHO", self._account[0])
