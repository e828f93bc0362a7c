"""The closer look, which not every check can afford: at the peer, the process list, the disks.

It is taken every peer_check seconds, and at each check while something is wrong.
"""

from __future__ import annotations

import os
from contextlib import suppress

from kachecks.bounded import Budget
from kachecks.check.verdict import STALLED_AFTER, Findings
from kachecks.mysql import pair, positions, queries
from kachecks.mysql.disks import Disks
from kachecks.mysql.errors import (
    ABSENT,
    CLOSED,
    GONE,
    OPEN,
    REFUSING,
    ServerError,
    SessionError,
    word_for,
)
from kachecks.mysql.facts import Facts, channels_by_address
from kachecks.mysql.gtid import Position
from kachecks.mysql.probe import probe, probe_access
from kachecks.mysql.session import Session
from kachecks.node import Node
from kachecks.state.marks import Look

PEER_PATIENCE = 1.0
"""Seconds for each thing asked of the peer."""

STATEMENT = 1.0
"""Seconds for one statement on this node's server, which has just answered others."""

PING_PATIENCE = 0.3
"""Seconds for the peer's host to answer a ping."""

NO_LAG = 1.0
"""Seconds behind that a server may show although it has everything: they are whole numbers, and 1
is shown where the clock's second has turned between writing and applying."""

FIT_FOR = 3.0
"""Seconds for which the peer must have looked fit from here: its own check needs two good runs."""

ERRANT_FOR = 1.0
"""Seconds for which the peer may lack what this standby has: the last writes of a node that was
just demoted are still on their way."""

STALLED_STATES = (
    "waiting for someone to free space",  # MariaDB, disk full
    "waiting for handler commit",  # MySQL, disk full or hung
    "waiting for semi-sync ack",  # both; the peer is gone and the time-out long
    "commit",  # MariaDB, disk hung
)
"""States of the process list, in lower case, as measured on MariaDB 10.11 and MySQL 9.7."""


def look_closer(
    node: Node, session: Session, facts: Facts, vip_here: bool, stalled: str = ""
) -> Findings:
    """Look, changing nothing. What cannot be found out does not count as wrong.

    Args:
        stalled: why no disk may be touched, "" where it may.

    Raises:
        StateError, OSError: the disks cannot be looked at.
    """
    holder = vip_here and facts.writable
    found = Findings(stalled=stalled)
    if not stalled:
        with suppress(SessionError):  # it has just answered the check, and that counts
            found = _look_at_server(node, session, holder)
    found = _look_at_peer(node, session, facts, holder, found)
    if holder and found.peer in GONE:
        with suppress(SessionError):
            others = positions.others_of(session, facts.identity, STATEMENT)
            found = found._replace(others=others)
    return found._replace(gives_way=_gives_way(node, found))


def _gives_way(node: Node, found: Findings) -> bool:
    """Whether a degraded holder would leave the service in better hands.

    The peer's own check must have had the time to find it fit, or nobody would serve meanwhile. And
    the trouble must have begun while this node was open: a node that took the VIP although its disk
    was already full knows that the other one is no better, and the two would take turns.
    """
    last = node.marks.last_look()
    since = _fit_since(node, found.peer_fit)
    fit = bool(since) and (last is None or node.clock.now() - since >= FIT_FOR)
    return fit and not _degraded_before(last)


def remember(node: Node, found: Findings, holder: bool) -> None:
    """Keep what the next look needs, and set or remove the alone mark.

    Args:
        holder: this node has the VIP and is open. A node that is only being promoted does not
            count.

    Raises StateError.
    """
    last = node.marks.last_look()
    look = Look(
        at=node.clock.now(),
        wrong=found.wrong,
        two_writers=_writers_before(last) + 1 if found.two_writers else 0,
        alone=None if last is None else last.alone,
        degraded_before=bool(found.degraded) and (not holder or _degraded_before(last)),
        fit_since=_fit_since(node, found.peer_fit),
        wanted_at=found.wanted_at,
        wanted=found.wanted,
    )
    if holder and look.alone is not True and _peer_cannot_take_over(node, found):
        # If this check is killed in between, the next one must not believe that there is no mark.
        node.marks.remember_look(look._replace(alone=None))
        node.served_alone.mark(found.others)
        look = look._replace(alone=True)
    elif found.peer in (OPEN, CLOSED) and look.alone is not False and node.served_alone.unmark():
        look = look._replace(alone=False)
    node.marks.remember_look(look)


