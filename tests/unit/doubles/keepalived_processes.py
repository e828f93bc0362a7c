"""Processes that are called keepalived, and files that name them."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from kachecks.keepalived.process import Keepalived

ROOT = Path(__file__).parents[3]
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root for namespaces")

Start = Callable[..., "subprocess.Popen[bytes]"]


def pid_file(tmp_path: Path, content: object) -> list[str]:
    file = tmp_path / "keepalived.pid"
    file.write_text(f"{content}\n")
    return [str(tmp_path / "missing.pid"), str(file)]


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline, "has not come true in 5 s"
        time.sleep(0.01)


def running(start: Start, program: Path) -> subprocess.Popen[bytes]:
    """A process of that program, once the kernel calls it by its name."""
    process = start(program, 30)
    wait_until(lambda: psutil.Process(process.pid).name() == program.name)
    return process


def found(process: subprocess.Popen[bytes]) -> Keepalived:
    return Keepalived(psutil.Process(process.pid), "pid file", "/a.pid")


pytestmark = pytest.mark.usefixtures("no_systemd")


def as_nobody(function: Callable[[], object]) -> str:
    """What the function raises when another user calls it; in a child, as there is no way back."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        try:
            told = f"returned {function()}"
        except Exception as error:  # noqa: BLE001 - whatever it is, the test shall see it
            told = f"{type(error).__name__}: {error}"
        os.write(writer, told.encode())
        os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with os.fdopen(reader) as file:
        return file.read()
