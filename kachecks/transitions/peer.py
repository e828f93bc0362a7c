"""Settle with the peer before this node opens: it must not write, and what it has committed must be
known.

The peer is asked over its own address, and its answer decides. A peer that is closed, or open and
can be closed, is no obstacle. If it is alive and cannot be closed, this node stays closed. If it
does not answer, the rules below decide how long to look for it and whether to open without it.
"""

from __future__ import annotations

from kachecks.bounded import Budget
from kachecks.lean import NamedTuple
from kachecks.mysql import positions, queries
from kachecks.mysql.errors import NoGtids
from kachecks.mysql.gtid import Position
from kachecks.mysql.pair import not_our_pair
from kachecks.mysql.probe import probe, probe_access
from kachecks.mysql.session import (
    DriverError,
    Lost,
    NoAnswer,
    Refused,
    ServerError,
    Session,
    SessionError,
    Unreachable,
)
from kachecks.transitions.closing import Closing, NotClosed
from kachecks.transitions.demotion import own_users
from kachecks.transitions.presence import Presence, must_see_a_witness, presence_of_peer
from kachecks.transitions.refusal import Refusal
from kachecks.transitions.sessions import PEER_STATEMENT, STATEMENT, Peer, Sessions, own_server

PEER_CONNECT = 0.6
"""Seconds for the driver to connect to the peer. Where nothing answers, the session sends a second
SYN and waits another 0.3 s, so a silent peer costs about one second."""

CUT_AT_PEER = 1.0
"""Seconds at most for cutting the clients of a peer that is closed by now, since nobody can write
meanwhile. A client that is left finds out at its next statement that the VIP has moved."""

STILL_FRESH = 0.5
"""Seconds for which a look at a silent peer is recent enough not to be repeated right before
opening."""


class PeerChanged(Exception):
    """The peer is not as it was a moment ago: ask it anew, from the beginning."""


class Settled(NamedTuple):
    """The peer cannot write, or the option file accepts the risk that it can."""

    said: str  # what the peer is, for the audit log
    target: Position | None  # all that it has committed, where it answers
    at: float  # when it was asked
    mute: bool = False  # it has not answered, and this node goes on all the same
    fenced: bool = False  # it was open and has been closed


def settle_peer(sessions: Sessions) -> Settled:
    """See to it that the peer does not write, and take the lock on both servers.

    Raises:
        Refusal: the peer may be writing, or about to write.
        VipGone, Leaving: this node is not to be promoted any more.
    """
    search = _Search(sessions)
    pause = 0.005
    while True:
        sessions.must_go_on()
        try:
            session = sessions.node.servers.connect_peer(PEER_CONNECT)
            return _close_peer(sessions, session)
        except Refused as refusal:
            settled = search.refused(refusal)
        except (NoAnswer, Lost) as error:
            settled = search.mute(error, presence_of_peer(sessions, host_answered=True))
        except Unreachable as error:
            settled = search.mute(error, presence_of_peer(sessions, host_answered=False))
        except PeerChanged:
            search, settled = _Search(sessions), None
        except NoGtids as error:
            raise Refusal(f"the peer {sessions.node.config.peer}: {error}") from None
        except (ServerError, DriverError) as error:
            config = sessions.node.config
            raise Refusal(
                f"the peer {config.peer} is alive, but cannot be asked or closed: {error};"
                f" check [peer] in {config.path} and the grants in keepalived-snippets"
            ) from None
        if settled is not None:
            sessions.lock()
            return settled
        sessions.pause(pause)
        pause = min(2 * pause, 0.05)


class _Search:
    """Looks for a peer that cannot be asked, for as long as the option file says.

    Each method returns the settlement, or None to look again, or raises Refusal.
    """

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        node, config = sessions.node, sessions.node.config
        self._patience = config.hung_after + config.fence_timeout
        self._look_on = Budget(node.clock, self._patience)
        self._grace = Budget(node.clock, config.peer_grace)

    def refused(self, refusal: Refused) -> Settled | None:
        """The peer is down if its mysqld has ended; one that shuts down closes its port first."""
        if not _still_connected(self._sessions):
            return self._gone(f"peer down: {refusal}")
        if self._look_on.over:
            raise Refusal(
                f"{refusal}, but after {self._patience:g} s its replication connections to this"
                " server are still up: it may not have ended"
            )
        return None

    def mute(self, error: SessionError, presence: str) -> Settled | None:
        """The peer neither answers nor refuses, so it depends on how much of its host is there."""
        if presence == Presence.NONE:
            return self._silent(error)
        said = f"peer mute, {presence}: {error}"
        if presence == Presence.HOLDER:
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
        said = f"peer silent: {error}"
        if self._sessions.node.config.witnesses:
            must_see_a_witness(self._sessions, said)
            left = self._grace.left()
            if left > STILL_FRESH:
                return None
            self._sessions.pause(left)
        return self._gone(said)

    def _gone(self, said: str, mute: bool = False) -> Settled:
        return Settled(said, None, self._sessions.node.clock.now(), mute)


