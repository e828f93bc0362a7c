"""Says in words where a sync group does not elect as its instances alone would. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kachecks.keepalived.findings import WARNING, ElectionFinding
from kachecks.keepalived.situations import Sides

A, B = frozenset("A"), frozenset("B")


def group_findings(elections: Sequence[Sides]) -> Iterator[ElectionFinding]:
    """Groups on both nodes of which each node would win a part: keepalived moves them as one.

    Played with keepalived 2.2.7, 150 and 100 against 100 and 150: the one that had started first
    kept the group, with nopreempt the other one.
    """
    groups: dict[tuple[str, str], list[Sides]] = {}
    for sides in elections:
        if sides.a.group and sides.b.group:
            groups.setdefault((sides.a.group, sides.b.group), []).append(sides)
    for (name, _), members in groups.items():
        won = {sides.election().settle(frozenset()): sides for sides in reversed(members)}
        if A in won and B in won:
            yield ElectionFinding(
                WARNING,
                "GROUP_ORDER",
                f"in vrrp_sync_group {name} A comes first in {won[A].a.name}, and B in"
                f" {won[B].a.name}, but they move together: who has the VIPs is not what the tables"
                " say; give the instances of a group the same priority on each node",
                won[B].a.where,
            )
