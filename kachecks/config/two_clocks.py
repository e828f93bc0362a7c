"""The two clocks: a node that is cut off has closed itself before the other one opens.

They exist only with a witness. Neither node can ask the other, so only time keeps the two from
being open at once. Both clocks start at the cut; the numbers are upper and lower bounds, not
averages.
"""

from __future__ import annotations

CLOSING_TIME = 3.0
"""Seconds from isolation_timeout until an active node is closed at the latest: one until its next
check looks, one for that check to start and find nobody, one to close or kill."""

ADVERTS_MISSED = 2
"""Whole advert intervals for which the other node waits at least. VRRP's timer is three intervals,
but it runs from the last advert heard, which may be nearly one interval older than the cut."""


def least_peer_grace(isolation_timeout: float, advert_int: float) -> float:
    """The smallest peer_grace, in seconds, with which the other node opens later."""
    return max(0.0, isolation_timeout + CLOSING_TIME - ADVERTS_MISSED * advert_int)