def peer_is_back(sessions: Sessions, settled: Settled) -> bool:
    """Take a last look at a peer that was down or silent: has it come back meanwhile?"""
    if sessions.node.clock.now() - settled.at < STILL_FRESH:
        return False
    try:
        sessions.node.servers.connect_peer(PEER_CONNECT).close()
    except (Refused, Unreachable):
        return False
    except (NoAnswer, Lost):
        return not settled.mute
    except SessionError:
        return True
    return True


def _close_peer(sessions: Sessions, session: Session) -> Settled:
    """Close the peer if it is open, then read all that it has committed.

    Raises:
        Refusal: it is not our peer, or cannot be closed.
        SessionError, PeerChanged: it has changed meanwhile; ask anew.
    """
    sessions.forget_peer()
    fenced = False
    try:
        facts = probe(session, PEER_STATEMENT)
        config = sessions.node.config
        why_not = not_our_pair(sessions.facts, facts, config.peer, config.path)
        if why_not:
            raise Refusal(why_not)
        if not sessions.facts.writable:
            positions.executed(session, PEER_STATEMENT)  # before anything is done to it: NoGtids
        session.execute(queries.LET_GO_WHEN_SILENT, PEER_STATEMENT)
        sessions.peer = Peer(session, facts)
        sessions.lock()
        if not probe_access(session, PEER_STATEMENT).closed:
            if sessions.had_to_wait:
                raise Refusal("the other node was promoted while this one waited for it")
            must_see_a_witness(sessions, "the peer is open")
            _fence(sessions, session)
            fenced = True
        target = None
        if not sessions.facts.writable:  # a server that is open already applies nothing first
            target = positions.executed(session, PEER_STATEMENT)
    except BaseException:
        session.close()
        sessions.peer = None
        raise
    return Settled("peer closed", target, sessions.node.clock.now(), fenced=fenced)


def _fence(sessions: Sessions, session: Session) -> None:
    node = sessions.node
    budget = Budget(node.clock, node.config.fence_timeout)
    try:
        closing = Closing(
            session,
            node.clock,
            budget,
            own_users(node),
            lambda: node.servers.connect_peer(PEER_CONNECT),
            sessions.keep_alive,
        )
        closed = closing.close(cut_last=CUT_AT_PEER)
    except (NotClosed, NoAnswer) as error:
        _must_have_closed(sessions, error)
        raise PeerChanged from None
    if not closed.quiet:
        raise Refusal(f"the peer is not closed to everybody{closed.remark}")
    sessions.steps.done(f"fence peer, {closed.cut} connections cut{closed.remark}")


def _must_have_closed(sessions: Sessions, error: Exception) -> None:
    """The time for fencing is over: look once more. A peer that answers and is open is not a mute
    one.

    Raises:
        Refusal: it is open.
        SessionError: it does not answer.
    """
    session = sessions.node.servers.connect_peer(PEER_CONNECT)
    try:
        if not probe_access(session, PEER_STATEMENT).closed:
            raise Refusal(f"the peer is open and cannot be closed: {error}") from None
    finally:
        session.close()


def _still_connected(sessions: Sessions) -> bool:
    """The peer's receiver or ours still has a live connection, so the peer's mysqld has not ended.

    A server that shuts down closes its port first and may commit for seconds.
    """
    with own_server():
        rows = sessions.local.query(queries.PROCESSLIST, STATEMENT)
    dumping = [
        (row["Host"] or "").rpartition(":")[2]
        for row in rows
        if (row["Command"] or "").startswith("Binlog Dump")
    ]
    ports = {int(port) for port in dumping if port.isdigit()}  # none over a unix socket
    if ports and ports & sessions.node.servers.connections_from_peer():
        return True
    return any(channel.receiving for channel in sessions.channels())
