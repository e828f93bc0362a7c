"""The active node's disk is full."""

from __future__ import annotations

import time

from tests.lab.faults.full_disk import Filler
from tests.lab.matrix.figures import Figures
from tests.lab.matrix.scenario import playing
from tests.lab.pairs.commands import check
from tests.lab.records import handover
from tests.lab.servers.flavour import Flavour

SIZE = "300M"
"""Of a datadir: several times what a server and the scenario's writes take."""

LEFT = 20 << 20
"""Bytes left where a disk is only nearly full: less than min_free, enough for the scenario."""

LOOKING_ON = 7.0
"""Seconds in which nothing must move: longer than peer_check, so that A has looked at B."""

FULL_DISK_IS_RETRIED = 60.0
"""Seconds after which a server tries again to write to a disk that was full (its error log)."""


def full(flavour: Flavour) -> Figures:
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
            scenario.wait_until(lambda: a.mysqld_pid() is None, 10, "mysqld to end")
        # A's receiver may have been caught in the middle of a write to its relay log.
        return scenario.end_on_b("demote: ", within=FULL_DISK_IS_RETRIED + 15)


def nearly_full(flavour: Flavour) -> Figures:
    """Less than min_free is left, writes still work: A closes, and gives way with nothing lost."""
    with playing(flavour, datadir_size=SIZE) as scenario:
        a, b = scenario.a, scenario.b
        scenario.fault("A's datadir nearly full")
        filler = Filler(a, left=LEFT)
        scenario.wait_for_write_on(b)
        scenario.must_have_all_but_the_tail(b, tail=0.0)
        a.wait_for_syslog("DISK_FULL")
        filler.remove()
        return scenario.end_on_b("demote: ")


def nearly_full_b_unfit(flavour: Flavour) -> Figures:
    """B is not fit: A keeps the VIP and says so, until B is fit again."""
    with playing(flavour, datadir_size=SIZE) as scenario:
        a, b = scenario.a, scenario.b
        scenario.pair.applier(b, "STOP")
        mark = scenario.fault("A's datadir nearly full, B's applier stopped")
        filler = Filler(a, left=LEFT)
        time.sleep(LOOKING_ON)
        scenario.must_not_have_left_a(mark)
        assert handover.closed_by(scenario.record(), a.name, mark.time) is None, "A was closed"
        said = check(a)
        assert (said["reason"], said["exit"]) == ("DISK_FULL", 0), said
        a.wait_for_syslog("DISK_FULL")
        again = scenario.fault("B's applier started")
        scenario.pair.applier(b, "START")
        scenario.wait_for_write_on(b)
        scenario.must_have_moved(again, ["b"])
        filler.remove()
        return scenario.end_on_b("demote: ")
