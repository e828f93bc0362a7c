"""A filter between the nodes: VRRP, SQL or both do not pass, everything else does.

VRRP alone stays blocked for 20 s, or as many seconds as $LAB_BLOCKED says.
"""

from __future__ import annotations

import os
import time
from dataclasses import replace

from tests.lab.faults.partition import (
    accept_sql,
    block_sql,
    deafen,
    end_dumps,
    hear_again,
    reject_sql,
    unblock_sql,
)
from tests.lab.matrix.figures import Figures
from tests.lab.matrix.moves import QUIET, SECOND_TRY, must_give_back, must_give_up, must_have_fenced
from tests.lab.matrix.scenario import (
    SERVED_BY_A,
    SERVED_BY_A_REFUSED_BY_B,
    SERVED_BY_B,
    Scenario,
    playing,
)
from tests.lab.observing.verify import Expect
from tests.lab.pairs.commands import check
from tests.lab.records import evidence, handover
from tests.lab.records.record import Mark
from tests.lab.servers.flavour import Flavour

BLOCKED = float(os.environ.get("LAB_BLOCKED", "20"))

REPLICATION_BACK = 75.0
"""Seconds after a cut until a MariaDB replica has everything: its source sends nothing as long as
the old Binlog Dump, killed but "Writing to net", stands beside the new one. It ends with the old
connection's next retransmission, or with net_write_timeout, 60 s by default."""

HUNG_AFTER, FENCE_TIMEOUT = 3.0, 5.0
ATTEMPT = 1.0
"""Seconds that one look at a mute peer takes, and the last one may begin just in time."""

VRRP_AND_CHECK = 2.5
"""Seconds from a mysqld's death to the other node's promotion, at the most."""


def vrrp_blocked(flavour: Flavour, deaf_ones: str) -> Figures:
    """These nodes do not hear the other one: B takes over once, A gives up within two checks.

    Where B alone is deaf A hears B's adverts meanwhile.
    """
    with playing(flavour) as scenario:
        a, b = scenario.a, scenario.b
        deaf = [node for node in (a, b) if node.name in deaf_ones]
        mark = scenario.fault(f"VRRP blocked, nothing reaches {deaf_ones.upper()}")
        deafen(scenario.pair, *deaf)
        scenario.wait_for_write_on(b)
        must_have_fenced(b)
        must_give_up(scenario, mark)
        scenario.wait_since(mark, BLOCKED)
        scenario.must_have_moved(mark, ["b"])
        if a in deaf:
            said = check(a)
            assert (said["reason"], said["exit"]) == ("GAVE_WAY", 16), said
        else:  # it hears the adverts of B, so the election is real
            assert a.keepalived_state() == "BACKUP", check(a)
        scenario.observer.mark("VRRP unblocked")
        hear_again(scenario.pair, *deaf)
        a.wait_standby(10)
        time.sleep(QUIET)
        scenario.must_have_moved(mark, ["b"])
        return scenario.end(SERVED_BY_B)


def vrrp_blocked_to_a(flavour: Flavour) -> Figures:
    """B's adverts do not reach A: B sends none, so nothing happens."""
    with playing(flavour) as scenario:
        a = scenario.a
        mark = scenario.fault("VRRP blocked from B to A")
        deafen(scenario.pair, a)
        scenario.wait_since(mark, BLOCKED)
        hear_again(scenario.pair, a)
        time.sleep(QUIET)
        scenario.must_not_have_left_a(mark)
        scenario.must_have_served(mark)
        return scenario.end(SERVED_BY_A)


def deaf_a_returns(flavour: Flavour) -> Figures:
    """The same, and A's mysqld dies and is back: A is deaf to B, takes over, and that is all."""
    with playing(flavour) as scenario:
        a, b = scenario.a, scenario.b
        mark = scenario.fault("VRRP blocked from B to A, SIGKILL of mysqld on A")
        deafen(scenario.pair, a)
        a.kill_mysqld()
        scenario.wait_for_write_on(b)
        scenario.observer.mark("mysqld on A started")
        a.start_mysqld()
        scenario.wait_for_write_on(a)
        scenario.wait_since(mark, BLOCKED)
        scenario.must_have_moved(mark, ["b", "a"])
        hear_again(scenario.pair, a)
        time.sleep(QUIET)
        scenario.must_have_moved(mark, ["b", "a"])
        return scenario.end(SERVED_BY_A)


