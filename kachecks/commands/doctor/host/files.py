"""doctor looks at files and directories the way keepalived will look at them."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import struct
import time
from contextlib import suppress

from kachecks.commands.doctor.host.facts import Directory, File, Part

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""What systemd gives its services."""

_MOST_TEXT = 65536


def look_at_file(path: str) -> File:
    """Look at a program, or at a file that root trusts; nothing is raised."""
    try:
        info = os.stat(path)
        parts = _parts(path)
    except FileNotFoundError as error:
        return File(path, False, error.strerror or str(error))
    except OSError as error:
        denied = isinstance(error, PermissionError)
        return File(path, None if denied else False, error.strerror or str(error))
    if not stat.S_ISREG(info.st_mode):
        return File(path, False, "it is not a regular file", parts)
    executable = bool(info.st_mode & 0o111)
    try:
        with open(path, "rb") as stream:
            head = stream.read(_MOST_TEXT)
    except OSError:
        return File(path, True, "", parts, executable)
    interpreter = _interpreter(head)
    if interpreter and interpreter.startswith("/"):
        with suppress(OSError):  # that it is not there is told by interpreter_found
            parts = tuple(dict.fromkeys([*parts, *_parts(interpreter)]))
    return File(
        path,
        True,
        "",
        parts,
        executable,
        interpreter,
        not interpreter or _runs(interpreter),
        head.decode("utf-8", "replace") if interpreter else "",
    )


def look_at_directory(path: str) -> Directory:
    """A directory of kachecks; nothing is raised."""
    try:
        info = os.stat(path)
    except PermissionError:
        return Directory(path, None)
    except OSError as error:
        taken = error.errno != errno.ENOENT or os.path.lexists(path)
        return Directory(path, False, in_the_way=taken)
    if not stat.S_ISDIR(info.st_mode):
        return Directory(path, False, in_the_way=True)
    writable = os.access(path, os.W_OK | os.X_OK) if os.geteuid() == 0 else None
    return Directory(
        path, True, info.st_uid, info.st_mode, writable, granted(path), file_system(path)
    )


_USER, _GROUP, _MASK, _WRITE = 0x02, 0x08, 0x10, 2  # acl(5), as the kernel keeps it


def granted(path: str) -> tuple[str, ...]:
    """Whom an ACL lets write there, besides root and the owner; () also without ACLs.

    It is kept as a version, and for each entry its tag, permissions and id
    (linux/posix_acl_xattr.h).
    """
    try:
        acl = os.getxattr(path, "system.posix_acl_access")
        entries = list(struct.iter_unpack("<HHI", acl[4:]))
    except (OSError, struct.error):
        return ()
    mask = next((allowed for tag, allowed, _ in entries if tag == _MASK), 0)
    names = {_USER: "uid", _GROUP: "gid"}
    return tuple(
        f"{names[tag]} {number}"
        for tag, allowed, number in entries
        if tag in names and number and allowed & mask & _WRITE
    )


def age(path: str) -> float | None:
    """Seconds since it was last written, None where there is none."""
    try:
        return max(time.time() - os.stat(path).st_mtime, 0.0)
    except OSError:
        return None


def file_system(path: str, mounts: str = "/proc/self/mounts") -> str:
    """Its type, such as tmpfs; "" where that cannot be told."""
    try:
        with open(mounts, encoding="utf-8", errors="surrogateescape") as stream:
            rows = [line.split() for line in stream]
    except OSError:
        return ""
    found = ""
    real, longest = os.path.realpath(path), -1
    for row in rows:
        point = row[1].replace("\\040", " ")
        inside = real == point or real.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= longest:  # of two on one point the later one covers the other
            found, longest = row[2], len(point)
    return found


def _parts(path: str) -> tuple[Part, ...]:
    """Raises OSError."""
    found: dict[str, Part] = {}
    for each in (os.path.abspath(path), os.path.realpath(path)):
        while each not in found:
            info = os.stat(each)
            found[each] = Part(each, info.st_uid, info.st_gid, info.st_mode, granted(each))
            each = os.path.dirname(each)
    return tuple(sorted(found.values()))


def _interpreter(head: bytes) -> str | None:
    if head.startswith(b"\x7fELF"):
        return ""
    if not head.startswith(b"#!"):
        return None
    words = head.partition(b"\n")[0][2:].decode("utf-8", "replace").split()
    if not words:
        return None
    if words[0].endswith("/env"):
        named = [word for word in words[1:] if not word.startswith("-") and "=" not in word]
        return named[0] if named and os.access(words[0], os.X_OK) else words[0]
    return words[0]


def _runs(interpreter: str) -> bool:
    return shutil.which(interpreter, path=PATH) is not None
