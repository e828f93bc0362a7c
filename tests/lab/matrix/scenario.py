"""One scenario: a pair with our suite, a client writing through the VIP, a fault, the checks."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.lab.observing.observer import Observer
from tests.lab.observing.verify import Expect, rows_by_node, rows_of, verify
from tests.lab.pairs.node import Node
from tests.lab.pairs.pair import VIP, Pair
from tests.lab.pairs.suite import Suite
from tests.lab.records import evidence
from tests.lab.records.record import Mark
from tests.lab.servers.flavour import Flavour

STEADY = 1.5
"""Seconds of writes before the fault, so that the record shows what normal is."""


@dataclass(frozen=True)
class Figures:
    """What a scenario measured; seconds and counts."""

    outage: float
    lost: int
    both_open: float
    both_vip: float
    missing_on_takeover: int | None = None
    """Acknowledged writes that the new active node lacked before the old one was back."""
    notes: tuple[str, ...] = ()
    """What else the row measured, in words and with units."""


class Scenario:
    """A pair at work, seen by an observer."""

    def __init__(self, pair: Pair, observer: Observer) -> None:
        self.pair = pair
        self.observer = observer
        self.a, self.b = pair.nodes
        self._fault: Mark | None = None
        self._missing: int | None = None
        self._notes: list[str] = []

    def fault(self, text: str) -> Mark:
        """Call it right before the fault."""
        self._fault = self.observer.mark(text, fault=True)
        return self._fault

    def wait_for_write_on(self, node: Node, timeout: float = 20.0) -> None:
        """Until that node acknowledges a write that began after now."""
        self.observer.wait_for_write(node.name, timeout=timeout)

    def must_have_all_but_the_tail(self, node: Node, tail: float = 0.3) -> None:
        """That node has, now, every write acknowledged up to ``tail`` seconds before the fault.

        What the client wrote in the last moments may not have left the old node when it died;
        everything before that has been received, and must have been applied before opening.
        """
        assert self._fault is not None
        rows = rows_of(node)
        assert rows is not None
        received = [
            write
            for write in self.observer.record().writes
            if write.acknowledged and write.end < self._fault.time - tail
        ]
        missing = evidence.lost(received, rows)
        assert not missing, f"{node.name.upper()} opened without {len(missing)} received writes"

    def count_missing(self, node: Node) -> int:
        """How many acknowledged writes that node, which has taken over, lacks for now.

        Call it before the other node is back: only its return can bring them.
        """
        writes = self.observer.record().writes  # before the rows: what is acknowledged is in them
        rows = rows_of(node)
        assert rows is not None
        self._missing = len(evidence.lost(writes, rows))
        return self._missing

    def note(self, text: str) -> None:
        """Have the row's line of figures tell it, too: "VIP gone from A 1.2 s later"."""
        self._notes.append(text)

    def wait_for_keepalived_to_end(self, node: Node) -> None:
        """It takes a second to end after it has released the VIP."""
        self.pair.wait_until(lambda: not node.keepalived_pids(), 5, "keepalived to end")

    def bring_back(self, node: Node) -> None:
        """What systemd or the operator does after the fault: start what is not running."""
        self.observer.mark(f"{node.name.upper()} comes back")
        if not node.is_on:
            node.power_on()
        if node.mysqld_pid() is None:
            node.start_mysqld()

        def stands_by() -> bool:
            if not node.keepalived_pids():  # also one that was told to stop a moment ago
                node.start_keepalived()
            return node.keepalived_state() == "BACKUP"

        self.pair.wait_until(stands_by, 20, f"{node.name.upper()} to stand by")

    def end(self, expect: Expect) -> Figures:
        """Stop the client and hold everything against the checks above the failure matrix."""
        time.sleep(STEADY)
        self.observer.stop_writing()
        verify(self.pair, self.observer.record(), expect)
        return self.figures()

    def figures(self) -> Figures:
        """What there is to tell about the fault."""
        assert self._fault is not None
        record = self.observer.record()
        contents = list(rows_by_node(self.pair).values())
        return Figures(
            outage=evidence.outage_of(record, self._fault).seconds,
            lost=len(evidence.lost(record.writes, contents[0])) if contents else -1,
            both_open=evidence.both_open(record),
            both_vip=evidence.both_holding(record),
            missing_on_takeover=self._missing,
            notes=tuple(self._notes),
        )


@contextlib.contextmanager
def playing(
    flavour: Flavour,
    option_overrides: Mapping[str, object | None] | None = None,
    *,
    suite: str | Suite = "kachecks",
    **pair_options: Any,
) -> Iterator[Scenario]:
    """A pair with A active and a client writing, until the context is left. Options as in Pair."""
    with (
        Pair(flavour, suite, option_overrides, **pair_options) as pair,
        Observer(pair.nodes, pair.client, VIP, pair.workdir) as observer,
    ):
        observer.wait_for_write(pair.a.name)
        # The check runs once a second: a fault always at the same moment of that second would
        # measure the moment, not the outage.
        time.sleep(STEADY + random.random())  # noqa: S311 - nobody to hide it from
        yield Scenario(pair, observer)
