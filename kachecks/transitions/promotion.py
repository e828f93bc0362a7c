"""Open this node's server for writes if that is safe: the VIP has come, and MySQL must follow.

The steps are those of the manual's list, in order: connect to this server; take the lock on both
servers, close the peer and read its position; apply everything received; look at the peer once
more; open. Every way out but the last leaves the server closed.
"""

from __future__ import annotations

from kachecks.mysql import positions, queries
from kachecks.node import Node
from kachecks.transitions.apply_received import apply_received, must_go_by_gtids
from kachecks.transitions.peer import Settled, peer_is_back, settle_peer
from kachecks.transitions.record import Outcome, Steps
from kachecks.transitions.refusal import Interrupted, Refusal, StandAside
from kachecks.transitions.sessions import STATEMENT, Sessions, own_server


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


def _promote(sessions: Sessions) -> Outcome:
    steps = sessions.steps
    with own_server():  # before the peer, which may be serving, is fenced: NoGtids
        positions.executed(sessions.local, STATEMENT)
    must_go_by_gtids(sessions.channels())
    while True:
        settled = settle_peer(sessions)
        steps.done("peer")
        apply_received(sessions, settled.target)
        steps.done("drain")
        _must_not_be_cold(sessions, settled)
        if sessions.peer is not None or not peer_is_back(sessions, settled):
            break
    with own_server():
        position = positions.executed(sessions.local, STATEMENT).gtids
    _open(sessions)
    steps.done("open")
    why = f"{settled.said}; all that was received is applied"
    return Outcome("promote", "opened", why, done=True, changed=True, position=position)


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


def _already_open(sessions: Sessions) -> Outcome:
    """The server is open already (a second notify_master, or it booted open). It stays open, so the
    peer must be closed."""
    sessions.node.marks.mark_open(sessions.node.servers.process_of(sessions.local))
    try:
        settled = settle_peer(sessions)
    except Refusal as refusal:
        why = f"this server is open already, but {refusal}"
        return Outcome("promote", "already open", why, done=False, changed=False)
    why = f"this server is open already; {settled.said}"
    return Outcome("promote", "already open", why, done=True, changed=settled.fenced)


def _open(sessions: Sessions) -> None:
    """Open, and look for the VIP before and after.

    The open mark is set first: if this process dies in between, the next demotion still knows which
    mysqld may be open.
    """
    node, local = sessions.node, sessions.local
    sessions.ping()
    process = node.servers.process_of(local)
    marked = node.marks.open_mark()
    node.marks.mark_open(process)
    try:
        sessions.must_go_on()
    except StandAside:
        if marked is None:  # nothing was opened, so nothing may ever be killed for it
            node.marks.unmark_open()
        raise
    with own_server():
        local.execute(queries.OPEN_WRITES, STATEMENT)
        sessions.must_go_on()
        if node.marks.take_events_note(process):
            local.execute(queries.SWITCH_ON_EVENTS, STATEMENT)
