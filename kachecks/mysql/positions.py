"""Servers asked how far they are, and what they lack of another's transactions.

MySQL's GTID sets are subtracted by the server, MariaDB's are compared here (gtid).
"""

from __future__ import annotations

from kachecks.mysql import queries
from kachecks.mysql.facts import Channel
from kachecks.mysql.gtid import Position, mariadb_missing, of_others, parse_gtid, split_gtids
from kachecks.mysql.session import Session


def executed(session: Session, seconds: float) -> Position:
    """What the server has committed by now. Raises SessionError."""
    row = session.query(queries.executed(session.version), seconds)[0]
    gtids = (row["executed"] or "").replace("\n", "")
    if session.version.mariadb or (row["gtid_mode"] or "").startswith("ON"):
        return Position(gtids, row["applied"] or "", None)
    rows = session.query(queries.binlog_position(session.version), seconds)
    if not rows:
        return Position("", "", None)
    return Position("", "", (rows[0]["File"] or "", int(rows[0]["Position"] or 0)))


def missing(
    session: Session, wanted: Position, channels: tuple[Channel, ...], seconds: float
) -> str:
    """What of ``wanted`` this server lacks, "" when it has everything. Raises SessionError."""
    if wanted.file is not None:
        return _file_missing(wanted.file, channels)
    if not wanted.gtids:
        return ""
    if session.version.mariadb:
        own = executed(session, seconds)
        return ",".join(mariadb_missing(wanted.gtids, own))
    own = executed(session, seconds)
    row = session.query(queries.gtid_missing(wanted.gtids, own.gtids), seconds)[0]
    return (row["missing"] or "").replace("\n", "")


def not_received(
    session: Session, wanted: Position, channels: tuple[Channel, ...], seconds: float
) -> str:
    """What of ``wanted``, by GTID, has not even reached this server; "" when all has.

    What waits in the relay log counts as received. Raises SessionError.
    """
    left = missing(session, wanted, channels, seconds)
    for channel in channels:
        if not left:
            break
        if session.version.mariadb:
            relayed = Position(channel.received_gtid, "", None)
            left = ",".join(mariadb_missing(left, relayed))
        else:
            row = session.query(queries.gtid_missing(left, channel.received_gtid), seconds)[0]
            left = (row["missing"] or "").replace("\n", "")
    return left


def unapplied(session: Session, channel: Channel, server_id: int, seconds: float) -> str:
    """What a channel has received and not applied, "" when nothing. Raises SessionError.

    On MariaDB the received position also carries this server's own transactions as they came
    back from the peer; those are not applied and do not count.
    """
    if not channel.gtid:
        if channel.received_file == channel.applied_file or not channel.received_file[0]:
            return ""
        return "{}:{}".format(*channel.received_file)
    if session.version.mariadb:
        others = ",".join(
            gtid for gtid in split_gtids(channel.received_gtid) if parse_gtid(gtid)[1] != server_id
        )
        return ",".join(mariadb_missing(others, executed(session, seconds)))
    own = executed(session, seconds)
    row = session.query(queries.gtid_missing(channel.received_gtid, own.gtids), seconds)[0]
    return (row["missing"] or "").replace("\n", "")


def others_of(session: Session, identity: str, seconds: float) -> str:
    """What others have committed there, by GTID; "" where a server has none. Waits for nothing.

    Raises SessionError.
    """
    row = session.query(queries.executed(session.version), seconds)[0]
    if not session.version.mariadb and not (row["gtid_mode"] or "").startswith("ON"):
        return ""
    gtids = (row["executed"] or "").replace("\n", "")
    return of_others(Position(gtids, row["applied"] or "", None), identity)


def _file_missing(wanted: tuple[str, int], channels: tuple[Channel, ...]) -> str:
    """File and position: reached when a channel has applied up to there in the source's files."""
    for channel in channels:
        if _ordered(channel.applied_file) >= _ordered(wanted):
            return ""
    return "{}:{}".format(*wanted)


def _ordered(position: tuple[str, int]) -> tuple[int, int]:
    """Binary logs are numbered: mysql-bin.999999 comes before mysql-bin.1000000."""
    number = position[0].rpartition(".")[2]
    return (int(number) if number.isdigit() else 0, position[1])
