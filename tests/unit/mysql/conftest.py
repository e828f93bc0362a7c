"""Both clients, each in a process of its own, and where its server listens; a real server."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.unit.doubles.asker import Asker


@pytest.fixture(scope="module")
def askers() -> Iterator[list[Asker]]:
    """The C extension where it can be loaded, and the client of our own."""
    with closing(Asker("c")) as extension, closing(Asker("wire")) as wire:
        yield [extension, wire] if extension.extension else [wire]


@pytest.fixture(params=["c", "wire"])
def asker(request: pytest.FixtureRequest, askers: list[Asker]) -> Asker:
    found = [each for each in askers if each.driver == request.param]
    if not found:
        pytest.skip("the C extension of mysql-connector-python cannot be loaded here")
    return found[0]


@pytest.fixture
def wire(askers: list[Asker]) -> Asker:
    """Our own client, which is always asked first."""
    return askers[-1]


@pytest.fixture(params=["unix", "tcp"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    return tmp_path / "s.sock" if request.param == "unix" else None


class Server(NamedTuple):
    """A mariadbd of this session."""

    socket: Path
    port: int
    pid: int


def _listens(path: Path) -> bool:
    """The socket is there a moment earlier."""
    with socket.socket(socket.AF_UNIX) as trial:
        return trial.connect_ex(str(path)) == 0


@pytest.fixture(scope="module")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    if not shutil.which("mariadbd"):
        pytest.skip("needs mariadbd")
    directory = tmp_path_factory.mktemp("m")
    user = ["--user=root"] if os.geteuid() == 0 else []
    made = subprocess.run(
        ["mariadb-install-db", "--no-defaults", f"--datadir={directory}/data", "--force",
         f"--tmpdir={directory}",  # servers that share one remove each other's tables
         "--skip-test-db", "--auth-root-authentication-method=normal", *user],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    path = directory / "s.sock"
    process = subprocess.Popen(
        ["mariadbd", "--no-defaults", f"--datadir={directory}/data", f"--socket={path}",
         f"--tmpdir={directory}",
         f"--port={port}", "--bind-address=127.0.0.1", "--skip-name-resolve",
         "--innodb-buffer-pool-size=16M", "--innodb-log-file-size=8M",
         f"--log-error={directory}/log", *user],
    )  # fmt: skip
    try:
        end = time.monotonic() + 60
        while not _listens(path):
            assert process.poll() is None and time.monotonic() < end, (
                directory / "log"
            ).read_text()
            time.sleep(0.02)
        yield Server(path, port, process.pid)
    finally:
        process.kill()
        process.wait()
