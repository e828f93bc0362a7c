"""What ``kachecks status`` asks the two servers, and what each of them lacks of the other."""

from __future__ import annotations

from contextlib import suppress
from typing import NamedTuple

from kachecks.commands.status.facts import Lacks, ServerSeen
from kachecks.mysql import operator_queries, positions
from kachecks.mysql.facts import Row, channels_by_address
from kachecks.mysql.gtid import Position, mariadb_missing
from kachecks.mysql.gtid_count import count, mariadb_count
from kachecks.mysql.prepared import prepared
from kachecks.mysql.probe import must_not_be_stuck, probe_identity, probe_replication, uptime
from kachecks.mysql.session import ServerError, Session, SessionError, ask

STATEMENT = 0.3
"""Seconds for one statement on a server that has just answered others."""


class Reached(NamedTuple):
    """A server that has answered, and the open session to ask it more."""

    session: Session
    server: ServerSeen
    position: Position | None  # None: its GTIDs are switched off


def reach(session: Session) -> Reached:
    """Everything that one server tells. If it does not answer, the session is closed. Raises
    SessionError."""
    try:
        session.execute(operator_queries.ASK_FOR_ALL, STATEMENT)
        facts = probe_identity(session, STATEMENT)
        must_not_be_stuck(session, STATEMENT)
        facts = probe_replication(session, facts, STATEMENT)
        position = _position(session)
        host = ask(session, operator_queries.HOST_NAME, STATEMENT, _host)
        seconds = _uptime(session)
        number = None
        with suppress(SessionError):
            number = prepared(session, STATEMENT)
        events, trouble = _idle_events(session)  # the last one, as it may wait
    except BaseException:
        session.close()
        raise
    server = ServerSeen(
        facts=facts,
        host=host,
        uptime=seconds,
        position=(position.gtids or None) if position is not None else None,
        idle_events=events,
        idle_events_trouble=trouble,
        prepared=number,
    )
    return Reached(session, server, position)


def _host(rows: list[Row]) -> str | None:
    return rows[0]["hostname"] if rows else None


def _uptime(session: Session) -> int | None:
    """None also where it is refused."""
    try:
        return uptime(session, STATEMENT)
    except ServerError:
        return None


def _position(session: Session) -> Position | None:
    try:
        return positions.executed(session, STATEMENT)
    except ServerError:
        return None


def _idle_events(session: Session) -> tuple[str, str]:
    """Their names, and why they are not known: it may wait, as MariaDB reads mysql.event for it,
    which somebody may have locked, or which lies on a disk that hangs.

    Nothing is said where the function is missing, of which doctor tells.
    """
    try:
        return ask(
            session, operator_queries.IDLE_EVENTS, STATEMENT, lambda rows: rows[0]["events"] or ""
        ), ""
    except ServerError as error:
        return "", "" if error.errno in operator_queries.NO_FUNCTION else str(error)
    except SessionError as error:
        return "", str(error)


def compared(one: Reached | None, other: Reached | None, address: str) -> ServerSeen | None:
    """The first server with what it lacks of the second one. ``address`` is that of the second."""
    if one is None:
        return None
    lacks = None if other is None else _lacks(one, other)
    identity = "" if other is None else other.server.facts.identity
    channels = channels_by_address(one.server.facts.channels, address, identity)
    return one.server._replace(lacks=lacks, channels=channels)


def _lacks(one: Reached, other: Reached) -> Lacks | None:
    """What a server lacks of what the other one had a moment before; None: they cannot be
    compared."""
    session, version = one.session, one.server.facts.version
    wanted = other.position
    if wanted is None or version.mariadb != other.server.facts.version.mariadb:
        return None
    try:
        if not version.mariadb:
            left = positions.missing(session, wanted, STATEMENT)
            return Lacks(left, count(left))
        own = positions.executed(session, STATEMENT)
        left = ",".join(mariadb_missing(wanted.gtids, own))
        return Lacks(left, mariadb_count(wanted.gtids, own) if left else 0)
    except SessionError:
        return None
