"""The two sessions of a promotion: one with this node's server, one with the peer's.

Each holds the lock in its server and must live until the end. The session with this node's server
is also the one that will open it. A session that is found gone ends the promotion; it is never
reconnected, since its lock is gone too.
"""

from __future__ import annotations

from kachecks.bounded import Budget
from kachecks.lean import NamedTuple
from kachecks.mysql import queries
from kachecks.mysql.errors import NoGtids
from kachecks.mysql.facts import Channel, Facts, channels_by_address
from kachecks.mysql.probe import probe
from kachecks.mysql.session import Session, SessionError
from kachecks.node import Node
from kachecks.transitions.record import Steps
from kachecks.transitions.refusal import Interrupted, Leaving, Refusal, VipGone

STATEMENT = 2.0
"""Seconds for one statement; the server ends our sessions after 3 s of silence."""

PEER_STATEMENT = 1.0
"""Seconds for one statement at the peer."""

PING_AFTER = 0.5
"""Seconds after which an unused session is pinged, so that the server does not end it."""

LOCK_PATIENCE = 8.0
"""Seconds to wait for the other node's promotion."""


class Peer(NamedTuple):
    """The other server, with the session that holds the lock there."""

    session: Session
    facts: Facts


class own_server:
    """Around statements on this node's own server: an error there ends the promotion, and is never
    taken for one of the peer."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _where: object) -> None:
        if isinstance(error, NoGtids):
            raise Refusal(f"this node's own server: {error}") from None
        if isinstance(error, SessionError):
            raise Interrupted(f"this node's own server: {error}") from None


class Sessions:
    """This node's session, the peer's where it answers, and the lock on both."""

    def __init__(self, node: Node, steps: Steps) -> None:
        """Connect to this node's own server.

        Raises:
            VipGone, Leaving: this node is not to be promoted.
            Interrupted: the server does not answer.
        """
        self.node = node
        self.steps = steps
        self.peer: Peer | None = None
        self.had_to_wait = False
        self._last_ping = node.clock.now()
        self.must_go_on()
        with own_server():
            self.local = node.servers.connect_local(STATEMENT)
            try:
                self.facts = probe(self.local, STATEMENT)
                self.local.execute(queries.LET_GO_WHEN_SILENT, STATEMENT)
            except SessionError:
                self.local.close()
                raise

    def close(self) -> None:
        """End both sessions, and with them their locks."""
        self.local.close()
        self.forget_peer()

    def forget_peer(self) -> None:
        """End the peer's session, if there is one."""
        if self.peer is not None:
            self.peer.session.close()
            self.peer = None

    def must_go_on(self) -> None:
        """The VIP is here, and nobody is about to give it away. Raises VipGone, Leaving."""
        if not self.node.network.vip_here():
            raise VipGone
        if self.node.marks.is_leaving():
            raise Leaving

    def channels(self) -> tuple[Channel, ...]:
        """This node's channels from the peer, as they are now. Raises Interrupted."""
        with own_server():
            found = probe(self.local, STATEMENT).channels
        return channels_by_address(found, self.node.config.peer)

    def pause(self, seconds: float) -> None:
        """Wait, provided that this node is still to be promoted and both sessions live.

        Raises:
            VipGone, Leaving, Interrupted.
        """
        self.must_go_on()
        self.keep_alive()
        self.node.clock.sleep(seconds)

    def keep_alive(self) -> None:
        """Use both sessions, unless that was done a moment ago. Raises Interrupted."""
        if self.node.clock.now() - self._last_ping > PING_AFTER:
            self.ping()

    def ping(self) -> None:
        """Check that both sessions are alive: if one is gone, so is its lock. Raises
        Interrupted."""
        self._last_ping = self.node.clock.now()
        with own_server():
            self.local.query(queries.PING, STATEMENT)
        if self.peer is not None:
            try:
                self.peer.session.query(queries.PING, PEER_STATEMENT)
            except SessionError as error:
                raise Interrupted(f"the peer stopped answering: {error}") from None

    def lock(self) -> None:
        """Take the lock on this server and, where it answers, on the peer.

        The lock is taken in the order of the servers' server_id. That order is the same on both
        nodes, so two promotions never wait for each other.

        Raises:
            Refusal: the other node's promotion has not ended within LOCK_PATIENCE seconds.
            SessionError: the peer's.
        """
        budget = Budget(self.node.clock, LOCK_PATIENCE)
        with own_server():
            self.local.execute(queries.RELEASE_LOCKS, STATEMENT)
        peer_first = self.peer is not None and self.peer.facts.server_id < self.facts.server_id
        if self.peer is not None and peer_first:
            self._take_lock(self.peer.session, budget)
        with own_server():
            self._take_lock(self.local, budget)
        if self.peer is not None and not peer_first:
            self._take_lock(self.peer.session, budget)

    def _take_lock(self, session: Session, budget: Budget) -> None:
        sql = queries.take_lock(self.node.config.name, 1)
        while session.query(sql, STATEMENT)[0]["taken"] != "1":
            self.had_to_wait = True
            self.must_go_on()
            self.keep_alive()
            if budget.over:
                raise Refusal("the other node's promotion has not ended in time")
