"""The two sessions of a promotion: one with this node's server, one with the peer's.

Each holds the lock in its server and must live until the end. The session with this node's server
is also the one that will open it. A session that is found gone ends the promotion; it is never
reconnected, since its lock is gone too.
"""

from __future__ import annotations

from kachecks.bounded import Budget
from kachecks.lean import NamedTuple, suppress
from kachecks.mysql import positions, queries
from kachecks.mysql.errors import NoGtids
from kachecks.mysql.facts import Channel, Facts, Row, channels_by_address
from kachecks.mysql.gtid import Position
from kachecks.mysql.probe import probe
from kachecks.mysql.session import Session, SessionError, ask
from kachecks.node import Node
from kachecks.state.files import StateError
from kachecks.transitions.demotion import own_users
from kachecks.transitions.lock_holder import cut_stranger
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

WAIT_FOR_LOCK = 1
"""Seconds of one wait for it; then it is looked who holds it."""

STRANGER_ENDS = 0.01
"""Seconds for the session of a stranger to end that was told to."""


def _taken(rows: list[Row]) -> bool:
    """NULL: GET_LOCK has failed there."""
    return rows[0]["taken"] == "1"


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


class peer_answers:
    """Around statements at a peer that has answered before: our lock there is gone if it stops."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _where: object) -> None:
        if isinstance(error, SessionError):
            raise Interrupted(f"the peer stopped answering: {error}") from None


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
        self.peer_silent_since = node.marks.peer_silent_since()
        """When the peer fell silent, as the checks before this promotion have noticed."""
        self._last_ping = node.clock.now()
        self.must_go_on()
        self.holder_elsewhere = node.network.ask_for_holder()
        """What another host said that was asked for the VIP when this promotion began."""
        with own_server():
            self.local = node.servers.connect_local(STATEMENT)
            try:
                self.facts = probe(self.local, STATEMENT)
                self.local.execute(queries.LET_GO_WHEN_SILENT, STATEMENT)
            except BaseException:
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
            facts = probe(self.local, STATEMENT)
        if self.peer is None:
            return self.node.of_the_peer(facts).channels
        address, identity = self.node.config.peer, self.peer.facts.identity
        return channels_by_address(facts.channels, address, identity)

    def position_of_peer(self) -> Position | None:
        """All that the peer has committed by now; None without a peer. Raises Interrupted."""
        if self.peer is None:
            return None
        with peer_answers():
            return positions.executed(self.peer.session, PEER_STATEMENT)

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
                with peer_answers():
                    self.peer.session.query(queries.PING, PEER_STATEMENT)
            finally:
                self.saw_peer()

    def saw_peer(self) -> None:
        """The peer, or its host, has just given a sign of life. The next promotion must know, too.

        Raises Interrupted: that cannot be written down.
        """
        self.peer_silent_since = None
        try:
            self.node.marks.end_peer_silence()
        except StateError as error:
            raise Interrupted(str(error)) from None

    def heard_nothing(self) -> float:
        """Nothing of the peer's host has answered: since when that is so (CLOCK_BOOTTIME)."""
        if self.peer_silent_since is None:
            self.peer_silent_since = self.node.clock.now()
            with suppress(StateError):  # then the next promotion waits longer
                self.node.marks.note_peer_silent()
        return self.peer_silent_since

    def lock(self) -> None:
        """Take the lock on this server and, where it answers, on the peer.

        The lock is taken in the order of the servers' server_id. That order is the same on both
        nodes, so two promotions never wait for each other.

        Raises:
            Refusal: the other node's promotion has not ended within LOCK_PATIENCE seconds, or
                somebody else keeps the lock.
            VipGone, Leaving, Interrupted.
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
        """Wait for the other node's promotion; anybody else who has the lock is cut.

        Others may queue behind that one, so the next is looked for without another wait.
        """
        name, users = self.node.config.name, own_users(self.node)
        cut: set[str] = set()
        seconds = WAIT_FOR_LOCK
        while not ask(session, queries.take_lock(name, seconds), STATEMENT, _taken):
            stranger = cut_stranger(session, name, users, PEER_STATEMENT)
            if stranger is None:
                self.had_to_wait = True
                said = "the other node's promotion has not ended in time"
            else:
                said = f"{stranger.user} holds the lock of kachecks again and again"
                if stranger.why_not:
                    raise Refusal(
                        f"{stranger.user} holds the lock of kachecks, and cannot be cut:"
                        f" {stranger.why_not}"
                    )
                if stranger.user not in cut:
                    self.steps.done(f"cut a session of {stranger.user} that held our lock")
                    cut.add(stranger.user)
            if budget.over:
                raise Refusal(said)
            seconds = WAIT_FOR_LOCK if stranger is None else 0
            self.pause(0.0 if stranger is None else STRANGER_ENDS)
