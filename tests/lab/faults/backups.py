"""Backups by the tools that people use, from a node's own server."""

from __future__ import annotations

import contextlib
import shlex
import subprocess
from collections.abc import Iterator, Sequence

from tests.lab.hosts.namespaces import Argument
from tests.lab.pairs.node import Node
from tests.lab.servers.flavour import OPTION_FILE

LOGIN = [f"--defaults-file={OPTION_FILE}", "--user=root"]

COPY = {
    "mariadb": ("mariadb-backup", "--backup", "--stream=xbstream"),
    "mysql": ("mysqldump", "--all-databases", "--single-transaction", "--source-data=2"),
}


@contextlib.contextmanager
def hanging_dump(node: Node) -> Iterator[None]:
    """A dump with a read lock on everything, whose reader takes nothing: it holds the lock until it
    is cut. Begins when the node's applier waits for it."""
    name = "mysqldump" if node.flavour.name == "mysql" else "mariadb-dump"
    dump = [*node.flavour.program(name), *LOGIN, "--all-databases", "--lock-all-tables"]
    with _running(node, dump):
        node.wait(lambda: _applier_waits(node), 15, "the applier to wait for the dump")
        yield


@contextlib.contextmanager
def backed_up_again_and_again(node: Node) -> Iterator[None]:
    """By mariadb-backup; on MySQL by mysqldump in one transaction, which takes its read lock for a
    moment only. Begins with the first one at work."""
    name, *how = COPY[node.flavour.name]
    copy = shlex.join([*node.flavour.program(name), *LOGIN, *how])
    again = f"while :; do {copy} > /dev/null || sleep 1; done"  # who cannot connect does not spin
    with _running(node, ["sh", "-c", again]):
        node.wait(lambda: node.pids(name), 15, name)
        yield


@contextlib.contextmanager
def _running(node: Node, argv: Sequence[Argument]) -> Iterator[None]:
    with (node.logs / "backup.log").open("a") as log:
        tool = node.popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
    assert tool.stdout is not None
    try:
        yield
    finally:
        tool.kill()
        tool.stdout.close()
        tool.wait(10)


def _applier_waits(node: Node) -> bool:
    rows = [{k.lower(): v for k, v in row.items()} for row in node.sql("SHOW PROCESSLIST")]
    return any(row["user"] == "system user" and "lock" in str(row["state"]) for row in rows)
