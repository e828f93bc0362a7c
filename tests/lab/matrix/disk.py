"""Row 12 of the failure matrix: the active node's disk is full."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from tests.lab.faults.full_disk import Filler
from tests.lab.matrix.scenario import Figures, playing
from tests.lab.observing.verify import Expect
from tests.lab.pairs.commands import check
from tests.lab.records import handover
from tests.lab.records.handover import never_left
from tests.lab.servers.flavour import Flavour

SIZE = "300M"
"""Of a datadir: several times what a server and the scenario's writes take."""

LEFT = 20 << 20
"""Bytes left where a disk is only nearly full: less than min_free, enough for the scenario."""

LOOKING_ON = 7.0
"""Seconds in which nothing must move: longer than peer_check, so that A has looked at B."""

FULL_DISK_IS_RETRIED = 60.0
"""Seconds after which a server tries again to write to a disk that was full (its error log)."""

ENDED_ON_B = Expect(holder="b", audit={"a": ("demote: ",), "b": ("promote: opened",)})


def row_12(flavour: Flavour) -> Figures:
    """Not a byte is left on A's datadir: B is fit, so A gives way."""
    with playing(flavour, datadir_size=SIZE) as scenario:
        a, b = scenario.a, scenario.b
        scenario.fault("A's datadir full")
        filler = Filler(a, left=0)
        scenario.wait_for_write_on(b, timeout=30)
        scenario.observer.mark("A's disk has room again")
        filler.remove()
        # As the manual says: MariaDB has used up GTIDs that no binary log holds, until it restarts.
        if a.mysqld_pid() is not None:
            a.kill_mysqld()
            scenario.pair.wait_until(lambda: a.mysqld_pid() is None, 10, "mysqld to end")
        scenario.bring_back(a)
        # A's receiver may have been caught in the middle of a write to its relay log.
        return scenario.end(replace(ENDED_ON_B, within=FULL_DISK_IS_RETRIED + 15))


def row_12_low(flavour: Flavour) -> Figures:
    """Less than min_free is left, writes still work: A closes, and gives way with nothing lost."""
    with playing(flavour, datadir_size=SIZE) as scenario:
        a, b = scenario.a, scenario.b
        scenario.fault("A's datadir nearly full")
        filler = Filler(a, left=LEFT)
        scenario.wait_for_write_on(b)
        scenario.must_have_all_but_the_tail(b, tail=0.0)
        a.wait_for_syslog("DISK_FULL")
        filler.remove()
        scenario.bring_back(a)
        return scenario.end(ENDED_ON_B)


def row_12_unfit(flavour: Flavour) -> Figures:
    """B is not fit: A keeps the VIP and says so, until B is fit again."""
    with playing(flavour, datadir_size=SIZE) as scenario:
        a, b = scenario.a, scenario.b
        scenario.pair.applier(b, "STOP")
        mark = scenario.fault("A's datadir nearly full, B's applier stopped")
        filler = Filler(a, left=LEFT)
        time.sleep(LOOKING_ON)
        record = scenario.observer.record()
        assert never_left(record, a.name, mark.time), handover.arrivals(record, mark.time)
        assert handover.closed_by(record, a.name, mark.time) is None, "A was closed"
        said = check(a)
        assert (said["reason"], said["exit"]) == ("DISK_FULL", 0), said
        a.wait_for_syslog("DISK_FULL")
        again = scenario.fault("B's applier started")
        scenario.pair.applier(b, "START")
        scenario.wait_for_write_on(b)
        assert handover.arrivals(scenario.observer.record(), again.time) == [b.name]
        filler.remove()
        scenario.bring_back(a)
        return scenario.end(ENDED_ON_B)


ROWS: dict[str, Callable[[Flavour], Figures]] = {
    "12": row_12,
    "12-low": row_12_low,
    "12-unfit": row_12_unfit,
}
