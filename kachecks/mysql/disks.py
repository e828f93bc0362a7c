"""Whether mysqld's file systems have room and take writes, without touching a dead disk.

statfs of a dead network disk never returns, so a child process calls it. There is one such child at
a time: if it hangs, the next look finds it still there and starts no second one.
"""

from __future__ import annotations

import os

from kachecks.bounded import in_child
from kachecks.lean import NamedTuple
from kachecks.state.files import Files

PATIENCE = 1.0
"""Seconds for statfs of all directories; on a healthy disk it takes microseconds."""


class Disks(NamedTuple):
    """Sentences, "" where nothing is wrong."""

    full: str = ""
    read_only: str = ""
    mute: str = ""


def look_at(root: str, directories: tuple[str, ...], min_free: int, note: str) -> Disks:
    """Look at directories below ``root``, such as /proc/PID/root: the root directory that mysqld
    sees.

    Args:
        min_free: bytes; a file system with less left counts as full.
        note: the file that names a child which has not come back.

    Raises:
        StateError: a hanging child cannot be noted.
        OSError: no child can be made.
    """
    names = ", ".join(directories)
    if _still_hangs(note):
        return Disks(mute=f"a file system of {names} still does not answer")
    answer = in_child(lambda: statfs(root, directories, min_free), PATIENCE)
    if not answer.ended:
        import psutil

        Files().write(note, f"{answer.pid} {psutil.Process(answer.pid).create_time()}")
        return Disks(mute=f"a file system of {names} does not answer within {PATIENCE:g} s")
    lines = (answer.text or "").split("\n")
    return Disks(_said(lines, "full "), _said(lines, "read_only "))


def statfs(root: str, directories: tuple[str, ...], min_free: int) -> str:
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
    return "\n".join(wrong)


def _still_hangs(note: str) -> bool:
    text = Files().read(note)
    if not text:
        return False
    import psutil

    pid, _, created = text.partition(" ")
    try:
        if str(psutil.Process(int(pid)).create_time()) == created:
            return True
    except (ValueError, psutil.Error):
        pass
    Files().forget(note)
    return False


def _said(lines: list[str], kind: str) -> str:
    return "; ".join(line[len(kind) :] for line in lines if line.startswith(kind))
