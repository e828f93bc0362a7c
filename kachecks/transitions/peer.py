"""Settle with the peer before this node opens: it must not write, and what it has committed must be
known.

The peer is asked over its own address, and its answer decides. A peer that is closed, or open and
can be closed, is no obstacle. If it is alive and cannot be closed, this node stays closed. If it
does not answer, the rules below decide how long to look for it and whether to open without it.
"""

from __future__ import annotations

from kachecks.bounded import Budget, GivenUp
from kachecks.mysql import positions, prepared, queries
from kachecks.mysql.errors import NOT_ALLOWED, NoGtids, grants_files
from kachecks.mysql.pair import not_our_pair
from kachecks.mysql.probe import probe_access, probe_identity
from kachecks.mysql.session import (
    KNOCK,
    DriverError,
    Lost,
    NoAnswer,
    NotReady,
    NotSent,
    Refused,
    ServerError,
    Session,
    SessionError,
    Unreachable,
)
from kachecks.transitions.closing import Closing, NotClosed
from kachecks.transitions.demotion import own_users
from kachecks.transitions.peer_search import STILL_FRESH, Search, Settled
from kachecks.transitions.presence import (
    AT_ONCE,
    Presence,
    must_see_a_witness,
    nothing_is_there,
    presence_of_peer,
)
from kachecks.transitions.refusal import Refusal
from kachecks.transitions.sessions import PEER_STATEMENT, Peer, Sessions

PEER_CONNECT = 1.0
"""Seconds to connect to a peer that does not answer at once: with TLS five times the way there and
back, which is 0.12 s where somebody fills the link. Where nothing answers, the session sends a
second SYN and waits another 0.3 s."""

FIRST_CONNECT = 0.25
"""The same, at first; and as long for the second SYN."""

CUT_AT_PEER = 1.0
"""Seconds at most for cutting the clients of a peer that is closed by now, since nobody can write
meanwhile. A client that is left finds out at its next statement that the VIP has moved."""


HALF_CLOSED = 3
"""Times that a peer is closed and lost before its last clients are cut."""


class PeerChanged(Exception):
    """The peer is not as it was a moment ago: ask it anew, from the beginning."""


class MayNotClose(Exception):
    """The peer is open, and our account there may not close it."""

    def __init__(self, error: ServerError) -> None:
        super().__init__(str(error))
        self.error = error


class HalfClosed(PeerChanged):
    """The same, and who may write through its read_only may not all have been cut yet."""


def settle_peer(sessions: Sessions) -> Settled:
    """See to it that the peer does not write, and take the lock on both servers.

    Raises:
        Refusal: the peer may be writing, or about to write.
        VipGone, Leaving: this node is not to be promoted any more.
    """
    search = Search(sessions)
    pause, half_closed, rounds = 0.005, False, 0
    denied: MayNotClose | None = None
    while True:
        sessions.must_go_on()
        try:
            session = _reach(sessions)
            try:
                return _close_peer(sessions, session, half_closed, denied)
            finally:
                search.answered()
        except Refused as refusal:
            settled = search.refused(refusal)
        except Silent as error:
            settled = search.mute(error, Presence.NONE)
        except (NoAnswer, Lost) as error:
            settled = search.mute(error, presence_of_peer(sessions, host_answered=True))
        except (Unreachable, NotSent) as error:
            settled = search.mute(error, presence_of_peer(sessions, host_answered=False))
        except PeerChanged as change:
            settled, half_closed = None, isinstance(change, HalfClosed)
            rounds += half_closed
            _must_come_to_an_end(search, rounds)
        except NoGtids as error:
            raise Refusal(f"the peer {sessions.node.config.peer}: {error}") from None
        except NotReady as error:
            settled = None
            search.not_ready(error)
        except MayNotClose as refused:
            settled, denied = None, refused
            if not search.closes_itself():
                raise _not_to_be_closed(sessions, refused.error) from None
        except (ServerError, DriverError) as error:
            raise _not_to_be_closed(sessions, error) from None
        if settled is not None:
            sessions.lock()
            return settled
        sessions.pause(pause)
        pause = min(2 * pause, 0.05)


def _not_to_be_closed(sessions: Sessions, error: SessionError) -> Refusal:
    config = sessions.node.config
    return Refusal(
        f"the peer {config.peer} is alive, but cannot be asked or closed: {error};"
        f" check [peer] in {config.path} and the grants of {grants_files()}"
        + (f"; {config.remote.doubt}" if config.remote.doubt else "")
    )


class Silent(Unreachable):
    """Nothing of the peer's host answers, in any way: there is no need to wait for it longer."""