def _peer_cannot_take_over(node: Node, found: Findings) -> bool:
    """The peer's mysqld is down, or nothing of its host answers. If only SQL is cut off, it may
    serve.

    If not even a witness answers, it is this node that is cut off.
    """
    if found.peer == REFUSING:
        return True
    if found.peer != ABSENT:
        return False
    network, witnesses = node.network, node.config.witnesses
    try:
        if network.peer_on_link() or network.answers([node.config.peer], PING_PATIENCE):
            return False
        return not witnesses or network.answers(witnesses, PING_PATIENCE)
    except OSError:
        return False


def _fit_since(node: Node, fit: bool) -> float:
    """Since when every look has found the peer fit; 0 if it is not fit now."""
    last = node.marks.last_look()
    before = 0.0 if last is None else last.fit_since
    return (before or node.clock.now()) if fit else 0.0


def _degraded_before(last: Look | None) -> bool:
    return last is not None and last.degraded_before


def _look_at_server(node: Node, session: Session, holder: bool) -> Findings:
    found = Findings(stalled=_stalled_writes(session) if holder else "")
    with suppress(SessionError):
        disks = _look_at_disks(node, session)
        found = found._replace(
            stalled=found.stalled or disks.mute,
            disk_full=disks.full,
            disk_read_only=disks.read_only,
        )
    return found


def _look_at_peer(
    node: Node, session: Session, facts: Facts, holder: bool, found: Findings
) -> Findings:
    try:
        peer = node.servers.connect_peer(PEER_PATIENCE)
    except SessionError as error:
        return found._replace(peer=word_for(error))
    try:
        theirs = probe(peer, PEER_PATIENCE)
        found = found._replace(peer=OPEN if theirs.writable else CLOSED, peer_fit=_is_fit(theirs))
        if holder and theirs.writable:
            return _two_writers(node, session, facts, theirs, found)
        same_family = facts.version.mariadb == theirs.version.mariadb
        found = found._replace(up_to_date=_up_to_date(node, session, facts, peer, theirs))
        if theirs.writable and not facts.writable and same_family:
            errant = _errant(node, session, facts, peer, theirs)
            return _behind(node, session, peer, found._replace(errant=errant))
    except ServerError as error:  # what the peer has said before still holds
        return found._replace(peer=found.peer or word_for(error), peer_fit=False)
    except SessionError as error:
        return found._replace(peer=word_for(error), peer_fit=False)
    finally:
        peer.close()
    return found


def _is_fit(peer: Facts) -> bool:
    return peer.closed and not any(pair.obstacles(peer.channels, NO_LAG))


def _two_writers(
    node: Node, session: Session, facts: Facts, peer: Facts, found: Findings
) -> Findings:
    """Both are open. But the peer may have closed this server while it was being asked, so look
    again.

    The node with the higher server_id gives way; the other one only if its third look in a row
    finds both open.
    """
    if not probe_access(session, STATEMENT).writable:
        return found
    looks = _writers_before(node.marks.last_look()) + 1
    ours = facts.server_id > peer.server_id or looks >= 3
    sentence = (
        f"this server (server_id {facts.server_id}) and the peer (server_id {peer.server_id}) are"
        f" both open, look {looks} in a row"
    )
    return found._replace(two_writers=sentence, ours_to_close=ours)


def _writers_before(last: Look | None) -> int:
    return 0 if last is None else last.two_writers


