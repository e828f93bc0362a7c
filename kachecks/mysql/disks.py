"""Whether mysqld's file systems have room and take writes, without touching a dead disk.

statfs of a dead network disk never returns, so a child process calls it. There is one such child at
a time: while it hangs, no look starts a second one.
"""

from __future__ import annotations

import os

from kachecks.children import in_child
from kachecks.lean import NamedTuple, suppress
from kachecks.mysqld_process import Process, identity

PATIENCE = 1.0
"""Seconds for statfs of all directories; on a healthy disk it takes microseconds."""


class Disks(NamedTuple):
    """Sentences, "" where nothing is wrong, and what moves where a server writes."""

    full: str = ""
    read_only: str = ""
    mute: Process | None = None  # the child that has not come back
    binlog: str = ""  # name and size of the newest binary log
    device: str = ""  # writes that the device below it has completed; "" where it is none


def look_at(root: str, directories: tuple[str, ...], binlog: str, min_free: int) -> Disks:
    """Look at directories below ``root``, such as /proc/PID/root: the root directory that mysqld
    sees.

    Args:
        binlog: path of the binary logs without their numbers; "" where there are none.
        min_free: bytes; a file system with less left counts as full.

    Raises:
        OSError: no child can be made.
    """

    def look() -> str:
        return "\n".join([*_moves(root, binlog), *statfs(root, directories, min_free)])

    answer = in_child(look, PATIENCE)
    if not answer.ended:
        return Disks(mute=identity(answer.pid))
    lines = (answer.text or "").split("\n")
    words = ("full ", "read_only ", "binlog ", "device ")
    full, read_only, written, device = (_said(lines, word) for word in words)
    return Disks(full, read_only, None, written, device)


def statfs(root: str, directories: tuple[str, ...], min_free: int) -> list[str]:
    """One line for each thing that is wrong: "full ..." or "read_only ...". Raises OSError."""
    wrong = []
    for directory in directories:
        found = os.statvfs(f"{root}{directory}")
        if found.f_flag & os.ST_RDONLY:
            wrong.append(f"read_only {directory} is mounted read-only")
        free = found.f_bavail * found.f_frsize
        if free < min_free:
            wrong.append(
                f"full {directory} has {free // 2**20} MiB left, min_free is"
                f" {min_free // 2**20} MiB"
            )
    return wrong


def _moves(root: str, binlog: str) -> list[str]:
    """What grows while a commit is being written, and while the kernel brings it to the disk.

    The device's counters are those of Documentation/block/stat.rst; a tmpfs, an overlay and a file
    system of several devices have none.
    """
    lines = []
    with suppress(OSError, ValueError):
        directory, name = os.path.split(f"{root}{binlog}")
        logs = [each for each in os.listdir(directory) if _is_log(each, name)]
        newest = max(logs, key=lambda each: (len(each), each))
        found = os.stat(f"{directory}/{newest}")
        lines.append(f"binlog {newest}:{found.st_size}")
        numbers = f"{os.major(found.st_dev)}:{os.minor(found.st_dev)}"
        with open(f"/sys/dev/block/{numbers}/stat", encoding="ascii") as file:
            lines.append(f"device {file.read().split()[4]}")
    return lines


def _is_log(file: str, name: str) -> bool:
    before, _, number = file.rpartition(".")
    return before == name and number.isdigit()


def _said(lines: list[str], kind: str) -> str:
    return "; ".join(line[len(kind) :] for line in lines if line.startswith(kind))
