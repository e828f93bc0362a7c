"""Transactions that a standby has received and not applied."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from tests.lab.pairs.node import Node
from tests.lab.pairs.pair import Pair
from tests.lab.servers.wire import Connection

_TABLE = "app.backlog"
_FOREVER = 24 * 3600.0  # s
_MAKING = 600.0  # s
_FAST = ("sync_binlog = 0", "innodb_flush_log_at_trx_commit = 2")
_DURABLE = ("sync_binlog = 1", "innodb_flush_log_at_trx_commit = 1")


def prepare(pair: Pair) -> None:
    """The table of the backlog, on both nodes."""
    pair.a.sql(f"CREATE TABLE {_TABLE} (id INT PRIMARY KEY, text VARCHAR(100))")
    pair.wait_replication_caught_up()


@contextlib.contextmanager
def held(node: Node) -> Iterator[Connection]:
    """Its applier waits at the first transaction of the backlog until the session is closed.

    A lock, because an applier that is stopped or delayed would be a reason not to promote.
    """
    session = Connection(str(node.socket_path), "root", "", timeout=5)
    try:
        session.query("SET SESSION wait_timeout = 28800", 5)
        session.query(f"LOCK TABLES {_TABLE} READ", 5)
        yield session
    finally:
        session.close()


def make(pair: Pair, count: int) -> None:
    """`count` transactions of one row on A, all of them received by B."""
    for setting in _FAST:
        pair.a.sql(f"SET GLOBAL {setting}")
    inserts = "".join(
        f"INSERT INTO {_TABLE} VALUES ({at}, REPEAT('x', 80));\n"  # noqa: S608
        for at in range(count)
    )
    pair.a.run(pair.flavour.client_command(), input=inserts, timeout=_MAKING)
    for setting in _DURABLE:
        pair.a.sql(f"SET GLOBAL {setting}")
    pair.wait_until(lambda: _received(pair), _MAKING, "B to have received the backlog")


def not_applied(node: Node, count: int) -> int:
    """How many of them the node lacks, now."""
    return count - int(node.value(f"SELECT COUNT(*) FROM {_TABLE}"))  # noqa: S608


def _received(pair: Pair) -> bool:
    """B has read A's binary log to its end."""
    logs = pair.a.sql("SHOW BINARY LOGS")
    written = (str(logs[-1]["Log_name"]), int(logs[-1]["File_size"]))
    row = {
        key.replace("Master", "Source"): value
        for key, value in pair.b.sql(pair.flavour.show_replication)[0].items()
    }
    return (str(row["Source_Log_File"]), int(row["Read_Source_Log_Pos"])) == written
