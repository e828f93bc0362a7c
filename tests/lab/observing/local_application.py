"""An application on a database host itself: it writes to its own server, VIP or not."""

from __future__ import annotations

import subprocess
import sys
import time

from tests.lab.error import LabError
from tests.lab.hosts.namespaces import ENVIRONMENT
from tests.lab.hosts.process import CHECKOUT
from tests.lab.pairs.node import Node
from tests.lab.records.record import Write, parse_writes
from tests.lab.servers import accounts
from tests.lab.servers.flavour import SOCKET


class LocalApplication:
    """The lab's writer, inside a node: it is stopped, continued and cut off with it."""

    def __init__(
        self, node: Node, *, number: int = 0, by_socket: bool = False, patience: float = 0.5
    ) -> None:
        """``number``: of several on a node, 0 to 3; ``by_socket``: not by 127.0.0.1; ``patience``:
        seconds for the answer to an INSERT."""
        self._node = node
        self._where = ["--socket", SOCKET] if by_socket else ["--host", "127.0.0.1"]
        self._where += ["--number", str(number), "--answer-timeout", f"{patience:g}"]
        self._output = node.logs / f"local-writes-{number}.jsonl"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> LocalApplication:
        argv = [sys.executable, "-m", "tests.lab.observing.writer", *self._where]
        argv += ["--user", accounts.APP_USER, "--password", accounts.APP_PASSWORD]
        with self._output.open("wb") as output:
            self._process = self._node.popen(
                argv,
                env={**ENVIRONMENT, "PYTHONPATH": str(CHECKOUT)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.PIPE,
            )
        try:
            self._node.wait(lambda: self.acknowledged(0.0), 10, "a write of its application")
        except LabError as error:
            self._process.kill()
            said = self._process.communicate()[1].decode()
            last = self._output.read_text().splitlines()[-1:]
            raise LabError(f"{error}: {said or last}") from None
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.communicate()

    def acknowledged(self, since: float, until: float | None = None) -> list[Write]:
        """What its server acknowledged within a span of time (default: up to now)."""
        until = time.monotonic() if until is None else until
        lines = self._output.read_text().splitlines(keepends=True)
        writes = parse_writes(lines, {})
        return [write for write in writes if write.acknowledged and since <= write.end <= until]
