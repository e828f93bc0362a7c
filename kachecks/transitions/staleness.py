"""Is this standby known to be late? Then it must not open while its peer is gone.

What a closer look has seen of an open peer is kept for as long as the peer cannot be asked. Four
things make a standby stale:

- What it had received is neither applied nor in its relay log any more, whatever max_lag says.
- It lacks transactions that the peer had more than max_lag seconds before the peer was last known
  to serve.
- The peer was known to serve for that long while this server received nothing from it, or had
  transactions of the peer that the peer lacks: then GTIDs prove nothing (Known.blind).
- The peer has served that long, or nobody has looked, while this server could neither ask it nor
  receive from it: then nobody knows what is missing. But not beside the alone mark: then the peer
  was off, and does not open before this node does.
"""

from __future__ import annotations

from kachecks.mysql import positions
from kachecks.mysql.gtid import Position
from kachecks.mysql.session import Session
from kachecks.node import Node
from kachecks.state.marks import Known

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kachecks.mysql.facts import Channel, Facts

STATEMENT = 1.0
"""Seconds for one statement on this node's server."""


def why_stale(
    node: Node, session: Session, identity: str, received: tuple[Channel, ...] = ()
) -> str:
    """Why this server may not open without its peer, by what the last look has kept; "" if it may.

    Args:
        identity: of this server.
        received: channels; what is in their relay logs was not thrown away.

    Raises SessionError.
    """
    last = node.marks.last_look()
    # Without a look since this host booted only the disk knows.
    known = node.known_late.read(node.clock.now()) if last is None else last.known
    if known is None:
        return ""
    return thrown_away(session, known, received) or stale(node, session, known, identity)


def stale(
    node: Node, session: Session, known: Known, identity: str, received: tuple[Channel, ...] = ()
) -> str:
    """The same, by what is known.

    A peer that hangs is closed or killed within hung_after + fence_timeout, so for so long nobody
    is missed for having served.

    Args:
        received: channels whose relay logs a promotion has yet to apply.

    Raises SessionError.
    """
    config = node.config
    if known.lacking > config.max_lag:
        left = positions.not_received(session, Position(known.wanted), received, STATEMENT)
        if left:
            return (
                f"this server lacks {left}, which the peer had {known.lacking:.0f} s before it was"
                " last known to serve"
            )
        if known.blind:
            return blindness(known)
    patience = config.max_lag + config.hung_after + config.fence_timeout
    if known.unasked > patience and not _served_alone(node, session, identity):
        return (
            f"the peer may have served for {known.unasked:.0f} s while this server could neither"
            " ask it nor receive from it"
        )
    return ""


def thrown_away(session: Session, known: Known, received: tuple[Channel, ...]) -> str:
    """What this server had received, and has neither applied nor in these channels' relay logs; ""
    if nothing. Raises SessionError."""
    gone = positions.not_received(session, Position(known.received), received, STATEMENT)
    if not gone:
        return ""
    return (
        f"this server had received {gone}, which is neither applied nor in its relay log any more"
        " (STOP and START REPLICA, or CHANGE, throw away what was received)"
    )


def with_received(
    session: Session, facts: Facts, channels: tuple[Channel, ...], known: Known
) -> Known:
    """Remember what these channels have received and this server has not executed, too.

    What was in a relay log at an earlier look, and is nowhere now, stays remembered. Raises
    SessionError.
    """
    parts = [positions.not_received(session, Position(known.received), channels, STATEMENT)]
    parts += [
        positions.unapplied(session, each, facts.server_id, STATEMENT)
        for each in channels
        if each.received_gtid
    ]
    return known._replace(received=",".join(filter(None, parts)))


def blindness(known: Known) -> str:
    """Why nobody knows what this server lacks, although it has every GTID that is wanted."""
    return (
        f"the peer has served for {known.lacking:.0f} s while this server received nothing from it,"
        " or had other GTIDs of it than the peer itself, so nobody knows what is missing"
    )


def _served_alone(node: Node, session: Session, identity: str) -> bool:
    return node.served_alone.is_marked(positions.others_of(session, identity, STATEMENT))
