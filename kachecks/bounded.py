"""Deadlines: a clock, a budget of seconds, and work that is given up when it hangs.

Work that waits in C code runs in a thread: the MySQL drivers and sockets release the interpreter's
lock, no signal handler would interrupt them, and an abandoned thread ends with the process. Several
questions at a time are in ``asking``, what touches a disk in ``children``.
"""

from __future__ import annotations

import os
import time
from _thread import allocate_lock, start_new_thread

from kachecks.mysqld_process import start_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class Clock:
    """This node's clock, and how long this process has been at work."""

    def now(self) -> float:
        """Seconds since boot, sleep included (CLOCK_BOOTTIME)."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    def within(self, seconds: float, work: Callable[[], Any], meanwhile: Callable[[], None]) -> Any:
        """Work in a thread, as by the function below; where time is simulated, so is that."""
        return within(seconds, work, meanwhile=meanwhile)

    def seconds_running(self) -> float:
        """The age of this very process, from its fork by keepalived on."""
        return self.now() - start_of("self")

    def parent_running(self) -> float:
        """The age of the process that started this one; infinite where it cannot be seen."""
        try:
            return self.now() - start_of(str(os.getppid()))
        except OSError:
            return float("inf")


class Budget:
    """The seconds left for a whole piece of work, shared by all its steps."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._until = clock.now() + seconds

    def left(self, at_most: float = float("inf")) -> float:
        """Seconds left, never negative."""
        return min(max(self._until - self._clock.now(), 0.0), at_most)

    @property
    def over(self) -> bool:
        """Nothing is left."""
        return self._clock.now() >= self._until


class GivenUp(Exception):
    """The work has not ended in time and was abandoned."""


SLOW = 0.004
"""Seconds after which work is no longer as quick as that of a healthy server."""


def within(
    seconds: float,
    work: Callable[..., Any],
    *arguments: Any,
    meanwhile: Callable[[], None] | None = None,
) -> Any:
    """What ``work`` returns or raises, or GivenUp after ``seconds``; it is then abandoned.

    Args:
        meanwhile: called every SLOW seconds while it works; what it raises abandons the work too.
    """
    outcome: list[tuple[bool, Any]] = []
    done = allocate_lock()
    done.acquire()

    def run() -> None:
        try:
            outcome.append((True, work(*arguments)))
        except BaseException as error:  # noqa: BLE001 - raised again by the caller
            outcome.append((False, error))
        finally:
            done.release()

    try:
        start_new_thread(run, ())
    except RuntimeError:  # no more threads (TasksMax): then the work counts for more than its time
        return work(*arguments)
    until = time.monotonic() + max(seconds, 0.001)
    pause = SLOW if meanwhile else seconds
    while not done.acquire(True, max(0.0, min(pause, until - time.monotonic()))):
        if time.monotonic() >= until:
            raise GivenUp(f"no answer within {seconds:g} s")
        if meanwhile:
            meanwhile()
    succeeded, result = outcome[0]
    if succeeded:
        return result
    raise result
