"""Our small files: those in the run directory, those on a disk that may hang, and the lock.

The run directory is a tmpfs (systemd: /run), so marks and lock survive neither a reboot nor a dead
disk. What must survive a reboot lies on a disk, and only a child process touches it, which is
abandoned if the disk hangs.
"""

from __future__ import annotations

import fcntl
import os
import stat
import time

from kachecks.config.file_format import exposed
from kachecks.lean import pasted, suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

SHARED_RUN_DIR = "/run/kachecks"
"""The run directory as packaged; also for what belongs to no pair."""


LOCK, CHECK, SIGNS = "lock", "check", "signs"
OPEN, OPENED, MYSQLD, EVENTS = "open", "opened", "mysqld", "events"
GAVE_WAY, LEAVING, FAILING, PERMIT = "gave_way", "leaving", "failing", "permit"
LOOK, VERDICT, TROUBLE, REFUSAL = "look", "verdict", "trouble", "refusal"
PEER_SILENT, LOST, CUT_OFF, PEER = "peer_silent", "lost", "cut_off", "peer"
HEARD = "heard"
UNUSABLE, USABLE = "unusable", "usable"
TRUSTED_VIEW = "trusted_view"
UNOPENED, SEMI_SYNC, STOPPING, READERS = "unopened", "semi_sync", "stopping", "readers"
"""The endings of the files in the run directory: ``NAME.lock`` ..."""

MAINTENANCE, ALONE, LATE, AUDIT_LOG = "maintenance", "alone", "late", "jsonl"
"""The same in the state directory; ``NAME.maintenance`` is copied to the run directory."""


NO_MAINTENANCE = "none"
"""What the copy of the maintenance mark says where there is no maintenance. If it were empty, each
check would look on the disk again."""


def path_of(directory: str, name: str, kind: str) -> str:
    """The file of the pair called ``name``."""
    return f"{directory}/{name}.{kind}"


def note_of(option_file: str, kind: str) -> str:
    """A file about this option file, since without its content the pair has no name: what people
    were last told of it, and what it said when it was last usable (VIPs, alert program)."""
    return path_of(SHARED_RUN_DIR, option_file.strip("/").replace("/", "_"), kind)


class StateError(Exception):
    """A file of ours cannot be used; one sentence with the cure."""


class Late(StateError):
    """The disk has not answered in time, and may still do what it was told."""


_OURS = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
"""How a file of ours is opened: through no link, and with no wait where it is a FIFO."""

PAGE = 4096
"""Bytes that are read at first: room for four megabytes takes as long as ten such files."""

LARGEST = 4 << 20
"""Bytes of a file of ours that are read: GTID sets are long, but not like that."""


def must_be_roots(directory: str) -> None:
    """Nobody but root, or whoever runs this, may write there, or has a directory on the way to it.

    What another account has put there, or taken away, would decide who opens. One that is missing
    is told by who needs it.

    Raises StateError.
    """
    try:
        others = exposed(directory)
    except FileNotFoundError:
        return
    except OSError as error:
        raise StateError(
            f"{directory} is not used: the way to it cannot be looked at: {error.strerror}; mend"
            f" what namei -l {pasted(directory)} shows"
        ) from None
    if others:
        word = pasted(directory)
        raise StateError(
            f"{directory} is not used: {others}; look at what is in it, then"
            f" chown root:root {word} && chmod 0700 {word}"
        )


def _read(path: str) -> str:
    """The content of a file of ours. Raises OSError, also where it is none: a FIFO, a link, a
    device, or somebody else's."""
    file = os.open(path, os.O_RDONLY | _OURS)
    try:
        _must_be_ours(file)
        data = os.read(file, PAGE)
        if len(data) == PAGE:
            data += os.read(file, LARGEST - PAGE)
        return data.decode("utf-8", "replace")
    finally:
        os.close(file)


def _must_be_ours(file: int) -> None:
    """Raises OSError."""
    info = os.fstat(file)
    if stat.S_ISREG(info.st_mode) and info.st_uid in (0, os.geteuid()):
        return
    from errno import EINVAL, EPERM

    if not stat.S_ISREG(info.st_mode):
        raise OSError(EINVAL, "it is not a regular file: remove it")
    raise OSError(EPERM, f"it belongs to uid {info.st_uid}: remove it")


