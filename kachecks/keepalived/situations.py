"""Every situation that two nodes can be in, and who holds the VIP in each. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from itertools import chain, combinations
from typing import NamedTuple

from kachecks.keepalived.election import Candidate, Election, effective_priority, why_dropped
from kachecks.keepalived.instance import Instance

_MOST_ROWS = 64  # all combinations up to here; beyond it none, each alone, and all together
WELL: frozenset[str] = frozenset()


class Sides(NamedTuple):
    """The two instances of an election, and what the files tell about their addresses."""

    a: Instance
    b: Instance
    higher: str = ""  # A or B: who has the higher address; "" unknown

    def instance(self, name: str) -> Instance:
        return self.a if name == "A" else self.b

    def election(
        self,
        failed_a: AbstractSet[str] | None = WELL,
        failed_b: AbstractSet[str] | None = WELL,
        connected: bool = True,
    ) -> Election:
        """The election while these trackers fail; None: the node is down."""
        return Election(
            self._candidate("A", failed_a, connected), self._candidate("B", failed_b, connected)
        )._replace(higher=self.higher)

    def election_with(self, name: str, failed: AbstractSet[str] | None) -> Election:
        """The election while these trackers fail on one node (None: it is down) and the other is
        well."""
        return self.election(failed_a=failed) if name == "A" else self.election(failed_b=failed)

    def _candidate(self, name: str, failed: AbstractSet[str] | None, connected: bool) -> Candidate:
        own, other = self.instance(name), self.instance("B" if name == "A" else "A")
        runs = failed is not None and not own.ends
        return Candidate(
            priority=effective_priority(own, failed or WELL) if runs else None,
            nopreempt=own.nopreempt,
            hears=connected and not why_dropped(own, other),
        )


class Situation(NamedTuple):
    """One situation."""

    a: str  # what is wrong with A, "" nothing
    b: str
    priority_a: int | None  # None: FAULT or down
    priority_b: int | None
    from_a: frozenset[str] | None  # who holds the VIP if A held it before; None: the addresses
    from_b: frozenset[str] | None  # decide and are not known


def situations(sides: Sides) -> list[Situation]:
    """Every combination of check results, then each node down, then the adverts lost and heard."""
    table = [
        _row(sides.election(failed_a, failed_b), _names(failed_a), _names(failed_b))
        for failed_a in _combinations(sides.a, sides.b)
        for failed_b in _combinations(sides.b, sides.a)
    ]
    table.append(_row(sides.election(failed_a=None), "down", ""))
    table.append(_row(sides.election(failed_b=None), "", "down"))
    table.append(_row(sides.election(connected=False), "adverts lost", "adverts lost"))
    both = frozenset("AB")
    again = sides.election()
    held = again.settle(both)
    table.append(
        Situation(
            "adverts again",
            "adverts again",
            again.a.priority,
            again.b.priority,
            held,
            held,
        )
    )
    return table


def _row(election: Election, a: str, b: str) -> Situation:
    return Situation(
        a,
        b,
        election.a.priority,
        election.b.priority,
        election.settle({"A"}),
        election.settle({"B"}),
    )


def _names(failed: Iterable[str]) -> str:
    names = ", ".join(sorted(label.partition(" ")[2] for label in failed))
    return f"{names} failed" if names else ""


def _combinations(one: Instance, other: Instance) -> list[frozenset[str]]:
    labels = [tracker.label for tracker in one.trackers]
    sizes: Iterable[int] = range(len(labels) + 1)
    if 2 ** (len(labels) + len(other.trackers)) > _MOST_ROWS:
        sizes = sorted({0, min(1, len(labels)), len(labels)})
    return [frozenset(some) for some in chain(*(combinations(labels, size) for size in sizes))]
