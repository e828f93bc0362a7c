"""Deadlines: a clock, a budget of seconds, and work that is given up when it hangs.

Work that waits in C code runs in a thread (``within``, ``Asking``): the MySQL drivers and sockets
release the interpreter's lock, no signal handler would interrupt them, and an abandoned thread ends
with the process. Work that touches a disk runs in a child process (``in_child``), since not even
SIGKILL ends a process in uninterruptible sleep. So is a program started (``let_go``), as it lies on
a disk.
"""

from __future__ import annotations

import os
import time
from _thread import allocate_lock, start_new_thread
from errno import EAGAIN

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


LONGEST_TEXT = 4000
"""Bytes of a child's text: less than a pipe holds, so that the child never waits for its reader."""


class Answer(NamedTuple):
    """What came back."""

    text: str | None  # None: the work has not ended in time, or failed
    pid: int  # of the child
    ended: bool


MOST_ABANDONED = 4
"""Children of one process that may hang at a time."""

_abandoned: set[int] = set()


def in_child(work: Callable[[], str], patience: float) -> Answer:
    """Run ``work`` in a child and wait ``patience`` seconds at most for its text.

    Nothing that goes wrong in the child is raised here. One that has not ended in time is reaped by
    a later call, so that a program which runs for weeks keeps no zombie.

    Raises OSError: no child can be made, or too many still hang.
    """
    for hanging in tuple(_abandoned):
        if _has_ended(hanging):
            _abandoned.discard(hanging)
    if len(_abandoned) >= MOST_ABANDONED:
        raise BlockingIOError(EAGAIN, f"{MOST_ABANDONED} others still hang")
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


def _has_ended(child: int) -> bool:
    """The child has ended, and is reaped."""
    try:
        return os.waitpid(child, os.WNOHANG) != (0, 0)
    except ChildProcessError:  # somebody else has reaped it
        return True


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
    _abandoned.add(child)
    return Answer(None, child, ended=False)


def let_go(
    command: list[str],
    text: str,
    cannot: Callable[[BaseException], object],
    first: Callable[[], object] = lambda: None,
) -> None:
    """Start a program with this text as its stdin, and wait neither for its end nor for its start.

    It runs in a session of its own, so that neither keepalived's signals nor our end reach it. Of
    our files it has none: a lock would otherwise stay locked while it hangs.

    subprocess and os.posix_spawn wait with the interpreter's lock held until the program is loaded
    (vfork(2)), which on a file system that hangs is for ever.

    Args:
        cannot: called in the new process where the program cannot be run.
        first: called there before it is, without our files; raises where it must not be.

    Raises OSError: no process can be made.
    """
    stdin = _in_memory()  # a pipe may be full before all is written
    try:
        left = memoryview(text.encode("utf-8", "replace"))
        while left:  # the program never gets a part of it
            left = left[os.write(stdin, left) :]
        os.lseek(stdin, 0, os.SEEK_SET)
        if os.fork() == 0:
            try:
                _let_go_of_all(stdin)
                first()
                os.execv(command[0], command)  # noqa: S606 - no shell is wanted
            except BaseException as error:  # noqa: BLE001 - nothing may escape from this child
                cannot(error)
            finally:
                os._exit(127)
    finally:
        os.close(stdin)


def _in_memory() -> int:
    """A new file without a name. A Python that was built for glibc before 2.27, in
    order to run everywhere, does not know memfd_create(2). Raises OSError."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("stdin")
    path = f"/dev/shm/kachecks.{os.urandom(8).hex()}"  # noqa: S108 - a tmpfs, and nobody's yet
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    os.unlink(path)
    return file


def _let_go_of_all(stdin: int) -> None:
    """Of session, directory, signals and files: a lock would stay locked for as long as what comes
    next hangs."""
    import signal

    os.setsid()
    os.chdir("/")
    for ignored in (signal.SIGPIPE, signal.SIGXFSZ):  # by Python, and by whom it executes then
        signal.signal(ignored, signal.SIG_DFL)
    os.dup2(stdin, 0)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 1)
    os.dup2(null, 2)
    os.closerange(3, 1024)


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
            # How it came about would be kept for as long as the error is, and longer: each frame
            # with all that it has, such as megabytes of an answer that were given up half-way.
            error.__context__ = None
            self._outcome = (False, error.with_traceback(None))
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
