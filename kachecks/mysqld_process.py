"""The mysqld process: which one it is, whether it is alive, how it ends.

A pid alone identifies nothing, since another process gets it some time after the first has died.
Pid and start time together (proc(5), /proc/PID/stat, field 22, clock ticks since boot) name one
process.
"""

from __future__ import annotations

import os

from kachecks.lean import NamedTuple

NAMES = frozenset({"mysqld", "mariadbd"})


UPTIME_TOLERANCE = 2
"""Seconds by which the start of one server may come out differently: its uptime and our clock are
whole seconds."""


class Process(NamedTuple):
    """One mysqld, for as long as the machine runs.

    With pid 0 its process is unknown (it is reached by TCP, or runs in another pid namespace), and
    only its start tells it from the one before.
    """

    pid: int
    started: int  # clock ticks since boot or HIDDEN; with pid 0 seconds since 1970, or 0: unknown

    @property
    def known(self) -> bool:
        """It can be watched."""
        return self.pid != 0

    def is_same(self, other: Process) -> bool:
        """Both are one process, as far as can be told."""
        close = abs(self.started - other.started) <= UPTIME_TOLERANCE
        return self == other or (self.pid == other.pid == 0 and close)


def identify(pid: int, proc: str = "/proc") -> Process | None:
    """The process of that pid if it is a living mysqld or mariadbd, else None.

    A systemd or inetd that holds the listening socket for mysqld does not count as mysqld. Of a
    process whose entry in /proc is hidden from us only the pid is known.
    """
    try:
        name, state, threads, started = _stat(str(pid), proc)
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return Process(pid, HIDDEN) if _is_hidden(pid) else None
    known = name in NAMES and not _has_ended(state, threads)
    return Process(pid, started) if known else None


def _has_ended(state: str, threads: int) -> bool:
    """While a process is being killed, its first thread is already a zombie and waits for those
    that hang in the kernel (on a dead disk): such a process has not ended."""
    return state == "X" or (state == "Z" and threads <= 1)


HIDDEN = -1
"""The start of a process that we may not see: hidepid=ptraceable (proc(5), ProtectProc=), without
CAP_SYS_PTRACE."""


def _is_hidden(pid: int) -> bool:
    """There is a process of that pid, though not in /proc. Not init: it may listen for mysqld."""
    try:
        os.close(os.pidfd_open(pid))
    except (AttributeError, OSError):
        return False
    return pid != 1


def start_of(pid: str, proc: str = "/proc") -> float:
    """When a process ("self": this one) was started, in seconds of CLOCK_BOOTTIME.

    May be up to 10 ms too early. Raises OSError: there is no process of that pid.
    """
    return _stat(pid, proc)[3] / os.sysconf("SC_CLK_TCK")


def _stat(pid: str, proc: str) -> tuple[str, str, int, int]:
    """Name, state, threads, start time (clock ticks since boot): proc(5), /proc/PID/stat."""
    with open(f"{proc}/{pid}/stat", "rb", buffering=0) as file:
        text = file.readall().decode("utf-8", "replace")
    fields = text[text.rindex(")") + 2 :].split()
    return text[text.index("(") + 1 : text.rindex(")")], fields[0], int(fields[17]), int(fields[19])


def alive(process: Process, proc: str = "/proc") -> bool:
    """That very process still runs. A stopped or hung one counts; one that has ended and only waits
    for its parent to notice (a zombie) does not. One that is hidden from us counts."""
    found = identify(process.pid, proc)
    return found == process or (found is not None and found.started == HIDDEN)


def listens(process: Process, socket: str, proc: str = "/proc") -> bool:
    """That very process still runs and listens on the unix socket that it has bound as ``socket``,
    whether or not the file is there.

    A mysqld that shuts down closes its listening sockets first (MariaDB 10.11, MySQL 9.7). Where we
    may not see which sockets are its own (CAP_SYS_PTRACE), any of that name counts.
    """
    if not alive(process, proc):
        return False
    try:
        with open(f"{proc}/{process.pid}/net/unix", encoding="utf-8", errors="replace") as file:
            rows = [line.rstrip("\n").split(None, 7) for line in file]
    except OSError:
        return False
    named = {f"socket:[{row[6]}]" for row in rows if row[3] == LISTENING and row[7:] == [socket]}
    try:
        own = {
            _link(f"{proc}/{process.pid}/fd/{each}")
            for each in os.listdir(f"{proc}/{process.pid}/fd")
        }
    except OSError:
        return bool(named)
    return bool(named & own)


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except FileNotFoundError:  # closed by now
        return ""


LISTENING = "00010000"
"""__SO_ACCEPTCON in the flags of /proc/PID/net/unix (proc_pid_net(5))."""


def identity(pid: int, proc: str = "/proc") -> Process:
    """The process of that pid, whatever its name. Raises OSError: there is none."""
    return Process(pid, _stat(str(pid), proc)[3])


def runs(process: Process, proc: str = "/proc") -> bool:
    """That very process, whatever its name, has not ended. A zombie has."""
    try:
        _, state, threads, started = _stat(str(process.pid), proc)
    except OSError:
        return False
    return started == process.started and not _has_ended(state, threads)


def hangs_in_kernel(pid: int, proc: str = "/proc") -> bool:
    """One of its threads is in uninterruptible sleep (D) now, as at a dead disk. At a slow one, or
    while memory is being read back from swap, that is so for moments."""
    try:
        tasks = os.listdir(f"{proc}/{pid}/task")
        return any(_stat(f"{pid}/task/{task}", proc)[1] == "D" for task in tasks)
    except OSError:
        return False


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


LOOK_AT_SOCKET = 0.05
"""Seconds between two looks for mysqld's socket, which it removes first when it shuts down. Its
process may live on for ten more (MySQL 9.7)."""


def watch(process: Process, seconds: float, socket: str = "") -> bool | None:
    """True the moment it ends, False after ``seconds``; None at once where only polling could tell.

    Args:
        socket: a file; False soon after it has been removed, too.

    By the time it has ended its sockets are closed, so whoever connects to them is refused. Needs
    pidfd_open(2): Linux 5.3.
    """
    descriptor = pidfd(process)
    if descriptor is None:
        return None if alive(process) else True
    import select
    import time

    ends = time.monotonic() + seconds
    try:
        while True:
            left = max(ends - time.monotonic(), 0.0)
            patience = min(left, LOOK_AT_SOCKET) if socket else left
            if select.select([descriptor], [], [], patience)[0]:
                return True
            if patience == left or not os.path.exists(socket):
                return False
    finally:
        os.close(descriptor)


def kill(process: Process) -> bool:
    """Send SIGKILL to that very process; False when it was gone already.

    It is sent through a pidfd, so that it never hits a new process with the same pid. Before Linux
    5.3, which has no pidfd, the start time is compared once more right before the signal.

    Raises:
        PermissionError: we lack CAP_KILL, or it is hidden from us: it may be another process.
    """
    import signal

    if process.started == HIDDEN or identify(process.pid) == process._replace(started=HIDDEN):
        raise PermissionError(f"process {process.pid} is hidden from us")

    descriptor = pidfd(process)
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


def pidfd(process: Process) -> int | None:
    """A descriptor of that very process; None without pidfd_open or when it is gone."""
    try:
        descriptor = os.pidfd_open(process.pid)
    except (AttributeError, OSError):
        return None
    if alive(process):
        return descriptor
    os.close(descriptor)
    return None
