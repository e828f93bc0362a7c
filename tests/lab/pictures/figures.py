"""What a record amounts to, as a table of figures in plain text."""

from __future__ import annotations

from collections.abc import Sequence

from tests.lab.records import evidence
from tests.lab.records.record import Record, Row


def figures(record: Record, rows: dict[str, list[Row]] | None = None) -> list[tuple[str, str]]:
    """The table at the end: what a reader wants to know of a failover, in words and numbers.

    `rows`: what each node holds at the end, the active node's first.
    """
    done = evidence.acknowledged(record.writes)
    table = []
    for fault in record.faults:
        gap = evidence.outage_of(record, fault)
        after = gap.after.upper() if gap.after else "nobody"
        table.append((f"outage, {fault.text}", f"{gap.seconds:.2f} s, then {after} took writes"))
    table.append(("acknowledged writes", f"{len(done):,}"))
    if rows:
        (active, kept), *others = rows.items()
        gone = evidence.lost(record.writes, kept)
        table.append((f"acknowledged writes missing on {active.upper()}", f"{len(gone):,}"))
        for other, theirs in others:
            differ = evidence.differing(kept, theirs)
            table.append(
                (
                    f"rows that differ between {active.upper()} and {other.upper()}",
                    f"{len(differ):,}",
                )
            )
    failed = ", ".join(
        f"{count} x {errno}" for errno, count in sorted(evidence.errors(record.writes).items())
    )
    table += [
        ("seconds with two writable servers", f"{evidence.both_open(record):.2f}"),
        ("seconds with the virtual IP on both", f"{evidence.both_holding(record):.2f}"),
        ("attempts that failed, by error number", failed or "none"),
        ("longest gap between samples", f"{evidence.longest_gap(record) * 1000:.0f} ms"),
    ]
    return table


def table(rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their widest cell, the first one left, the others as they are."""
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows
    )
