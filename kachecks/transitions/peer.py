"""The other node, before this one opens: it does not write, and what it has committed is known.

The peer is asked over its own address. What it says, or does not say, decides: closed and open it
can be dealt with; alive but not to be closed, this node stays closed.
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
from kachecks.transitions.sessions import (
    PEER_STATEMENT,
    STATEMENT,
    Peer,
    Refusal,
    Sessions,
    own_server,
)

PEER_CONNECT = 0.6
"""Seconds for the driver to connect to the peer; where nothing answers, a second SYN follows for
0.3 s (session), so a silent peer costs one second."""

CUT_AT_PEER = 1.0
"""Seconds at most for cutting the clients of a peer that is closed by now: nobody writes meanwhile.
Who is left has lost the VIP with that node, and finds out at its next statement."""

STILL_FRESH = 0.5
"""Seconds for which a look at a silent peer need not be repeated right before opening."""


class PeerChanged(Exception):
    """The peer is not as it was a moment ago: ask it anew, from the beginning."""


class Settled(NamedTuple):
    """The peer cannot write, as far as the policy of the option file goes."""

    said: str  # for the audit log
    target: Position | None  # all that it has committed, where it answers
    at: float  # when it was asked
    mute: bool = False  # it has not answered, and this node goes on all the same
    fenced: bool = False  # it was open and has been closed


def settle_peer(sessions: Sessions) -> Settled:
    """See to it that the peer does not write, and take the lock on both servers.

    Raises:
        Refusal: it may be writing, or about to.
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
                f"the peer {config.peer} is alive, and cannot be asked, or not be closed: {error};"
                f" check [peer] in {config.path} and the grants in keepalived-snippets"
            ) from None
        if settled is not None:
            sessions.lock()
            return settled
        sessions.pause(pause)
        pause = min(2 * pause, 0.05)


class _Search:
    """Looking for a peer that does not let itself be asked, as long as the option file says.

    Each method gives the settlement, or None to look again, or raises Refusal.
    """

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        node, config = sessions.node, sessions.node.config
        self._patience = config.hung_after + config.fence_timeout
        self._look_on = Budget(node.clock, self._patience)
        self._grace = Budget(node.clock, config.peer_grace)

    def refused(self, refusal: Refused) -> Settled | None:
        """Down, if it has ended: a server that shuts down closes its port first."""
        if not _still_connected(self._sessions):
            return self._gone(f"peer down: {refusal}")
        if self._look_on.over:
            raise Refusal(
                f"{refusal}, but its replication connections to this server are still up after"
                f" {self._patience:g} s: it may not have ended"
            )
        return None

    def mute(self, error: SessionError, presence: str) -> Settled | None:
        """Neither answering nor refusing: how much of its host is there decides."""
        if presence == Presence.NONE:
            return self._silent(error)
        said = f"peer mute, {presence}: {error}"
        if presence == Presence.HOLDER:
            return self._hung(said)
        if not self._look_on.over:
            return None
        # Nobody answers for the VIP, and its check or its hooks have had their time to kill.
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
    """A last look at a peer that was down or silent: has it come back meanwhile?"""
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
    """Close the peer if it is open; then all that it has committed.

    Raises:
        Refusal: it is not our peer, or will not be closed.
        SessionError, PeerChanged: it is not as it was; ask anew.
    """
    sessions.forget_peer()
    fenced = False
    try:
        facts = probe(session, PEER_STATEMENT)
        config = sessions.node.config
        why_not = not_our_pair(sessions.facts, facts, config.peer, config.path)
        if why_not:
            raise Refusal(why_not)
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
    """The time for fencing is over. A peer that answers and is open is no mute one.

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
    """The peer's receiver or ours still has a live connection: its mysqld has not ended.

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
