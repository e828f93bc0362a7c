"""One scenario: a pair with our suite, a client writing through the VIP, a fault, the checks."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from tests.lab.matrix.figures import Figures
from tests.lab.observing.observer import Observer, watched
from tests.lab.observing.verify import Expect, rows_by_node, rows_of, verify
from tests.lab.pairs.node import Node
from tests.lab.pairs.pair import Pair
from tests.lab.pairs.suite import Suite
from tests.lab.records import evidence, handover
from tests.lab.records.record import Mark, Record
from tests.lab.servers.flavour import Flavour

STEADY = 1.5
"""Seconds of writes before the fault, so that the record shows what normal is."""

UNINTERRUPTED = 1.0
"""Seconds between acknowledged writes that are no outage: one missed check."""

SEMI_SYNC_TIMEOUT = 10.0
"""Seconds: longer than anything here takes, so that no commit goes on without the other node."""

SERVED_BY_A = Expect(holder="a", audit={"a": ("promote: opened",)})
SERVED_BY_A_REFUSED_BY_B = Expect(
    holder="a", audit={"a": ("promote: opened",), "b": ("promote: refused",)}
)
SERVED_BY_B = Expect(holder="b", audit={"b": ("promote: opened",)})


class Scenario:
    """A pair at work, seen by an observer."""

    def __init__(self, pair: Pair, observer: Observer) -> None:
        self.pair = pair
        self.observer = observer
        self.a, self.b = pair.nodes
        self._fault: Mark | None = None
        self._missing: int | None = None
        self._notes: list[str] = []

    # What happens

    def fault(self, text: str) -> Mark:
        """Call it right before the fault."""
        self._fault = self.observer.mark(text, fault=True)
        return self._fault

    def delay_b(self, seconds: int) -> None:
        """B applies so late from now on, and has begun to when this returns; 0 ends it."""
        self.pair.delay_replica(self.b, seconds)
        if seconds:
            time.sleep(seconds + 1)

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

        self.wait_until(stands_by, 20, f"{node.name.upper()} to stand by")

    def bring_back_who_does_not_serve(self) -> None:
        for node in self.pair.nodes:
            if not self.pair.is_serving(node):
                self.bring_back(node)

    # Waiting

    def wait_until(self, predicate: Callable[[], object], timeout: float, what: str) -> None:
        self.pair.wait_until(predicate, timeout, what)

    def wait_since(self, begin: Mark | float, seconds: float) -> None:
        """Until so many seconds have passed since then."""
        moment = begin.time if isinstance(begin, Mark) else begin
        time.sleep(max(0.0, moment + seconds - time.monotonic()))

    def wait_for_write_on(self, node: Node, timeout: float = 20.0) -> None:
        """Until that node acknowledges a write that began after now."""
        self.observer.wait_for_write(node.name, timeout=timeout)

    def wait_for_keepalived_to_end(self, node: Node) -> None:
        """It takes a second to end after it has released the VIP."""
        self.wait_until(lambda: not node.keepalived_pids(), 5, "keepalived to end")

    # What must be seen

    def record(self) -> Record:
        return self.observer.record()

    def audit(self) -> list[str]:
        """What both audit logs tell, a line for each entry."""
        return [
            f"{node.name.upper()} {entry['time']} {entry['transition']}: {entry['outcome']}:"
            f" {entry.get('why')}"
            for node in self.pair.nodes
            for entry in node.audit()
        ]

    def must_have_all_but_the_tail(self, node: Node, tail: float = 0.3) -> None:
        """That node has, now, every write acknowledged up to ``tail`` seconds before the fault.

        What the client wrote in the last moments may not have left the old node when it died;
        everything before that has been received, and must have been applied before opening.
        """
        assert self._fault is not None
        rows = rows_of(node)
        assert rows is not None
        received = [w for w in self.record().writes if w.end < self._fault.time - tail]
        missing = evidence.lost(received, rows)
        assert not missing, f"{node.name.upper()} opened without {len(missing)} received writes"

    def count_missing(self, node: Node) -> int:
        """How many acknowledged writes that node, which has taken over, lacks for now.

        Call it before the other node is back: only its return can bring them.
        """
        writes = self.record().writes  # before the rows: what is acknowledged is in them
        rows = rows_of(node)
        assert rows is not None
        self._missing = len(evidence.lost(writes, rows))
        return self._missing

    def must_have_everything(self, node: Node) -> None:
        """That node, which has taken over, lacks no acknowledged write."""
        missing = self.count_missing(node)
        assert not missing, f"{node.name.upper()} opened without {missing} acknowledged writes"

    def b_opens_with_everything(self) -> None:
        """By semi-sync. B, too, is a source that waits for its replica, until it gives that up."""
        self.wait_for_write_on(self.b, timeout=3 * SEMI_SYNC_TIMEOUT)
        self.must_have_everything(self.b)

    def must_have_moved(self, since: Mark, expected: Sequence[str]) -> None:
        """The VIP has come to these nodes, in this order, and to no other: nobody takes turns."""
        came = handover.arrivals(self.record(), since.time)
        assert came == list(expected), f"the VIP came to {came}, not {expected}: {self.audit()}"

    def must_not_take_turns(self, since: Mark) -> None:
        """The VIP has come to one node at most."""
        came = handover.arrivals(self.record(), since.time)
        assert len(came) <= 1, f"the nodes have taken turns: the VIP came to {came}: {self.audit()}"

    def must_not_have_left_a(self, since: Mark) -> None:
        never = handover.never_left(self.record(), self.a.name, since.time)
        assert never, f"the VIP left A: {self.audit()}"

    def must_have_served(self, since: Mark) -> None:
        """The client was hardly interrupted."""
        outage = evidence.outage_of(self.record(), since).seconds
        assert outage < UNINTERRUPTED, f"the client was out for {outage:.2f} s"

    # The end

    def note(self, text: str) -> None:
        """Have the row's line of figures tell it, too: "VIP gone from A 1.2 s later"."""
        self._notes.append(text)

    def end_on_b(self, *told_by_a: str, within: float = Expect.within) -> Figures:
        """A comes back and stands by; B has opened, and serves. `told_by_a`: in its audit log."""
        self.bring_back(self.a)
        audit = {"a": told_by_a, "b": ("promote: opened",)}
        return self.end(Expect(holder="b", audit=audit, within=within))

    def end(self, expect: Expect) -> Figures:
        """Stop the client and hold everything against the checks above the failure matrix."""
        time.sleep(STEADY)
        self.observer.stop_writing()
        verify(self.pair, self.record(), expect)
        return self.figures()

    def figures(self) -> Figures:
        """What there is to tell about the fault."""
        assert self._fault is not None
        record = self.record()
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
        watched(pair, STEADY) as observer,
    ):
        yield Scenario(pair, observer)
