"""Says in words what is late or missing once the VIP has moved. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from kachecks.keepalived.findings import FAILURE, WARNING, ElectionFinding
from kachecks.keepalived.situations import Sides


def takeover_findings(sides: Sides) -> Iterator[ElectionFinding]:
    """Nothing where keepalived does not run on both nodes."""
    if not (sides.a.ends or sides.b.ends):
        yield from _excluded(sides)
        for name, other in ("AB", "BA"):
            yield from _delayed(sides, name, other)


def _excluded(sides: Sides) -> Iterator[ElectionFinding]:
    """No advert carries them, so no node drops one where they differ."""
    for name, other in ("AB", "BA"):
        own, taking = sides.instance(name), sides.instance(other)
        only = own.excluded - taking.excluded - taking.vips
        if only:
            yield ElectionFinding(
                FAILURE,
                "EXCLUDED_ADDRESSES",
                f"virtual_ipaddress_excluded has {', '.join(sorted(only))} only on {name}: once the"
                f" VIP moves to {other} nobody has it; write it on both nodes",
                own.where,
            )


def _delayed(sides: Sides, name: str, other: str) -> Iterator[ElectionFinding]:
    """preempt_delay counts not only from the start but also from the first advert of a MASTER with
    a lower priority (vrrp_state_backup of keepalived 2.2.7)."""
    delay = sides.instance(other).preempt_delay
    if not delay or sides.election().settle({name}) != frozenset(name):
        return
    for tracker in sides.instance(name).trackers:
        election = sides.election_with(name, frozenset([tracker.label]))
        sends = (election.a if name == "A" else election.b).priority is not None
        if sends and election.settle({name}) == frozenset(other):
            yield ElectionFinding(
                WARNING,
                "PREEMPT_DELAY",
                f"{tracker.label} failing on {name} lowers its priority, and {other} waits for its"
                f" preempt_delay of {delay:g} s before it takes the VIP; leave preempt_delay out,"
                " or use weight 0: that makes it FAULT, which sends no adverts to wait behind",
                tracker.where,
            )
