"""Reads the binary log of whoever has the VIP, as change data capture does: it only listens, and
when it is cut off it comes back through the VIP."""

from __future__ import annotations

import argparse
import subprocess
import time
from contextlib import suppress

from tests.lab.hosts import process
from tests.lab.pairs.node import Node
from tests.lab.pairs.pair import CLIENT_ADDRESS, VIP, Pair
from tests.lab.servers.accounts import REPLICATION_PASSWORD, REPLICATION_USER
from tests.lab.servers.wire import Connection, WireError

SERVER_ID = 4711
"""It is known to the servers by that."""


class BinlogReader:
    """One in the client's place, until the context is left."""

    def __init__(self, pair: Pair) -> None:
        self._pair = pair
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> BinlogReader:
        argv = process.command("tests.lab.faults.binlog_reader", self._pair.client)
        self._process = subprocess.Popen(argv, cwd=process.CHECKOUT, stdin=subprocess.DEVNULL)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def reads_from(self, node: Node) -> bool:
        rows = [{k.lower(): v for k, v in row.items()} for row in node.sql("SHOW PROCESSLIST")]
        return any(
            str(row["command"]).startswith("Binlog Dump")
            and str(row["host"]).startswith(f"{CLIENT_ADDRESS}:")
            for row in rows
        )


def main() -> None:
    parser = argparse.ArgumentParser()
    process.add_options(parser)
    process.settle(parser.parse_args())
    while True:
        with suppress(WireError):
            _read()
        time.sleep(0.1)


def _read() -> None:
    """Until the connection ends. Raises WireError."""
    address = (VIP, 3306)
    session = Connection(address, REPLICATION_USER, REPLICATION_PASSWORD, timeout=0.5)
    try:
        for name in ("master", "source"):  # either family, and each of its versions
            session.query(f"SET @{name}_binlog_checksum = 'NONE'", timeout=0.5)
        session.read_binlog(SERVER_ID)
    finally:
        session.close()


if __name__ == "__main__":
    main()
