"""What the election rules predict for a history of events. Pure but for reading the two files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from kachecks.keepalived.conf import read
from kachecks.keepalived.election import higher_address
from kachecks.keepalived.instance import instances
from kachecks.keepalived.situations import WELL, Sides

UNKNOWN = frozenset("?")
"""The addresses decide and are not known. Nobody is ever seen to be that."""
INSTANCE = "election"
"""The one with the VIP that is looked at."""


class Prediction:
    """One pair of configurations, and what has happened to it so far."""

    def __init__(self, conf_a: Path, conf_b: Path, address_a: str, address_b: str) -> None:
        """Each file is read with the node's name, A or B, as its config-id."""
        a, b = (
            next(one for one in instances(read(str(conf), name)) if one.name == INSTANCE)
            for conf, name in ((conf_a, "A"), (conf_b, "B"))
        )
        self.sides = Sides(a, b, higher_address(address_a, address_b))
        self.masters: frozenset[str] = frozenset()
        self._failed: dict[str, frozenset[str] | None] = {"A": None, "B": None}  # None: down
        self._hearing = {"A": True, "B": True}

    def happen(self, event: str) -> frozenset[str]:
        """Who holds the VIP after this event, one of EVENTS."""
        EVENTS[event](self)
        return self.settle()

    def settle(self) -> frozenset[str]:
        """Who holds the VIP from now on."""
        election = self.sides.election(self._failed["A"], self._failed["B"])
        election = election._replace(
            a=election.a._replace(hears=election.a.hears and self._hearing["A"]),
            b=election.b._replace(hears=election.b.hears and self._hearing["B"]),
        )
        held = election.settle(self.masters)
        self.masters = UNKNOWN if held is None else held
        return self.masters

    def start(self, name: str) -> None:
        self._failed[name] = WELL

    def stop(self, name: str) -> None:
        self._failed[name] = None

    def fail_check(self, name: str) -> None:
        self._failed[name] = frozenset(each.label for each in self.sides.instance(name).trackers)

    def hear(self, a: bool, b: bool) -> None:
        self._hearing = {"A": a, "B": b}


#: In the order of the lab's history.
EVENTS: dict[str, Callable[[Prediction], None]] = {
    "A starts": lambda story: story.start("A"),
    "B starts": lambda story: story.start("B"),
    "A's check fails": lambda story: story.fail_check("A"),
    "A recovers": lambda story: story.start("A"),
    "A ends": lambda story: story.stop("A"),
    "A is back": lambda story: story.start("A"),
    "B's check fails": lambda story: story.fail_check("B"),
    "B recovers": lambda story: story.start("B"),
    "adverts are lost": lambda story: story.hear(False, False),
    "adverts are heard again": lambda story: story.hear(True, True),
    "A is deaf": lambda story: story.hear(False, True),
    "A hears again": lambda story: story.hear(True, True),
}
