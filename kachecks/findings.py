"""What a closer look has found, for the rules of the verdict."""

from __future__ import annotations

from typing import NamedTuple


class Findings(NamedTuple):
    """What was found; sentences are "" where nothing is wrong."""

    peer: str = ""  # open, closed, gone, unanswered; "" not asked
    peer_fit: bool = False  # it answers, is closed, replicates and has no lag
    stalled: str = ""
    disk_full: str = ""
    disk_read_only: str = ""
    two_writers: str = ""
    ours_to_close: bool = False  # of two writers this node is the one that gives way
    errant: str = ""

    @property
    def wrong(self) -> bool:
        """Something is: look again at the next check."""
        found = (self.stalled, self.disk_full, self.disk_read_only, self.two_writers, self.errant)
        return any(found)


NOTHING_FOUND = Findings()
