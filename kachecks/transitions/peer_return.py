"""A peer that comes back while this server is still applying, closed, what it has received.

A late standby would else keep the VIP closed for its whole backlog, beside a peer whose mysqld has
only been started again and could serve at once.
"""

from __future__ import annotations

from kachecks.mysql import positions
from kachecks.mysql.gtid import Position
from kachecks.mysql.probe import uptime
from kachecks.mysql.session import SessionError
from kachecks.transitions.peer import PeerChanged
from kachecks.transitions.peer_search import Settled
from kachecks.transitions.refusal import Refusal
from kachecks.transitions.sessions import (
    PEER_STATEMENT,
    STATEMENT,
    Sessions,
    own_server,
    peer_answers,
)

FIRST_LOOK = 2.0
"""Seconds of applying without the peer before it is looked for. Nearly all failovers are over by
then."""

EACH = 1.0
"""Seconds between two looks."""

LOOK = 0.3
"""Seconds to connect; a host that is off takes as long again, and applying is not watched
meanwhile."""

LONG = 5.0
"""Seconds of applying after which the VIP goes back to a peer that has everything. That takes about
one; ten, if the peer is unfit all the same, until this node may come again. Then the peer was there
all the time, and this server applies everything. A peer that was closed in order (notify_down) has
not come back: nobody would take the VIP there."""


JUST_STARTED = 10
"""Seconds for which the peer's mysqld was up at most, when this server began to apply, to count as
one that has come back. It is over when this node takes the VIP again after having given way."""

STAYS_UP = 5.0
"""Seconds for which the peer's mysqld must have been up: the VIP is not left to one that crashes
again and again."""

RETURNS = 3
"""Times at most that one promotion settles anew with a peer that comes and goes."""


class PeerReturn:
    """Looks for the peer of one promotion while that applies."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._begun: float | None = None
        self._next = 0.0
        self._was_away = self._may_refuse = False
        self._returns_left = RETURNS

    def settled(self, settled: Settled) -> None:
        """Applying begins, with the peer or without."""
        if self._begun is None:
            self._begun = self._sessions.node.clock.now()
            self._next = self._begun + FIRST_LOOK
        if self._sessions.peer is None:
            self._was_away = True
        self._may_refuse = not settled.fenced

    def look(self, left: str) -> None:
        """Look, where it is time to.

        Args:
            left: what this server has yet to apply.

        Raises:
            PeerChanged: it is back; settle with it anew.
            Refusal: it is back, closed, and has everything, but this server has not.
            Interrupted.
        """
        now = self._sessions.node.clock.now()
        if self._begun is None or now < self._next:
            return
        self._next = now + EACH
        if self._sessions.peer is None:
            self._look_for_the_peer()
        elif self._may_refuse and now - self._begun > LONG:
            self._was_away = self._was_away or self._has_just_started(now - self._begun)
            self._may_refuse = self._was_away
            if self._was_away:
                self._leave_it_to_the_peer(left)
        self._next = self._sessions.node.clock.now() + EACH

    def _has_just_started(self, applying: float) -> bool:
        """It was back before this node had the VIP. Raises Interrupted."""
        return self._up_for() < applying + JUST_STARTED

    def _up_for(self) -> float:
        """Seconds that the peer's mysqld has been up; infinite where that is not told. Raises
        Interrupted."""
        peer = self._sessions.peer
        if peer is None:
            return float("inf")
        with peer_answers():
            seconds = uptime(peer.session, PEER_STATEMENT)
        return float("inf") if seconds is None else seconds

    def _look_for_the_peer(self) -> None:
        """Raises PeerChanged."""
        if not self._returns_left:
            return
        try:
            self._sessions.node.servers.connect_peer(LOOK).close()
        except SessionError:  # an error is no sign that it could serve; it is met before opening
            return
        self._returns_left -= 1
        raise PeerChanged

    def _leave_it_to_the_peer(self, left: str) -> None:
        """Raises Refusal, Interrupted."""
        sessions = self._sessions
        peer, target = sessions.peer, sessions.position_of_peer()
        if peer is None or target is None or self._up_for() < STAYS_UP:
            return
        channels = sessions.channels()
        with own_server():
            here = positions.executed(sessions.local, STATEMENT)
        with peer_answers():
            for had in (here, *(Position(each.received_gtid) for each in channels)):
                if positions.missing(peer.session, had, PEER_STATEMENT):
                    return
        from kachecks.transitions.catching_up import transactions_left

        with own_server():
            number = transactions_left(sessions.local, target, left)
        more = left if number is None else f"{number:,} transactions"
        raise Refusal(f"the peer is back and has everything; this server would need {more} more")
