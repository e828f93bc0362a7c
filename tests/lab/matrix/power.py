"""A node loses its power: the active one, or the standby."""

from __future__ import annotations

import time
from dataclasses import replace

from tests.lab.matrix.blocked import REPLICATION_BACK
from tests.lab.matrix.figures import Figures
from tests.lab.matrix.scenario import SEMI_SYNC_TIMEOUT, SERVED_BY_A, SERVED_BY_B, Scenario, playing
from tests.lab.observing.verify import rows_of
from tests.lab.pairs.commands import check
from tests.lab.pairs.node import Node
from tests.lab.pairs.pair import WITNESS
from tests.lab.pairs.suite import VRRP3_OPTIONS, kachecks, vrrp3
from tests.lab.records.evidence import acknowledged, lost
from tests.lab.servers.flavour import Flavour

TAIL = 0.5
"""Seconds of writes on A that nobody fetches before it loses its power."""

UNFIT_FOR = 4.0
"""Seconds for which A is watched being unfit: four of its checks."""

STANDBY_OFF = 12.0
"""Seconds without the standby: two of the active node's looks at its peer, and more than
isolation_timeout."""

OUTDATED = 26.0
"""Seconds: longer than A takes to find B off (replica_net_timeout, 10 s), and than max_lag +
hung_after + fence_timeout + 2 x peer_check as set for it."""

WITNESS_SILENT = 3.0
"""Seconds; isolation_timeout is 2."""


def a_off(flavour: Flavour) -> Figures:
    """B takes over after VRRP's down time."""
    with playing(flavour) as scenario:
        return _a_off(scenario, "power-off of A")


def a_off_semi_sync(flavour: Flavour) -> Figures:
    """The same with semi-synchronous replication: B has every acknowledged write without A."""
    with playing(flavour, semi_sync=SEMI_SYNC_TIMEOUT) as scenario:
        scenario.fault("power-off of A, semi-sync")
        scenario.a.power_off()
        scenario.b_opens_with_everything()
        # A stays off. MariaDB 10.11 and 11.8 may hang, to every new connection and for more than
        # hung_after, when the replica that it has waited for comes back.
        return scenario.end(replace(SERVED_BY_B, same_rows=False))


def a_off_vrrp3(flavour: Flavour) -> Figures:
    """The same on VRRPv3 at 0.2 s with a witness: B misses A at once, and waits peer_grace."""
    options = {"witness": WITNESS, **VRRP3_OPTIONS}
    with playing(flavour, options, suite=vrrp3(kachecks())) as scenario:
        return _a_off(scenario, "power-off of A, VRRPv3, witness")


def a_off_vrrp3_alone(flavour: Flavour) -> Figures:
    """The same without a witness: B does not wait."""
    with playing(flavour, VRRP3_OPTIONS, suite=vrrp3(kachecks())) as scenario:
        return _a_off(scenario, "power-off of A, VRRPv3")


def a_off_with_commits_of_its_own(flavour: Flavour) -> Figures:
    """A returns with committed rows that never reached B: they flow to it, then A is fit."""
    with playing(flavour) as scenario:
        a, b = scenario.a, scenario.b
        scenario.observer.mark("what A sends to B's receiver is lost")
        a.iptables("-A", "OUTPUT", "-d", b.address, "-p", "tcp", "--sport", "3306", "-j", "DROP")
        time.sleep(TAIL)
        scenario.fault("power-off of A, with rows that B has not received")
        a.power_off()
        scenario.wait_for_write_on(b)
        assert _only_on_a(scenario), "every acknowledged write had reached B: nothing is shown"

        scenario.pair.receiver(b, "STOP")  # so that there is time to look at A before B has them
        scenario.observer.mark("A comes back; B does not fetch yet")
        a.power_on()
        a.start_mysqld()
        a.start_keepalived()
        scenario.wait_until(
            lambda: check(a)["reason"] == "ERRANT_TRANSACTIONS", 5, "A to be unfit for its rows"
        )
        until = time.monotonic() + UNFIT_FOR
        while time.monotonic() < until:
            verdict = check(a)
            assert (verdict["reason"], verdict["exit"]) == ("ERRANT_TRANSACTIONS", 22), verdict
            assert not _stands_by(a), "keepalived on A would take the VIP"
        scenario.pair.receiver(b, "START")
        scenario.bring_back(a)
        scenario.wait_until(lambda: check(a)["exit"] == 0, 10, "A to be fit")
        assert not _only_on_a(scenario), "A is fit, and B still lacks rows of it"
        return scenario.end(SERVED_BY_B)


def b_off(flavour: Flavour, witness: str | None = None) -> Figures:
    """The standby: A goes on serving. With a witness A sees that it is not the isolated one."""
    with playing(flavour, {"witness": witness}) as scenario:
        mark = scenario.fault("power-off of B")
        scenario.b.power_off()
        time.sleep(STANDBY_OFF)
        scenario.must_not_have_left_a(mark)
        scenario.bring_back(scenario.b)
        figures = scenario.end(SERVED_BY_A)
        scenario.must_not_have_left_a(mark)
        scenario.must_have_served(mark)
        return figures


def b_off_witness_silent(flavour: Flavour) -> Figures:
    """B has been off for so long that it would not open; then the witness is silent for 3 s."""
    options = {"witness": WITNESS, "max_lag": 1, "peer_check": 1, "hung_after": 1}
    with playing(flavour, options) as scenario:
        a, b = scenario.a, scenario.b
        b.power_off()
        time.sleep(OUTDATED)
        mark = scenario.fault("the witness is silent, B is off")
        a.iptables("-A", "INPUT", "-s", WITNESS, "-j", "DROP")
        time.sleep(WITNESS_SILENT)
        a.iptables("-D", "INPUT", "-s", WITNESS, "-j", "DROP")
        time.sleep(STANDBY_OFF)
        scenario.must_not_have_left_a(mark)
        scenario.must_have_served(mark)
        scenario.bring_back(b)
        return scenario.end(replace(SERVED_BY_A, within=REPLICATION_BACK))


def _a_off(scenario: Scenario, text: str) -> Figures:
    scenario.fault(text)
    scenario.a.power_off()
    scenario.wait_for_write_on(scenario.b)
    scenario.count_missing(scenario.b)
    return scenario.end_on_b()


def _stands_by(node: Node) -> bool:
    """Since it was started last; a keepalived that begins in FAULT does not log it."""
    log = (node.logs / "keepalived.log").read_text().rpartition("Starting Keepalived")[2]
    return "Entering BACKUP" in log or "Entering MASTER" in log


def _only_on_a(scenario: Scenario) -> list[object]:
    """Acknowledged writes of A that B does not have now."""
    rows = rows_of(scenario.b)
    assert rows is not None
    writes = [w for w in acknowledged(scenario.record().writes) if w.node == "a"]
    return list(lost(writes, rows))
