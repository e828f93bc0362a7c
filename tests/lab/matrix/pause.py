"""The active node is paused, and wakes up as if nothing had been.

No rule of two nodes covers it: what A commits between waking and being closed is measured, and
must not be lost.
"""

from __future__ import annotations

import time

from tests.lab.matrix.figures import Figures
from tests.lab.matrix.scenario import Scenario, playing
from tests.lab.observing.local_application import LocalApplication
from tests.lab.observing.verify import Expect, rows_of
from tests.lab.pairs.node import Node
from tests.lab.pairs.pair import VIP
from tests.lab.records import evidence, handover
from tests.lab.records.record import Record
from tests.lab.servers.flavour import Flavour

PAUSED = 8.0
ONE_WRITER_WITHIN = 6.0
"""Seconds after waking."""

QUIET = 4.0
"""Seconds after that in which nothing may move any more."""


def paused(flavour: Flavour, cut: bool = False) -> Figures:
    """All processes of A stopped, its kernel answers: B must not open beside it.

    With `cut` nothing answers, as of a paused virtual machine: B opens, and A wakes up open.
    """
    with playing(flavour) as scenario:
        a, b = scenario.a, scenario.b
        application = LocalApplication(a)
        with application:
            mark = scenario.fault("A paused, its link silent" if cut else "A paused")
            if cut:
                a.cut_link(silent=True)
            a.pause()
            scenario.wait_since(mark, PAUSED)
            woken = scenario.observer.mark("A continued").time
            if cut:
                a.restore_link()
            a.resume()
            time.sleep(ONE_WRITER_WITHIN + QUIET)

        record = scenario.record()
        active = _must_be_one_writer(scenario, record, woken + ONE_WRITER_WITHIN)
        opened = handover.opened_by(record, b.name, mark.time)
        assert (opened is not None) is cut, f"B opened: {opened is not None}: {scenario.audit()}"
        until = max((end for _, end in evidence.two_writers(record)), default=woken)
        meanwhile = application.acknowledged(woken, until)
        scenario.note(
            f"one writer {max(0.0, until - woken):.2f} s after waking, {active.name.upper()};"
            f" beside B, A acknowledged {len(meanwhile)} writes"
        )
        figures = scenario.end(Expect(holder=active.name, both_open=float("inf"), within=20.0))
        rows = rows_of(active)
        assert rows is not None
        gone = evidence.lost(application.acknowledged(0.0), rows)
        assert not gone, f"{len(gone)} writes that A acknowledged locally are lost: {gone[0]}"
        return figures


def _must_be_one_writer(scenario: Scenario, record: Record, settled: float) -> Node:
    """The node that alone is open from a moment on, and has the VIP, which moves no more."""
    told = scenario.audit()
    writers = handover.writers(record, settled)
    assert len(writers) == 1, f"{writers} are open {ONE_WRITER_WITHIN:g} s after A woke: {told}"
    holders = [node for node in scenario.pair.nodes if node.has_vip(VIP)]
    assert {node.name for node in holders} == writers, f"{writers} is open, VIP elsewhere: {told}"
    assert handover.arrivals(record, settled) == [], f"the VIP still moves: {told}"
    return holders[0]