class Files:
    """Files on a tmpfs, read and replaced whole."""

    def read(self, path: str) -> str:
        """The content, "" when there is no such file of ours."""
        try:
            return _read(path)
        except OSError:
            return ""

    def write(self, path: str, text: str) -> None:
        """Replace it atomically: no reader ever sees half of it. Raises StateError."""
        temporary, content = f"{path}.{os.getpid()}", text.encode("utf-8", "replace")
        must_be_roots(os.path.dirname(path))
        try:
            file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _OURS, 0o600)
            try:
                if os.write(file, content) < len(content):
                    from errno import ENOSPC

                    raise OSError(ENOSPC, os.strerror(ENOSPC))
            finally:
                os.close(file)
            os.rename(temporary, path)
        except OSError as error:
            with suppress(OSError):  # a full disk would keep one of each run
                os.unlink(temporary)
            raise StateError(f"cannot write {path}: {error.strerror}{_cure(path)}") from None

    def remove(self, path: str) -> None:
        """Nothing happens when there is none. Raises StateError: it is still there."""
        try:
            os.unlink(path)
        except FileNotFoundError:
            pass
        except OSError:
            if os.path.exists(path):
                raise StateError(f"cannot remove {path}") from None

    def must_be_roots(self, directory: str) -> None:
        """See above. Raises StateError."""
        must_be_roots(directory)

    def age(self, path: str) -> float:
        """Seconds since it was written, by the wall clock; 0 when there is none.

        A file from the future counts as old: somebody has set the clock back.
        """
        try:
            return abs(time.time() - os.stat(path).st_mtime)
        except OSError:
            return 0.0

    def lock(self, path: str) -> int | None:
        """Lock the file; None while somebody else holds the lock. The kernel frees it when we die.

        Raises StateError: it cannot be opened.
        """
        must_be_roots(os.path.dirname(path))
        try:
            file = os.open(path, os.O_RDWR | os.O_CREAT | _OURS, 0o600)
            try:
                _must_be_ours(file)
            except OSError:
                os.close(file)
                raise
        except OSError as error:
            raise StateError(
                f"cannot open the lock {path}: {error.strerror}{_cure(path)}"
            ) from None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(file)
            return None
        return file

    def inscribe(self, lock: int, text: str) -> None:
        """Write into a file that this process has locked. Nothing happens if that fails."""
        with suppress(OSError):  # on a full tmpfs: a lock without its purpose is still a lock
            os.ftruncate(lock, 0)
            os.pwrite(lock, text.encode(), 0)

    def unlock(self, lock: int) -> None:
        """Free it, also where a child has it open still."""
        with suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_UN)
        os.close(lock)

    def inscription(self, path: str) -> str | None:
        """What the process that holds the lock has written into the file; None when nobody holds
        it."""
        try:
            file = os.open(path, os.O_RDONLY | _OURS)
        except OSError:
            return None
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return os.pread(file, 100, 0).decode("utf-8", "replace")
        else:
            return None
        finally:
            os.close(file)

    def is_news(self, path: str, text: str, forgotten_after: float = 0.0) -> bool:
        """Remember ``text``; True when something else, or nothing, was remembered before, or it was
        not met for so many seconds (0: however long ago that was).

        Where nothing can be remembered, because the tmpfs is full or read-only, it is news for one
        second of each minute: people are told, and not paged at each check.
        """
        if self.read(path) == text:
            if not forgotten_after:
                return False
            age = self.age(path)
            with suppress(StateError):
                self.write(path, text)  # its age is that of the last time
            return age > forgotten_after
        try:
            self.write(path, text)
        except StateError:
            return time.time() % 60 < 1
        return True

    def forget(self, path: str) -> None:
        """Remove it, if it can be removed."""
        with suppress(StateError):
            self.remove(path)


PIECE = 900
"""Characters of a file that a child tells at a time: at most four bytes each."""


