"""The idle clients, as a context of a scenario."""

from __future__ import annotations

import json
import subprocess
from typing import NamedTuple

from tests.lab.error import LabError
from tests.lab.hosts import process
from tests.lab.pairs.pair import VIP, Pair


class Cuts(NamedTuple):
    """How many clients lost their connection, and how."""

    cut: int  # the server has closed it
    told: int  # by an error, at the next statement
    hanging: int  # that statement is not answered


class Crowd:
    """`count` connections through the virtual IP, from entering the context on.

    Enter it in a thread that outlives it: the clients die with the thread that started them.
    """

    def __init__(self, pair: Pair, count: int) -> None:
        argv = process.command("benchmarks.idlers", pair.client)
        self._argv = [*argv, "--host", VIP, "--count", str(count)]
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Crowd:
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            self._argv, cwd=process.CHECKOUT, stdin=pipe, stdout=pipe, stderr=pipe, text=True
        )
        assert self._process.stdout is not None
        if self._process.stdout.readline() != "ready\n":
            _, error = self._process.communicate()
            raise LabError(f"the idle clients could not connect: {error.strip()[-400:]}")
        return self

    def leave(self) -> Cuts:
        """Each that is left uses its connection, and disconnects."""
        assert self._process is not None
        told, _ = self._process.communicate(timeout=30)
        return Cuts(**json.loads(told))

    def __exit__(self, *_: object) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.communicate()
