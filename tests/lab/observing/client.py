"""A writer as a process in a client's network, and what it has noted."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.lab.error import LabError
from tests.lab.hosts import process
from tests.lab.records.record import Write, parse_writes
from tests.lab.servers import accounts


class Client:
    """Writes from start() to stop(). It dies with the thread that started it."""

    def __init__(
        self,
        network: process.Hosting,
        address: tuple[str, int],
        output: Path,
        *,
        interval: float,
        number: int = 0,
    ) -> None:
        """`output`: where its lines go; `interval`: seconds between attempts; `number`: of a
        client where there are several, 0 to 3."""
        self._network = network
        self._address = address
        self._output = output
        self._arguments = ["--interval", str(interval), "--number", str(number)]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._output.unlink(missing_ok=True)
        self._output.touch()
        host, port = self._address
        argv = process.command("tests.lab.observing.writer", self._network)
        argv += ["--host", host, "--port", str(port)]
        argv += ["--user", accounts.APP_USER, "--password", accounts.APP_PASSWORD]
        argv += [*self._arguments, "--output", str(self._output)]
        self._process = subprocess.Popen(argv, cwd=process.CHECKOUT, stdin=subprocess.DEVNULL)

    def stop(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def mind(self) -> None:
        """Raises LabError where it has ended by itself."""
        if self._process is not None and self._process.poll() is not None:
            raise LabError(f"the writer ended with status {self._process.returncode}")

    def writes(self, names: dict[int, str]) -> list[Write]:
        """What it has tried so far; `names` maps server_id to a node's name."""
        with self._output.open() as lines:
            return parse_writes(lines, names)
