"""The idle clients, as a context of a scenario."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from tests.lab.error import LabError
from tests.lab.hosts.pair import VIP, Pair

_CHECKOUT = Path(__file__).resolve().parents[1]


class Cuts(NamedTuple):
    """How many clients lost their connection, and when: seconds of CLOCK_MONOTONIC."""

    cut: int
    first: float | None
    last: float | None


class Crowd:
    """`count` connections through the virtual IP, from entering the context on.

    Enter it in a thread that outlives it: the clients die with the thread that started them.
    """

    def __init__(self, pair: Pair, count: int) -> None:
        argv = [sys.executable, "-m", "benchmarks.idlers", "--host", VIP, "--count", str(count)]
        argv += ["--network-of", str(pair.client.pid), "--parent", str(os.getpid())]
        self._argv = argv
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Crowd:
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            self._argv, cwd=_CHECKOUT, stdin=pipe, stdout=pipe, stderr=pipe, text=True
        )
        assert self._process.stdout is not None
        if self._process.stdout.readline() != "ready\n":
            _, error = self._process.communicate()
            raise LabError(f"the idle clients could not connect: {error.strip()[-400:]}")
        return self

    def leave(self) -> Cuts:
        """Disconnect who is left; who was cut until now."""
        assert self._process is not None
        told, _ = self._process.communicate(timeout=30)
        return Cuts(**json.loads(told))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.communicate()
