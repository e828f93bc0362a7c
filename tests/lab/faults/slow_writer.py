"""A client whose every statement changes many rows, and takes about half a second.

MySQL 9.7 does not close before such a statement has ended, while that of a client that only sleeps
is cut in time by a second attempt, too.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from tests.lab.pairs.node import Node
from tests.lab.servers.accounts import APP_PASSWORD, APP_USER
from tests.lab.servers.wire import Connection, WireError

STATEMENT = "UPDATE app.slow SET n = n + 1"
_ROWS = 1 << 16
_PATIENCE = 5.0


@contextlib.contextmanager
def slow_writer(node: Node) -> Iterator[None]:
    """Works until the server refuses or ends it, or the context is left; at work on entering."""
    node.sql("CREATE TABLE app.slow (id INT PRIMARY KEY AUTO_INCREMENT, n INT, text CHAR(100))")
    node.sql("INSERT INTO app.slow VALUES (NULL, 0, '')")
    while int(node.value("SELECT COUNT(*) FROM app.slow")) < _ROWS:
        node.sql("INSERT INTO app.slow (n, text) SELECT n, text FROM app.slow")
    session = Connection(str(node.socket_path), APP_USER, APP_PASSWORD, timeout=_PATIENCE)

    def work() -> None:
        with contextlib.suppress(WireError, OSError, ValueError):
            while True:
                session.query(STATEMENT, _PATIENCE)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        node.wait(
            lambda: any(row["Info"] == STATEMENT for row in node.sql("SHOW FULL PROCESSLIST")),
            _PATIENCE,
            "the slow writer to be at work",
        )
        yield
    finally:
        session.close()
        thread.join(_PATIENCE)
