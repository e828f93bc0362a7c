"""Counts transactions: in a GTID set, or between two positions."""

from __future__ import annotations

from kachecks.lean import NamedTuple
from kachecks.mysql.gtid import Position, mariadb_missing, parse_gtid, split_gtids

_UUID_PARTS = (8, 4, 4, 4, 12)
"""Digits between the dashes of a UUID (RFC 9562)."""


def count(gtids: str) -> int | None:
    """Transactions in a MySQL GTID set; None where the text is no such set.

    ``uuid:1-5:7`` is 6. Several UUIDs are separated by commas, with or without newlines; MySQL
    8.3 and later put tags between the intervals (``uuid:1-3:tag:1-5``). The intervals of a set
    that a server has printed never overlap, so they are only added up.
    """
    total = 0
    for part in split_gtids(gtids):
        uuid, *rest = (piece.strip() for piece in part.split(":"))
        if tuple(map(len, uuid.split("-"))) != _UUID_PARTS:
            return None
        try:
            total += sum(_interval(piece) for piece in rest if piece[:1].isdigit())
        except ValueError:
            return None
    return total


def _interval(text: str) -> int:
    """Transactions in ``first-last`` or in ``only``. Raises ValueError."""
    first, _, last = text.partition("-")
    return max(0, int(last or first) - int(first) + 1)


class Span(NamedTuple):
    """Transactions of one MariaDB domain that are ahead of a position."""

    domain: int
    after: int | None  # the sequence where they begin, exclusive; None: not known
    upto: tuple[str, ...]  # the last GTID of each server that made some

    @property
    def transactions(self) -> int | None:
        """How many they are; a domain has one sequence of numbers for all its servers."""
        return None if self.after is None else max(0, parse_gtid(self.end)[2] - self.after)

    @property
    def start(self) -> str:
        """A GTID after which they begin, for mariadb-binlog; "" where it is not known."""
        if self.after is None:
            return ""
        return f"{self.domain}-{parse_gtid(self.upto[0])[1]}-{self.after}"

    @property
    def end(self) -> str:
        """The last of them."""
        return max(self.upto, key=lambda gtid: parse_gtid(gtid)[2])

    def __str__(self) -> str:
        """For people: ``1-1-101 to 1-1-103``."""
        last = " and ".join(self.upto)
        if self.after is None:
            return f"up to {last}"
        if len(self.upto) > 1:
            return f"after {self.after} in domain {self.domain}, up to {last}"
        domain, server, top = parse_gtid(last)
        first = f"{domain}-{server}-{self.after + 1}"
        return last if top <= self.after + 1 else f"{first} to {last}"


def mariadb_spans(wanted: str, own: Position) -> list[Span]:
    """Transactions of ``wanted`` that are ahead of ``own``, by domain.

    ``wanted`` had best be the other server's whole gtid_binlog_state: in each domain the difference
    begins after the last transaction that both have. With only a part of it, such as the answer of
    ``mariadb_missing``, the difference may seem to begin earlier. A domain that ``own`` does not
    name begins at 0; if ``own`` names no domain at all, the beginning is unknown. Sequence numbers
    that somebody skipped by hand (gtid_seq_no) count as transactions. Raises ValueError: these are
    no MariaDB GTIDs.
    """
    ahead: dict[int, list[str]] = {}
    for gtid in mariadb_missing(wanted, own):
        ahead.setdefault(parse_gtid(gtid)[0], []).append(gtid)
    starts = _common(wanted, own)
    unseen = 0 if own.gtids or own.applied else None
    return [
        Span(domain, starts.get(domain, unseen), tuple(gtids)) for domain, gtids in ahead.items()
    ]


def mariadb_count(wanted: str, own: Position) -> int | None:
    """Transactions of ``wanted`` that are ahead of ``own``; None where the start is not known.

    Both as in ``mariadb_spans``. Raises ValueError.
    """
    total = 0
    for span in mariadb_spans(wanted, own):
        if span.transactions is None:
            return None
        total += span.transactions
    return total


def _common(wanted: str, own: Position) -> dict[int, int]:
    """Domain -> the highest sequence that both sides have.

    A server numbers its own transaction one above all that it has seen in the domain. So whoever
    has a transaction also has all that came before it.
    """
    theirs = _sequences(wanted)
    applied = _sequences(own.applied)
    ours = _sequences(own.gtids)
    for key, sequence in applied.items():
        ours[key] = max(sequence, ours.get(key, 0))
    common: dict[int, int] = {}
    for (domain, server), sequence in ours.items():
        if (domain, server) in theirs:
            shared = min(sequence, theirs[domain, server])
            common[domain] = max(shared, common.get(domain, 0))
    for (domain, _), sequence in applied.items():
        common.setdefault(domain, sequence)
    return common


def _sequences(gtids: str) -> dict[tuple[int, int], int]:
    """(domain, server) -> last sequence. Raises ValueError."""
    parsed = (parse_gtid(part) for part in split_gtids(gtids))
    return {(domain, server): sequence for domain, server, sequence in parsed}