def vrrp_and_sql_blocked(flavour: Flavour) -> Figures:
    """VRRP and SQL blocked, hosts answer: B gives the VIP back, A serves on. VRRP heals alone."""
    with playing(flavour) as scenario:
        b = scenario.b
        mark = _part_the_nodes(scenario)
        scenario.observer.mark("VRRP heals")
        hear_again(scenario.pair, *scenario.pair.nodes)
        scenario.bring_back(b)
        time.sleep(QUIET)
        scenario.must_have_moved(mark, ["b"])
        unblock_sql(scenario.pair)
        return scenario.end(replace(SERVED_BY_A_REFUSED_BY_B, within=REPLICATION_BACK))


def sql_heals(flavour: Flavour) -> Figures:
    """The same, and SQL heals alone; then SIGKILL on A: B is there to take over."""
    with playing(flavour) as scenario:
        a, b = scenario.a, scenario.b
        mark = _part_the_nodes(scenario)
        scenario.observer.mark("SQL heals")
        unblock_sql(scenario.pair)
        scenario.pair.wait_replication_running()
        time.sleep(QUIET)
        scenario.must_have_moved(mark, ["b"])
        killed = scenario.fault("SIGKILL of mysqld on A")
        a.kill_mysqld()
        scenario.wait_for_write_on(b)
        scenario.count_missing(b)
        scenario.must_have_moved(killed, ["b"])
        hear_again(scenario.pair, *scenario.pair.nodes)
        scenario.bring_back(a)
        return scenario.end(
            Expect(holder="b", audit={"b": ("promote: refused", "promote: opened")})
        )


def sql_blocked(flavour: Flavour) -> Figures:
    """SQL alone blocked, then SIGKILL on A: B opens after hung_after + fence_timeout at most."""
    with playing(flavour) as scenario:
        a, b = scenario.a, scenario.b
        scenario.observer.mark("SQL blocked between the nodes")
        block_sql(scenario.pair)
        mark = scenario.fault("SIGKILL of mysqld on A")
        a.kill_mysqld()
        scenario.wait_for_write_on(b)
        outage = evidence.outage_of(scenario.record(), mark).seconds
        limit = HUNG_AFTER + FENCE_TIMEOUT + ATTEMPT + VRRP_AND_CHECK
        assert outage <= limit, f"B opened {outage:.2f} s after A's death, not within {limit:g} s"
        scenario.count_missing(b)
        unblock_sql(scenario.pair)
        return scenario.end_on_b()


def sql_rejected(flavour: Flavour, how: str, at: str = "ab", witness: str | None = None) -> Figures:
    """A firewall refuses SQL, then VRRP is blocked: B gives the VIP back, A serves on."""
    with playing(flavour, {"witness": witness}) as scenario:
        pair, a, b = scenario.pair, scenario.a, scenario.b
        nodes = [node for node in pair.nodes if node.name in at]
        scenario.observer.mark(f"SQL rejected at {at.upper()} ({how})")
        reject_sql(pair, how, *nodes)
        for node in pair.nodes:  # as net_write_timeout does, after minutes
            end_dumps(node)
        mark = scenario.fault("VRRP blocked, too")
        deafen(pair, *pair.nodes)
        gone = must_give_back(scenario, mark)
        scenario.wait_since(gone, SECOND_TRY)
        scenario.must_have_moved(mark, ["b"])
        assert handover.left(scenario.record(), a.name, mark.time) is None, "A has lost the VIP"
        scenario.wait_for_write_on(a)
        accept_sql(pair, how, *nodes)
        hear_again(pair, *pair.nodes)
        scenario.bring_back(b)
        return scenario.end(replace(SERVED_BY_A_REFUSED_BY_B, within=REPLICATION_BACK))


def _part_the_nodes(scenario: Scenario) -> Mark:
    """VRRP and SQL blocked: B takes the VIP, gives it back, and does not take it again."""
    mark = scenario.fault("VRRP and SQL blocked between the nodes")
    deafen(scenario.pair, *scenario.pair.nodes)
    block_sql(scenario.pair)
    gone = must_give_back(scenario, mark)
    scenario.wait_for_write_on(scenario.a)
    scenario.wait_since(gone, SECOND_TRY)
    scenario.must_have_moved(mark, ["b"])
    record = scenario.record()
    assert handover.closed_by(record, "a", mark.time) is None, "A was closed"
    assert handover.left(record, "a", mark.time) is None, "A has lost the VIP"
    return mark
