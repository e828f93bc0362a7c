"""The closer look, which not every check can afford: at the peer, the process list, the disks.

It is taken every peer_check seconds, and at each check while something is wrong.
"""

from __future__ import annotations

import os

from kachecks.bounded import Budget
from kachecks.check import held_up, lateness, stalled
from kachecks.check.verdict import Findings
from kachecks.lean import suppress
from kachecks.mysql import ability, pair, positions, queries
from kachecks.mysql.disks import Disks
from kachecks.mysql.errors import (
    ABSENT,
    CLOSED,
    GONE,
    OPEN,
    REFUSING,
    UNASKABLE,
    NoAnswer,
    ServerError,
    SessionError,
    word_for,
)
from kachecks.mysql.facts import Facts, Row, channels_by_identity
from kachecks.mysql.gtid import Position, lost_of
from kachecks.mysql.hurried import OwnServer, hurried, ours
from kachecks.mysql.probe import (
    must_not_be_stuck,
    probe,
    probe_access,
    probe_identity,
    probe_replication,
    processlist,
    readers_of,
)
from kachecks.mysql.session import Session, ask
from kachecks.node import Node
from kachecks.state.files import StateError
from kachecks.state.marks import Known, Look
from kachecks.state.signs import Progress, Sign, Signs

PEER_PATIENCE = 1.0
"""Seconds for each thing asked of the peer."""

PEER_IN_ALL = 2.0
"""Seconds for all that is asked of the peer where the VIP is: hung_after comes before them,
fence_timeout after them, and it must all end before keepalived's timeout. Elsewhere there is
nothing to close, and fence_timeout is left for the peer, too: it compares what the two have."""

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


def look_closer(
    node: Node, session: Session, facts: Facts, vip_here: bool, hanging: Sign | None = None
) -> Findings:
    """Look, changing nothing. What cannot be found out does not count as wrong.

    Args:
        hanging: a check before this one that hangs in the kernel, so no disk may be touched.

    Raises:
        OSError: the disks cannot be looked at.
    """
    holder = vip_here and facts.writable
    known = lateness.carried(node, session, facts)
    found = Findings(known=known, channels_unknown=not facts.channels_known)
    found = _look_at_server(node, session, holder, hanging, found)
    if hanging is None:
        with suppress(SessionError):
            unable = ability.why_unable(session, facts, STATEMENT)
            found = found._replace(unable=unable)
    in_all = PEER_IN_ALL if vip_here else PEER_IN_ALL + node.config.fence_timeout
    budget = Budget(node.clock, in_all)
    again: Session | None = None
    try:
        found = _look_at_peer(node, ours(session), facts, holder, found, budget)
        if found.unanswered:  # its session was given up, perhaps at an earlier question
            with suppress(SessionError):
                session = again = node.servers.connect_local(STATEMENT)
                found = found._replace(unanswered=False)
                found = _look_at_peer(node, ours(session), facts, holder, found, budget)
        return _looked_at_both(node, session, facts, vip_here, found)
    finally:
        if again is not None:
            again.close()


def _looked_at_both(
    node: Node, session: Session, facts: Facts, vip_here: bool, found: Findings
) -> Findings:
    """What follows from what the two have said."""
    holder = vip_here and facts.writable
    if not facts.writable and found.peer not in (OPEN, CLOSED):
        found = lateness.unasked(node, session, facts, vip_here, found)
    if holder and found.peer in GONE:
        connected = any(channel.receiving for channel in facts.channels)
        if found.peer == REFUSING and not connected:
            from kachecks.transitions.presence import still_connected

            connected = still_connected(node, facts.channels)
        found = found._replace(connected=connected)
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
    if holder:  # also that there are none any more: a client may get the port of one that has gone
        node.marks.note_readers(found.readers)
    last = node.marks.last_look()
    off = _peer_is_off(node) if holder and found.peer == ABSENT else False
    off = None if found.channels_unknown else off  # it may be connected
    look = Look(
        at=node.clock.now(),
        wrong=found.wrong,
        two_writers=_writers_before(last) + 1 if found.two_writers else 0,
        alone=None if last is None else last.alone,
        degraded_before=bool(found.degraded) and (not holder or _degraded_before(last)),
        fit_since=_fit_since(node, found.peer_fit),
        off_since=_off_since(node, False if found.connected else off),
        late=None if last is None else last.late,
        known=found.known or Known(),
    )
    look = _with_late_mark(node, found, look)
    if (
        holder
        and look.alone is not True
        and not found.channels_unknown
        and (off or (found.peer == REFUSING and not found.connected))
    ):
        # If this check is killed in between, the next one must not believe that there is no mark.
        node.marks.remember_look(look._replace(alone=None))
        node.served_alone.mark(found.others)
        look = look._replace(alone=True)
    elif _peer_lives(found) and look.alone is not False and node.served_alone.unmark():
        look = look._replace(alone=False)
    node.marks.remember_look(look)
    if found.signs is not None:
        node.marks.remember_signs(found.signs)


