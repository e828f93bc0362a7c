"""What the audit log tells of promotions and demotions, on the clock of a record."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple, Protocol


class Audited(Protocol):
    """A node: what it is called, and the lines of its audit log."""

    name: str

    def audit(self) -> list[dict[str, Any]]: ...


class Transition(NamedTuple):
    """A transition of one node; `start` in seconds of CLOCK_MONOTONIC."""

    node: str
    start: float
    milliseconds: float
    title: str  # such as "promote: opened"
    steps: tuple[tuple[str, float], ...]  # name and milliseconds, in order

    @property
    def end(self) -> float:
        return self.start + self.milliseconds / 1000


def of_nodes(nodes: Iterable[Audited]) -> list[Transition]:
    """Those of all nodes, powered off ones too. Call it on the machine that the nodes run on."""
    since = time.time() - time.monotonic()
    return [each for node in nodes for each in of_audit(node.name, node.audit(), since)]


def of_audit(node: str, audit: Iterable[Mapping[str, Any]], since: float) -> list[Transition]:
    """`since`: the time of day, in seconds, at which CLOCK_MONOTONIC was 0.

    Entries without steps, such as a maintenance that begins, are no transitions.
    """
    found = []
    for entry in audit:
        if "steps" not in entry or "milliseconds" not in entry:
            continue
        written = datetime.strptime(entry["time"], "%Y-%m-%dT%H:%M:%S.%f%z").timestamp()
        steps = tuple((str(name), float(spent)) for name, spent in entry["steps"])
        milliseconds = float(entry["milliseconds"])
        start = written - since - milliseconds / 1000
        title = f"{entry['transition']}: {entry['outcome']}"
        found.append(Transition(node, start, milliseconds, title, steps))
    return sorted(found, key=lambda each: each.start)
