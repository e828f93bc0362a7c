"""Asks servers how far they have come, and what they lack of another server's transactions.

MySQL's GTID sets are subtracted by the server, MariaDB's are compared by mysql.gtid.
"""

from __future__ import annotations

from kachecks.mysql import queries
from kachecks.mysql.errors import NoGtids
from kachecks.mysql.facts import Channel
from kachecks.mysql.gtid import (
    Position,
    lost_of,
    mariadb_missing,
    of_others,
    parse_gtid,
    split_gtids,
)
from kachecks.mysql.session import Session


def executed(session: Session, seconds: float) -> Position:
    """What the server has committed by now.

    Raises:
        NoGtids: GTIDs are switched off there (MySQL), so nobody can tell.
        SessionError: as the server or the network has it.
    """
    row = session.query(queries.executed(session.version), seconds)[0]
    mode = row["gtid_mode"] or ""
    if not session.version.mariadb and not mode.startswith("ON"):
        raise NoGtids(mode)
    return Position((row["executed"] or "").replace("\n", ""), row["applied"] or "")


def missing(session: Session, wanted: Position, seconds: float) -> str:
    """What of ``wanted`` this server lacks, "" when it has everything. Raises SessionError."""
    if not wanted.gtids:
        return ""
    own = executed(session, seconds)
    if session.version.mariadb:
        return ",".join(mariadb_missing(wanted.gtids, own))
    return _subtracted(session, wanted.gtids, own.gtids, seconds)


def beyond(session: Session, theirs: Position, identity: str, seconds: float) -> str:
    """What this server has of the transactions that the server with this identity has made, and
    ``theirs``, that server's own position, does not have. Raises SessionError."""
    own = executed(session, seconds)
    if session.version.mariadb:  # a position that was set by hand is in no binary log
        return lost_of(identity, ",".join(mariadb_missing(f"{own.gtids},{own.applied}", theirs)))
    return lost_of(identity, _subtracted(session, own.gtids, theirs.gtids, seconds))


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
            left = _subtracted(session, left, channel.received_gtid, seconds)
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
    return _subtracted(session, channel.received_gtid, own, seconds)


def others_of(session: Session, identity: str, seconds: float) -> str:
    """What others have committed there. Waits for nothing. Raises SessionError."""
    return of_others(executed(session, seconds), identity)


def _subtracted(session: Session, gtids: str, others: str, seconds: float) -> str:
    row = session.query(queries.gtid_missing(gtids, others), seconds)[0]
    return (row["missing"] or "").replace("\n", "")
