"""Let go of a transaction of which the peer has sent only a part, once this server is open.

A peer that dies while it sends a large transaction leaves the applier in the middle of it, with its
row and metadata locks, for as long as the peer is away: writes to these rows hang. Only the peer
has the rest; when it is back it sends the whole again, if it has committed it.

Seen on MySQL 9.7 and MariaDB 10.11: to stop the applier is not enough, as it begins with the same
part again when it is started, so the relay log must go. Therefore the receiver is stopped first,
and what is complete must have been applied then. MySQL's applier does not stop in the middle of a
transaction (1875 after 30 s); its worker is killed, which ends all of them with 1756.
"""

from __future__ import annotations

from kachecks.bounded import Budget
from kachecks.lean import NamedTuple
from kachecks.mysql import positions, queries
from kachecks.mysql.facts import Channel
from kachecks.mysql.probe import probe, processlist
from kachecks.mysql.session import Session, SessionError, ask
from kachecks.transitions.sessions import STATEMENT, Sessions

SECOND_LOOK = 0.3
"""Seconds in which a transaction that is complete would have been committed."""

THREADS = 5.0
"""Seconds for a statement that stops or starts a thread, while this server takes writes. MySQL's
receiver stops in 2 s when it is connecting to a host that has lost power (9.7), else in 50 ms."""

STOPPING = 30.0
"""Seconds for MySQL's applier to roll back and stop, while this server takes writes: 0.1 s for
14,000 rows (9.7). It cannot be started before."""


class _Part(NamedTuple):
    """What has come of a transaction; it is the same one in two looks."""

    channel: str
    received: tuple[str, str]  # GTIDs, and how far at the source
    threads: tuple[str, ...]  # connections of appliers that have changed rows
    sole: bool  # no other channel, so they are this one's


def let_go_of_half_sent(sessions: Sessions) -> None:
    """Roll back what has come of a transaction of a peer that is not there.

    A step says that it was done, or why it could not be done: this server is open in any case.

    Raises:
        VipGone, Leaving: it is to be closed again.
    """
    if sessions.peer is not None:  # it sends the rest
        return
    sessions.must_go_on()
    session: Session | None = None
    try:
        session = sessions.node.servers.connect_local(STATEMENT)
        before = _part(sessions, session)
        if before is None:
            return
        sessions.node.clock.sleep(SECOND_LOOK)
        sessions.must_go_on()
        if _part(sessions, session) == before:
            said = _let_go(sessions, session, before)
            sessions.steps.done(f"a transaction that the peer has sent in part {said}")
    except SessionError as error:
        sessions.steps.done(f"a transaction that the peer has sent in part may hold locks: {error}")
    finally:
        if session is not None:
            session.close()


def _part(sessions: Sessions, session: Session) -> _Part | None:
    """An applier has changed rows, although all that has come whole is applied. Raises
    SessionError."""
    changing = ask(
        session,
        queries.TRANSACTIONS,
        STATEMENT,
        lambda rows: {row["id"] for row in rows if row["modified"] not in (None, "0")},
    )
    if not changing:
        return None
    threads = tuple(
        row["Id"] or "0"
        for row in processlist(session, STATEMENT)
        if row["Id"] in changing and row["User"] == "system user"
    )
    if not threads:
        return None
    facts = probe(session, STATEMENT)
    channels = sessions.node.of_the_peer(facts).channels
    if len(channels) != 1 or not channels[0].gtid or not channels[0].applier:
        return None
    if positions.unapplied(session, channels[0], facts.server_id, STATEMENT):
        return None
    return _part_of(channels[0], threads, sole=len(facts.channels) == 1)


def _part_of(channel: Channel, threads: tuple[str, ...], *, sole: bool) -> _Part:
    return _Part(channel.name, (channel.received_gtid, channel.read_up_to), threads, sole)


def _let_go(sessions: Sessions, session: Session, part: _Part) -> str:
    """What came of it. Replication runs again in the end. Raises SessionError, VipGone, Leaving."""
    version = session.version
    if not version.mariadb and not part.sole:
        return "holds locks: whose applier it is cannot be told, as there is another channel"
    try:
        session.execute(queries.stop_receiver(version, part.channel), THREADS)
        if _part(sessions, session) != part:  # nothing more can come now: this look counts
            return "has gone on"
        if version.mariadb:  # the start throws the relay log away
            session.execute(queries.stop_applier(version, part.channel), THREADS)
            return "was rolled back"
        for thread in part.threads:
            session.execute(queries.kill(thread), STATEMENT)
        if not _has_stopped(sessions, session, part):
            return f"may hold locks: the applier has not stopped in {STOPPING:g} s"
        session.execute(queries.forget_relay_log(version, part.channel), THREADS)
        return "was rolled back"
    finally:
        _start(sessions, session, part)


def _has_stopped(sessions: Sessions, session: Session, part: _Part) -> bool:
    patience = Budget(sessions.node.clock, STOPPING)
    while not patience.over:
        channels = probe(session, STATEMENT).channels
        if not any(each.applier for each in channels if each.name == part.channel):
            return True
        sessions.must_go_on()
        sessions.node.clock.sleep(0.02)
    return False


def _start(sessions: Sessions, session: Session, part: _Part) -> None:
    """Start both threads, in a new session if this one was given up: a server that is still busy
    with stopping a thread runs it afterwards. Raises SessionError."""
    start = queries.start_replication(session.version, part.channel)
    try:
        session.execute(start, THREADS)
    except SessionError:
        again = sessions.node.servers.connect_local(STATEMENT)
        try:
            again.execute(start, THREADS)
        finally:
            again.close()
