"""How far a server is, and what it lacks of another's transactions.

MySQL's GTID sets are subtracted by the server. MariaDB has no set arithmetic, so its GTIDs
(domain-server-sequence) are compared here: binlog_state names the last sequence of every domain
and server, slave_pos the last applied of every domain.
"""

from __future__ import annotations

from kachecks.lean import NamedTuple
from kachecks.mysql import queries
from kachecks.mysql.facts import Channel, Version
from kachecks.mysql.session import Session

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


class Position(NamedTuple):
    """All that a server has committed."""

    gtids: str  # MySQL: gtid_executed; MariaDB: gtid_binlog_state; "" without GTIDs
    applied: str  # MariaDB: gtid_slave_pos
    file: tuple[str, int] | None  # end of the binary log, where there are no GTIDs

    @property
    def text(self) -> str:
        """For people and the audit log."""
        if self.gtids or self.file is None:
            return self.gtids
        return f"{self.file[0]}:{self.file[1]}"


def executed(session: Session, version: Version, timeout: float) -> Position:
    """What the server has committed by now. Raises SessionError."""
    row = session.query(queries.executed(version), timeout)[0]
    gtids = (row["executed"] or "").replace("\n", "")
    if version.mariadb or (row["gtid_mode"] or "").startswith("ON"):
        return Position(gtids, row["applied"] or "", None)
    rows = session.query(queries.binlog_position(version), timeout)
    if not rows:
        return Position("", "", None)
    return Position("", "", (rows[0]["File"] or "", int(rows[0]["Position"] or 0)))


def missing(
    session: Session, version: Version, wanted: Position, channels: tuple[Channel, ...], t: float
) -> str:
    """What of ``wanted`` this server lacks, "" when it has everything. Raises SessionError."""
    if wanted.file is not None:
        return _file_missing(wanted.file, channels)
    if not wanted.gtids:
        return ""
    if version.mariadb:
        own = executed(session, version, t)
        return ",".join(mariadb_missing(wanted.gtids, own))
    own = executed(session, version, t)
    row = session.query(queries.gtid_missing(wanted.gtids, own.gtids), t)[0]
    return (row["missing"] or "").replace("\n", "")


def not_received(
    session: Session, version: Version, wanted: Position, channels: tuple[Channel, ...], t: float
) -> str:
    """What of ``wanted``, by GTID, has not even reached this server; "" when all has.

    What waits in the relay log counts as received. Raises SessionError.
    """
    left = missing(session, version, wanted, channels, t)
    for channel in channels:
        if not left:
            break
        if version.mariadb:
            relayed = Position(channel.received_gtid, "", None)
            left = ",".join(mariadb_missing(left, relayed))
        else:
            row = session.query(queries.gtid_missing(left, channel.received_gtid), t)[0]
            left = (row["missing"] or "").replace("\n", "")
    return left


def unapplied(
    session: Session, version: Version, channel: Channel, server_id: int, timeout: float
) -> str:
    """What a channel has received and not applied, "" when nothing. Raises SessionError.

    On MariaDB the received position also carries this server's own transactions as they came
    back from the peer; those are not applied and do not count.
    """
    if not channel.gtid:
        if channel.received_file == channel.applied_file or not channel.received_file[0]:
            return ""
        return "{}:{}".format(*channel.received_file)
    if version.mariadb:
        others = ",".join(
            gtid for gtid in _split(channel.received_gtid) if parse_gtid(gtid)[1] != server_id
        )
        return ",".join(mariadb_missing(others, executed(session, version, timeout)))
    own = executed(session, version, timeout)
    row = session.query(queries.gtid_missing(channel.received_gtid, own.gtids), timeout)[0]
    return (row["missing"] or "").replace("\n", "")


def lost_of(identity: str, missing_gtids: str) -> str:
    """The part of a missing set that this very server once made: it can never come back by itself.

    ``identity`` is Facts.identity: server_uuid on MySQL, server_id on MariaDB.
    """
    parts = [part.strip() for part in _split(missing_gtids)]
    if "-" in identity:
        return ",".join(part for part in parts if part.lower().startswith(identity.lower()))
    lost = [part for part in parts if _is_mariadb(part) and str(parse_gtid(part)[1]) == identity]
    return ",".join(lost)


def others_of(session: Session, version: Version, identity: str, timeout: float) -> str:
    """What others have committed there, by GTID; "" where a server has none. Waits for nothing.

    Raises SessionError.
    """
    row = session.query(queries.executed(version), timeout)[0]
    if not version.mariadb and not (row["gtid_mode"] or "").startswith("ON"):
        return ""
    gtids = (row["executed"] or "").replace("\n", "")
    return of_others(Position(gtids, row["applied"] or "", None), identity)


def of_others(position: Position, identity: str) -> str:
    """All GTIDs here that this very server has not made: equal texts, equal transactions."""
    parts = {part.strip().lower() for part in _split(f"{position.gtids},{position.applied}")}
    own = {part for part in parts if _made_by(identity.lower(), part)}
    return ",".join(sorted(parts - own))


def _made_by(identity: str, part: str) -> bool:
    if "-" in identity:
        return part.startswith(f"{identity}:")
    return _is_mariadb(part) and str(parse_gtid(part)[1]) == identity


def mariadb_missing(wanted: str, own: Position) -> list[str]:
    """GTIDs of ``wanted`` that are ahead of ``own``.

    A sequence counts as present when the binary log or the replica position has it from the same
    server. A replica position of another server in the same domain counts only where nothing is
    known of that server: two servers that share a domain may have diverged.
    """
    here: dict[tuple[int, int], int] = {}
    applied: dict[int, int] = {}
    for gtid in [*_split(own.gtids), *_split(own.applied)]:
        domain, server, sequence = parse_gtid(gtid)
        here[domain, server] = max(sequence, here.get((domain, server), 0))
    for gtid in _split(own.applied):
        domain, _, sequence = parse_gtid(gtid)
        applied[domain] = sequence
    return [gtid for gtid in _split(wanted) if not _present(*parse_gtid(gtid), here, applied)]


def _present(
    domain: int,
    server: int,
    sequence: int,
    here: dict[tuple[int, int], int],
    applied: dict[int, int],
) -> bool:
    known = here.get((domain, server), applied.get(domain, 0))
    return known >= sequence


def parse_gtid(text: str) -> tuple[int, int, int]:
    """Domain, server and sequence of a MariaDB GTID such as ``1-2-345``. Raises ValueError."""
    domain, server, sequence = text.split("-")
    return int(domain), int(server), int(sequence)


def _is_mariadb(text: str) -> bool:
    return text.count("-") == 2 and ":" not in text


def _split(gtids: str) -> Iterator[str]:
    return (part.strip() for part in gtids.split(",") if part.strip())


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
