"""What a closer look has found, for the rules of the verdict."""

from __future__ import annotations

from kachecks.named_tuple import NamedTuple


class Findings(NamedTuple):
    """What was found; sentences are "" where nothing is wrong."""

    peer: str = ""  # open, closed, refused, silent, unanswered; "" not asked
    others: str = ""  # where the peer is gone: GTIDs here that this server has not made
    peer_fit: bool = False  # it answers, is closed, replicates and has no lag
    gives_way: bool = False  # the peer has been fit for long enough to take over at once
    stalled: str = ""
    disk_full: str = ""
    disk_read_only: str = ""
    two_writers: str = ""
    ours_to_close: bool = False  # of two writers this node is the one that gives way
    errant: str = ""
    up_to_date: bool = False  # all that the peer has committed has been received here
    behind: str = ""  # this standby has lacked what the peer had for more than max_lag
    wanted: str = ""  # GTIDs that the open peer had and this standby did not have yet ...
    wanted_at: float = 0.0  # ... at this time

    @property
    def wrong(self) -> bool:
        """Something is: look again at the next check."""
        return bool(self.degraded or self.two_writers or self.errant or self.behind)

    @property
    def degraded(self) -> str:
        """What keeps this server from writing, "" if nothing does."""
        return self.stalled or self.disk_full or self.disk_read_only


NOTHING_FOUND = Findings()
