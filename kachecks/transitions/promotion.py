"""Open this node's server for writes if that is safe: the VIP has come, and MySQL must follow.

The steps are those of the manual's list, in order: connect to this server; take the lock on both
servers, close the peer and read its position; apply everything received (settle anew if the peer
comes back meanwhile); look at the peer once more; cut this server's readers; open. Every way out
but the last leaves the server closed. When it is open, a transaction that a dead peer has sent in
part lets go of its locks.
"""

from __future__ import annotations

from kachecks.lean import suppress
from kachecks.mysql import positions, prepared, queries
from kachecks.mysql.ability import why_not_a_pair, why_unable
from kachecks.mysql.errors import NOT_ALLOWED, ServerError, grants_files
from kachecks.mysql.gtid import Position
from kachecks.mysql.probe import probe_access
from kachecks.node import Node
from kachecks.state.files import StateError
from kachecks.transitions.apply_received import (
    apply_received,
    must_go_by_gtids,
    must_leave_nothing_out,
)
from kachecks.transitions.half_sent import let_go_of_half_sent
from kachecks.transitions.peer import PeerChanged, peer_is_back, settle_peer
from kachecks.transitions.peer_return import PeerReturn
from kachecks.transitions.peer_search import Settled
from kachecks.transitions.readers import cut_after_opening, cut_before_opening
from kachecks.transitions.record import Outcome, Steps
from kachecks.transitions.refusal import Interrupted, Refusal, StandAside
from kachecks.transitions.semi_sync import switch_on_before_opening
from kachecks.transitions.sessions import STATEMENT, Sessions, own_server
from kachecks.transitions.staleness import why_stale, with_received


def promote(node: Node, steps: Steps) -> Outcome:
    """Open this node's server, or say why not. The caller holds the pair's lock.

    Raises:
        StandAside: the VIP is not here, has left meanwhile, or is about to leave. The server may
            have been opened at that very moment, so the caller demotes.
    """
    sessions: Sessions | None = None
    try:
        sessions = Sessions(node, steps)
        steps.done("connect")
        with own_server():
            of_cluster = why_not_a_pair(sessions.local, sessions.facts.group_member, STATEMENT)
        if of_cluster:
            return Outcome("promote", "not now", of_cluster, done=False, changed=False)
        if sessions.facts.writable:
            return _already_open(sessions)
        return _promote(sessions)
    except Interrupted as interruption:
        return Outcome("promote", "interrupted", str(interruption), done=False, changed=False)
    except Refusal as refusal:
        return Outcome("promote", "refused", str(refusal), done=False, changed=False)
    finally:
        if sessions is not None:
            sessions.close()


MOST_TURNS = 10
"""Times that one promotion settles with a peer that comes and goes, as long as it applies or at the
last look before opening."""


def _promote(sessions: Sessions) -> Outcome:
    steps = sessions.steps
    with own_server():  # before the peer, which may be serving, is fenced: NoGtids
        positions.executed(sessions.local, STATEMENT)
        unable = why_unable(sessions.local, sessions.facts, STATEMENT)
    if unable:
        raise Refusal(f"this node's own server could not serve: {unable}")
    must_go_by_gtids(sessions.channels())
    must_leave_nothing_out(sessions)
    _remember_received(sessions)
    back = PeerReturn(sessions)
    for _ in range(MOST_TURNS):
        settled = settle_peer(sessions)
        steps.done("peer")
        back.settled(settled)
        try:
            apply_received(sessions, settled.target, back.look)
        except PeerChanged:
            steps.done("the peer is back")
            continue
        if settled.may_commit and sessions.peer is not None:  # what it has committed meanwhile
            apply_received(sessions, sessions.position_of_peer())
        steps.done("drain")
        _must_not_be_cold(sessions, settled)
        _must_not_be_stale(sessions, settled)
        if sessions.peer is not None or not peer_is_back(sessions, settled):
            break
    else:
        raise Refusal("the peer is gone, and back when it is looked for again, each time")
    with own_server():
        position = positions.executed(sessions.local, STATEMENT).gtids
        left = prepared.left_to_end(sessions.local, STATEMENT)
    all_cut = cut_before_opening(sessions)
    remark = _open(sessions)
    steps.done("open")
    if not all_cut:
        cut_after_opening(sessions)
    let_go_of_half_sent(sessions)
    why = f"{settled.said}; all that was received is applied{left}{remark}"
    return Outcome("promote", "opened", why, done=True, changed=True, position=position)


def _remember_received(sessions: Sessions) -> None:
    """Whoever stops and starts replication while this server applies throws away what is left."""
    marks = sessions.node.marks
    last = marks.last_look()
    if last is None:
        return
    with own_server():
        channels = sessions.channels()
        known = with_received(sessions.local, sessions.facts, channels, last.known)
    if known != last.known:
        last = marks.last_look() or last  # a check may have found out more meanwhile
        with suppress(StateError):
            marks.remember_look(last._replace(known=last.known._replace(received=known.received)))


