"""A client of the active node in the middle of a large commit.

    commit = LargeCommit(pair, rows=1 << 18)     # makes the rows, and B has them
    commit.begin()                               # returns while it is being committed
    ...
    commit.wait()
    commit.told                                  # whether the client was told OK

The commit is an UPDATE of all rows, each of a kilobyte in the binary log.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path

from tests.lab.error import LabError, NotProvenError
from tests.lab.pairs.node import Node
from tests.lab.pairs.pair import Pair
from tests.lab.servers.wire import Connection, WireError

PART = 4 << 20
"""Bytes of it that are in the binary log when `begin` returns."""

_PATIENCE = 120.0
"""Seconds at most for the making, sending and applying of such a transaction."""


class LargeCommit:
    """Of one client, which has its session with A over the unix socket."""

    def __init__(self, pair: Pair, rows: int) -> None:
        """`rows`: a power of 2."""
        self.told: bool | None = None
        self.rows = rows
        self._pair = pair
        self._thread = threading.Thread(target=self._commit, daemon=True)
        a = pair.a
        a.sql("CREATE TABLE app.big (id INT PRIMARY KEY AUTO_INCREMENT, n INT, pad VARCHAR(500))")
        self._session = Connection(str(a.socket_path), "root", "", timeout=_PATIENCE)
        self._query("INSERT INTO app.big (n, pad) VALUES (1, REPEAT('x', 500))")
        for _ in range(rows.bit_length() - 1):
            self._query("INSERT INTO app.big (n, pad) SELECT n, pad FROM app.big")
        pair.wait_replication_caught_up(_PATIENCE)

    def begin(self) -> None:
        """Commit; returns as soon as a part of it is written.

        Raises NotProvenError: it was over before that was seen.
        """
        basename = Path(str(self._pair.a.value("SELECT @@global.log_bin_basename")))
        self._query("BEGIN")
        self._query("UPDATE app.big SET n = n + 1")
        before = _written(self._pair.a, basename)
        self._thread.start()
        until = time.monotonic() + _PATIENCE
        while _written(self._pair.a, basename) - before < PART:
            if time.monotonic() > until:
                raise LabError("nothing of the transaction is written")
        if self.told is not None:
            raise NotProvenError("it was committed before the fault")

    def wait(self) -> None:
        """Until the client has been told, or has lost its session."""
        self._thread.join(_PATIENCE)
        if self.told is None:
            raise LabError("the client is told nothing")

    def rows_on(self, node: Node) -> int:
        """How many it has as this commit has left them."""
        return int(node.value("SELECT COUNT(*) FROM app.big WHERE n = 2"))

    def must_be_on(self, node: Node) -> None:
        """All of it if its client was told OK, and never a part of it."""
        self.wait()
        found = self.rows_on(node)
        wanted = (self.rows,) if self.told else (0, self.rows)
        assert found in wanted, f"{found} of {self.rows} rows, told OK: {self.told}"

    def _query(self, statement: str) -> None:
        self._session.query(statement, _PATIENCE)

    def _commit(self) -> None:
        try:
            self._query("COMMIT")
            self.told = True
        except (WireError, OSError):
            self.told = False


def _written(node: Node, basename: Path) -> int:
    """Bytes in all binary logs."""
    logs = node.path(str(basename.parent)).glob(f"{basename.name}.[0-9]*")
    return sum(log.stat().st_size for log in logs)
