"""What a standby lacks of its peer, look by look, whatever its threads say.

A receiver that is connected but gets nothing shows 0 seconds behind. MariaDB 10.11 does so while
its source still writes to the previous, dead connection (measured: 15 s and more). So each look
remembers what the peer had, and the next one whether it has come. That is kept while the peer
cannot be asked: when it is dead nobody else knows.

GTIDs prove nothing where nothing is received from a peer that is open: a position that was set too
high by hand covers what has never come. So the clock of what is wanted runs then, too.
"""

from __future__ import annotations

from kachecks.check.verdict import Findings
from kachecks.lean import suppress
from kachecks.mysql import positions
from kachecks.mysql.errors import OPEN, ServerError, SessionError
from kachecks.mysql.facts import Facts, channels_by_address
from kachecks.mysql.gtid import Position
from kachecks.mysql.session import Session
from kachecks.node import Node
from kachecks.state.marks import Known
from kachecks.transitions.staleness import STATEMENT, blindness, stale, thrown_away, with_received


def carried(node: Node, session: Session, facts: Facts) -> Known:
    """What earlier looks have found out, and what has been received since. An open server wants
    nothing."""
    known = _carried(node, facts)
    if not facts.writable:
        channels = channels_by_address(facts.channels, node.config.peer)
        with suppress(SessionError):
            return with_received(session, facts, channels, known)
    return known


def _carried(node: Node, facts: Facts) -> Known:
    now, last = node.clock.now(), node.marks.last_look()
    if facts.writable:
        return Known(now, now, now)
    if last is None:  # since this host booted
        return node.known_late.read(now) or Known(now, now, now)
    if now - last.at > node.config.max_lag + node.config.peer_check:  # nobody has looked
        return last.known._replace(served_at=now)
    return last.known


def compared(
    node: Node,
    session: Session,
    peer: Session,
    found: Findings,
    receiving: bool,
    patience: float,
) -> Findings:
    """Whether this closed server has got what its peer, which answers, had at an earlier look.

    Args:
        receiving: a receiver of this server is connected to the peer.
        patience: seconds for the peer's answer.

    Raises SessionError.
    """
    now, is_open, known = node.clock.now(), found.peer == OPEN, found.known or Known()
    heard = receiving and not found.reset
    begins = is_open and not heard and not known.blind
    known = known._replace(blind=known.blind or begins)
    if known.received and positions.missing(peer, Position(known.received), patience):
        known = known._replace(received="")  # it has lost some of it itself
    known = known._replace(asked_at=now, served_at=now if is_open else known.served_at)
    try:
        left = positions.missing(session, Position(known.wanted), STATEMENT)
    except (ServerError, ValueError):  # what was remembered is no position; the clock runs on
        known = known._replace(wanted=positions.executed(peer, patience).gtids)
        left = positions.missing(session, Position(known.wanted), STATEMENT)
    if left and positions.missing(peer, Position(left), patience):
        # It has lost them itself: rebuilt, or a crash with the log not on its disk. The clock runs.
        known = known._replace(wanted=positions.executed(peer, patience).gtids)
        left = positions.missing(session, Position(known.wanted), STATEMENT)
    if not left:
        known = known._replace(wanted=positions.executed(peer, patience).gtids)
        if not known.blind or (is_open and heard):
            known = known._replace(wanted_at=node.clock.now(), blind=False)
        elif begins:  # the look before may be long ago; a receiver that is down for a moment
            known = known._replace(wanted_at=node.clock.now())
    late = bool(left or known.blind) and known.lacking > node.config.max_lag
    behind = ""
    if is_open and not found.up_to_date:
        behind = "it has not caught up with the peer since mysqld started"
    elif is_open and late:
        behind = f"it still lacks {left}, which the peer had {known.lacking:.0f} s ago"
        behind = behind if left else blindness(known)
    return found._replace(known=known, late=late, behind=behind)


def unasked(
    node: Node, session: Session, facts: Facts, vip_here: bool, found: Findings
) -> Findings:
    """What is known of a peer that cannot be asked, and whether this server is stale.

    While another host answers for the VIP and nothing is received here, the peer serves on. What
    waits in a relay log is not missing: the promotion applies it, cutting readers, and looks again.
    """
    known = found.known or Known()
    channels = channels_by_address(facts.channels, node.config.peer)
    if not vip_here and not any(channel.receiving for channel in channels):
        with suppress(OSError):  # who answers cannot be told
            if node.network.holder_elsewhere():
                known = known._replace(served_at=node.clock.now())
                found = found._replace(known=known, serves=True)
    with suppress(SessionError):  # of this server; a promotion asks again
        why = thrown_away(session, known, channels)
        why = why or stale(node, session, known, facts.identity, channels)
        return found._replace(stale=why, late=bool(why))
    return found
