"""What a scenario has cost the clients of a cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.lab.pictures.figures import table
from tests.lab.records import evidence, quorum
from tests.lab.records.evidence import Outage
from tests.lab.records.record import Record, Row, Write


@dataclass(frozen=True)
class Ledger:
    """Seconds and counts."""

    outages: tuple[tuple[str, Outage], ...]
    """What was done, and the longest that one client then waited for an acknowledgement."""
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

    @property
    def outage(self) -> float:
        """Seconds, of the first fault."""
        return self.outages[0][1].seconds

    @property
    def after(self) -> str | None:
        """The member that acknowledged the first write then; None: nobody did."""
        return self.outages[0][1].after

    @property
    def is_proof(self) -> bool:
        """Somebody looked all the time."""
        return self.longest_gap <= evidence.LONGEST_GAP

    def line(self) -> str:
        """In short."""
        told = [f"{text} {gap.seconds:.2f} s" for text, gap in self.outages]
        told.append(f"missing {self.missing} of {self.acknowledged}")
        told += [f"{what} {value:.2f} s" for what, value in self._seconds() if value]
        return ", ".join(told) + ("" if self.is_proof else " (nobody looked for a while: no proof)")

    def __str__(self) -> str:
        """As a table."""
        lines = [
            (f"outage, {text}", f"{gap.seconds:.2f} s, then {(gap.after or 'nobody').upper()}")
            for text, gap in self.outages
        ]
        lines += [(what, f"{value:.2f} s") for what, value in self._seconds()]
        lines.append(("longest gap between samples", f"{self.longest_gap:.2f} s"))
        lines.append(("acknowledged writes", f"{self.acknowledged:,}"))
        lines.append(("of those missing", f"{self.missing:,}"))
        return table(lines)

    def _seconds(self) -> list[tuple[str, float]]:
        seconds = {
            "VIP on a member without quorum": self.without_quorum,
            "VIP on two members": self.both_vip,
            "two members acknowledging": self.both_acknowledge,
            "two members that take writes": self.both_open,
        }
        return [(what, value) for what, value in seconds.items() if value is not None]


def ledger(
    record: Record,
    others: Sequence[Sequence[Write]],
    rows: Mapping[str, Sequence[Row]],
    *,
    one_writer: bool,
) -> Ledger:
    """Of the record of one client, the writes of the others, and what each member holds at last.

    Raises:
        ValueError: no member could be asked for its rows, so nothing is known of what is missing;
            or the record has no fault.
    """
    if not rows:
        raise ValueError("no member tells its rows")
    if not record.faults:
        raise ValueError("no fault is marked in the record")
    writes = [record.writes, *others]
    everything = [write for each in writes for write in each]
    return Ledger(
        outages=tuple((mark.text, evidence.outage_of(record, mark)) for mark in record.faults),
        acknowledged=len(evidence.acknowledged(everything)),
        missing=max(len(evidence.lost(everything, kept)) for kept in rows.values()),
        without_quorum=quorum.held_without_quorum(record),
        both_vip=evidence.both_holding(record),
        both_acknowledge=quorum.two_acknowledging(writes),
        both_open=evidence.both_open(record) if one_writer else None,
        longest_gap=evidence.longest_gap(record),
    )
