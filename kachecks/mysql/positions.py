"""Asks servers how far they have come, and what they lack of another server's transactions.

MySQL's GTID sets are subtracted by the server, MariaDB's are compared by mysql.gtid.
"""

from __future__ import annotations

from kachecks.mysql import queries
from kachecks.mysql.errors import NoGtids, Nonsense
from kachecks.mysql.facts import Channel, Row, gtids_of, text_of
from kachecks.mysql.gtid import (
    Position,
    lost_of,
    mariadb_missing,
    of_others,
    parse_gtid,
    split_gtids,
)
from kachecks.mysql.session import Session, ask


def executed(session: Session, seconds: float) -> Position:
    """What the server has committed by now.

    Raises:
        NoGtids: GTIDs are switched off there (MySQL), so nobody can tell.
        SessionError: as the server or the network has it.
    """
    mariadb = session.version.mariadb

    def position(rows: list[Row]) -> Position:
        mode = text_of(rows[0], "gtid_mode")
        if not mariadb and mode in ("OFF", "OFF_PERMISSIVE"):
            raise NoGtids(mode)
        if not mariadb and mode not in ("ON", "ON_PERMISSIVE"):
            raise Nonsense("gtid_mode is none that MySQL has")
        return Position(*(gtids_of(rows[0], each, mariadb) for each in ("executed", "applied")))

    return ask(session, queries.executed(session.version), seconds, position)


def missing(session: Session, wanted: Position, seconds: float) -> str:
    """What of ``wanted`` this server lacks, "" when it has everything. Raises SessionError."""
    if not wanted.gtids:
        return ""
    own = executed(session, seconds)
    if session.version.mariadb:
        return ",".join(mariadb_missing(wanted.gtids, own))
    return subtracted(session, wanted.gtids, own.gtids, seconds)


def beyond(session: Session, theirs: Position, identity: str, seconds: float) -> str:
    """What this server has of the transactions that the server with this identity has made, and
    ``theirs``, that server's own position, does not have. Raises SessionError."""
    own = executed(session, seconds)
    if session.version.mariadb:  # a position that was set by hand is in no binary log
        return lost_of(identity, ",".join(mariadb_missing(f"{own.gtids},{own.applied}", theirs)))
    return lost_of(identity, subtracted(session, own.gtids, theirs.gtids, seconds))


def not_received(
    session: Session, wanted: Position, channels: tuple[Channel, ...], seconds: float
) -> str:
    """What of ``wanted`` has not even reached this server; "" when all has.

    What waits in the relay log counts as received. Raises SessionError.
    """
    left = missing(session, wanted, seconds)
    for channel in channels:
        if not left:
            break
        if session.version.mariadb:
            relayed = Position(channel.received_gtid)
            left = ",".join(mariadb_missing(left, relayed))
        else:
            left = subtracted(session, left, channel.received_gtid, seconds)
    return left


def unapplied(session: Session, channel: Channel, server_id: int, seconds: float) -> str:
    """What a channel has received and not applied, "" when nothing. Raises SessionError.

    On MariaDB the received position also names this server's own transactions that came back from
    the peer. They are never applied, so they do not count.
    """
    if session.version.mariadb:
        others = ",".join(
            gtid for gtid in split_gtids(channel.received_gtid) if parse_gtid(gtid)[1] != server_id
        )
        return ",".join(mariadb_missing(others, executed(session, seconds)))
    own = executed(session, seconds).gtids
    return subtracted(session, channel.received_gtid, own, seconds)


def others_of(session: Session, identity: str, seconds: float) -> str:
    """What others have committed there. Waits for nothing. Raises SessionError."""
    return of_others(executed(session, seconds), identity)


def subtracted(session: Session, gtids: str, others: str, seconds: float) -> str:
    """MySQL: what of one GTID set is not in another. Raises SessionError."""
    return ask(
        session,
        queries.gtid_missing(gtids, others),
        seconds,
        lambda rows: gtids_of(rows[0], "missing", mariadb=False),
    )