class Disk:
    """Files on a disk that may hang: each call ends after ``patience`` seconds."""

    def read(self, path: str, patience: float) -> str:
        """The content, "" when there is no such file. Raises StateError, Late.

        It comes in pieces, as a child can tell only so much: GTID sets may be longer.
        """
        found = ""

        def read() -> str:
            must_be_roots(os.path.dirname(path))
            try:
                return _read(path)[len(found) :][:PIECE]
            except FileNotFoundError:
                return ""

        while True:
            piece = _by_a_child(read, f"cannot read {path}", patience)
            found += piece
            if len(piece) < PIECE:
                return found

    def write(self, path: str, text: str, patience: float) -> None:
        """Replace it, durably (fsync(2)). Raises StateError, Late."""

        def write() -> str:
            Files().write(path, text)
            try:
                _make_durable(path)
                _make_durable(os.path.dirname(path))
            except OSError as error:
                raise Late(f"cannot write {path} for good: {error.strerror}") from None
            return ""

        _by_a_child(write, f"cannot write {path}", patience)

    def remove(self, path: str, patience: float) -> None:
        """Remove it, durably; nothing happens when there is none. Raises StateError, Late."""

        def remove() -> str:
            with suppress(FileNotFoundError):
                os.unlink(path)
                _make_durable(os.path.dirname(path))
            return ""

        _by_a_child(remove, f"cannot remove {path}", patience)

    def append(self, path: str, line: str, patience: float) -> None:
        """Add a line to a log. Raises StateError, Late."""

        def append() -> str:
            must_be_roots(os.path.dirname(path))
            log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | _OURS, 0o640)
            _must_be_ours(log)
            os.write(log, f"{line}\n".encode("utf-8", "replace"))
            return ""

        _by_a_child(append, f"cannot write {path}", patience)


class Lock:
    """One lock per pair: whoever opens or closes the server on this node holds it."""

    def __init__(self, path: str, files: Files) -> None:
        self._path = path
        self._files = files
        self._lock: int | None = None

    def try_to_take(self, purpose: str) -> bool:
        """Take it if it is free. If this process holds it already, only the purpose changes.

        Args:
            purpose: what others are told while it is held, such as "promote".

        Raises StateError: the file cannot be opened.
        """
        if self._lock is None:
            self._lock = self._files.lock(self._path)
        if self._lock is None:
            return False
        self._files.inscribe(self._lock, purpose)
        return True

    def release(self) -> None:
        """Free it; nothing happens when it is not held."""
        if self._lock is not None:
            self._files.inscribe(self._lock, "")
            self._files.unlock(self._lock)
            self._lock = None

    def purpose_of_holder(self) -> str:
        """What the present holder has taken it for, "" when nobody holds it."""
        said = self._files.inscription(self._path)
        return "" if said is None else said or "unknown"


def _by_a_child(work: Callable[[], str], trouble: str, patience: float) -> str:
    """What ``work`` returns. Raises StateError, Late."""
    from kachecks.children import in_child

    def guarded() -> str:
        try:
            return f"+{work()}"
        except Late as error:
            return f"?{error}"
        except StateError as error:
            return f"-{error}"
        except OSError as error:
            return f"-{trouble}: {error.strerror}"
        except ValueError as error:  # a text that cannot be encoded
            return f"-{trouble}: {error}"

    try:
        answer = in_child(guarded, patience)
    except OSError as error:
        raise StateError(f"{trouble}: no child can be made: {error.strerror}") from None
    if answer.text is None:
        raise Late(f"{trouble}: the disk has not answered within {patience:g} s")
    if answer.text.startswith("?"):
        raise Late(answer.text[1:])
    if answer.text.startswith("-"):
        raise StateError(answer.text[1:])
    return answer.text[1:]


def _make_durable(path: str) -> None:
    """Wait until the disk has what this file or directory holds. Raises OSError.

    For a directory that means its entries. Never call this in a process that must not hang.
    """
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _cure(path: str) -> str:
    directory = os.path.dirname(path)
    if os.path.isdir(path):
        return ": remove it"
    if os.path.isdir(directory) and os.access(directory, os.W_OK):
        return ""
    return f"; the directory {directory} must exist and be root's (install kachecks.tmpfiles.conf)"
