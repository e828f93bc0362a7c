"""What happens to a cluster in each scenario, and what ends it."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from typing import NamedTuple

from tests.lab.clusters.cluster import Cluster
from tests.lab.clusters.watching import Watch
from tests.lab.pairs.commands import BIN

STEADY = 1.5
"""Seconds of writes before a fault and after it."""
WITHOUT_MAJORITY = 12.0
"""Seconds: more than an engine takes to notice. Group Replication's members leave the group, all of
them, 8 s after that (unreachable_majority_timeout), and then it must be made anew by hand."""
LATEST = 40.0
"""Seconds until somebody must have taken a write."""
ENDS_WITHIN = 90.0
"""Seconds. MySQL's primary, told to end with a commit under way, takes 59 s (seen with 9.7.4)."""

Deed = Callable[[Cluster], object]


class Play(NamedTuple):
    """One scenario. A has the VIP when it begins."""

    what: str
    """Of the fault, as it is shown."""
    fault: Deed
    moves: bool = True
    """The clients are served by another member then."""
    repair: Deed = lambda _cluster: None
    """Before what an operator does after any fault: see Cluster.make_whole."""
    stops: bool = False
    """Nobody serves them until it is repaired."""
    galera: bool = False
    """Of that engine alone."""


def hand_over(cluster: Cluster) -> None:
    """As planned: by kachecks' own command, or with keepalived alone."""
    if cluster.suite.name == "kachecks":
        cluster.a.run([f"{BIN}/kachecks", "switchover"])
    else:
        cluster.a.stop_keepalived()


def give_all(method: str) -> Deed:
    """C has lost its disk, and another member gives it the whole state by that method."""

    def give(cluster: Cluster) -> None:
        cluster.c.stop_mysqld()
        cluster.c.lose_data()
        cluster.c.start_mysqld([f"--wsrep-sst-method={method}"])

    return give


def resume_mysqld(cluster: Cluster) -> None:
    for node in cluster.nodes:
        if node.mysqld_pid() is not None:
            node.kill_mysqld(signal.SIGCONT)


PLAYS = {
    "kill": Play("SIGKILL of mysqld on A", lambda c: c.a.kill_mysqld()),
    "stop": Play(
        "mysqld on A stopped",
        lambda c: c.a.kill_mysqld(signal.SIGTERM),
        repair=lambda c: c.a.wait(lambda: c.a.mysqld_pid() is None, ENDS_WITHIN, "mysqld to end"),
    ),
    "sigstop": Play(
        "SIGSTOP of mysqld on A",
        lambda c: c.a.kill_mysqld(signal.SIGSTOP),
        repair=resume_mysqld,
    ),
    "poweroff": Play("power-off of A", lambda c: c.a.power_off()),
    "pause": Play("A stands still", lambda c: c.a.pause(), repair=lambda c: c.a.resume()),
    "cut": Play("A cut off with a client", lambda c: c.part(c.a)),
    "planned": Play("A hands over", hand_over),
    "keepalived-stop": Play("keepalived on A stopped", lambda c: c.a.stop_keepalived()),
    "keepalived-kill": Play("SIGKILL of keepalived on A", lambda c: c.a.kill_keepalived()),
    "kill-other": Play("SIGKILL of mysqld on C", lambda c: c.c.kill_mysqld(), moves=False),
    "stop-other": Play("mysqld on C stopped", lambda c: c.c.stop_mysqld(), moves=False),
    "cut-other": Play("C cut off with a client", lambda c: c.part(c.c), moves=False),
    "sst-mariabackup": Play("C given all", give_all("mariabackup"), moves=False, galera=True),
    "sst-rsync": Play("C given all by rsync", give_all("rsync"), moves=False, galera=True),
    "no-majority": Play("B and C cut off", lambda c: c.isolate(c.b, c.c), stops=True),
}


def perform(play: Play, watch: Watch) -> None:
    """The fault, until its effect is there and has been for a while; then all is made whole.

    Raises LabError where that does not come about.
    """
    cluster = watch.cluster
    watch.observer.mark(play.what, fault=True)
    play.fault(cluster)
    if play.stops:
        cluster.wait_until(lambda: not cluster.holders, WITHOUT_MAJORITY, "no holder")
    else:
        if play.moves:
            watch.wait_for_write_elsewhere(cluster.a, LATEST)
        else:
            watch.observer.wait_for_write(timeout=LATEST)
        time.sleep(STEADY)
    watch.observer.mark("repaired", fault=True)
    play.repair(cluster)
    cluster.make_whole()
    watch.observer.wait_for_write(timeout=LATEST)
