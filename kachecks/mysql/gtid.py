"""Positions and GTIDs as values: how far a server has come, and what one position lacks of another.

MariaDB has no set arithmetic, so its GTIDs (domain-server-sequence) are compared here: binlog_state
names the last sequence of every domain and server, slave_pos the last applied of every domain.
MySQL's GTID sets are subtracted by the server (positions).
"""

from __future__ import annotations

from kachecks.lean import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


class Position(NamedTuple):
    """All that a server has committed."""

    gtids: str  # MySQL: gtid_executed; MariaDB: gtid_binlog_state
    applied: str = ""  # MariaDB: gtid_slave_pos


def lost_of(identity: str, missing_gtids: str) -> str:
    """The part of a missing set that this very server once made. Replication never brings it back.

    ``identity`` is Facts.identity: server_uuid on MySQL, server_id on MariaDB.
    """
    parts = list(split_gtids(missing_gtids))
    if "-" in identity:
        return ",".join(part for part in parts if part.lower().startswith(identity.lower()))
    lost = [part for part in parts if _is_mariadb(part) and str(parse_gtid(part)[1]) == identity]
    return ",".join(lost)


def of_others(position: Position, identity: str) -> str:
    """All GTIDs here that this very server has not made. If two texts are equal, so are the
    transactions."""
    parts = {part.lower() for part in split_gtids(f"{position.gtids},{position.applied}")}
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
    for gtid in [*split_gtids(own.gtids), *split_gtids(own.applied)]:
        domain, server, sequence = parse_gtid(gtid)
        here[domain, server] = max(sequence, here.get((domain, server), 0))
    for gtid in split_gtids(own.applied):
        domain, _, sequence = parse_gtid(gtid)
        applied[domain] = sequence
    return [gtid for gtid in split_gtids(wanted) if not _present(*parse_gtid(gtid), here, applied)]


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


def split_gtids(gtids: str) -> Iterator[str]:
    """The GTIDs of a list, or the UUIDs of a set with their intervals, one by one."""
    return (part.strip() for part in gtids.split(",") if part.strip())
