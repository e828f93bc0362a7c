"""Says in words what is late or missing once the VIP has moved. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from kachecks.keepalived.findings import FAILURE, ElectionFinding
from kachecks.keepalived.situations import Sides


def takeover_findings(sides: Sides) -> Iterator[ElectionFinding]:
    """Nothing where keepalived does not run on both nodes."""
    if not (sides.a.ends or sides.b.ends):
        yield from _excluded(sides)


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
