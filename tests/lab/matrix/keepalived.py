"""Rows of the failure matrix in which keepalived, or somebody beside it, does the unexpected."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections.abc import Callable

from tests.lab.matrix.scenario import Figures, Scenario, playing
from tests.lab.observing.verify import Expect
from tests.lab.pairs import permit
from tests.lab.pairs.commands import BIN
from tests.lab.pairs.node import Node
from tests.lab.pairs.pair import VIP
from tests.lab.pairs.systemd import drop_in_command
from tests.lab.records.handover import arrivals
from tests.lab.servers.flavour import Flavour

LATE = 3
"""Seconds that B applies late, so that a promotion and a notify_down take long enough."""

ADVERT = 1.0
"""Seconds between VRRP adverts, as in the snippets."""

ENDED_ON_B = Expect(holder="b", audit={"b": ("promote: opened",)})


def row_23(flavour: Flavour) -> Figures:
    """VIP removed by hand on A: back there at once, or A closes and B takes over.

    keepalived gives up and elects anew. With the higher priority it waits 23 ms for that, the
    other one 27 ms, so mostly the VIP comes back; on the node with the lower one mostly not.
    """
    with playing(flavour) as scenario:
        return _vip_removed(scenario, scenario.a)


def row_23_lower(flavour: Flavour) -> Figures:
    """The same on B, which is active and has the lower priority."""
    with playing(flavour) as scenario:
        permit.withdraw(scenario.a)
        scenario.wait_for_write_on(scenario.b)
        permit.grant(scenario.a)
        scenario.bring_back(scenario.a)
        time.sleep(ADVERT)  # A has heard one, and counts from it
        return _vip_removed(scenario, scenario.b)


def _vip_removed(scenario: Scenario, node: Node) -> Figures:
    mark = scenario.fault(f"VIP removed by hand on {node.name.upper()}")
    shown = node.run(["ip", "-brief", "address", "show", "dev", "eth0"]).stdout.split()
    address = next(word for word in shown if word.startswith(f"{VIP}/"))
    node.run(["ip", "address", "del", address, "dev", "eth0"])
    scenario.observer.wait_for_write()
    scenario.pair.wait_until(lambda: _one_serves(scenario), 5, "one node to serve")
    scenario.end(Expect())
    came = arrivals(scenario.observer.record(), mark.time)
    assert len(came) <= 1, f"the nodes have taken turns: {came}"
    holder = next(each for each in scenario.pair.nodes if each.has_vip(VIP))
    scenario.note(f"then on {holder.name.upper()}")
    return scenario.figures()


def row_24_reload_promotion(flavour: Flavour) -> Figures:
    """keepalived on B reloaded in the middle of its promotion."""
    with playing(flavour) as scenario:
        _in_the_middle_of_a_promotion(scenario)
        scenario.observer.mark("keepalived on B reloaded")
        _reload_keepalived(scenario.b)
        return _end_after_promotion(scenario)


def row_24_restart_promotion(flavour: Flavour) -> Figures:
    """keepalived on B restarted in the middle of its promotion, by who has no drop-in."""
    with playing(flavour) as scenario:
        _in_the_middle_of_a_promotion(scenario)
        scenario.observer.mark("keepalived on B restarted")
        scenario.b.stop_keepalived()
        scenario.b.start_keepalived()
        return _end_after_promotion(scenario)


def row_24_restart_promotion_drop_in(flavour: Flavour) -> Figures:
    """The same as systemd does it with the drop-in."""
    with playing(flavour) as scenario:
        _in_the_middle_of_a_promotion(scenario)
        scenario.observer.mark("systemctl restart keepalived on B")
        _systemctl_restart_keepalived(scenario.b)
        return _end_after_promotion(scenario)


def row_24_reload_down(flavour: Flavour) -> Figures:
    """keepalived on A reloaded in the middle of a notify_down."""
    return _during_notify_down(flavour, "keepalived on A reloaded", _reload_keepalived)


def row_24_restart_down(flavour: Flavour) -> Figures:
    """keepalived on A restarted, as systemd does it, in the middle of a notify_down by hand."""
    text = "systemctl restart keepalived on A"
    return _during_notify_down(flavour, text, _systemctl_restart_keepalived)


def _one_serves(scenario: Scenario) -> bool:
    pair = scenario.pair
    return [pair.is_serving(node) for node in pair.nodes].count(True) == 1


def _reload_keepalived(node: Node) -> None:
    node.kill(node.keepalived_pids()[0], signal.SIGHUP)


def _systemctl_restart_keepalived(node: Node) -> None:
    """In systemd's order; ExecStop= may fail, systemd goes on."""
    node.run(drop_in_command("ExecStop"), check=False)
    node.stop_keepalived()
    node.run(drop_in_command("ExecStopPost"), check=False)
    node.start_keepalived()


def _in_the_middle_of_a_promotion(scenario: Scenario) -> None:
    """B has the VIP and the lock, and waits for its late applier; some random moment later."""
    b = scenario.b
    scenario.pair.delay_replica(b, LATE)
    time.sleep(LATE + 1)
    scenario.fault("SIGKILL of mysqld on A, B applies late")
    scenario.a.kill_mysqld()
    lock = b.path("/run/kachecks/main.lock")
    scenario.pair.wait_until(
        lambda: b.has_vip(VIP) and lock.exists() and lock.read_text() == "promote",
        10,
        "the promotion of B",
    )
    time.sleep(random.uniform(0.0, 1.5))  # noqa: S311
    assert not scenario.pair.is_open(b), "B has opened with its relay log not applied"


def _end_after_promotion(scenario: Scenario) -> Figures:
    scenario.wait_for_write_on(scenario.b)
    scenario.must_have_all_but_the_tail(scenario.b)
    scenario.pair.delay_replica(scenario.b, 0)
    scenario.bring_back(scenario.a)
    return scenario.end(ENDED_ON_B)


def _during_notify_down(flavour: Flavour, text: str, disturb: Callable[[Node], None]) -> Figures:
    """notify_down waits for B, which is late, when keepalived is disturbed."""
    with playing(flavour) as scenario:
        a = scenario.a
        scenario.pair.delay_replica(scenario.b, LATE)
        time.sleep(LATE + 1)
        scenario.fault(f"notify_down on A, meanwhile {text}")
        with a.popen([f"{BIN}/notify_down"], stdout=subprocess.DEVNULL):
            scenario.pair.wait_until(lambda: not scenario.pair.is_open(a), 5, "A to be closed")
            time.sleep(random.uniform(0.0, 1.5))  # noqa: S311
            scenario.observer.mark(text)
            disturb(a)
        scenario.observer.wait_for_write(timeout=20)
        scenario.pair.delay_replica(scenario.b, 0)
        for node in scenario.pair.nodes:
            if not scenario.pair.is_serving(node):
                scenario.bring_back(node)
        return scenario.end(Expect())


ROWS: dict[str, Callable[[Flavour], Figures]] = {
    "23": row_23,
    "23-lower": row_23_lower,
    "24-reload-promotion": row_24_reload_promotion,
    "24-restart-promotion": row_24_restart_promotion,
    "24-restart-promotion-drop-in": row_24_restart_promotion_drop_in,
    "24-reload-down": row_24_reload_down,
    "24-restart-down": row_24_restart_down,
}
