"""The alone mark: this node was open while its peer was silent or refused, so it has everything.

With it a node that boots alone may open; without it, it may have missed hours (cold start). It
must survive a reboot, so it lies on a disk, and is read and written apart. It names what others had
committed here when it was set: a peer that came back unseen betrays itself by having sent more.
"""

from __future__ import annotations

import os

from kachecks.bounded import apart
from kachecks.lean import suppress
from kachecks.state.files import make_durable, write_text

PATIENCE = 1.0
"""Seconds for a disk that is busy; a healthy one needs a millisecond."""


def is_marked(state_dir: str, name: str, others: str | None = None) -> bool:
    """The mark is there, as far as the disk can be read.

    Args:
        others: what others have committed here by now: it must be what it was. None: never mind.
    """
    path = _path(state_dir, name)

    def look() -> str:
        with open(path, encoding="ascii", errors="replace") as file:
            return f"marked {file.read()}"

    said = apart(look, PATIENCE).text or ""
    return said.startswith("marked ") if others is None else said == f"marked {_digest(others)}"


def mark(state_dir: str, name: str, others: str) -> None:
    """Set it, durably. One that cannot be written is only missed by a later cold start."""
    path = _path(state_dir, name)

    def write() -> str:
        write_text(path, _digest(others))
        make_durable(path)
        make_durable(state_dir)
        return ""

    apart(write, PATIENCE)


def unmark(state_dir: str, name: str) -> bool:
    """Remove it, durably; whether it is surely gone."""
    path = _path(state_dir, name)

    def remove() -> str:
        with suppress(FileNotFoundError):
            os.unlink(path)
            make_durable(state_dir)
        return "gone"

    return apart(remove, PATIENCE).text == "gone"


def _digest(text: str) -> str:
    from hashlib import sha256

    return sha256(text.encode()).hexdigest()


def _path(state_dir: str, name: str) -> str:
    return os.path.join(state_dir, f"{name}.alone")