def _peer_lives(found: Findings) -> bool:
    return found.serves or found.peer in (OPEN, CLOSED)


def _with_late_mark(node: Node, found: Findings, look: Look) -> Look:
    """Set or remove the late mark; the look, with whether it is set then (None: not known).

    The look is kept first: the disk may be slow, and a promotion goes by the look meanwhile.
    """
    if found.late and found.known:
        if look.late is not True:
            with suppress(StateError):  # the disk may still be written
                node.marks.remember_look(look._replace(late=None))
            node.known_late.mark(found.known)
        return look._replace(late=True)
    ended = found.peer in (OPEN, CLOSED) or not (found.known and found.known.wanted)
    if look.late is not False and ended and node.known_late.unmark():
        return look._replace(late=False)
    return look


def _peer_is_off(node: Node) -> bool | None:
    """Nothing of its host answers; if only SQL is cut off, it may serve.

    None: not even a witness answers, so it may be this node that is cut off, or the network cannot
    be looked at.
    """
    network, witnesses = node.network, node.config.witnesses
    try:
        if network.peer_on_link() or network.answers([node.config.peer], PING_PATIENCE):
            return False
        return True if not witnesses or network.answers(witnesses, PING_PATIENCE) else None
    except OSError:
        return None


def _off_since(node: Node, off: bool | None) -> float:
    """Since when every look that could tell has found the peer off; 0 if it is not."""
    last = node.marks.last_look()
    before = 0.0 if last is None else last.off_since
    if off is None:
        return before
    return (before or node.clock.now()) if off else 0.0


def _fit_since(node: Node, fit: bool) -> float:
    """Since when every look has found the peer fit; 0 if it is not fit now."""
    last = node.marks.last_look()
    before = 0.0 if last is None else last.fit_since
    return (before or node.clock.now()) if fit else 0.0


def _degraded_before(last: Look | None) -> bool:
    return last is not None and last.degraded_before


def _look_at_server(
    node: Node, session: Session, holder: bool, hanging: Sign | None, found: Findings
) -> Findings:
    before, now = node.marks.signs(), node.clock.now()
    seen: tuple[Sign, ...] = () if hanging is None else (hanging,)
    rows: list[Row] = []
    if holder:
        try:
            rows = processlist(session, STATEMENT)
            seen += stalled.waiting(rows, now) + held_up.waiting(rows, now)
        except SessionError:  # it has just answered the check, and that counts
            return found._replace(signs=before)
    disks = Disks()
    if hanging is None:
        with suppress(SessionError):
            disks = look_at_disks(node, session, before)
    if disks.mute is not None:
        seen += (stalled.hanging_child(disks.mute, now),)
    progress = stalled.progress_of(session, STATEMENT, disks) if seen else Progress()
    stall = stalled.judged(before, seen, progress, now)
    return found._replace(
        stalled=stall.sentence,
        held_up=_held_up(node, session, rows, stall.locked, now),
        disk_full=disks.full,
        disk_read_only=disks.read_only,
        signs=stall.signs if seen or before.seen else None,
        readers=_several(readers_of(rows)),
    )


def _several(ports: frozenset[int]) -> frozenset[int]:
    """The peer alone is known without a note."""
    return ports if len(ports) > 1 else frozenset()


def _held_up(
    node: Node, session: Session, rows: list[Row], lasting: tuple[Sign, ...], now: float
) -> str:
    if not lasting:
        return ""
    from kachecks.transitions.demotion import own_users

    return held_up.sentence(session, rows, lasting, now, own_users(node))


