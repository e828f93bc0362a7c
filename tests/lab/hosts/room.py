"""Gives a new set of namespaces its own view of the file system, then becomes its pid 1.

Run with the system's Python as the first process inside the namespaces: `room.py ROOM`, where
ROOM is a `Room` as JSON. Nothing here writes to a directory of the host: a directory that lacks
an entry the node needs is covered by a tmpfs that has the entry and every old one bound back.
"""

import ctypes
import json
import os
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NoReturn, Optional

MS_BIND, MS_MOVE, MS_REC = 0x1000, 0x2000, 0x4000
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")


@dataclass
class Room:
    """What a node sees in place of the host's own directories."""

    hostname: str
    stage: str  # an empty directory where a tmpfs is furnished before it is moved into place
    syslog: str  # file for the lines that arrive at /dev/log
    added: dict[str, list[str]]  # system directory -> entries that the node has there on its own
    binds: list[tuple[str, str]]  # (directory of the host, where the node sees it)
    visible: list[str]  # directories under /tmp that the node needs, the rest of /tmp is its own
    tmpfs: dict[str, str] = field(default_factory=dict)  # mount point -> mount options
    chroot: Optional[str] = None  # tree of another system whose mysqld runs here

    def argument(self) -> str:
        return json.dumps(asdict(self))


def main() -> NoReturn:
    host_pid = str(
        Path("/proc/self").readlink()
    )  # still the host's /proc: the number the host knows
    mount("proc", "/proc", "proc")
    init = [str(Path(__file__).with_name("init.py")), host_pid]
    if len(sys.argv) > 1:
        room = Room(**json.loads(sys.argv[1]))
        syslog = os.open(room.syslog, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        os.set_inheritable(syslog, True)
        _furnish(room)
        init.append(str(syslog))
    os.execv(sys.executable, [sys.executable, "-I", "-S", *init])  # noqa: S606 becomes pid 1


def _furnish(room: Room) -> None:
    # sethostname only reaches this node: it has a UTS namespace of its own.
    Path("/proc/sys/kernel/hostname").write_text(room.hostname)
    mount("sysfs", "/sys", "sysfs")  # the interfaces of this network namespace, not the host's
    # Found before anything is covered: a source may lie where the node has something else.
    binds = [(os.open(source, os.O_PATH), target) for source, target in room.binds]
    for directory, entries in room.added.items():
        _add_entries(room.stage, Path(directory), entries)
    for source_fd, target in binds:
        bind(f"/proc/self/fd/{source_fd}", target)
        os.close(source_fd)
    for target, options in room.tmpfs.items():
        mount("tmpfs", target, "tmpfs", 0, options)
    _own_devices(room.stage)
    mount("tmpfs", "/run", "tmpfs", 0, "mode=755")
    for directory in ("mysqld", "kachecks"):
        Path("/run", directory).mkdir()
    Path("/run/kachecks").chmod(0o700)
    if room.chroot:
        mount("tmpfs", f"{room.chroot}/tmp", "tmpfs", 0, "mode=1777")  # noqa: S108
        for directory in ("/proc", "/sys", "/dev", "/run", "/etc/mysql", "/var/lib/mysql"):
            bind(directory, room.chroot + directory)
    _own_tmp(room.stage, room.visible)


def _add_entries(stage: str, directory: Path, added: list[str]) -> None:
    mount("tmpfs", stage, "tmpfs", 0, "mode=755")
    for name in added:
        Path(stage, name).mkdir()
    for entry in directory.iterdir():
        copy = Path(stage, entry.name)
        if entry.name in added:
            continue
        if entry.is_symlink():
            copy.symlink_to(entry.readlink())
        else:
            copy.mkdir() if entry.is_dir() else copy.touch()
            bind(str(entry), str(copy))
    mount(stage, str(directory), flags=MS_MOVE)


def _own_devices(stage: str) -> None:
    mount("tmpfs", stage, "tmpfs", 0, "mode=755")
    dev = Path(stage)
    for name in DEVICES:
        (dev / name).touch()
        bind(f"/dev/{name}", str(dev / name))
    for name, target in (
        ("ptmx", "pts/ptmx"),
        ("fd", "/proc/self/fd"),
        ("stdin", "fd/0"),
        ("stdout", "fd/1"),
        ("stderr", "fd/2"),
    ):
        (dev / name).symlink_to(target)
    for name, kind, options in (
        ("pts", "devpts", "newinstance,ptmxmode=0666,mode=620"),
        ("shm", "tmpfs", "mode=1777"),
    ):
        (dev / name).mkdir()
        mount(kind, str(dev / name), kind, 0, options)
    mount(stage, "/dev", flags=MS_MOVE)


def _own_tmp(stage: str, visible: list[str]) -> None:
    """Last of all: it hides everything of the host that lies under /tmp, but for `visible`."""
    mount("tmpfs", stage, "tmpfs", 0, "mode=1777")
    for directory in visible:
        inside = Path(stage, Path(directory).relative_to("/tmp"))  # noqa: S108 the host's own
        inside.mkdir(parents=True, exist_ok=True)
        bind(directory, str(inside))
    mount(stage, "/tmp", flags=MS_MOVE)  # noqa: S108


def bind(source: str, target: str) -> None:
    """Show what is at `source`, and all that is mounted there, at `target` too."""
    mount(source, target, flags=MS_BIND | MS_REC)


_libc = ctypes.CDLL(None, use_errno=True)


def mount(source: str, target: str, kind: str = "", flags: int = 0, options: str = "") -> None:
    """As mount(2); raises OSError."""
    texts = (text.encode() for text in (source, target, kind))
    if _libc.mount(*texts, ctypes.c_ulong(flags), options.encode()):
        error = ctypes.get_errno()
        raise OSError(error, f"mount {source} on {target}: {os.strerror(error)}")


if __name__ == "__main__":
    main()
