"""B lacks what A has, and knows it; then A dies: B does not open."""

from __future__ import annotations

import time
from collections.abc import Callable

from tests.lab.faults.partition import block_sql, end_dumps, unblock_sql
from tests.lab.matrix.applier import unlogged
from tests.lab.matrix.blocked import REPLICATION_BACK
from tests.lab.matrix.figures import Figures
from tests.lab.matrix.scenario import Scenario, playing
from tests.lab.observing.verify import Expect
from tests.lab.pairs.commands import check
from tests.lab.pairs.node import STATE_DIRECTORY, Node
from tests.lab.pairs.pair import VIP
from tests.lab.records import handover
from tests.lab.servers.accounts import REPLICATION_USER
from tests.lab.servers.flavour import Flavour

MAX_LAG = 2
OPTIONS = {"max_lag": MAX_LAG, "peer_check": 1, "hung_after": 1, "fence_timeout": 2}

NOWHERE = 15.0
"""Seconds in which nobody must open: those of giving way, two checks, VRRP's timer."""


def receiver_stopped(flavour: Flavour) -> Figures:
    """B's receiver was stopped, by hand or for good."""

    def stop(scenario: Scenario) -> None:
        scenario.pair.receiver(scenario.b, "STOP")

    def mend(scenario: Scenario) -> None:
        scenario.pair.receiver(scenario.b, "START")

    return _play(flavour, stop, mend)


def receiver_refused(flavour: Flavour) -> Figures:
    """A no longer lets B's receiver log in."""

    def refuse(scenario: Scenario) -> None:
        _lock_account(scenario.a, "LOCK")
        end_dumps(scenario.a)

    def mend(scenario: Scenario) -> None:
        _lock_account(scenario.a, "UNLOCK")
        scenario.pair.receiver(scenario.b, "STOP")
        scenario.pair.receiver(scenario.b, "START")

    return _play(flavour, refuse, mend)


def sql_cut(flavour: Flavour) -> Figures:
    """SQL was cut while A served on: B has what it knows of, and knows that this is not all."""
    return _play(
        flavour,
        lambda scenario: block_sql(scenario.pair),
        lambda scenario: unblock_sql(scenario.pair),
        at_once=True,
    )


def _lock_account(node: Node, action: str) -> None:
    """On one node alone: the other one's account stays as it is."""
    [row] = node.sql(f"SELECT host FROM mysql.user WHERE user = '{REPLICATION_USER}'")  # noqa: S608
    account = f"{REPLICATION_USER}@'{next(iter(row.values()))}'"
    unlogged(node, f"ALTER USER {account} ACCOUNT {action}")


def _play(
    flavour: Flavour,
    fault: Callable[[Scenario], None],
    mend: Callable[[Scenario], None],
    at_once: bool = False,
) -> Figures:
    """`at_once`: without the mend A does not serve either.

    Once A is back either of them may serve: B's promotion fetches from A what it lacks.
    """
    with playing(flavour, OPTIONS) as scenario:
        a, b = scenario.a, scenario.b
        scenario.observer.mark("B gets nothing any more")
        fault(scenario)
        mark_file = b.path(f"{STATE_DIRECTORY}/main.late")
        scenario.wait_until(mark_file.exists, 30, "B to know that it is late")
        mark = scenario.fault("SIGKILL of mysqld on A")
        a.kill_mysqld()
        scenario.wait_until(lambda: not a.has_vip(VIP), 10, "A to give the VIP up")
        time.sleep(NOWHERE)
        assert handover.opened_by(scenario.record(), b.name, mark.time) is None, b.audit()
        said = check(b)
        assert (said["reason"], said["exit"]) == ("STALE", 29), said
        scenario.observer.mark("mysqld on A started")
        a.start_mysqld()
        if not at_once:
            scenario.observer.wait_for_write(timeout=30)
        mend(scenario)
        scenario.observer.wait_for_write(timeout=30)
        scenario.bring_back_who_does_not_serve()
        return scenario.end(Expect(within=REPLICATION_BACK) if at_once else Expect())
