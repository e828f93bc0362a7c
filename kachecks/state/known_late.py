"""The late mark: this standby is known to lack, for longer than max_lag, what its peer has had.

It must be known still when the peer is gone and this host has rebooted, so it lies on a disk. It
says how late the standby is and what it wants; whether it still lacks that is looked at anew.
"""

from __future__ import annotations

from kachecks.lean import suppress
from kachecks.state.files import LATE, Disk, StateError, path_of
from kachecks.state.marks import Known, number

PATIENCE = 1.0
"""Seconds for a disk that is busy; a healthy one needs a millisecond."""


class KnownLate:
    """The mark of one pair on this node."""

    def __init__(self, state_dir: str, name: str, disk: Disk) -> None:
        self._path = path_of(state_dir, name, LATE)
        self._disk = disk

    def read(self, now: float) -> Known | None:
        """What it says, as if the peer had served until now (CLOCK_BOOTTIME); None without a mark,
        or if the disk cannot be read."""
        try:
            text = self._disk.read(self._path, PATIENCE)
            lacking, unasked, wanted, *more = text.split(" ")
            blind, received = more or ("0", "")  # an earlier version has not written these
            since = now - number(unasked), now, now - number(lacking)
            return Known(*since, wanted, blind == "1", received)
        except (StateError, ValueError):
            return None

    def mark(self, known: Known) -> None:
        """Set it. If it cannot be written, the run directory still knows until the next reboot."""
        text = (
            f"{known.lacking:.3f} {known.unasked:.3f} {known.wanted} {known.blind:d}"
            f" {known.received}"
        )
        with suppress(StateError):
            self._disk.write(self._path, text, PATIENCE)

    def unmark(self) -> bool:
        """Remove it: this server has everything. True if it is removed."""
        try:
            self._disk.remove(self._path, PATIENCE)
        except StateError:
            return False
        return True