def _errant(node: Node, session: Session, facts: Facts, peer: Session, theirs: Facts) -> str:
    """The transactions that this closed server has made itself and the open peer does not have.

    They were written here while it was closed, or before a crash and never sent. Only GTIDs can
    tell. This is not asked while neither server is open: then the one that has more is the better
    choice.
    """
    budget = Budget(node.clock, ERRANT_FOR)
    wanted = positions.executed(session, STATEMENT)
    if not positions.executed(peer, PEER_PATIENCE).gtids:
        return ""
    # What waits in a relay log only needs time, if somebody applies it.
    channels = tuple(channel for channel in theirs.channels if channel.applier)
    while True:
        left = positions.not_received(peer, wanted, channels, PEER_PATIENCE)
        ours = pair.errant(facts, left)
        if not ours:
            return ""
        if budget.over:
            return f"the peer lacks transactions of this server: {ours}"
        node.clock.sleep(0.1)


def _look_at_disks(node: Node, session: Session) -> Disks:
    """Look at datadir, binary log and tmpdir. Over TCP look at nothing: they may be on another
    machine."""
    process = node.servers.process_of(session)
    if process is None:
        return Disks()
    row = session.query(queries.DIRECTORIES, STATEMENT)[0]
    temporary = (row["tmpdir"] or "").split(":")  # a list is used in turn
    named = (row["datadir"] or "", os.path.dirname(row["binlog"] or ""), *temporary)
    return node.servers.look_at_disks(
        process, tuple(each for each in dict.fromkeys(named) if each.startswith("/"))
    )


def _up_to_date(node: Node, session: Session, facts: Facts, peer: Session, theirs: Facts) -> bool:
    """Whether everything that the peer has now is received here within ERRANT_FOR seconds.

    A receiver that has just connected shows 0 seconds behind, and may lack hours (measured). Once
    it is known for this mysqld, it is not asked again.
    """
    if node.marks.had_contact(node.servers.process_of(session)):
        return True
    channels = channels_by_address(facts.channels, node.config.peer)
    same_family = facts.version.mariadb == theirs.version.mariadb
    theirs_all = positions.executed(peer, PEER_PATIENCE) if same_family else Position("")
    if not theirs_all.gtids or not channels:  # then only a receiver that runs is contact
        return not any(pair.obstacles(channels, node.config.max_lag))
    budget = Budget(node.clock, ERRANT_FOR)
    while positions.not_received(session, theirs_all, channels, STATEMENT):
        if budget.over:
            return False
        node.clock.sleep(0.05)
        channels = channels_by_address(probe(session, STATEMENT).channels, node.config.peer)
    return True


def _behind(node: Node, session: Session, peer: Session, found: Findings) -> Findings:
    """Whether this standby has got what the peer had at an earlier look, whatever its threads say.

    A receiver that is connected but gets nothing shows 0 seconds behind. MariaDB 10.11 does so
    while its source still writes to the previous, dead connection (measured: 15 s and more).
    """
    last = node.marks.last_look()
    if not found.up_to_date:
        return found._replace(behind="it has not caught up with the peer since mysqld started")
    if last is not None and last.wanted:
        earlier = Position(last.wanted)
        left = positions.missing(session, earlier, STATEMENT)
        if left:
            late = node.clock.now() - last.wanted_at
            sentence = f"it still lacks {left}, which the peer had {late:.0f} s ago"
            return found._replace(
                behind=sentence if late > node.config.max_lag else "",
                wanted=last.wanted,
                wanted_at=last.wanted_at,
            )
    wanted = positions.executed(peer, PEER_PATIENCE).gtids
    return found._replace(wanted=wanted, wanted_at=node.clock.now())


def _stalled_writes(session: Session) -> str:
    stalled = [
        row
        for row in session.query(queries.PROCESSLIST, STATEMENT)
        if row["Command"] in ("Query", "Execute")
        and int(row["Time"] or 0) >= STALLED_AFTER
        and (row["State"] or "").lower().startswith(STALLED_STATES)
    ]
    if not stalled:
        return ""
    longest = max(stalled, key=lambda row: int(row["Time"] or 0))
    return (
        f"{len(stalled)} writing connections wait, the longest for {longest['Time']} s:"
        f" {longest['State']}"
    )
