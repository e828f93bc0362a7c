"""The story of the articles that the project starts from, played on a pair.

A's mysqld stops: the virtual IP and the writes go to B. A's mysqld comes back: they stay on B.
B's mysqld stops: they go to A. B's comes back. One place for it: it is a test of kachecks and the
comparison with the shell recipe.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass

from tests.lab.error import LabError
from tests.lab.observing.observer import Observer
from tests.lab.observing.verify import rows_by_node
from tests.lab.pairs.node import Node
from tests.lab.pairs.pair import VIP, Pair
from tests.lab.records import evidence
from tests.lab.records.record import Mark, Record, Row

_STEADY = 2.0
_TAKEOVER = 30.0
_CATCH_UP = 15.0


@dataclass(frozen=True)
class Switch:
    """One of the two times that the active node's mysqld stops."""

    text: str
    outage: evidence.Outage
    wanted: str
    """The node that should have taken over."""

    @property
    def came(self) -> bool:
        return self.outage.after == self.wanted


@dataclass(frozen=True)
class Played:
    """How the sequence went; seconds and counts."""

    record: Record
    switches: tuple[Switch, ...]
    stayed: bool
    """The virtual IP and the writes stayed on B when A came back."""
    rows: dict[str, list[Row]]
    """What each node holds at the end, the one with the virtual IP first."""
    applier_errors: dict[str, tuple[int, str]]
    """Per node the error that stopped its applier, if one did."""

    @property
    def lost(self) -> int | None:
        """Acknowledged writes missing on the node with the virtual IP; None: nobody answers."""
        if not self.rows:
            return None
        return len(evidence.lost(self.record.writes, next(iter(self.rows.values()))))

    @property
    def differing(self) -> int | None:
        """Rows that only one node has."""
        if len(self.rows) < 2:
            return None
        return len(evidence.differing(*self.rows.values()))


def play(pair: Pair, observer: Observer) -> Played:
    """Play it with a client writing; `observer` has been entered and is left entered.

    What does not happen in time is in the result, not raised: the recipe may end anywhere.
    """
    a, b = pair.nodes
    observer.wait_for_write(a.name)
    time.sleep(_STEADY)
    first = _stop_mysqld(observer, a, b)
    _bring_back(pair, observer, a)
    stayed = b.has_vip(VIP) and not a.has_vip(VIP)
    second = _stop_mysqld(observer, b, a)
    _bring_back(pair, observer, b)
    observer.stop_writing()
    with contextlib.suppress(LabError):
        pair.wait_replication_caught_up(_CATCH_UP)
    record = observer.record()
    switches = tuple(
        Switch(mark.text, evidence.outage_of(record, mark), wanted.name)
        for mark, wanted in ((first, b), (second, a))
    )
    stayed = stayed and switches[0].outage.after == b.name
    errors = {node.name: _applier_error(pair, node) for node in pair.nodes}
    return Played(
        record=record,
        switches=switches,
        stayed=stayed,
        rows=rows_by_node(pair),
        applier_errors={name: error for name, error in errors.items() if error[0]},
    )


def _stop_mysqld(observer: Observer, active: Node, standby: Node) -> Mark:
    mark = observer.mark(f"mysqld on {active.name.upper()} stopped", fault=True)
    with contextlib.suppress(LabError):
        active.stop_mysqld()
        observer.wait_for_write(standby.name, after=mark.time, timeout=_TAKEOVER)
    time.sleep(_STEADY)
    return mark


def _bring_back(pair: Pair, observer: Observer, node: Node) -> None:
    """Start mysqld and, where the recipe has stopped it, keepalived: the operator's work."""
    observer.mark(f"mysqld on {node.name.upper()} started again")
    node.start_mysqld()
    if not node.keepalived_pids():
        observer.mark(f"keepalived on {node.name.upper()} started again by hand")
        node.start_keepalived()
    pair.give_time_to_return(node, 10)
    time.sleep(_STEADY)


def _applier_error(pair: Pair, node: Node) -> tuple[int, str]:
    row = node.sql(pair.flavour.show_replication)[0]
    return int(row["Last_SQL_Errno"]), str(row["Last_SQL_Error"])