def _reach(sessions: Sessions) -> Session:
    """A session with the peer. A dead host is known by now; whoever may be slow is asked again.

    Raises:
        Silent: nothing answers.
        SessionError: as connect_peer.
    """
    servers = sessions.node.servers
    connecting = servers.begin_to_connect_peer(FIRST_CONNECT)
    try:
        return connecting(AT_ONCE)
    except NotReady:  # it is there, and this node needs more time
        return servers.connect_peer(PEER_CONNECT)
    except GivenUp:
        pass
    silent = nothing_is_there(sessions)
    try:
        return connecting(FIRST_CONNECT + KNOCK + AT_ONCE)
    except Unreachable as error:
        if silent:
            raise Silent(str(error)) from None
    except (GivenUp, NoAnswer, NotReady):
        pass
    return servers.connect_peer(PEER_CONNECT)


def _must_come_to_an_end(search: Search, half_closed: int) -> None:
    """Raises Refusal: the peer changes again and again."""
    if search.has_no_end:
        raise Refusal("the peer is alive, and cannot be closed: each time it says something else")
    if half_closed == HALF_CLOSED:
        raise Refusal(
            "the peer is not closed to everybody: each time it was lost before its last clients"
            " were cut"
        )


def peer_is_back(sessions: Sessions, settled: Settled) -> bool:
    """Take a last look at a peer that was down or silent: has it come back meanwhile?

    Raises Refusal: nothing answers at all, so it is this node that has been cut off meanwhile.
    """
    if sessions.node.clock.now() - settled.at < STILL_FRESH:
        return False
    try:
        sessions.node.servers.connect_peer(PEER_CONNECT).close()
    except Refused:
        return False
    except (Unreachable, NotSent):
        must_see_a_witness(sessions, f"{settled.said}, and by now nothing answers there")
        return False
    except (NoAnswer, Lost):
        return not settled.mute
    except SessionError:
        return True
    return True


def _close_peer(
    sessions: Sessions, session: Session, half_closed: bool, denied: MayNotClose | None
) -> Settled:
    """Close the peer if it is open, or half closed, then read all that it has committed.

    Args:
        denied: why it could not be closed a moment ago: now it is only looked at.

    Raises:
        Refusal: it is not our peer, or cannot be closed.
        MayNotClose: as before, or for the first time.
        SessionError, PeerChanged: it has changed meanwhile; ask anew.
    """
    sessions.forget_peer()
    fenced = False
    try:
        facts = probe_identity(session, PEER_STATEMENT)
        config = sessions.node.config
        why_not = not_our_pair(sessions.facts, facts, config.peer, config.path)
        if why_not:
            raise Refusal(why_not)
        if not sessions.facts.writable:
            positions.executed(session, PEER_STATEMENT)  # before anything is done to it: NoGtids
        session.execute(queries.LET_GO_WHEN_SILENT, PEER_STATEMENT)
        sessions.peer = Peer(session, facts)
        sessions.lock()
        is_closed = probe_access(session, PEER_STATEMENT).closed
        if denied is not None and not is_closed:
            raise denied
        if half_closed or not is_closed:
            if sessions.had_to_wait and not is_closed:
                raise Refusal("the other node was promoted while this one waited for it")
            must_see_a_witness(sessions, "the peer is open")
            _fence(sessions, session)
            fenced = True
        left = prepared.may_still_commit(session, PEER_STATEMENT)
        target = None
        if not sessions.facts.writable:  # a server that is open already applies nothing first
            target = positions.executed(session, PEER_STATEMENT)
    except BaseException:
        session.close()
        sessions.peer = None
        raise
    now = sessions.node.clock.now()
    return Settled(f"peer closed{left}", target, now, fenced=fenced, may_commit=bool(left))


def _fence(sessions: Sessions, session: Session) -> None:
    """Raises Refusal, PeerChanged, MayNotClose, SessionError."""
    node = sessions.node

    def again(seconds: float) -> Session:
        sessions.forget_peer()  # its lock is gone with its session
        return node.servers.connect_peer(min(seconds, PEER_CONNECT))

    budget = Budget(node.clock, node.config.fence_timeout)
    closing = Closing(session, node.clock, budget, own_users(node), again, sessions.keep_alive)
    try:
        closed = closing.close(cut_last=CUT_AT_PEER)
    except (NotClosed, NoAnswer) as error:
        _must_have_closed(sessions, error)
        raise PeerChanged from None
    except ServerError as error:
        if error.errno in NOT_ALLOWED:
            raise MayNotClose(error) from None
        raise
    finally:
        if closing.session is not session:
            closing.session.close()
    if not closed.quiet and not closed.answers:
        raise HalfClosed
    if not closed.quiet:
        raise Refusal(f"the peer is not closed to everybody{closed.remark}")
    sessions.steps.done(f"fence peer, {closed.cut} connections cut{closed.remark}")
    if sessions.peer is None:
        raise PeerChanged


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
