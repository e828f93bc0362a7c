"""What one run leaves for the next: the lock, marks in the run directory, the audit log.

The run directory is a tmpfs (systemd: /run), so the lock and the marks survive neither a reboot
nor a dead disk. The audit log lies on a disk that may hang, so it is written apart.
"""

from __future__ import annotations

import fcntl
import os
import time

from kachecks.lean import suppress
from kachecks.mysqld_process import Process

AUDIT_PATIENCE = 0.2
"""Seconds to wait for the child that writes the audit log: a healthy disk needs one or two
milliseconds, and on a dead one nothing is worth waiting for."""


class StateError(Exception):
    """The run directory cannot be used; one sentence with the cure."""


class Lock:
    """One flock per pair name; the kernel frees it when its holder dies, however it dies."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._file: int | None = None

    def try_to_take(self, purpose: str) -> bool:
        """Take it if it is free. Its content tells readers who holds it and why.

        Taken again by its holder, it gets a new purpose.

        Raises:
            StateError: the file cannot be opened.
        """
        if self._file is not None:
            self._write(purpose)
            return True
        try:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StateError(
                f"cannot open the lock {self._path}: {error.strerror}{_cure(self._path)}"
            ) from None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(file)
            return False
        self._file = file
        self._write(purpose)
        return True

    def _write(self, purpose: str) -> None:
        assert self._file is not None
        with suppress(OSError):  # on a full tmpfs: a lock without its purpose is still a lock
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, purpose.encode(), 0)

    def release(self) -> None:
        """Free it; nothing happens when it is not held."""
        if self._file is not None:
            with suppress(OSError):
                os.ftruncate(self._file, 0)
            os.close(self._file)
            self._file = None

    def purpose_of_holder(self) -> str:
        """What the present holder is about, "" when nobody holds it."""
        try:
            file = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return ""
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return os.pread(file, 100, 0).decode("utf-8", "replace") or "unknown"
        else:
            return ""
        finally:
            os.close(file)


def read_text(path: str) -> str:
    """The content of a small file of ours, "" when there is none."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def age(path: str) -> float:
    """Seconds since that file was written, by the wall clock; 0 when there is none.

    A file from the future counts as old: somebody has set the clock back.
    """
    try:
        return abs(time.time() - os.stat(path).st_mtime)
    except OSError:
        return 0.0


def write_text(path: str, text: str) -> None:
    """Replace a small file of ours at once: no reader ever sees half of it.

    Raises:
        StateError: it cannot be written.
    """
    temporary = f"{path}.{os.getpid()}"
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, text.encode())
        finally:
            os.close(descriptor)
        os.rename(temporary, path)
    except OSError as error:
        raise StateError(f"cannot write {path}: {error.strerror}{_cure(path)}") from None


def make_durable(path: str) -> None:
    """Wait until the disk has what this file or directory holds. Raises OSError.

    For a directory that is its entries (fsync(2)). Never in a process that must not hang.
    """
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _cure(path: str) -> str:
    directory = os.path.dirname(path)
    if os.path.isdir(directory) and os.access(directory, os.W_OK):
        return ""
    return f"; the directory {directory} must exist and be root's (install kachecks.tmpfiles.conf)"


def is_news(path: str, text: str) -> bool:
    """Remember ``text``; True when it is not what was remembered. Unremembered, all is news."""
    if read_text(path) == text:
        return False
    with suppress(StateError):
        write_text(path, text)
    return True


def forget(path: str) -> None:
    """Remove what ``is_news`` remembers, if it can be removed."""
    with suppress(OSError):
        os.unlink(path)


def remove(path: str) -> None:
    """Remove a mark; nothing happens when there is none."""
    try:
        os.unlink(path)
    except OSError:
        if os.path.exists(path):
            raise StateError(f"cannot remove {path}") from None


def read_process(path: str) -> Process | None:
    """The process a mark names, or None without a mark (or with a damaged one)."""
    try:
        pid, started, *word = read_text(path).split()
        if word not in ([], ["contact"]):
            return None
        return Process(int(pid), int(started))
    except ValueError:
        return None


def write_process(path: str, process: Process) -> None:
    """Write a mark that names a process, unless it is there already."""
    if read_process(path) != process:
        write_text(path, f"{process.pid} {process.started}")


def append_audit(directory: str, name: str, record: dict[str, object]) -> None:
    """Append ``record`` to NAME.jsonl and replace NAME.json, apart from this process.

    Where it cannot be written, nothing is raised: the same record has gone to syslog.
    """
    import json

    from kachecks.bounded import apart

    line = json.dumps(record, ensure_ascii=False)

    def write() -> str:
        path = os.path.join(directory, name)
        log = os.open(f"{path}.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
        os.write(log, f"{line}\n".encode())
        write_text(f"{path}.json", f"{line}\n")
        return ""

    with suppress(OSError):
        apart(write, AUDIT_PATIENCE)
