"""check_mysql in a process, on an option file of its own, and the servers that it meets."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from kachecks.mysql import queries
from tests.rows import rows
from tests.unit.doubles import fake_server
from tests.unit.doubles.fake_server import answer, error, one_row

ROOT = Path(__file__).parents[3]
PROGRAM = ROOT / "kachecks/programs/check_mysql"
vip_is_here = runpy.run_path(str(PROGRAM))["vip_is_here"]
VIP = "10.99.88.77"
PASSWORD = "hunter2-Tr0ub4dor"  # noqa: S105 - must never be seen in any text
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root for a network namespace")
BUSY = 10.0
"""Seconds for what takes a few tenths of one on a machine that has nothing else to do."""
_RUN = 'mount -t tmpfs run /run; mkdir -m 700 /run/kachecks; mount --bind "$0" /run/kachecks'
OWN_RUN = ["unshare", "--mount", "sh", "-c", f'{_RUN}; exec "$@"']
"""With a directory as /run/kachecks: as root the check writes there, whatever its run_dir."""
HAS_OWN_RUN = os.geteuid() == 0 and not subprocess.call([*OWN_RUN[:2], "true"])
HOLDER = ["unshare", "--net", "sh", "-c", f'ip addr add {VIP}/32 dev lo; exec "$@"', "sh"]


class Node:
    """An option file and its directories, and check_mysql on them."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.socket = directory, directory / "s.sock"
        self.run_dir, self.state_dir = directory / "run", directory / "state"
        self.shared = directory / "shared"
        for each in (self.run_dir, self.state_dir, self.shared):
            each.mkdir()
        self.file = directory / "k.cnf"
        self.options()

    def options(self, text: str = "", **options: object) -> None:
        given = {"vip": VIP, "peer": "10.99.88.1", "hung_after": 1, "fence_timeout": 1}
        given.update({"run_dir": self.run_dir, "state_dir": self.state_dir, **options})
        lines = ["[kachecks]", *(f"{key} = {value}" for key, value in given.items()), text]
        lines += ["[client]", f"socket = {self.socket}", f"password = {PASSWORD}"]
        self.file.write_text("\n".join(lines) + "\n")
        self.file.chmod(0o600)

    def command(self, *arguments: str, holder: bool = False, tree: Path = ROOT) -> list[str]:
        file, path = f"--defaults-file={self.file}", f"PYTHONPATH={tree}"
        command = ["env", path, sys.executable, str(PROGRAM), file, *arguments]
        return self.on_its_host(command, holder)

    def on_its_host(self, command: list[str], holder: bool) -> list[str]:
        """The same with a /run of its own where that can be, and with the VIP on a holder."""
        command = [*HOLDER, *command] if holder else command
        return [*OWN_RUN, str(self.shared), *command] if HAS_OWN_RUN else command

    def check(self, *arguments: str, holder: bool = False, **more: Any) -> tuple[int, str]:
        """Exit status and all that is printed."""
        more = {"cwd": ROOT, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, **more}
        ran = subprocess.run(
            self.command(*arguments, holder=holder, tree=more["cwd"]),
            text=True,
            timeout=15,
            check=False,
            **more,
        )
        assert PASSWORD not in (ran.stdout or "")
        return ran.returncode, ran.stdout


def server(
    access: str = "closed", state: str = "healthy", asked: list[str] | None = None, **columns: str
) -> fake_server.Behaviour:
    """A MySQL 8.4 in one of the states of tests/rows; ``asked`` is filled with its statements."""
    return answer(answers(access, state, asked, **columns))


def answers(
    access: str = "closed",
    state: str = "healthy",
    asked: list[str] | None = None,
    who: tuple[str, str] = ("2", "9a387c66-e665-11f1-b3c0-02000a000002"),
    **columns: str,
) -> fake_server.Answer:
    """What that server says; ``who`` has its server_id and server_uuid."""
    value = "0" if access == "open" else "1"
    identity = ("server_id", who[0], "server_uuid", who[1])
    (row,) = rows("mysql-9.7", f"replica_status_{state}")
    row.update(columns)

    def says(sql: str) -> bytes:
        if asked is not None:
            asked.append(sql)
        if "@@global.read_only" in sql:
            return one_row("read_only", value, "super_read_only", value, *identity)
        if sql == queries.PROCESSLIST:
            names = ("Id", "User", "Host", "db", "Command", "Time", "State", "Info")
            values = ("1", "app", "10.0.0.10:40000", "", "Sleep", "1", "", "")
            return one_row(*(part for item in zip(names, values) for part in item))
        if sql.endswith("AS cluster"):
            return error(1193, "Unknown system variable")
        if "innodb_force_recovery" in sql:
            names = ("force_recovery", "read_only"), ("offline_mode", "transaction_read_only")
            return one_row(
                *(part for name in names[0] for part in (f"innodb_{name}", "0")),
                *(part for name in names[1] for part in (name, "0")),
            )
        if sql == queries.DIRECTORIES:
            return one_row("datadir", "/", "binlog", "/log", "tmpdir", "/")
        if sql == queries.UPTIME:
            return one_row("Variable_name", "Uptime", "Value", "93784")
        if "gtid_executed" in sql:
            return one_row("executed", "", "applied", "", "gtid_mode", "ON")
        if "GTID_SUBTRACT" in sql:
            return one_row("missing", "")
        assert sql == "SHOW REPLICA STATUS", sql
        return one_row(*(part for item in row.items() for part in item))

    return says


MYSQLD = """
import ctypes, sys, time
from pathlib import Path
from tests.unit.doubles.fake_server import listening
from tests.unit.doubles.check_process import server
ctypes.CDLL(None).prctl(15, b"mysqld")
with listening(Path(sys.argv[1]), server("open")):
    print(flush=True)
    time.sleep(30)
"""


@contextmanager
def mysqld(node: Node) -> Iterator[subprocess.Popen[str]]:
    """An open server in a process that the kernel knows as mysqld."""
    command = [sys.executable, "-c", MYSQLD, str(node.socket)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            yield process
        finally:
            process.kill()
