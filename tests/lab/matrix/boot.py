"""Nodes boot: both at once, or one alone."""

from __future__ import annotations

import time

from tests.lab.faults.partition import deafen, hear_again
from tests.lab.matrix.figures import Figures
from tests.lab.matrix.scenario import SERVED_BY_A, SERVED_BY_B, Scenario, playing
from tests.lab.pairs.commands import check
from tests.lab.pairs.node import Node
from tests.lab.pairs.pair import VIP
from tests.lab.records import handover
from tests.lab.records.evidence import acknowledged
from tests.lab.servers.flavour import Flavour

ALONE = 2.0
"""Seconds of writes that the other node misses."""

SETTLED = 14.0
"""Seconds after the one has opened in which the other must not: 10 s of grace, and its checks."""

SUPERSEDED = 3.0
"""Seconds after the first opening by when, without VRRP, the other may have fenced and followed."""

REFUSED_FOR = 14.0
"""The same for a node that has refused."""

BOOT = 30.0
"""Seconds for two servers to start, check, elect and open, with 10 s of grace between tries."""

QUIET = 4.0


def both(flavour: Flavour, vrrp: bool = True) -> Figures:
    """At once, B with transactions that A lacks: exactly one opens, with everything.

    Without `vrrp` it is blocked, so that both are elected.
    """
    with playing(flavour) as scenario:
        a, b = scenario.a, scenario.b
        _off_one_after_the_other(scenario)
        mark = scenario.fault("both nodes boot at once")
        for node in (a, b):
            node.power_on()
        if not vrrp:
            deafen(scenario.pair, a, b)
        _start(a, b)
        first = _wait_until_one_serves(scenario)
        scenario.note(
            f"{first.name.upper()} served {time.monotonic() - mark.time:.1f} s after the boot"
        )
        settled = time.monotonic() + SUPERSEDED
        time.sleep(SETTLED)
        record = scenario.record()
        [opened] = (node for node in (a, b) if node.has_vip(VIP))
        since = mark.time if vrrp else settled
        assert handover.writers(record, since) == {opened.name}, scenario.audit()
        came = handover.arrivals(record, mark.time)
        assert len(came) == len(set(came)), f"the VIP came to {came}: they take turns"
        scenario.must_have_everything(opened)
        if not vrrp:
            hear_again(scenario.pair, a, b)
            time.sleep(QUIET)
            assert handover.arrivals(scenario.record(), mark.time) == came
        return _end_on(scenario, opened)


def b_alone(flavour: Flavour) -> Figures:
    """B down for many writes, then A down, then B boots alone: it stays closed and says why."""
    with playing(flavour) as scenario:
        a, b = scenario.a, scenario.b
        b.power_off()
        time.sleep(ALONE)
        scenario.wait_for_write_on(a)
        a.power_off()
        return _boots_alone(scenario, b, a)


def a_alone(flavour: Flavour) -> Figures:
    """A active, then off; B serves, then off; A boots alone: it stays closed and says why."""
    with playing(flavour) as scenario:
        _off_one_after_the_other(scenario)
        return _boots_alone(scenario, scenario.a, scenario.b)


def _off_one_after_the_other(scenario: Scenario) -> None:
    """A first: B has transactions that A lacks."""
    scenario.a.power_off()
    scenario.wait_for_write_on(scenario.b)
    time.sleep(ALONE)
    scenario.b.power_off()


def _boots_alone(scenario: Scenario, stale: Node, other: Node) -> Figures:
    mark = scenario.fault(f"{stale.name.upper()} boots alone")
    before = len(stale.audit())
    stale.power_on()
    _start(stale)
    scenario.wait_until(lambda: len(stale.audit()) > before, 15, "a refusal")
    refused = stale.audit()[before]
    assert (refused["transition"], refused["outcome"]) == ("promote", "refused"), refused
    assert "cold_start" in refused["why"], refused
    stale.wait_for_syslog("cold_start")
    time.sleep(REFUSED_FOR)
    record = scenario.record()
    assert handover.opened_by(record, stale.name, mark.time) is None, stale.audit()
    assert check(stale)["exit"] in (0, 16), check(stale)
    wrote = [write for write in acknowledged(record.writes) if write.start > mark.time]
    assert not wrote, wrote
    back = scenario.observer.mark(f"{other.name.upper()} boots, too")
    other.power_on()
    _start(other)
    opened = _wait_until_one_serves(scenario)
    scenario.must_have_everything(opened)
    scenario.note(f"{opened.name.upper()} served {time.monotonic() - back.time:.1f} s after that")
    time.sleep(QUIET)
    assert handover.writers(scenario.record(), mark.time) == {opened.name}, scenario.audit()
    return _end_on(scenario, opened)


def _end_on(scenario: Scenario, opened: Node) -> Figures:
    scenario.bring_back(scenario.pair.other(opened))
    return scenario.end(SERVED_BY_A if opened is scenario.a else SERVED_BY_B)


def _start(*nodes: Node) -> None:
    """As systemd does it: all at once, nothing waits for the other."""
    for node in nodes:
        node.start_mysqld(wait=False)
        node.start_keepalived()


def _wait_until_one_serves(scenario: Scenario) -> Node:
    write = scenario.observer.wait_for_write(timeout=BOOT)
    return next(node for node in scenario.pair.nodes if node.name == write.node)
