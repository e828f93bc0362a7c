"""The active node is paused, and wakes up as if nothing had been.

No rule of two nodes covers it: what A commits between waking and being closed is measured, and
must not be lost.
"""

from __future__ import annotations

import time

from tests.lab.matrix.figures import Figures
from tests.lab.matrix.scenario import playing
from tests.lab.observing.local_application import LocalApplication
from tests.lab.observing.verify import Expect, rows_of
from tests.lab.pairs.pair import VIP
from tests.lab.records import evidence, handover
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
            paused = scenario.fault("A paused, its link silent" if cut else "A paused")
            if cut:
                a.cut_link(silent=True)
            a.pause()
            scenario.wait_since(paused, PAUSED)
            woken = scenario.observer.mark("A continued")
            if cut:
                a.restore_link()
            a.resume()
            time.sleep(ONE_WRITER_WITHIN + QUIET)

        record = scenario.record()
        settled = woken.time + ONE_WRITER_WITHIN
        writers = handover.writers(record, settled)
        told = scenario.audit()
        assert len(writers) == 1, f"{writers} are open {ONE_WRITER_WITHIN:g} s after A woke: {told}"
        [active] = writers
        holders = {node.name for node in scenario.pair.nodes if node.has_vip(VIP)}
        assert holders == writers, f"the VIP is on {holders}, {writers} is open: {told}"
        assert handover.arrivals(record, settled) == [], f"the VIP still moves: {told}"
        opened = handover.opened_by(record, b.name, paused.time)
        assert (opened is not None) is cut, f"B opened: {opened is not None}: {told}"

        until = max((end for _, end in evidence.two_writers(record)), default=woken.time)
        meanwhile = application.acknowledged(woken.time, until)
        scenario.note(
            f"one writer {max(0.0, until - woken.time):.2f} s after waking, {active.upper()};"
            f" beside B, A acknowledged {len(meanwhile)} writes"
        )
        figures = scenario.end(Expect(holder=active, both_open=float("inf"), within=20.0))
        rows = rows_of(next(node for node in scenario.pair.nodes if node.name == active))
        assert rows is not None
        gone = evidence.lost(application.acknowledged(0.0), rows)
        assert not gone, f"{len(gone)} writes that A acknowledged locally are lost: {gone[0]}"
        return figures
