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


class LocalApplication:
    """The lab's writer, inside a node: it is stopped, continued and cut off with it."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._output = node.logs / "local-writes.jsonl"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> LocalApplication:
        argv = [sys.executable, "-m", "tests.lab.observing.writer", "--host", "127.0.0.1"]
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
            raise LabError(f"{error}: {self._process.communicate()[1].decode()}") from None
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
