"""Look for a peer that cannot be asked: how long, and when to go on without it.

A peer that is cut off closes itself within a known time (two_clocks). That time runs from when this
node first noticed its silence, in a check or here, not from the start of the promotion: a peer that
has just answered was not cut off yet.
"""

from __future__ import annotations

from kachecks.bounded import Budget
from kachecks.config.two_clocks import CLOSING_TIME
from kachecks.lean import NamedTuple
from kachecks.mysql.gtid import Position
from kachecks.mysql.session import NotReady, Refused, SessionError
from kachecks.transitions.presence import (
    Presence,
    is_holder,
    must_see_a_witness,
    sees_the_link,
    still_connected,
)
from kachecks.transitions.refusal import Refusal
from kachecks.transitions.sessions import Sessions

STILL_FRESH = 0.5
"""Seconds for which a look at a silent peer is recent enough not to be repeated right before
opening."""


DETECTION = 3.0
"""Seconds within which the VIP leaves a node whose mysqld has died; one that shuts down is waited
for, for fence_timeout more. Where this standby lost its source earlier, and another host went on
answering for the VIP, it was no death: a refusal proves nothing then, and that node's own check has
yet to find that the VIP is gone."""


IN_ALL = 3
"""So many times hung_after + fence_timeout for a peer that answers again and again, and never to
the end: it takes connections and hangs at a statement, or its sessions are killed. It is alive."""


class Settled(NamedTuple):
    """The peer cannot write, or the option file accepts the risk that it can."""

    said: str  # what the peer is, for the audit log
    target: Position | None  # all that it has committed, where it answers
    at: float  # when it was asked
    mute: bool = False  # it has not answered, and this node goes on all the same
    fenced: bool = False  # it was open and has been closed
    may_commit: bool = False  # prepared XA transactions, although it is closed


class Search:
    """Looks for as long as the option file says.

    ``refused`` and ``mute`` return the settlement, or None to look again, or raise Refusal.
    """

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        node, config = sessions.node, sessions.node.config
        self._patience = config.hung_after + config.fence_timeout
        self._grace_ends = node.clock.now() + config.peer_grace
        self._look_on = Budget(node.clock, self._patience)
        self._in_all = Budget(node.clock, IN_ALL * self._patience)
        self._closes_itself: Budget | None = None
        lost = node.marks.lost_since()
        self._served_on = (
            lost is not None and node.clock.now() - lost > DETECTION + config.fence_timeout
        )

    def answered(self) -> None:
        """Its server has answered until now: only now may its silence begin."""
        self._sessions.saw_peer()
        self._look_on = Budget(self._sessions.node.clock, self._patience)

    @property
    def has_no_end(self) -> bool:
        """It answers again and again, and never to the end."""
        return self._in_all.over

    def refused(self, refusal: Refused) -> Settled | None:
        """The peer is down if its mysqld has ended; one that shuts down closes its port first.

        A firewall that rejects looks the same. Then another host answers for the VIP, or went on
        doing so when this one had lost its source.
        """
        self._sessions.saw_peer()
        if is_holder(self._sessions):
            return self._hung(f"{refusal}, but its host answers for the VIP (a firewall rejects?)")
        sessions = self._sessions
        connected = still_connected(sessions.node, sessions.channels())
        if connected:
            if self._look_on.over:
                raise Refusal(
                    f"{refusal}, but after {self._patience:g} s its replication connections to this"
                    " server are still up: it may not have ended"
                )
            return None
        seen = sees_the_link(sessions)
        if (self._served_on or not seen) and not self._look_on.over:
            return None
        if not seen:
            return self._hung(f"{refusal}, and nothing answers on the link of the VIP")
        return self._gone(f"peer down: {refusal}")

    def not_ready(self, error: NotReady) -> None:
        """The peer has greeted, so it lives, and this node had no time to go on: once more, as its
        answer decides.

        Raises Refusal: for as long as a mute peer is looked for, it has found none.
        """
        self._sessions.saw_peer()
        if self._look_on.over or self._in_all.over:
            raise Refusal(
                f"the peer is alive, and this node has not got so far as to ask it within"
                f" {self._patience:g} s: {error}"
            )

    def closes_itself(self) -> bool:
        """Whether to look again at an open peer that this account may not close: the VIP has left
        it, so its own hook or check is about to."""
        if self._closes_itself is None:
            self._closes_itself = Budget(self._sessions.node.clock, CLOSING_TIME)
        return not self._closes_itself.over and not is_holder(self._sessions)

    def mute(self, error: SessionError, presence: str) -> Settled | None:
        """The peer neither answers nor refuses, so it depends on how much of its host is there."""
        if presence == Presence.NONE:
            return self._silent(error)
        self._sessions.saw_peer()
        said = f"peer mute, {presence}: {error}"
        if presence == Presence.HOLDER or self._in_all.over:
            return self._hung(said)
        if not self._look_on.over:
            return None
        # Nobody answers for the VIP, and the peer's own check or hooks have had their time to kill
        # mysqld.
        return self._gone(said, mute=True) if presence == Presence.ON_LINK else self._hung(said)

    def _hung(self, said: str) -> Settled:
        if self._sessions.node.config.on_hung_peer == "open":
            return self._gone(f"{said}; on_hung_peer = open", mute=True)
        raise Refusal(f"{said}; on_hung_peer = refuse")

    def _silent(self, error: SessionError) -> Settled | None:
        node = self._sessions.node
        said = f"peer silent: {error}"
        if node.config.witnesses:
            must_see_a_witness(self._sessions, said)
            since = self._sessions.heard_nothing()
            closed = since + node.config.isolation_timeout + CLOSING_TIME
            left = max(self._grace_ends, closed) - node.clock.now()
            if left > STILL_FRESH:
                return None
            self._sessions.pause(max(left, 0.0))
        return self._gone(said)

    def _gone(self, said: str, mute: bool = False) -> Settled:
        return Settled(said, None, self._sessions.node.clock.now(), mute)
