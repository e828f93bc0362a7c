"""Deadlines: a clock, a budget of seconds, and work that is given up when it hangs.

Work that waits in C code runs in a thread (``within``, ``Asking``): the MySQL drivers, sockets and
syslog release the interpreter's lock, no signal handler would interrupt them, and an abandoned
thread ends with the process. Work that touches a disk runs in a child process (``in_child``), since
not even SIGKILL ends a process in uninterruptible sleep.
"""

from __future__ import annotations

import os
import time
from _thread import allocate_lock, start_new_thread

from kachecks.lean import NamedTuple
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


def within(seconds: float, work: Callable[..., Any], *arguments: Any) -> Any:
    """What ``work`` returns or raises, or GivenUp after ``seconds``; it is then abandoned."""
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

    start_new_thread(run, ())
    if not done.acquire(True, max(seconds, 0.001)):
        raise GivenUp(f"no answer within {seconds:g} s")
    succeeded, result = outcome[0]
    if succeeded:
        return result
    raise result


LONGEST_TEXT = 4000
"""Bytes of a child's text: less than a pipe holds, so that the child never waits for its reader."""


class Answer(NamedTuple):
    """What came back."""

    text: str | None  # None: the work has not ended in time, or failed
    pid: int  # of the child
    ended: bool


def in_child(work: Callable[[], str], patience: float) -> Answer:
    """Run ``work`` in a child and wait ``patience`` seconds at most for its text.

    Nothing that goes wrong in the child is raised here. Raises OSError: no child can be made.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            # The other descriptors are the parent's. A lock or a pipe kept open here would
            # outlive the parent.
            os.closerange(0, writer)
            os.closerange(writer + 1, 1024)
            os.write(writer, b"." + work().encode("utf-8", "replace")[:LONGEST_TEXT])
        except BaseException:  # noqa: BLE001, S110 - nothing may escape from this child
            pass
        finally:
            os._exit(0)
    os.close(writer)
    try:
        return _wait_for(child, reader, time.monotonic() + patience)
    finally:
        os.close(reader)


def _wait_for(child: int, reader: int, until: float) -> Answer:
    import select  # a library of its own, which the healthy check does not need

    said = b""
    while select.select([reader], [], [], max(0.0, until - time.monotonic()))[0]:
        more = os.read(reader, LONGEST_TEXT + 1)
        if not more:  # the pipe ends when the child does
            os.waitpid(child, 0)
            text = said[1:].decode("utf-8", "replace") if said else None
            return Answer(text, child, ended=True)
        said += more
    return Answer(None, child, ended=False)


class _Question:
    """One question in a thread of its own, which is abandoned if it does not end."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._work = work
        self._done = allocate_lock()
        self._done.acquire()
        self._outcome: tuple[bool, Any] = (False, None)
        self.read = False
        start_new_thread(self._run, ())

    def _run(self) -> None:
        try:
            self._outcome = (True, self._work())
        except BaseException as error:  # noqa: BLE001 - raised again by who asks
            self._outcome = (False, error)
        finally:
            self._done.release()

    def answer(self, seconds: float) -> Any:
        if not self._done.acquire(True, max(seconds, 0.001)):
            raise GivenUp
        self._done.release()
        self.read = True
        succeeded, result = self._outcome
        if succeeded:
            return result
        raise result


class Asking:
    """Questions by name. One that was not answered in time is not asked a second time beside the
    first: its late answer counts as the next one of that name."""

    def __init__(self) -> None:
        self._questions: dict[str, _Question] = {}
        self._begun: dict[str, float] = {}

    def ask(self, name: str, work: Callable[[], Any]) -> None:
        """Begin ``work``, unless the last answer of this name is still to come, or to be read."""
        last = self._questions.get(name)
        if last is None or last.read:
            self._questions[name] = _Question(work)
        self._begun[name] = time.monotonic()

    def answer(self, name: str, seconds: float) -> Any:
        """What the question of this name has brought, at most ``seconds`` after ``ask``.

        Raises:
            GivenUp: nothing yet.
            Exception: whatever the work has raised.
        """
        left = self._begun[name] + seconds - time.monotonic()
        try:
            return self._questions[name].answer(left)
        except GivenUp:
            if self._questions[name].read:
                raise  # the work's own
            raise GivenUp(f"no answer within {seconds:g} s") from None
