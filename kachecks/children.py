"""Work in a child process, since it touches a disk: not even SIGKILL ends a process that waits for
one that hangs. So is a program started, as it lies on a disk.
"""

from __future__ import annotations

import os
import time

from kachecks.lean import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


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
        from errno import EAGAIN

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
        os.write(stdin, text.encode("utf-8", "replace"))
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