def _look_at_peer(
    node: Node, session: Session, facts: Facts, holder: bool, found: Findings, budget: Budget
) -> Findings:
    try:
        peer = hurried(node.servers.connect_peer(budget.left(PEER_PATIENCE)), budget)
    except SessionError as error:  # at a second attempt it may have said what it is before
        return found._replace(peer=found.peer or word_for(error))
    try:
        theirs, found = _facts_of_peer(node, peer, found)
        if pair.mismatch(facts, theirs, node.config.peer) not in ("", pair.FAMILY):
            # This very server, or another cluster's: what it has, and that it is open, proves
            # nothing. Two families are a migration; then GTIDs prove nothing.
            another = pair.not_our_pair(facts, theirs, node.config.peer, node.config.path)
            return found._replace(peer=UNASKABLE, not_our_pair=another)
        found = found._replace(peer=OPEN if theirs.writable else CLOSED)
        if len(facts.channels) > 1 and theirs.identity in pair.sources_of(facts.channels):
            found = found._replace(identity=theirs.identity)
        if theirs.closed:
            found = found._replace(peer_fit=_is_fit(node, session, facts, peer, theirs))
        if holder and theirs.writable:
            return _two_writers(node, session, facts, theirs, found)
        same_family = facts.version.mariadb == theirs.version.mariadb
        if same_family and any((each.lag_seconds or 0) > NO_LAG for each in facts.channels):
            found = found._replace(caught_up=_has_all(session, peer))
        up_to_date = _up_to_date(node, session, facts, peer, theirs, budget)
        found = found._replace(up_to_date=up_to_date)
        if not facts.writable and same_family:
            return _compared(node, session, facts, peer, theirs, found)
    except OwnServer:  # what the peer has said still holds
        return found._replace(peer_fit=False, unanswered=True)
    except ServerError as error:  # here, too
        return found._replace(peer=found.peer or word_for(error), peer_fit=False)
    except SessionError as error:
        # To an open server it is enough that a slow peer lives, and is open or closed. A closed one
        # has not compared itself with it.
        said = found.peer if facts.writable and budget.over else ""
        return found._replace(peer=said or word_for(error), peer_fit=False)
    finally:
        peer.close()
    return found


def _compared(
    node: Node, session: Session, facts: Facts, peer: Session, theirs: Facts, found: Findings
) -> Findings:
    """What this closed server has that an open peer lacks, and the other way round. Raises
    SessionError."""
    if theirs.writable:
        errant, reset = _errant(node, session, facts, peer, theirs)
        found = found._replace(errant=errant, reset=reset)
    channels = channels_by_identity(facts.channels, theirs.identity)
    receiving = any(each.receiving or each.source_offline for each in channels)
    return lateness.compared(node, session, peer, found, receiving, PEER_PATIENCE)


def _facts_of_peer(node: Node, peer: Session, found: Findings) -> tuple[Facts, Findings]:
    """Raises SessionError."""
    theirs, last = probe_identity(peer, PEER_PATIENCE), node.marks.last_look()
    try:
        if last is not None and last.wrong:
            must_not_be_stuck(peer, PEER_PATIENCE)
        return probe_replication(peer, theirs, PEER_PATIENCE), found
    except NoAnswer:  # who it is, and whether it is open, is known all the same
        return theirs, found._replace(peer_waits=True)


def _is_fit(node: Node, session: Session, facts: Facts, peer: Session, theirs: Facts) -> bool:
    """Nothing keeps this closed peer from taking over, or only a lag that GTIDs disprove; or that
    this server's offline_mode turns its receiver away, when it had got everything."""
    if ability.why_unable(peer, theirs, PEER_PATIENCE):
        return False
    channels = channels_by_identity(theirs.channels, facts.identity)
    kinds = {obstacle.kind for obstacle in pair.obstacles(channels, NO_LAG)}
    if node.config.on_broken_replica == "open":
        kinds.discard(pair.FILTER)
    cut_off = any(each.source_offline for each in channels) and all(
        each.receiving or each.source_offline for each in channels
    )
    harmless = kinds == {pair.LAG} or (kinds == {pair.RECEIVER} and cut_off)
    return not kinds or (harmless and _has_all(peer, session))


def _has_all(replica: Session, source: Session) -> bool:
    """All that the source has committed by now is applied there. Raises SessionError.

    Seconds_Behind_Master of an idle parallel replica is that of the last transaction, perhaps days
    ago (MariaDB, MDEV-17516); and clocks that differ make it 4294967295.
    """
    wanted = positions.executed(source, PEER_PATIENCE)
    return bool(wanted.gtids) and not positions.missing(replica, wanted, STATEMENT)


def _two_writers(
    node: Node, session: Session, facts: Facts, peer: Facts, found: Findings
) -> Findings:
    """Both are open. But the peer may have closed this server while it was being asked, so look
    again.

    The node with the higher server_id gives way; the other one only if its third look in a row
    finds both open.
    """
    with suppress(OwnServer):  # it was open a moment ago
        if not probe_access(session, STATEMENT).writable:
            return found
        of_cluster = ability.why_not_a_pair(session, facts.group_member, STATEMENT)
        if of_cluster:
            return found._replace(not_our_pair=of_cluster)
    looks = _writers_before(node.marks.last_look()) + 1
    # Without its channels this server cannot tell the peer from another one at its address.
    ours = (facts.channels_known and facts.server_id > peer.server_id) or looks >= 3
    sentence = (
        f"this server (server_id {facts.server_id}) and the peer (server_id {peer.server_id}) are"
        f" both open, look {looks} in a row"
    )
    return found._replace(two_writers=sentence, ours_to_close=ours)


