"""What a scenario has cost the clients of a cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.lab.pictures.figures import table
from tests.lab.records import evidence, quorum
from tests.lab.records.record import Record, Row, Write


@dataclass(frozen=True)
class Ledger:
    """Seconds and counts."""

    outage: float
    """The longest that one client waited for an acknowledgement, from the fault on."""
    after: str | None
    """The member that acknowledged its first write then; None: nobody did."""
    acknowledged: int
    missing: int
    """Acknowledged writes that one of the members that can be asked does not have."""
    without_quorum: float
    """The VIP on a member that says it has no quorum."""
    both_vip: float
    both_acknowledge: float
    """Two members acknowledged writes through the VIP, each to a client of its own."""
    both_open: float | None
    """Two members took writes by their own word; None where the engine has all of them do so."""
    longest_gap: float
    """In which nobody looked: above evidence.LONGEST_GAP nothing here is proof."""

    def __str__(self) -> str:
        seconds = {
            "outage": self.outage,
            "VIP on a member without quorum": self.without_quorum,
            "VIP on two members": self.both_vip,
            "two members acknowledging": self.both_acknowledge,
            "two members that take writes": self.both_open,
            "longest gap between samples": self.longest_gap,
        }
        counts = {"acknowledged writes": self.acknowledged, "of those missing": self.missing}
        lines = [(what, f"{value:.2f} s") for what, value in seconds.items() if value is not None]
        lines += [(what, f"{value:,}") for what, value in counts.items()]
        lines.append(("first write then by", (self.after or "nobody").upper()))
        return table(lines)


def ledger(
    record: Record,
    others: Sequence[Sequence[Write]],
    rows: Mapping[str, Sequence[Row]],
    *,
    one_writer: bool,
) -> Ledger:
    """Of the record of one client, the writes of the others, and what each member holds at last.

    Raises:
        ValueError: no member could be asked for its rows, so nothing is known of what is missing.
    """
    if not rows:
        raise ValueError("no member tells its rows")
    writes = [record.writes, *others]
    everything = [write for each in writes for write in each]
    since = record.faults[0].time if record.faults else record.start
    gap = evidence.outage(record, since)
    return Ledger(
        outage=gap.seconds,
        after=gap.after,
        acknowledged=len(evidence.acknowledged(everything)),
        missing=max(len(evidence.lost(everything, kept)) for kept in rows.values()),
        without_quorum=quorum.held_without_quorum(record),
        both_vip=evidence.both_holding(record),
        both_acknowledge=quorum.two_acknowledging(writes),
        both_open=evidence.both_open(record) if one_writer else None,
        longest_gap=evidence.longest_gap(record),
    )
