"""One maintenance as a value: an operator keeps this node out of the election until a set time."""

from __future__ import annotations

from kachecks.lean import NamedTuple


class Maintenance(NamedTuple):
    """One maintenance, as the operator has declared it."""

    since: float  # s since the epoch
    until: float  # s since the epoch
    until_said: str  # the same for people: this host's local time
    owner: str
    reason: str

    @property
    def sentence(self) -> str:
        """Who, why and how long, for people."""
        return f"maintenance until {self.until_said} by {self.owner}: {self.reason}"