def _writers_before(last: Look | None) -> int:
    return 0 if last is None else last.two_writers


def _errant(
    node: Node, session: Session, facts: Facts, peer: Session, theirs: Facts
) -> tuple[str, bool]:
    """The transactions that this closed server has and the open peer does not have, in a sentence;
    and whether they are the peer's own.

    Its own were written here while it was closed, or before a crash and never sent. The peer's own
    are gone there if its GTIDs were reset (RESET BINARY LOGS AND GTIDS, RESET MASTER) or it was
    restored; it goes on counting below what this server has, and nothing of that comes here. This
    server is read first, so what the peer commits meanwhile is never taken for that. Only GTIDs can
    tell. This is not asked while neither server is open: then the one that has more is the better
    choice.
    """
    budget = Budget(node.clock, ERRANT_FOR)
    wanted = positions.executed(session, STATEMENT)
    # On MariaDB a position that was set by hand is in no binary log.
    wanted = Position(f"{wanted.gtids},{wanted.applied}" if wanted.applied else wanted.gtids)
    if not positions.executed(peer, PEER_PATIENCE).gtids:
        return "", False
    # What waits in a relay log only needs time, if somebody applies it.
    channels = tuple(channel for channel in theirs.channels if channel.applier)
    while True:
        left = positions.missing(peer, wanted, PEER_PATIENCE)
        lost = lost_of(theirs.identity, left)  # what comes back to it is never applied there
        ours = pair.errant(facts, left) if theirs.channels_known else ""
        if ours:
            left = positions.not_received(peer, Position(ours), channels, PEER_PATIENCE)
            ours = pair.errant(facts, left)
        if not (ours or lost):
            return "", False
        if budget.over and lost and _commits_wait(node, peer):
            return "", False
        if budget.over and lost:
            return (
                f"the peer lacks transactions of its own that this server has: {lost}; the peer's"
                " GTIDs were reset, or it was restored, or this server's were set by hand, so"
                " nobody can tell what this server lacks: set it up anew from the peer"
            ), True
        if budget.over:
            return f"the peer lacks transactions of this server: {ours}", False
        node.clock.sleep(0.1)


def _commits_wait(node: Node, peer: Session) -> bool:
    """A commit hangs at the peer. MySQL sends one that waits for a semi-sync acknowledgement
    (AFTER_SYNC) before its own GTIDs name it, so a replica has more than its source."""
    rows = processlist(peer, PEER_PATIENCE)
    return bool(stalled.waiting(rows, node.clock.now()))


def look_at_disks(node: Node, session: Session, before: Signs) -> Disks:
    """Look at datadir, binary log and tmpdir. Over TCP look at nothing: they may be on another
    machine."""
    process = node.servers.process_of(session)
    if process is None or not process.known:
        return Disks()
    binlog, named = ask(session, queries.DIRECTORIES, STATEMENT, _directories)
    directories = tuple(each for each in dict.fromkeys(named) if each.startswith("/"))
    return node.servers.look_at_disks(process, directories, binlog, stalled.child_of(before))


def _directories(rows: list[Row]) -> tuple[str, tuple[str, ...]]:
    """The path of the binary logs without their numbers, and all directories."""
    row = rows[0]
    temporary = (row["tmpdir"] or "").split(":")  # a list is used in turn
    binlog = row["binlog"] or ""
    return binlog, (row["datadir"] or "", os.path.dirname(binlog), *temporary)


def _up_to_date(
    node: Node, session: Session, facts: Facts, peer: Session, theirs: Facts, in_all: Budget
) -> bool:
    """Whether everything that the peer has now is received here within ERRANT_FOR seconds.

    A receiver that has just connected shows 0 seconds behind, and may lack hours (measured). Once
    it is known for this mysqld, it is not asked again.
    """
    if node.marks.had_contact(node.servers.process_of(session)):
        return True
    channels = channels_by_identity(facts.channels, theirs.identity)
    same_family = facts.version.mariadb == theirs.version.mariadb
    theirs_all = positions.executed(peer, PEER_PATIENCE) if same_family else Position("")
    if not theirs_all.gtids or not channels:  # then only a receiver that runs is contact
        return not any(pair.obstacles(channels, node.config.max_lag))
    budget = Budget(node.clock, in_all.left(ERRANT_FOR))
    while positions.not_received(session, theirs_all, channels, STATEMENT):
        if budget.over:
            return False
        node.clock.sleep(0.05)
        channels = channels_by_identity(probe(session, STATEMENT).channels, theirs.identity)
    return True
