"""Find the keepalived that serves this host, by evidence and never by its name alone, and stop it.

Other network namespaces, containers and instances may have a keepalived too, and a pid file
outlives a crash. So a process counts only if it is our own ancestor, or if systemd or a pid file
names it *and* it runs the program keepalived in our own pid and network namespace.

keepalived is a parent with children (VRRP, checkers, BFD). The parent is the one to stop: it tells
its children, the VRRP child sends priority 0 and removes the VIP, and all are gone after about 1 s.
If only a child is stopped, the parent starts it again.
"""

from __future__ import annotations

from kachecks.lean import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    import psutil

UNIT = "keepalived.service"
PID_FILES = (
    "/run/keepalived.pid",
    "/var/run/keepalived.pid",
    "/run/keepalived/keepalived.pid",  # with `use_pid_dir`
)

_SYSTEMD = "/run/systemd/system"  # exists where systemd is the init of this system: sd_booted(3)
_COMMAND_SECONDS = 3.0
_DYING_SECONDS = 1.5  # a VRRP child that has lost its parent releases the VIP and is gone in 1 s
_SBIN = ["/usr/sbin", "/sbin", "/usr/bin", "/bin"]  # also where PATH has no sbin, as under cron


class KeepalivedError(Exception):
    """Something about keepalived that stands in the way, in one sentence."""


class NotFound(KeepalivedError):
    """The process is gone."""


class NotKeepalived(KeepalivedError):
    """What systemd or a pid file names is not the keepalived of this host."""


class NoPermission(KeepalivedError):
    """Only root may look at the process, stop it or remove an address."""


class StillRunning(KeepalivedError):
    """A running keepalived holds the VIP, and removing the address would only confuse it."""


class CommandFailed(KeepalivedError):
    """systemctl or ip is missing, has failed or has not ended in time."""


class Keepalived(NamedTuple):
    """The parent process of keepalived, and how it was found.

    `process` remembers its start time, so it never means a later process with the same pid.
    """

    process: psutil.Process
    found_by: str  # ancestor, unit or pid file
    where: str  # the unit or the pid file; empty for an ancestor

    @property
    def pid(self) -> int:
        return self.process.pid

    def __str__(self) -> str:
        return f"keepalived (pid {self.pid}, {f'{self.found_by} {self.where}'.strip()})"


def find(pid_files: Sequence[str] = PID_FILES, unit: str = UNIT) -> Keepalived | None:
    """The keepalived that serves this host, or None if there is none.

    Raises: NotKeepalived if systemd or a pid file names something else, and nothing better was
    found; NoPermission.
    """
    ancestor = _ancestor()
    if ancestor:
        return Keepalived(ancestor, "ancestor", "")
    refusals: list[NotKeepalived] = []
    for found_by, where in (("unit", unit), *(("pid file", pid_file) for pid_file in pid_files)):
        try:
            pid = _main_pid(where) if found_by == "unit" else _pid_in(where)
            process = _verified(pid, where) if pid else None
        except NotKeepalived as error:
            refusals.append(error)
        else:
            if process:
                return Keepalived(process, found_by, where)
    if refusals:
        raise refusals[0]
    return None


def stop(keepalived: Keepalived) -> None:
    """Ask it to stop, and do not wait: the VIP is released within milliseconds.

    This may end everything that runs below keepalived or in its unit, the caller included.

    Raises: NotFound if it has ended by itself, NoPermission, CommandFailed.
    """
    if keepalived.found_by == "unit":
        _run("systemctl", "--no-block", "stop", keepalived.where)
    else:
        _terminate(keepalived)


def remove_vip(vips: Sequence[str]) -> list[str]:
    """Remove addresses that a dead keepalived has left behind; returns them, such as `10.0.0.100/32
    dev eth0`.

    If the primary address of a subnet is removed, its secondary addresses go with it unless
    promote_secondaries is set, just as when keepalived removes it. A keepalived that is ending gets
    1.5 s to do it itself.

    Raises: StillRunning, NoPermission, CommandFailed.
    """
    _wait_for_none()
    removed = []
    for address in _held(vips):
        try:
            _run("ip", "addr", "del", *address.split())
        except CommandFailed as error:
            if address not in _held(vips):
                continue  # it went with its primary
            if "not permitted" in str(error):
                raise NoPermission(f"cannot remove {address}: only root may do it") from None
            raise
        removed.append(address)
    return removed


def _ancestor() -> psutil.Process | None:
    """Our ancestor keepalived: of several directly above each other, the topmost."""
    import psutil

    top = None
    try:
        for process in psutil.Process().parents():
            if _is_keepalived(process):
                top = process
            elif top:
                break
    except psutil.NoSuchProcess:
        return None  # it has just ended
    return top


def _main_pid(unit: str) -> int | None:
    """The main process that systemd names for the unit, unverified."""
    from pathlib import Path

    if not Path(_SYSTEMD).is_dir():
        return None
    try:
        text = _run("systemctl", "show", "--property=MainPID", unit)
    except CommandFailed:
        return None  # a pid file may still tell
    pid = text.strip().partition("MainPID=")[2]
    return int(pid) if pid.isdecimal() else None  # 0 where the unit has no process


