"""A good check lingers for most of its second, and looks again the moment mysqld dies.

keepalived runs the check once a second, so without this a crash would be noticed half a second
later on average. Meanwhile no session is open, no lock is held, and nothing runs: the kernel wakes
this process up.
"""

from __future__ import annotations

from kachecks.lean import NamedTuple
from kachecks.mysqld_process import Process
from kachecks.node import Node

ENDED_BY = 0.85
"""Seconds after its start by which a check must have ended. keepalived starts the next one after a
second at the earliest, and up to 2.3.2 even if this one is still there. The rest of the second is
for a Python process to end on a busy machine."""

WITH_WITNESS = 0.6
"""The same where a witness is set. If a check ends too late, some keepalived versions (2.0, 2.3.3
and later) skip the next one, and an isolated node must look once a second (two_clocks)."""

SETTLED = 3.0
"""Seconds for which the verdict must have been the same, and keepalived must have run, before a
check lingers. Until then keepalived counts good checks (`rise`), and each must answer at once."""

OVERSLEPT = 1.0
"""If a check wakes up so many seconds too late, its verdict is stale: this host, or its machine,
was paused."""


class Watched(NamedTuple):
    """How the watch ended."""

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
        socket = _socket(node)
        died = node.servers.watch(process, seconds, socket)
        if died:
            return Watched(True, f"mysqld (pid {process.pid}) has just died")
        if died is False and socket and not node.servers.is_there(socket):
            return Watched(True, f"mysqld (pid {process.pid}) has just closed its socket")
        late = node.clock.seconds_running() - running - seconds
        if died is False and late > OVERSLEPT:
            return Watched(True, f"this process was paused for {late:.1f} s")
        if died is False:
            said = f"mysqld (pid {process.pid}) was watched for another {seconds:.2f} s"
            return Watched(False, said)
        why_not = "pidfd_open(2) cannot be used here (Linux 5.3)"
    return Watched(False, f"mysqld is not watched until the next check: {why_not}")


TMPFS = ("/run/", "/var/run/")
"""Where a look at a file cannot hang with a disk."""


def _socket(node: Node) -> str:
    """The one by which mysqld has answered, if it can be looked for; it removes it first when it
    shuts down."""
    socket = node.marks.last_sockets()[0]
    return socket if socket.startswith(TMPFS) else ""
