"""Rows of the failure matrix in which little or nothing should happen to who serves."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping

from tests.lab.matrix.scenario import Figures, playing
from tests.lab.observing.verify import Expect
from tests.lab.pairs.pair import WITNESS
from tests.lab.records.handover import never_left
from tests.lab.servers.flavour import Flavour

FLAPS = 5

SILENT_CUT = 1.0
"""Seconds: the longest cut of the flapping link that carries no VRRP advert; three would be a
dead node to the other one."""

STANDBY_OFF = 12.0
"""Seconds without the standby: two of the active node's looks at its peer, and more than
isolation_timeout."""

UNDISTURBED = 1.0
"""Seconds between acknowledged writes that count as serving: one missed check."""

STAYED_ON_A = Expect(holder="a", audit={"a": ("promote: opened",)})


def row_18(flavour: Flavour) -> Figures:
    """A's link flaps five times in ten seconds, carrier and all: ends consistent."""
    with playing(flavour) as scenario:
        scenario.fault("A's link flaps")
        for _ in range(FLAPS):
            scenario.a.cut_link()
            time.sleep(random.uniform(0.3, 1.7))  # noqa: S311
            scenario.a.restore_link()
            time.sleep(random.uniform(0.3, 1.7))  # noqa: S311
        scenario.observer.wait_for_write(timeout=20)
        for node in scenario.pair.nodes:
            if not scenario.pair.is_serving(node):
                scenario.bring_back(node)
        return scenario.end(Expect())


def row_18_silent(flavour: Flavour) -> Figures:
    """The same where the interface notices nothing, as behind a switch: A keeps the VIP."""
    with playing(flavour, {"witness": WITNESS}) as scenario:
        mark = scenario.fault("A's link flaps, and its interface does not notice")
        for _ in range(FLAPS):
            scenario.a.cut_link(silent=True)
            time.sleep(random.uniform(0.3, SILENT_CUT))  # noqa: S311
            scenario.a.restore_link()
            time.sleep(random.uniform(1.0, 1.5))  # noqa: S311 - an advert a second is heard
        scenario.wait_for_write_on(scenario.a)
        figures = scenario.end(STAYED_ON_A)
        assert never_left(scenario.observer.record(), "a", mark.time), "the VIP left A"
        return figures


def row_27(flavour: Flavour) -> Figures:
    """Standby powered off: A goes on serving."""
    return _without_standby(flavour, {})


def row_27_witness(flavour: Flavour) -> Figures:
    """The same with a witness, which A sees: it is not the isolated one."""
    return _without_standby(flavour, {"witness": WITNESS})


def _without_standby(flavour: Flavour, options: Mapping[str, object]) -> Figures:
    with playing(flavour, options) as scenario:
        mark = scenario.fault("power-off of B")
        scenario.b.power_off()
        time.sleep(STANDBY_OFF)
        assert never_left(scenario.observer.record(), "a", mark.time), "the VIP left A"
        scenario.bring_back(scenario.b)
        figures = scenario.end(STAYED_ON_A)
        assert never_left(scenario.observer.record(), "a", mark.time), "the VIP left A"
        assert figures.outage < UNDISTURBED, f"A did not serve for {figures.outage:.2f} s"
        return figures


ROWS: dict[str, Callable[[Flavour], Figures]] = {
    "18": row_18,
    "18-silent": row_18_silent,
    "27": row_27,
    "27-witness": row_27_witness,
}
