"""Who is told, and what is written down, stands still: no verdict and no hook waits for it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

from tests.lab.faults.hung_file_system import HungFileSystem
from tests.lab.faults.unusable import RUN_DIRECTORY
from tests.lab.matrix.figures import Figures
from tests.lab.matrix.scenario import Scenario, playing
from tests.lab.observing.verify import Expect
from tests.lab.pairs.node import STATE_DIRECTORY, Node
from tests.lab.records import evidence
from tests.lab.servers.flavour import Flavour

LOOKING_ON = 3.5
"""Seconds in which nothing must move: three checks."""

OUTAGE = 3.0
"""Seconds without writes after the SIGKILL: less than VRRP's own timer would take, which is where a
check would leave it that the fault has held up."""

HUNG = "/run/hung"
ALERT = f"{HUNG}/page"

Fault = Callable[[Node], AbstractContextManager[object]]


def log(flavour: Flavour, fault: Fault) -> Figures:
    """The log daemons of both nodes stand still."""
    with playing(flavour) as scenario:
        _a_killed(scenario, fault, "ab")
        return scenario.end_on_b()


def alert(flavour: Flavour) -> Figures:
    """The alert program lies on a file system that hangs."""
    with playing(flavour, {"alert": ALERT}) as scenario:
        _a_killed(scenario, lambda node: HungFileSystem(node, HUNG), "ab")
        return scenario.end_on_b()


def run_directory(flavour: Flavour, fault: Fault) -> Figures:
    """A cannot write a mark. B can: a node that cannot is not fit."""
    with playing(flavour) as scenario:
        _a_killed(scenario, fault, "a")
        left = [file.name for file in scenario.a.path(RUN_DIRECTORY).iterdir()]
        assert len(left) < 20, f"what could not be written is left there: {left}"
        return scenario.end_on_b()


def state_directory(flavour: Flavour, fault: Fault) -> Figures:
    """Neither node can write its audit log, which therefore tells nothing of it."""
    with playing(flavour) as scenario:
        _a_killed(scenario, fault, "ab")
        scenario.b.wait_for_syslog("promote: opened")
        scenario.bring_back(scenario.a)
        return scenario.end(Expect(holder="b", audit_can_be_written=False))


def state_hung(flavour: Flavour) -> Figures:
    """The disk of state_dir is dead."""
    return state_directory(flavour, lambda node: HungFileSystem(node, STATE_DIRECTORY))


def _a_killed(scenario: Scenario, fault: Fault, on: str) -> None:
    """With the fault nothing moves; then A's mysqld dies, and B takes over as in row 1."""
    with contextlib.ExitStack() as stack:
        mark = scenario.observer.mark(f"the fault on {' and '.join(on.upper())}")
        for node in scenario.pair.nodes:
            if node.name in on:
                stack.enter_context(fault(node))
        time.sleep(LOOKING_ON)
        scenario.must_not_have_left_a(mark)
        scenario.must_have_served(mark)
        killed = scenario.fault("SIGKILL of mysqld on A")
        scenario.a.kill_mysqld()
        scenario.wait_for_write_on(scenario.b)
        outage = evidence.outage_of(scenario.record(), killed).seconds
        assert outage < OUTAGE, f"B took over after {outage:.2f} s: {scenario.audit()}"