def _pid_in(pid_file: str) -> int | None:
    """The process that a pid file names, unverified; None where there is no file."""
    from pathlib import Path

    try:
        text = Path(pid_file).read_text("ascii", "replace").strip()
    except PermissionError:
        raise NoPermission(f"cannot read {pid_file}: only root may do it") from None
    except OSError:
        return None
    if not text.isdecimal() or len(text) > 7 or not int(text):  # the largest pid is 4194303
        raise NotKeepalived(f"{pid_file} holds no process id")
    return int(text)


def _verified(pid: int, where: str) -> psutil.Process | None:
    """The process if it is the keepalived of this host, None if there is no such process."""
    import psutil

    named = f"{where} names process {pid}"
    try:
        process = psutil.Process(pid)
        if not _is_keepalived(process):
            raise NotKeepalived(f"{named}, which is {process.name()} and not keepalived")
    except psutil.NoSuchProcess:
        return None
    for kind, words in (("net", "network"), ("pid", "pid")):
        if not _shares(process, kind) and _is_alive(process):
            raise NotKeepalived(f"{named}, a keepalived of another {words} namespace")
    return process if _is_alive(process) else None


def _is_alive(process: psutil.Process) -> bool:
    import psutil

    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _is_keepalived(process: psutil.Process) -> bool:
    """Judged by its executable, or by the name that it gives itself where we may not see the
    executable."""
    import psutil

    try:
        executable = process.exe()  # without the " (deleted)" of an upgraded package
    except psutil.AccessDenied:
        executable = ""
    return (executable.rpartition("/")[2] if executable else process.name()) == "keepalived"


def _shares(process: psutil.Process, kind: str) -> bool:
    """Whether the process is in our own namespace of this kind."""
    from pathlib import Path

    try:
        theirs = Path(f"/proc/{process.pid}/ns/{kind}").readlink()
    except PermissionError:
        raise NoPermission(f"cannot look at process {process.pid}: only root may do it") from None
    except OSError:
        return False  # it has ended
    return theirs == Path(f"/proc/self/ns/{kind}").readlink()


def _terminate(keepalived: Keepalived) -> None:
    """Send SIGTERM through a pidfd, which cannot come to mean another process once it has been
    checked."""
    import contextlib
    import os
    import signal

    import psutil

    process, descriptor = keepalived.process, None
    with contextlib.suppress(OSError, AttributeError):  # Linux before 5.3, Python built on such
        descriptor = os.pidfd_open(process.pid)
    try:
        if not _is_alive(process):  # the pid may have passed to another process before the pidfd
            raise NotFound(f"{keepalived} is gone")
        if descriptor is None:
            process.terminate()
        else:
            signal.pidfd_send_signal(descriptor, signal.SIGTERM)
    except (ProcessLookupError, psutil.NoSuchProcess):
        raise NotFound(f"{keepalived} is gone") from None
    except (PermissionError, psutil.AccessDenied):
        raise NoPermission(f"cannot stop {keepalived}: only root may do it") from None
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _wait_for_none() -> None:
    """Wait for the last keepalived of this network namespace to end.

    Here its name is enough, as the only consequence is that we do nothing.
    """
    import time

    import psutil

    deadline = time.monotonic() + _DYING_SECONDS
    running = list(psutil.process_iter())
    while True:
        running = [process for process in running if _holds_vips(process)]
        if not running:
            return
        if time.monotonic() >= deadline:
            raise StillRunning(f"keepalived is running (pid {running[0].pid}): stop it first")
        time.sleep(0.02)


def _holds_vips(process: psutil.Process) -> bool:
    import psutil

    try:
        return _is_keepalived(process) and _is_alive(process) and _shares(process, "net")
    except psutil.NoSuchProcess:
        return False


def _held(vips: Sequence[str]) -> list[str]:
    """The arguments with which `ip addr del` removes each of these addresses that is here."""
    found = []
    for line in _run("ip", "-o", "addr", "show").splitlines():
        # 3: eth0    inet 10.0.0.100/24 scope global secondary eth0\       valid_lft forever …
        # 4: tun0    inet 10.0.0.100 peer 10.8.0.2/32 scope global tun0\   valid_lft forever …
        _, device, family, address, *rest = line.split()
        if family in ("inet", "inet6") and address.partition("/")[0] in vips:
            peer = f" peer {rest[1]}" if rest[:1] == ["peer"] else ""
            found.append(f"{address}{peer} dev {device}")
    return found


def _run(program: str, *arguments: str) -> str:
    """What the program prints. Raises: CommandFailed, with the first line of its complaint.

    While this loads and runs, the VIP is still here and the node is closed: subprocess is there in
    a quarter of the time that sh takes.
    """
    import os
    import subprocess

    path = os.pathsep.join([os.environ.get("PATH", ""), *_SBIN])
    try:
        done = subprocess.run(
            [program, *arguments],
            env={**os.environ, "PATH": path},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_COMMAND_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        raise CommandFailed(f"{program} is not installed") from None
    except OSError as error:
        raise CommandFailed(f"{program} cannot be run: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise CommandFailed(f"{program} has not ended in {_COMMAND_SECONDS:g} s") from None
    if done.returncode:
        complaint = done.stderr.decode(errors="replace").strip() or f"exit {done.returncode}"
        raise CommandFailed(f"{' '.join((program, *arguments))}: {complaint.splitlines()[0]}")
    return done.stdout.decode(errors="replace")