def _must_not_be_cold(sessions: Sessions, settled: Settled) -> None:
    """Refuse a cold start: a node that starts while its peer is gone may be hours behind, and not
    know it.

    It has everything if it was up to date with the peer at some time since its own mysqld started.
    It also has everything if it was itself open while the peer was already gone, and has got
    nothing from the peer since. To tell that, all that it has received must be applied by now.

    Raises:
        Refusal: neither is so, and cold_start = refuse.
    """
    node, facts = sessions.node, sessions.facts
    if settled.target is not None or node.config.cold_start == "open":
        return
    if node.marks.had_contact(node.servers.process_of(sessions.local)):
        return
    with own_server():
        others = positions.others_of(sessions.local, facts.identity, STATEMENT)
    if node.served_alone.is_marked(others):
        return
    raise Refusal(
        f"{settled.said}, and this server has not replicated from it since it started, so it may"
        " lack what the peer has written; cold_start = refuse: start the peer, or, if this node is"
        " known to have everything, set cold_start = open until it has opened"
    )


def _must_not_be_stale(sessions: Sessions, settled: Settled) -> None:
    """Refuse to open a standby that was known to be late, now that its peer cannot be asked.

    Raises:
        Refusal: it is, all that was received is applied by now, and on_stale_replica = refuse.
    """
    if sessions.node.config.on_stale_replica == "open":
        return
    if settled.target is not None:
        _must_not_be_blind(sessions, settled.target)
        return
    with own_server():
        # What is in a relay log still was not thrown away: on_drain_timeout = open leaves it there.
        received = sessions.channels()
        why = why_stale(sessions.node, sessions.local, sessions.facts.identity, received)
    if why:
        raise Refusal(
            f"{settled.said}, and {why}; on_stale_replica = refuse: start the peer, which has them,"
            " or, if they are to be given up, set on_stale_replica = open until this node has"
            " opened"
        )


def _must_not_be_blind(sessions: Sessions, target: Position) -> None:
    """Refuse where the peer's position does not tell what is missing here.

    For longer than max_lag this server was seen to receive nothing from the open peer, or to have
    transactions that the peer should have made and has not (Known.blind), and has such now. Without
    the former, a peer that has lost its last commits in a crash is the worse choice.

    Raises:
        Refusal: it is so.
    """
    last, peer = sessions.node.marks.last_look(), sessions.peer
    if last is None or peer is None or not last.known.blind:
        return
    if last.known.lacking <= sessions.node.config.max_lag:
        return
    with own_server():
        more = positions.beyond(sessions.local, target, peer.facts.identity, STATEMENT)
    if more:
        raise Refusal(
            f"this server has {more}, which the peer should have made and has not, so nobody knows"
            " what is missing here; on_stale_replica = refuse: set this server up anew from the"
            " peer"
        )


def _already_open(sessions: Sessions) -> Outcome:
    """The server is open already (a second notify_master, or it booted open). It stays open, so the
    peer must be closed."""
    sessions.node.marks.mark_open(sessions.node.servers.process_of(sessions.local))
    switch_on_before_opening(sessions.node)
    try:
        settled = settle_peer(sessions)
    except Refusal as refusal:
        why = f"this server is open already, but {refusal}"
        return Outcome("promote", "already open", why, done=False, changed=False)
    why = f"this server is open already; {settled.said}"
    return Outcome("promote", "already open", why, done=True, changed=settled.fenced)


def _open(sessions: Sessions) -> str:
    """Open, and look for the VIP before and after; a remark for the audit log.

    The open mark is set first: if this process dies in between, the next demotion still knows which
    mysqld may be open.

    Raises:
        Refusal: the server does not let itself be opened.
        StandAside, Interrupted.
    """
    node, local = sessions.node, sessions.local
    sessions.ping()
    process = node.servers.process_of(local)
    marked = node.marks.open_mark()
    node.marks.mark_open(process)
    remark = switch_on_before_opening(node)  # or a client's commit could go without it
    try:
        sessions.must_go_on()
    except StandAside:
        if marked is None:  # nothing was opened, so nothing may ever be killed for it
            node.marks.unmark_open()
        raise
    with own_server():
        try:
            local.execute(queries.OPEN_WRITES, STATEMENT)
        except ServerError as error:
            remark += _open_after_all(sessions, error)
        sessions.must_go_on()
        with suppress(StateError):
            node.marks.forget_heard()  # who is let open has been elected: VRRP works
        if node.marks.take_events_note(process):
            try:
                local.execute(queries.SWITCH_ON_EVENTS, STATEMENT)
            except ServerError as error:
                remark += f"; but the event scheduler could not be switched on: {error}"
    return remark


def _open_after_all(sessions: Sessions, error: ServerError) -> str:
    """The server has answered the opening with an error: what it is now counts, not the error.

    A remark if it is open. Such an error does not go away by trying again: 1227, the account lacks
    a privilege; 1238 and 1290, read_only may not be changed.

    Raises:
        Refusal: it is closed, and so this node gives the VIP back.
        SessionError: it cannot be read back.
    """
    access = probe_access(sessions.local, STATEMENT)
    if access.writable:
        return f"; this server is open, although it said: {error}"
    if access.closed:
        sessions.node.marks.unmark_open()
    raise Refusal(
        f"this node's own server does not let itself be opened: {error}"
        + (f"; check the grants of {grants_files()}" if error.errno in NOT_ALLOWED else "")
    )
