"""People who look at a pair while it fails: status --watch on both nodes, and the rest in a loop.

with looked_at(scenario):
    ...  # a fault
"""

from __future__ import annotations

import contextlib
import subprocess
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tests.lab.pairs.commands import BIN
from tests.lab.pairs.node import Node

if TYPE_CHECKING:
    from tests.lab.matrix.scenario import Scenario

RUN_DIRECTORY = "/run/kachecks"
_COMMANDS = (("check_mysql",), ("kachecks", "rejoin"))
_ASKS_KEEPALIVED = ("kachecks", "doctor")
"""Once each time that somebody runs it."""
_ALONE = 3.0
"""Seconds in which only they look: nobody else leaves anything."""

DUMP = "as json for process"
"""keepalived's own line for each time that it is asked (2.2.7)."""

SETTLED = 5.0
"""Seconds without a transition after which it is not asked any more."""


class _Lookers:
    """Those on one node."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._over = threading.Event()
        self._doctor_is_run, self._doctor = True, threading.Lock()
        self._status = node.popen(
            [f"{BIN}/kachecks", "status", "--watch", "1", "--json"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._thread = threading.Thread(target=self._go_on, daemon=True)
        self._thread.start()

    def _go_on(self) -> None:
        while not self._over.is_set():
            for program, *arguments in _COMMANDS:
                self._node.run([f"{BIN}/{program}", *arguments], check=False)
            with self._doctor:
                if self._doctor_is_run:
                    program, *arguments = _ASKS_KEEPALIVED
                    self._node.run([f"{BIN}/{program}", *arguments], check=False)

    def run_doctor(self, on: bool) -> None:
        """From now on, or no more: one that is at work has ended then."""
        with self._doctor:
            self._doctor_is_run = on

    def end(self) -> None:
        self._over.set()
        self._thread.join(30)
        self._status.kill()
        self._status.wait(10)

    def must_leave_nothing(self) -> None:
        """While they alone look, and nothing else runs here."""
        node = self._node
        assert self._status.poll() is None, "status --watch has ended"
        before, told = left_in_run_directory(node), node.syslog()
        time.sleep(_ALONE)
        left = left_in_run_directory(node)
        assert left == before, f"left by a look: {left}, before {before}"
        assert node.syslog() == told, node.syslog()[len(told) :]
        unreaped = _zombies(node)
        time.sleep(1.5)  # more than a look: the next one has reaped them
        unreaped &= _zombies(node)
        assert not unreaped, f"children of looks that nobody reaps: {unreaped}"

    def dumps(self) -> int:
        return (self._node.logs / "keepalived.log").read_text().count(DUMP)


def _zombies(node: Node) -> set[str]:
    find = r"grep -H -E '^(Name|State|PPid)' $(grep -l '^State:.Z' /proc/[0-9]*/status)"
    found = node.run(["sh", "-c", find], check=False, stdin=subprocess.DEVNULL).stdout
    return set(found.splitlines())


def left_in_run_directory(node: Node) -> dict[str, tuple[int, str]]:
    """What lies in the run directory."""
    return {
        file.name: (file.stat().st_mtime_ns, file.read_text())
        for file in sorted(node.path(RUN_DIRECTORY).iterdir())
    }


@contextlib.contextmanager
def looked_at(scenario: Scenario) -> Iterator[None]:
    """Both nodes are looked at in here. In the end keepalived is stopped: nobody else looks."""
    lookers = [_Lookers(node) for node in scenario.pair.nodes]
    try:
        yield
        for each in lookers:
            each.run_doctor(False)
        time.sleep(SETTLED)
        before = [each.dumps() for each in lookers]
        time.sleep(_ALONE)
        asked = [each.dumps() - earlier for each, earlier in zip(lookers, before)]
        assert asked == [0, 0], f"nothing happens, and keepalived was asked {asked} times"
        assert all(before), "status has not asked keepalived at all"
        for node in scenario.pair.nodes:
            node.stop_keepalived()
        time.sleep(1.0)  # for hooks to end
        for each in lookers:
            each.run_doctor(True)
        for each in lookers:
            each.must_leave_nothing()
    finally:
        for each in lookers:
            each.end()
