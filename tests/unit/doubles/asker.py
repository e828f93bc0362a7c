"""The process that asks servers for the tests of both drivers (asking.py)."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
PASSWORD = "hunter2-Tr0ub4dor"  # noqa: S105 - must never be seen in any text
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root for a network namespace")


class Asker:
    """The process that asks, with one of the drivers."""

    def __init__(self, driver: str, *prefix: str) -> None:
        self.driver = driver
        self.process = subprocess.Popen(
            [*prefix, sys.executable, "-m", "tests.unit.doubles.asking"],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
        )  # fmt: skip
        self.extension = self.reply(10)["extension"]

    def ask(self, do: str, **request: Any) -> dict[str, Any]:
        """The reply; what it says never holds the password."""
        self.send(do, **request)
        return self.reply(10)

    def send(self, do: str, **request: Any) -> None:
        """Ask, and do not wait: ``reply`` will have it."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"do": do, **request}) + "\n")

    def connect(self, where: Path | int, timeout: float = 1.0, **login: Any) -> dict[str, Any]:
        """Connect to a unix socket, or to a port on loopback."""
        self.send_connect(where, timeout, **login)
        return self.reply(10)

    def send_connect(self, where: Path | int, timeout: float, **login: Any) -> None:
        path, port = (str(where), 3306) if isinstance(where, Path) else (None, where)
        host = login.pop("host", "127.0.0.1")
        login = {"password": PASSWORD, **login}
        self.send(
            "connect", driver=self.driver, timeout=timeout, socket=path, host=host, port=port,
            **login,
        )  # fmt: skip

    def reply(self, seconds: float) -> dict[str, Any]:
        assert self.process.stdout is not None
        assert select.select([self.process.stdout], [], [], seconds)[0], "no reply"
        line = self.process.stdout.readline()
        assert PASSWORD not in line
        return dict(json.loads(line))

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


BUSY = 4.0
"""Seconds that a machine with other things to do may add to a deadline; without one, the servers
here would hold a client for ever."""
