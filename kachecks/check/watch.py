"""A good check stays for most of its second, and looks again the moment mysqld dies.

keepalived asks once a second; without this a crash is noticed half a second later on average. No
session is open meanwhile, no lock is held, and nothing runs: the kernel wakes this process up.
"""

from __future__ import annotations

from kachecks.lean import NamedTuple
from kachecks.mysqld_process import Process
from kachecks.node import Node

ENDED_BY = 0.85
"""Seconds after its start by which a check has ended: keepalived starts the next one after one
second at the earliest, and until 2.3.2 does so beside one that is still there. The rest is for the
end of a Python process on a busy machine."""

WITH_WITNESS = 0.6
"""The same where a witness is set. A check that ends too late may cost the next one (keepalived
2.0, and 2.3.3 and later, skip it), and an isolated node must look once a second (two_clocks)."""

SETTLED = 3.0
"""Seconds for which the verdict has been the same, and for which keepalived has run. Before that it
is still counting (`rise`) until the node may hold the VIP, and each check must answer at once."""

OVERSLEPT = 1.0
"""Seconds too late after which the verdict is stale: this host, or its machine, was paused."""


class Watched(NamedTuple):
    """How it went."""

    look_again: bool  # the verdict no longer stands
    said: str  # for -v


def watch(node: Node, process: Process | None) -> Watched:
    """Return when mysqld dies, or when this process has to end.

    Args:
        process: the mysqld that has answered; None: not known.
    """
    running = node.clock.seconds_running()
    ended_by = WITH_WITNESS if node.config.witnesses else ENDED_BY
    # What took long to start takes long to end.
    seconds = min(node.config.watch, ended_by - 2 * running)
    if process is None:
        why_not = (
            "the kernel does not say which process the server is (TCP, socket activation, another"
            " pid namespace)"
        )
    elif node.marks.verdict_age() < SETTLED:
        why_not = f"this verdict is not {SETTLED:g} s old"
    elif node.clock.parent_running() < SETTLED:
        why_not = f"keepalived was not started {SETTLED:g} s ago"
    elif seconds <= 0:
        why_not = f"this check has already taken {running:.2f} s"
    else:
        died = node.servers.watch(process, seconds)
        if died:
            return Watched(True, f"mysqld (pid {process.pid}) has just died")
        late = node.clock.seconds_running() - running - seconds
        if died is False and late > OVERSLEPT:
            return Watched(True, f"this process was paused for {late:.1f} s")
        if died is False:
            said = f"mysqld (pid {process.pid}) was watched for another {seconds:.2f} s"
            return Watched(False, said)
        why_not = "pidfd_open(2) cannot be used here (Linux 5.3)"
    return Watched(False, f"mysqld is not watched until the next check: {why_not}")
