"""The mysqld process: which one it is, whether it is alive, how it ends.

A pid alone identifies nothing, since another process gets it some time after the first has died.
Pid and start time together (proc(5), /proc/PID/stat, field 22, clock ticks since boot) name one
process.
"""

from __future__ import annotations

import os

from kachecks.lean import NamedTuple

NAMES = frozenset({"mysqld", "mariadbd"})


class Process(NamedTuple):
    """One mysqld, for as long as the machine runs."""

    pid: int
    started: int  # clock ticks since boot


def identify(pid: int, proc: str = "/proc") -> Process | None:
    """The process of that pid if it is a living mysqld or mariadbd, else None.

    A systemd or inetd that holds the listening socket for mysqld does not count as mysqld.
    """
    try:
        name, state, threads, started = _stat(str(pid), proc)
    except (FileNotFoundError, ProcessLookupError):
        return None
    # While a process is being killed, its first thread is already a zombie and waits for those that
    # hang in the kernel (on a dead disk): such a process has not ended.
    ended = state == "X" or (state == "Z" and threads <= 1)
    return Process(pid, started) if name in NAMES and not ended else None


def start_of(pid: str, proc: str = "/proc") -> float:
    """When a process ("self": this one) was started, in seconds of CLOCK_BOOTTIME.

    May be up to 10 ms too early. Raises OSError: there is no process of that pid.
    """
    return _stat(pid, proc)[3] / os.sysconf("SC_CLK_TCK")


def _stat(pid: str, proc: str) -> tuple[str, str, int, int]:
    """Name, state, threads, start time (clock ticks since boot): proc(5), /proc/PID/stat."""
    with open(f"{proc}/{pid}/stat", encoding="utf-8", errors="replace") as file:
        text = file.read()
    fields = text[text.rindex(")") + 2 :].split()
    return text[text.index("(") + 1 : text.rindex(")")], fields[0], int(fields[17]), int(fields[19])


def alive(process: Process, proc: str = "/proc") -> bool:
    """That very process still runs. A stopped or hung one counts; one that has ended and only waits
    for its parent to notice (a zombie) does not."""
    return identify(process.pid, proc) == process


def wait(process: Process, seconds: float) -> bool:
    """True when it has ended within ``seconds``. Returns the moment it ends, where there is
    pidfd_open."""
    ended = watch(process, seconds)
    if ended is not None:
        return ended
    import time

    until = time.monotonic() + seconds
    while alive(process) and time.monotonic() < until:
        time.sleep(0.02)
    return not alive(process)


def watch(process: Process, seconds: float) -> bool | None:
    """True the moment it ends, False after ``seconds``; None at once where only polling could tell.

    By the time it has ended its sockets are closed, so whoever connects to them is refused. Needs
    pidfd_open(2): Linux 5.3.
    """
    descriptor = _pidfd(process)
    if descriptor is None:
        return None if alive(process) else True
    import select

    try:
        return bool(select.select([descriptor], [], [], max(seconds, 0))[0])
    finally:
        os.close(descriptor)


def kill(process: Process) -> bool:
    """Send SIGKILL to that very process; False when it was gone already.

    It is sent through a pidfd, so that it never hits a new process with the same pid. Before Linux
    5.3, which has no pidfd, the start time is compared once more right before the signal.

    Raises:
        PermissionError: we are not root.
    """
    import signal

    descriptor = _pidfd(process)
    if descriptor is None:
        if not alive(process):
            return False
        os.kill(process.pid, signal.SIGKILL)
        return True
    try:
        signal.pidfd_send_signal(descriptor, signal.SIGKILL)
    except ProcessLookupError:
        return False
    finally:
        os.close(descriptor)
    return True


def _pidfd(process: Process) -> int | None:
    """A descriptor of that very process; None without pidfd_open or when it is gone."""
    try:
        descriptor = os.pidfd_open(process.pid)
    except (AttributeError, OSError):
        return None
    if alive(process):
        return descriptor
    os.close(descriptor)
    return None
