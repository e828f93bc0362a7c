"""SIGKILL for a program of the suite at a point of its work that can be seen from outside, or
another fault just then."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable

from tests.lab.error import LabError, NotProvenError
from tests.lab.pairs.node import Node

_LOOK = 0.0005


Point = Callable[[Node, int], bool]
"""Whether the process with that pid on that node has got there."""


class Killing:
    """Kills one process of a program on a node, the first to come, as soon as `point` says so.

        with Killing(node, "notify_master", point) as killing:
            ...
            killed_at = killing.wait()

    It looks about a thousand times a second, from entering the context.
    """

    def __init__(
        self, node: Node, program: str, point: Point, fault: Callable[[], object] | None = None
    ) -> None:
        """`program`: as the kernel calls it; `point`: asked from when the process is there;
        `fault`: called in place of the killing."""
        self._node = node
        self._program = program
        self._point = point
        self._fault = fault
        self._done: float | None = None
        self._missed = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> Killing:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def wait(self, timeout: float = 15.0) -> float:
        """Until it is dead; the moment it was at the point, CLOCK_MONOTONIC.

        Raises:
            LabError: it has not come.
            NotProvenError: it has ended, and was not seen at the point.
        """
        self._thread.join(timeout)
        if self._done is None and self._missed:
            raise NotProvenError(f"{self._program} ended before it was seen at the point")
        if self._done is None:
            raise LabError(f"waited {timeout:g} s to kill {self._program}")
        return self._done

    def _work(self) -> None:
        while not self._stop.wait(_LOOK):
            for pid in self._node.pids(self._program):
                # By a descriptor of the process, which no later process of that number can be.
                with contextlib.suppress(FileNotFoundError):
                    process = os.open(self._node.path(f"/proc/{pid}"), os.O_DIRECTORY)
                    try:
                        self._kill(pid, process)
                    finally:
                        os.close(process)
                    return

    def _kill(self, pid: int, process: int) -> None:
        while not self._stop.is_set():
            try:
                reached = self._point(self._node, pid)
                kill = reached and self._fault is None
                signal.pidfd_send_signal(process, signal.SIGKILL if kill else 0)
            except ProcessLookupError:
                self._missed = True
                return
            if reached:
                self._done = time.monotonic()
                if self._fault is not None:
                    self._fault()
                return
            time.sleep(_LOOK)


def at_once(_node: Node, _pid: int) -> bool:
    """Before it has done anything: the interpreter is still starting."""
    return True


def holding_the_lock(node: Node, pid: int) -> bool:
    """It has the pair's lock, by the kernel's own table."""
    try:
        inode = node.path("/run/kachecks/main.lock").stat().st_ino
        table = node.path("/proc/locks").read_text()
    except OSError:
        return False
    held = (line.split() for line in table.splitlines())
    return any(
        lock[1] == "FLOCK" and lock[4] == str(pid) and lock[5].endswith(f":{inode}")
        for lock in held
    )


def with_the_mark(node: Node, _pid: int) -> bool:
    """The `open` mark is set: it is right before, or after, opening the server."""
    return _has_mark(node)


def without_the_mark(node: Node, _pid: int) -> bool:
    """The `open` mark is gone: the server has been read back as closed."""
    return not _has_mark(node)


def after(seconds: float, point: Point) -> Point:
    """So many seconds after it has got to `point`."""
    reached: list[float] = []

    def passed(node: Node, pid: int) -> bool:
        if not reached and point(node, pid):
            reached.append(time.monotonic())
        return bool(reached) and time.monotonic() >= reached[0] + seconds

    return passed


def _has_mark(node: Node) -> bool:
    return node.path("/run/kachecks/main.open").exists()
