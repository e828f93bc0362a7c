"""The alone mark: this node was open while its peer was gone, so it has everything.

A node that boots while its peer is gone may open if it has this mark. Without the mark it may have
missed hours of writes (cold start). The mark must survive a reboot, so it lies on a disk. It holds
a digest of the transactions of others that were here when it was set: if there are more by now, the
peer has come back meanwhile, seen by nobody.
"""

from __future__ import annotations

from kachecks.lean import suppress
from kachecks.state.files import ALONE, Disk, StateError, path_of

PATIENCE = 1.0
"""Seconds for a disk that is busy; a healthy one needs a millisecond."""


class ServedAlone:
    """The mark of one pair on this node."""

    def __init__(self, state_dir: str, name: str, disk: Disk) -> None:
        self._path = path_of(state_dir, name, ALONE)
        self._disk = disk

    def is_marked(self, others: str | None = None) -> bool:
        """At its last look this node was open, and its peer gone.

        False also if the disk cannot be read.

        Args:
            others: what other servers have committed here by now (gtid.of_others). If that is more
                than when the mark was set, the peer has been back since, and the answer is False.
                None: only ask whether there is a mark.
        """
        try:
            marked = self._disk.read(self._path, PATIENCE)
        except StateError:
            return False
        return bool(marked) if others is None else marked == _digest(others)

    def mark(self, others: str) -> None:
        """Set the mark: this open holder finds its peer gone, and has these transactions of others.

        If it cannot be written, all that follows is that a later cold start is refused.
        """
        with suppress(StateError):
            self._disk.write(self._path, _digest(others), PATIENCE)

    def unmark(self) -> bool:
        """Remove the mark, since the peer is there and may have what this node lacks from now on.
        True if it is removed."""
        try:
            self._disk.remove(self._path, PATIENCE)
        except StateError:
            return False
        return True


def _digest(text: str) -> str:
    from hashlib import sha256

    return sha256(text.encode()).hexdigest()
