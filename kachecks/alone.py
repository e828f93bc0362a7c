"""The alone mark: this node was open while its peer was silent or refused, so it has everything.

With it a node that boots alone may open; without it, it may have missed hours (cold start). It
must survive a reboot, so it lies on a disk, and is read and written apart.
"""

from __future__ import annotations

import os
from contextlib import suppress

from kachecks.apart import apart
from kachecks.state import make_durable

PATIENCE = 1.0
"""Seconds for a disk that is busy; a healthy one needs a millisecond."""


def is_marked(state_dir: str, name: str) -> bool:
    """The mark is there, as far as the disk can be read."""
    path = _path(state_dir, name)
    return apart(lambda: "yes" if os.path.exists(path) else "no", PATIENCE).text == "yes"


def mark(state_dir: str, name: str) -> None:
    """Set it, durably. One that cannot be written is only missed by a later cold start."""
    path = _path(state_dir, name)

    def write() -> str:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o640)
        os.fsync(file)
        os.close(file)
        make_durable(state_dir)
        return ""

    apart(write, PATIENCE)


def unmark(state_dir: str, name: str) -> None:
    """Remove it, durably."""
    path = _path(state_dir, name)

    def remove() -> str:
        with suppress(FileNotFoundError):
            os.unlink(path)
            make_durable(state_dir)
        return ""

    apart(remove, PATIENCE)


def _path(state_dir: str, name: str) -> str:
    return os.path.join(state_dir, f"{name}.alone")
