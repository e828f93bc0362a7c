"""Puts files where they belong: each whole or not at all, and never over one that is another."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from contextlib import suppress

from kachecks.commands.setup.files import PACKAGED, NewFile
from kachecks.commands.setup.snippets import SetupError
from kachecks.config.file_format import exposed
from kachecks.lean import pasted

_LARGEST = 1 << 20


class Different(Exception):
    """A file is there already and is another: a sentence with its path and line."""


def make_directory(path: str) -> None:
    """Make it for its owner alone, or see that nobody else can change what is in it.

    Raises SetupError.
    """
    try:
        os.makedirs(path, 0o700, exist_ok=True)
        others = exposed(path)
    except OSError as error:
        raise SetupError(f"{path} cannot be made: {error.strerror}") from None
    if others:
        raise SetupError(f"{path} is not used: {others}; name a directory that only you can change")


def place(files: Sequence[NewFile], root: str = "") -> list[str]:
    """Write below ``root`` those that are not there yet; their paths.

    Raises:
        Different: one is there and differs; nothing was written.
        SetupError: one cannot be written; those before it are there, and each is whole.
    """
    missing = [each for each in files if not _is_there(each, root)]
    for each in missing:
        path = f"{root}{each.path}"
        try:
            _write(path, each.text.encode(), each.mode)
        except OSError as error:
            raise SetupError(f"{path} cannot be written: {error.strerror}") from None
    return [f"{root}{each.path}" for each in missing]


def _is_there(wanted: NewFile, root: str) -> bool:
    """Just so. Raises Different, SetupError."""
    path = f"{root}{wanted.path}"
    try:
        text, mode = _read(path)
    except FileNotFoundError:
        return not root and _is_packaged(wanted)
    except OSError as error:
        raise SetupError(f"{path} cannot be read: {error.strerror}") from None
    if text != wanted.text:
        line = _line(text, wanted.text)
        raise Different(f"{path} is there already and differs from line {line} on")
    if not wanted.mode & 0o077 and mode & 0o077:
        raise SetupError(
            f"{path} holds a password and others may read it: chmod 600 {pasted(path)}"
        )
    return True


def _is_packaged(wanted: NewFile) -> bool:
    with suppress(KeyError, OSError):
        return _read(PACKAGED[wanted.path])[0] == wanted.text
    return False


def _read(path: str) -> tuple[str, int]:
    """Raises OSError. A FIFO does not hold it up, and is no text."""
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        info = os.fstat(file)
        regular = stat.S_ISREG(info.st_mode)
        data = os.read(file, _LARGEST) if regular else b""
        return data.decode("utf-8", "replace"), info.st_mode
    finally:
        os.close(file)


def _line(one: str, other: str) -> int:
    """The first that differs."""
    lines, others = one.splitlines(), other.splitlines()
    same = [a == b for a, b in zip(lines, others)]
    return 1 + (same.index(False) if False in same else len(same))


def _write(path: str, data: bytes, mode: int) -> None:
    """A new file, whole, or none. Raises OSError: also where one has come meanwhile."""
    directory, name = os.path.split(path)
    os.makedirs(directory, 0o755, exist_ok=True)
    temporary = f"{directory}/.{name}.{os.getpid()}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    file = os.open(temporary, flags, 0o600)
    try:
        with os.fdopen(file, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fchmod(file, mode)
            os.fsync(file)
        os.link(temporary, path)  # a rename would replace what has come meanwhile
    finally:
        with suppress(OSError):
            os.unlink(temporary)
