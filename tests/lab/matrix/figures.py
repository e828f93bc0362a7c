"""What a scenario measured, and the line that tells it."""

from __future__ import annotations

from dataclasses import dataclass

from tests.lab.servers.flavour import Flavour


@dataclass(frozen=True)
class Figures:
    """Seconds and counts."""

    outage: float
    lost: int
    both_open: float
    both_vip: float
    missing_on_takeover: int | None = None
    """Acknowledged writes that the new active node lacked before the old one was back."""
    notes: tuple[str, ...] = ()
    """What else the scenario measured, in words and with units."""

    def line(self, title: str, flavour: Flavour) -> str:
        line = (
            f"{title:<15} {flavour.name:<12} outage {self.outage:5.2f} s, lost {self.lost},"
            f" both open {self.both_open:.2f} s, both VIP {self.both_vip:.2f} s"
        )
        if self.missing_on_takeover is not None:
            line += f", missing before A was back {self.missing_on_takeover}"
        return "; ".join([line, *self.notes])
