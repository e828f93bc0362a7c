"""How often each row has been played in marathons since the last change of what they prove.

Marathons take hours, so one is played in parts, and this file is what the parts have in common.
Empty it (but for its head) after a change of promotion, demotion, check or keepalived's snippets.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

FILE = Path(__file__).with_name("played.tsv")
HEAD = "row\tflavour\truns\tfailed\tworst outage\tlost\tboth open\n"


class Played(NamedTuple):
    """A row on a family; seconds, and rows of the client."""

    runs: int = 0
    failed: int = 0
    worst: float = 0.0
    lost: int = 0
    both_open: float = 0.0


Table = dict[tuple[str, str], Played]


def read(file: Path = FILE) -> Table:
    """Nothing where there is no such file."""
    if not file.exists():
        return {}
    lines = [line.split("\t") for line in file.read_text().splitlines()[1:]]
    return {
        (row, flavour): Played(int(runs), int(failed), float(worst), int(lost), float(both))
        for row, flavour, runs, failed, worst, lost, both in lines
    }


def with_more(played: Table, entries: Iterable[Mapping[str, Any]]) -> Table:
    """The same with the results of another part; what proved nothing does not count."""
    table = dict(played)
    for entry in entries:
        if "unproven" in entry:
            continue
        key = (entry["row"], entry["flavour"])
        old = table.get(key, Played())
        if "failed" in entry:
            table[key] = old._replace(runs=old.runs + 1, failed=old.failed + 1)
            continue
        table[key] = Played(
            old.runs + 1,
            old.failed,
            max(old.worst, entry["outage"]),
            max(old.lost, entry["lost"]),
            max(old.both_open, entry["both_open"]),
        )
    return table


def write(played: Table, order: Iterable[str], file: Path = FILE) -> None:
    """In the order of the rows."""
    places = {row: place for place, row in enumerate(order)}
    lines = [
        f"{row}\t{flavour}\t{one.runs}\t{one.failed}\t{one.worst:.2f}\t{one.lost}\t{one.both_open:.2f}\n"
        for (row, flavour), one in sorted(played.items(), key=lambda item: places[item[0][0]])
    ]
    file.write_text(HEAD + "".join(lines))
