"""What kachecks writes to cannot be written to: the log daemon, /run, /var. Until a context is
left."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

from tests.lab.pairs.node import STATE_DIRECTORY, Node

RUN_DIRECTORY = "/run/kachecks"


@contextlib.contextmanager
def log_stopped(node: Node) -> Iterator[None]:
    """Nobody reads /dev/log: its reader, pid 1 of the node, stands still."""
    os.kill(node.inside.pid, signal.SIGSTOP)
    state = Path(f"/proc/{node.inside.pid}/stat")
    node.wait(lambda: state.read_text().rpartition(") ")[2][0] == "T", 5, "pid 1 to be stopped")
    try:
        yield
    finally:
        os.kill(node.inside.pid, signal.SIGCONT)


@contextlib.contextmanager
def log_full(node: Node) -> Iterator[None]:
    """The same, and no line more has room."""
    with log_stopped(node), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.connect(str(node.path("/dev/log")))
        log.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                log.send(b"<29>of another program")
        yield


@contextlib.contextmanager
def run_full(node: Node) -> Iterator[None]:
    """/run has no byte left."""
    node.run(["mount", "-o", "remount,size=256k", "/run"])
    _fill(node, "/run/filler")
    try:
        yield
    finally:
        node.run(["rm", "/run/filler"])
        node.run(["mount", "-o", "remount,size=64m", "/run"])


@contextlib.contextmanager
def run_read_only(node: Node) -> Iterator[None]:
    """As for a unit with ProtectSystem=strict."""
    with _read_only(node, RUN_DIRECTORY):
        yield


@contextlib.contextmanager
def var_full(node: Node) -> Iterator[None]:
    """The disk of state_dir has no byte left."""
    node.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", STATE_DIRECTORY])
    _fill(node, f"{STATE_DIRECTORY}/filler")
    try:
        yield
    finally:
        node.run(["umount", "--lazy", STATE_DIRECTORY])


@contextlib.contextmanager
def var_read_only(node: Node) -> Iterator[None]:
    """As a disk with errors is mounted again by the kernel."""
    with _read_only(node, STATE_DIRECTORY):
        yield


@contextlib.contextmanager
def _read_only(node: Node, directory: str) -> Iterator[None]:
    node.run(["mount", "--bind", directory, directory])
    node.run(["mount", "-o", "remount,bind,ro", directory])
    try:
        yield
    finally:
        node.run(["umount", "--lazy", directory])


def _fill(node: Node, file: str) -> None:
    full = node.run(["dd", "if=/dev/zero", f"of={file}", "bs=4k"], check=False).stderr
    assert "No space left on device" in full, full
