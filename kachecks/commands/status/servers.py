"""What ``kachecks status`` asks the two servers, and what each of them lacks of the other."""

from __future__ import annotations

from typing import NamedTuple

from kachecks.check.look import BUSY
from kachecks.commands.status.facts import Lacks, Server
from kachecks.mysql import operator_queries, positions
from kachecks.mysql.facts import channels_from
from kachecks.mysql.gtid_count import count, mariadb_count
from kachecks.mysql.positions import Position
from kachecks.mysql.probe import probe
from kachecks.mysql.session import NoAnswer, Refused, ServerError, Session, SessionError

STATEMENT = 0.3
"""Seconds for one statement on a server that has just answered others."""


class Reached(NamedTuple):
    """A server that has answered, and the open session to ask it more."""

    session: Session
    server: Server
    position: Position


def reach(session: Session) -> Reached:
    """All that one server tells. The session is closed if it does not. Raises SessionError."""
    try:
        facts = probe(session, STATEMENT)
        position = positions.executed(session, facts.version, STATEMENT)
        names = session.query(operator_queries.HOST_NAME, STATEMENT)
        uptimes = session.query(operator_queries.UPTIME, STATEMENT)
    except BaseException:
        session.close()
        raise
    uptime = uptimes[0]["Value"] if uptimes else None
    server = Server(
        facts=facts,
        host=names[0]["hostname"] if names else None,
        uptime=int(uptime) if uptime and uptime.isdecimal() else None,
        position=position.text or None,
    )
    return Reached(session, server, position)


def compared(one: Reached | None, other: Reached | None, address: str) -> Server | None:
    """The first server, with what it lacks of the second one, whose address this is."""
    if one is None:
        return None
    lacks = None if other is None else _lacks(one, other, address)
    channels = channels_from(one.server.facts.channels, address)
    return one.server._replace(lacks=lacks, channels=channels)


def _lacks(one: Reached, other: Reached, address: str) -> Lacks | None:
    """What a server lacks of what the other one had a moment before; None: not comparable."""
    session, version = one.session, one.server.facts.version
    wanted = other.position
    if version.mariadb != other.server.facts.version.mariadb:
        return None
    try:
        if wanted.file is not None:
            channels = channels_from(probe(session, STATEMENT).channels, address)
            left = positions.missing(session, version, wanted, channels, STATEMENT)
            return Lacks(left, None if left else 0)
        if not version.mariadb:
            left = positions.missing(session, version, wanted, (), STATEMENT)
            return Lacks(left, count(left))
        own = positions.executed(session, version, STATEMENT)
        left = ",".join(positions.mariadb_missing(wanted.gtids, own))
        return Lacks(left, mariadb_count(wanted.gtids, own) if left else 0)
    except (SessionError, ValueError):
        return None


def failure(trouble: Exception | None) -> str:
    """The check's word for it: down, hung, busy, unknown; "" for none."""
    if trouble is None:
        return ""
    if isinstance(trouble, Refused):
        return "down"
    if isinstance(trouble, ServerError):
        return "busy" if trouble.errno in BUSY else "unknown"
    return "hung" if isinstance(trouble, NoAnswer) else "unknown"
