"""Looks at both servers for ``kachecks rejoin``: what each lacks of the other. Changes nothing."""

from __future__ import annotations

from kachecks.bounded import Budget
from kachecks.check.one_run import run_check
from kachecks.commands.rejoin.facts import HERE, THERE, Comparison, Gap, Side
from kachecks.mysql import operator_queries, positions, queries
from kachecks.mysql.facts import Channel, channels_by_address, channels_by_identity, gtids_of
from kachecks.mysql.gtid import Position, lost_of
from kachecks.mysql.gtid_count import count, mariadb_count, mariadb_spans
from kachecks.mysql.pair import not_our_pair
from kachecks.mysql.probe import probe
from kachecks.mysql.session import ServerError, Session, SessionError, ask
from kachecks.node import Node
from kachecks.transitions.peer import PEER_CONNECT
from kachecks.transitions.staleness import why_stale

STATEMENT = 1.0
"""Seconds for one statement."""

WATCH = 1.0
"""Seconds for which the gaps are watched. What is still lacking afterwards is really missing, not
just on its way, and one can tell how fast a gap shrinks."""


def compare(node: Node) -> Comparison:
    """Look at both nodes.

    Raises:
        SessionError: this node's server cannot be asked.
        OSError: the kernel's tables cannot be read.
    """
    verdict = run_check(node, act=False)
    local = node.servers.connect_local(STATEMENT)
    try:
        here = _server(local)
        mark = node.marks.gave_way()
        others = positions.others_of(local, here.facts.identity, STATEMENT)
        seen = Comparison(
            vip_here=node.network.vip_here(),
            verdict=verdict,
            gave_way=mark.why if mark else "",
            proven=node.marks.had_contact(node.servers.process_of(local))
            or node.served_alone.is_marked(others),
            here=here,
            there=None,
            stale=""
            if here.facts.writable
            else why_stale(node, local, here.facts.identity, here.facts.channels),
        )
        return _with_peer(node, local, seen)
    finally:
        local.close()


def _with_peer(node: Node, local: Session, seen: Comparison) -> Comparison:
    try:
        peer = node.servers.connect_peer(PEER_CONNECT)
    except SessionError as error:
        return seen._replace(trouble=str(error), answers=isinstance(error, ServerError))
    try:
        there = _server(peer)
        config = node.config
        why_not = not_our_pair(seen.here.facts, there.facts, config.peer, config.path)
        seen = seen._replace(there=there, not_our_pair=why_not)
        if seen.not_our_pair:
            return seen
        return _compared(node, local, peer, seen, there)
    except SessionError as error:
        trouble = f"it answers, but not all that is asked: {error}"
        return seen._replace(there=None, trouble=trouble, answers=True)
    finally:
        peer.close()


def _server(session: Session) -> Side:
    """Raises SessionError."""
    facts = probe(session, STATEMENT)
    purged = ""
    if not facts.version.mariadb:
        purged = ask(
            session,
            operator_queries.PURGED,
            STATEMENT,
            lambda rows: gtids_of(rows[0], "purged", mariadb=False),
        )
    binlog = ask(session, queries.DIRECTORIES, STATEMENT, lambda rows: rows[0]["binlog"] or "")
    position = positions.executed(session, STATEMENT)
    return Side(facts, position, purged, binlog)


def _compared(
    node: Node, local: Session, peer: Session, seen: Comparison, there: Side
) -> Comparison:
    """Watch both gaps until nothing is missing any more, or for WATCH seconds.

    Raises SessionError.
    """
    to_here = _Watched(THERE, HERE, local, seen.here, there)
    to_there = _Watched(HERE, THERE, peer, there, seen.here)
    watched = Budget(node.clock, WATCH)
    while True:
        left = [each.look(node.clock.now()) for each in (to_here, to_there)]
        if not any(left) or watched.over:
            break
        node.clock.sleep(watched.left(at_most=0.1))
    mine = probe(local, STATEMENT)
    theirs = probe(peer, STATEMENT)
    return seen._replace(
        to_here=to_here.gap(channels_by_address(mine.channels, node.config.peer, theirs.identity)),
        to_there=to_there.gap(channels_by_identity(theirs.channels, mine.identity)),
    )


class _Watched:
    """One gap, looked at again and again."""

    def __init__(
        self, source: str, replica: str, session: Session, here: Side, there: Side
    ) -> None:
        """``session`` is with the replica, ``here``; ``there`` is the source."""
        self._names = (source, replica)
        self._session = session
        self._version = here.facts.version
        self._identity = here.facts.identity
        self._source = there
        self._own = here.position
        self._left = ""
        self._counts: list[tuple[float, int]] = []

    def look(self, now: float) -> str:
        """What the replica still lacks of the source's position at the beginning. Raises
        SessionError."""
        wanted = self._source.position
        self._left = positions.missing(self._session, wanted, STATEMENT)
        self._own = positions.executed(self._session, STATEMENT)
        number = self._count()
        if number is not None:
            self._counts.append((now, number))
        return self._left

    def gap(self, channels: tuple[Channel, ...]) -> Gap:
        """The gap that is left. Raises SessionError."""
        source, replica = self._names
        spans = []
        if self._left and self._version.mariadb and self._own.gtids:
            spans = mariadb_spans(self._source.position.gtids, self._own)
        known = spans and all(span.after is not None for span in spans)
        return Gap(
            source=source,
            replica=replica,
            channels=channels,
            left=self._left,
            transactions=self._count(),
            listed=tuple(map(str, spans)) or tuple(filter(None, self._left.split(","))),
            after=",".join(span.start for span in spans) if known else "",
            upto=",".join(span.end for span in spans),
            purged=self._purged(channels) if self._left else "",
            lost=lost_of(self._identity, self._left),
            rate=self._rate(),
        )

    def _count(self) -> int | None:
        if not self._left:
            return 0
        if self._version.mariadb and self._source.position.gtids:
            return mariadb_count(self._source.position.gtids, self._own)
        return count(self._left)

    def _rate(self) -> float | None:
        if not self._counts:
            return None
        (begun, before), (now, after) = self._counts[0], self._counts[-1]
        return (before - after) / (now - begun) if now > begun else None

    def _purged(self, channels: tuple[Channel, ...]) -> str:
        """The part of what was not even received that the source's binary logs no longer hold.

        Raises SessionError.
        """
        if not self._source.purged:
            return ""
        wanted = Position(self._left)
        coming = positions.not_received(self._session, wanted, channels, STATEMENT)
        held = positions.subtracted(self._session, coming, self._source.purged, STATEMENT)
        return positions.subtracted(self._session, coming, held, STATEMENT)
