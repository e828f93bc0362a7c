"""What is left to do without a usable option file or command line: keep the VIP where it is."""

from __future__ import annotations

from kachecks.lean import suppress
from kachecks.network.vip import here

FENCING_IS_OFF = "; fencing is off: until this is mended, nothing on this node can close its server"


def is_here(vips: str) -> bool:
    """One of these addresses is on this host; False also where that cannot be told.

    They are those of the last time when the option file was usable. It may be empty by now, and the
    server that it named is open: as nothing can close it, its VIP must not leave.
    """
    for vip in vips.split(","):
        with suppress(OSError, ValueError):
            if here([vip]):
                return True
    return False
