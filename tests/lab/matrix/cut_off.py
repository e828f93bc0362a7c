"""A node cut off: from everybody, from the clients alone, or again and again for a moment."""

from __future__ import annotations

import contextlib
import random
import time
from contextlib import AbstractContextManager

from tests.lab.matrix.figures import Figures
from tests.lab.matrix.moves import QUIET, SECOND_TRY, must_give_back, must_give_up, must_have_fenced
from tests.lab.matrix.reach import Reach, as_usual
from tests.lab.matrix.scenario import (
    SERVED_BY_A,
    SERVED_BY_A_REFUSED_BY_B,
    SERVED_BY_B,
    Scenario,
    playing,
)
from tests.lab.observing.local_application import LocalApplication
from tests.lab.observing.verify import Expect, rows_of
from tests.lab.pairs.commands import check
from tests.lab.pairs.pair import INTERFACE, VIP, WITNESS
from tests.lab.records import evidence, handover
from tests.lab.servers.flavour import Flavour

FLAPS = 5

SILENT_CUT = 1.0
"""Seconds: the longest cut of the flapping link that carries no VRRP advert; three would be a
dead node to the other one."""


OUTLIVES_A = 6.0
"""Seconds that a commit waits for its acknowledgement: longer than A stays open when it is cut
off."""

APPLICATIONS = 4
"""One waits for the acknowledgement, the others for that one: their waits begin as they are cut."""

LIVES_WITH_SEMI_SYNC = {"witness": WITNESS, "hung_after": 6, "fence_timeout": 3}
"""MariaDB with such a time-out lets nobody in for 1.3 to 3.4 s when A is back."""


def a_cut_off(flavour: Flavour, reach: Reach = as_usual) -> Figures:
    """A cut off from peer and witness: it closes itself first, B opens after that."""
    with reach(flavour, {"witness": WITNESS}) as scenario:
        a, b = scenario.a, scenario.b
        mark = scenario.fault("A cut off from peer and witness")
        a.cut_link(silent=True)
        scenario.wait_for_write_on(b)
        record = scenario.observer.wait_for(
            "B open", lambda record: handover.opened_by(record, b.name, mark.time) is not None
        )
        closed = handover.closed_by(record, a.name, mark.time)
        assert closed is not None, "B is open, and A was never seen closed"
        spare = handover.both_closed(record, a.name, b.name, mark.time)
        assert spare > 0, f"A was seen closed only {-spare:.2f} s after B may have opened"
        scenario.note(
            f"A closed {closed - mark.time:.2f} s after the cut, B opened {spare:.2f} s on"
        )
        assert not a.has_vip(VIP), "A is isolated and closed, and still has the VIP"
        assert check(a)["reason"] == "ISOLATED"
        a.wait_for_syslog("ISOLATED")
        scenario.observer.mark("A's network is back")
        a.restore_link()
        figures = scenario.end_on_b()
        scenario.must_have_moved(mark, ["b"])
        return figures


def a_cut_off_semi_sync(flavour: Flavour) -> Figures:
    """The same with semi-synchronous replication, beside applications on A's own host: nobody there
    is told OK for what B has not got, although their waits end as A closes itself."""
    with playing(flavour, LIVES_WITH_SEMI_SYNC, semi_sync=OUTLIVES_A) as scenario:
        a, b = scenario.a, scenario.b
        applications = [
            LocalApplication(a, number=number, by_socket=number % 2 == 0, patience=OUTLIVES_A)
            for number in range(APPLICATIONS)
        ]
        with contextlib.ExitStack() as stack:
            for each in applications:
                stack.enter_context(each)
            mark = scenario.fault("A cut off from peer and witness, semi-sync")
            a.cut_link(silent=True)
            scenario.b_opens_with_everything()
            rows = rows_of(b)
        assert rows is not None
        for each in applications:
            told = each.acknowledged(0.0)
            gone = evidence.lost(told, rows)
            assert not gone, f"{len(gone)} of {len(told)} on A's host told OK, not on B: {gone[0]}"
        a.restore_link()
        figures = scenario.end_on_b()
        scenario.must_have_moved(mark, ["b"])
        return figures


def clients_of_a(flavour: Flavour) -> Figures:
    """A's client network dead, its replication network fine: B fences A over SQL and opens."""
    with _two_networks(flavour) as scenario:
        a, b = scenario.a, scenario.b
        mark = scenario.fault("A's client network dead")
        a.cut_link(silent=True, interface=INTERFACE)
        scenario.wait_for_write_on(b)
        must_have_fenced(b)
        gone = must_give_up(scenario, mark)
        scenario.wait_since(gone, SECOND_TRY)
        scenario.must_have_moved(mark, ["b"])
        scenario.observer.mark("A's client network is back")
        a.restore_link(INTERFACE)
        scenario.bring_back(a)
        time.sleep(QUIET)
        scenario.must_have_moved(mark, ["b"])
        return scenario.end(SERVED_BY_B)


def clients_of_b(flavour: Flavour) -> Figures:
    """B's client network dead, its replication network fine: B refuses, A goes on serving."""
    with _two_networks(flavour) as scenario:
        a, b = scenario.a, scenario.b
        mark = scenario.fault("B's client network dead")
        b.cut_link(silent=True, interface=INTERFACE)
        gone = must_give_back(scenario, mark)
        scenario.wait_since(gone, SECOND_TRY)
        scenario.must_have_moved(mark, ["b"])
        record = scenario.record()
        scenario.must_have_served(mark)
        assert handover.left(record, a.name, mark.time) is None, "A has lost the VIP"
        scenario.observer.mark("B's client network is back")
        b.restore_link(INTERFACE)
        scenario.bring_back(b)
        time.sleep(QUIET)
        scenario.must_have_moved(mark, ["b"])
        return scenario.end(SERVED_BY_A_REFUSED_BY_B)


def flapping(flavour: Flavour) -> Figures:
    """A's link flaps five times in ten seconds, carrier and all: ends consistent."""
    with playing(flavour) as scenario:
        scenario.fault("A's link flaps")
        for _ in range(FLAPS):
            scenario.a.cut_link()
            time.sleep(random.uniform(0.3, 1.7))  # noqa: S311
            scenario.a.restore_link()
            time.sleep(random.uniform(0.3, 1.7))  # noqa: S311
        scenario.observer.wait_for_write(timeout=20)
        scenario.bring_back_who_does_not_serve()
        return scenario.end(Expect())


def flapping_silently(flavour: Flavour) -> Figures:
    """The same where the interface notices nothing, as behind a switch: A keeps the VIP."""
    with playing(flavour, {"witness": WITNESS}) as scenario:
        mark = scenario.fault("A's link flaps, and its interface does not notice")
        for _ in range(FLAPS):
            scenario.a.cut_link(silent=True)
            time.sleep(random.uniform(0.3, SILENT_CUT))  # noqa: S311
            scenario.a.restore_link()
            time.sleep(random.uniform(1.0, 1.5))  # noqa: S311 - an advert a second is heard
        scenario.wait_for_write_on(scenario.a)
        figures = scenario.end(SERVED_BY_A)
        scenario.must_not_have_left_a(mark)
        return figures


def _two_networks(flavour: Flavour) -> AbstractContextManager[Scenario]:
    options = {"witness": WITNESS, "interface": INTERFACE}
    return playing(flavour, options, replication_network=True)
