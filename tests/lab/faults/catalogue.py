"""What may happen to the active node A, by name, and how A comes back."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass

from tests.lab.pairs.pair import Pair


@dataclass(frozen=True)
class Fault:
    """Something to do to the active node A, and how it comes back."""

    text: str
    play: Callable[[Pair], object]
    repair_text: str
    repair: Callable[[Pair], object]


def _start_mysqld(pair: Pair) -> None:
    if pair.a.mysqld_pid() is None:
        pair.a.start_mysqld()


def _start_both(pair: Pair) -> None:
    _start_mysqld(pair)
    if not pair.a.keepalived_pids():  # the recipe has stopped it
        pair.a.start_keepalived()


def _wake_up(pair: Pair) -> None:
    if pair.a.mysqld_pid() is not None:
        pair.a.kill_mysqld(signal.SIGCONT)
    _start_both(pair)


def _power_on(pair: Pair) -> None:
    pair.a.power_on()
    _start_both(pair)


def _notify_down(pair: Pair) -> None:
    command = "bin/notify_down" if pair.suite.name == "kachecks" else "mysql_down.sh"
    pair.a.run([f"/opt/kachecks/{command}"], check=False)


FAULTS = {
    "kill": Fault(
        "SIGKILL of mysqld on A",
        lambda pair: pair.a.kill_mysqld(),
        "mysqld on A started again",
        _start_both,
    ),
    "stop": Fault(
        "mysqld on A stopped",
        lambda pair: pair.a.stop_mysqld(),
        "mysqld on A started again",
        _start_both,
    ),
    "sigstop": Fault(
        "SIGSTOP of mysqld on A",
        lambda pair: pair.a.kill_mysqld(signal.SIGSTOP),
        "mysqld on A continued, or started if it was killed",
        _wake_up,
    ),
    "poweroff": Fault("power-off of A", lambda pair: pair.a.power_off(), "A powered on", _power_on),
    "notify_down": Fault(
        "notify_down on A", _notify_down, "keepalived on A started again", _start_both
    ),
    "keepalived-stop": Fault(
        "keepalived on A stopped",
        lambda pair: pair.a.stop_keepalived(),
        "keepalived on A started again",
        _start_both,
    ),
}
