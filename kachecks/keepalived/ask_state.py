"""Asks the running keepalived for its state, which it writes to a file.

At the signal that `keepalived --signum=JSON` names, the VRRP process writes keepalived.json to
its temporary directory, within milliseconds (measured: 2.2.7, 2.3.3). The file is written in place,
so we may read half of it, and everybody who asks at the same time gets the same file. It holds
`auth_pass`, so only root may read it, and only the values below are taken from it.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from kachecks.keepalived.process import Keepalived, KeepalivedError, NoPermission, NotFound, find
from kachecks.keepalived.vrrp_state import Vrrp, chosen, instances

if TYPE_CHECKING:
    import psutil

PATIENCE = 0.4
"""Seconds for keepalived to write the file; it needs some milliseconds."""

_FILE = "keepalived.json"
_RECENT = 0.05  # s by which the file may be older than our question, as file times are coarse
_LARGEST = 4 << 20  # bytes
_PAUSE = 0.005  # s


class Untold(KeepalivedError):
    """keepalived runs, but does not tell its state."""


def ask_keepalived(vips: Sequence[str], patience: float = PATIENCE) -> Vrrp:
    """The state of the instance with these addresses in the keepalived that serves this host.

    Raises:
        NotFound: none is running.
        NoPermission: only root may ask.
        KeepalivedError: what was found is not certainly ours; Untold: it has no such instance, has
            not written the file, or was built without JSON.
    """
    found = find()
    if found is None:
        raise NotFound("no keepalived is running here")
    until = time.monotonic() + patience
    number = _signal_number(found, patience)
    path, owner = _path(found), _owner(found)
    asked = time.time()
    _send(found, number)
    while True:
        with suppress(ValueError, TypeError, KeyError):  # half of it, or not from us
            there_are = instances(_read(path, owner, asked - _RECENT))
            ours = chosen(there_are, vips)
            if ours is not None:
                return ours
            names = ", ".join(str(instance["iname"]) for instance in there_are) or "none"
            raise Untold(f"keepalived has no vrrp_instance with {', '.join(vips)}; it has: {names}")
        if time.monotonic() >= until:
            where = path.partition("/root")[2]
            raise Untold(
                f"{found} was asked and has not written {where} within {patience:g} s; a"
                " json_file_location in its configuration moves that file"
            )
        time.sleep(_PAUSE)


def _read(path: str, owner: int, not_before: float) -> str:
    """The text of the file; "" while there is none, it is too old, or it is not keepalived's
    own."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except PermissionError:
        raise NoPermission("cannot read what keepalived has written: only root may do it") from None
    except OSError:
        return ""
    try:
        found = os.fstat(file)
        trusted = stat.S_ISREG(found.st_mode) and found.st_uid == owner  # /tmp is everybody's
        if not trusted or found.st_mtime < not_before or found.st_size > _LARGEST:
            return ""
        return os.read(file, _LARGEST).decode("utf-8", "replace")
    finally:
        os.close(file)


def _owner(keepalived: Keepalived) -> int:
    """Whose process it is."""
    import psutil

    try:
        return int(keepalived.process.uids().effective)
    except psutil.NoSuchProcess:
        raise NotFound(f"{keepalived} is gone") from None


def _path(keepalived: Keepalived) -> str:
    """The path of the file as that process sees it: it may have a /tmp of its own (PrivateTmp, a
    container)."""
    directory = "/tmp"  # noqa: S108 - keepalived's choice
    with suppress(OSError), open(f"/proc/{keepalived.pid}/environ", "rb") as file:
        for entry in file.read().split(b"\0"):
            if entry.startswith(b"TMPDIR=/"):
                directory = entry[len(b"TMPDIR=") :].decode("utf-8", "replace").rstrip("/")
    return f"/proc/{keepalived.pid}/root{directory}/{_FILE}"


def _signal_number(keepalived: Keepalived, patience: float) -> int:
    """The signal at which this build writes JSON. The very program that runs is asked, as the file
    may have been replaced."""
    import subprocess

    program = f"/proc/{keepalived.pid}/exe"
    try:
        said = subprocess.run(
            [program, "--signum=JSON"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=patience,
            check=False,
        )
    except PermissionError:
        raise NoPermission("cannot ask keepalived for its state: only root may do it") from None
    except FileNotFoundError:
        raise NotFound(f"{keepalived} is gone") from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Untold(f"{keepalived} cannot be asked: {error}") from None
    text = said.stdout.decode("ascii", "replace").strip()
    if not text.isdecimal():
        raise Untold(f"{keepalived} was built without JSON: it cannot tell its state")
    return int(text)


def _send(keepalived: Keepalived, number: int) -> None:
    """Send the signal, unless a process that would get it is not prepared for it, and could die of
    it.

    The parent passes it on to its children, which get ready for it in their first milliseconds.
    """
    import psutil

    process = keepalived.process
    try:
        for each in (process, *process.children()):
            if each.name() == "keepalived" and not _prepared(each, number):
                raise Untold(f"{keepalived} has only just started: ask again")
        process.send_signal(number)
    except psutil.NoSuchProcess:
        raise NotFound(f"{keepalived} is gone") from None
    except (PermissionError, psutil.AccessDenied):
        raise NoPermission("cannot ask keepalived for its state: only root may do it") from None


def _prepared(process: psutil.Process, number: int) -> bool:
    """The process catches the signal, or blocks it in order to read it from a signalfd
    (proc(5))."""
    masks = 0
    try:
        with open(f"/proc/{process.pid}/status", encoding="ascii", errors="replace") as file:
            for line in file:
                key, _, value = line.partition(":")
                if key in ("SigCgt", "SigBlk", "SigIgn"):
                    masks |= int(value, 16)
    except OSError:
        return False
    return bool(masks >> (number - 1) & 1)
