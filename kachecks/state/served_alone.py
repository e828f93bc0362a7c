"""The alone mark: this node was open while its peer was silent or refused, so it has everything.

With it a node that boots alone may open; without it, it may have missed hours (cold start). It
must survive a reboot, so it lies on a disk. It names what others had committed here when it was
set: a peer that came back unseen betrays itself by having sent more.
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
        """This node was open, and the peer silent or refusing, when it was last looked at.

        As far as the disk can be read.

        Args:
            others: what other servers have committed here by now (gtid.of_others): if that
                is more than there was then, the peer has lived since. None: only ask for the mark.
        """
        try:
            marked = self._disk.read(self._path, PATIENCE)
        except StateError:
            return False
        return bool(marked) if others is None else marked == _digest(others)

    def mark(self, others: str) -> None:
        """The open holder finds its peer gone, and has these transactions of others.

        A mark that cannot be written is only missed by a later cold start.
        """
        with suppress(StateError):
            self._disk.write(self._path, _digest(others), PATIENCE)

    def unmark(self) -> bool:
        """The peer is there: from now on it may have what this node lacks. Whether it is gone."""
        try:
            self._disk.remove(self._path, PATIENCE)
        except StateError:
            return False
        return True


def _digest(text: str) -> str:
    from hashlib import sha256

    return sha256(text.encode()).hexdigest()
