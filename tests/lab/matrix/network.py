"""The network parts the nodes, or a node from its clients.

Blocked VRRP stays so for 20 s, or as many seconds as $LAB_BLOCKED says.
"""

from __future__ import annotations

import os
import random
import time
from contextlib import AbstractContextManager
from dataclasses import replace

from tests.lab.faults.partition import block_sql, deafen, hear_again, unblock_sql
from tests.lab.matrix.figures import Figures
from tests.lab.matrix.scenario import SERVED_BY_A, SERVED_BY_B, Scenario, playing
from tests.lab.observing.verify import Expect
from tests.lab.pairs.commands import check
from tests.lab.pairs.node import Node
from tests.lab.pairs.pair import INTERFACE, VIP, WITNESS
from tests.lab.records import evidence, handover
from tests.lab.records.record import Mark, Record
from tests.lab.servers.flavour import Flavour

BLOCKED = float(os.environ.get("LAB_BLOCKED", "20"))

TWO_CHECKS = 3.0
"""Seconds from being fenced until the VIP is gone: two checks, 1 s apart, and what each takes."""

GIVEN_BACK = 3.0
"""Seconds for which a node whose promotion is refused may have the VIP: the promotion takes up to
2 (a connection, three probes); then the hook's own start, and a machine with much to do."""

SECOND_TRY = 16.0
"""Seconds after giving way by when a node that wrongly thinks itself fit has the VIP again: 10 s
of grace, two good checks, VRRP's timer of 3.6 s at most."""

REPLICATION_BACK = 75.0
"""Seconds after a cut until a MariaDB replica has everything: its source sends nothing as long as
the old Binlog Dump, killed but "Writing to net", stands beside the new one. It ends with the old
connection's next retransmission, or with net_write_timeout, 60 s by default."""

FLAPS = 5

SILENT_CUT = 1.0
"""Seconds: the longest cut of the flapping link that carries no VRRP advert; three would be a
dead node to the other one."""

QUIET = 4.0
"""Seconds after healing in which nothing may move: VRRP's timer, and two checks."""

HUNG_AFTER, FENCE_TIMEOUT = 3.0, 5.0
ATTEMPT = 1.0
"""Seconds that one look at a mute peer takes, and the last one may begin just in time."""

VRRP_AND_CHECK = 2.5
"""Seconds from a mysqld's death to the other node's promotion, at the most."""

GIVEN_BACK_BY_B = Expect(holder="a", audit={"a": ("promote: opened",), "b": ("promote: refused",)})


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
        _must_have_fenced(b)
        _must_give_up(scenario, mark)
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


def a_cut_off(flavour: Flavour) -> Figures:
    """A cut off from peer and witness: it closes itself first, B opens after that."""
    with playing(flavour, {"witness": WITNESS}) as scenario:
        a, b = scenario.a, scenario.b
        mark = scenario.fault("A cut off from peer and witness")
        a.cut_link(silent=True)
        scenario.wait_for_write_on(b)
        record = scenario.observer.wait_for(
            "B open", lambda record: handover.opened_by(record, b.name, mark.time) is not None
        )
        closed = handover.closed_by(record, a.name, mark.time)
        assert closed is not None, "B is open, and A was never seen closed"
        spare = handover.both_closed(record, a.name, b.name, mark.time)
        assert spare > 0, f"A was seen closed only {-spare:.2f} s after B may have opened"
        scenario.note(
            f"A closed {closed - mark.time:.2f} s after the cut, B opened {spare:.2f} s on"
        )
        assert not a.has_vip(VIP), "A is isolated and closed, and still has the VIP"
        assert check(a)["reason"] == "ISOLATED"
        a.wait_for_syslog("ISOLATED")
        scenario.observer.mark("A's network is back")
        a.restore_link()
        figures = scenario.end_on_b()
        scenario.must_have_moved(mark, ["b"])
        return figures


def clients_of_a(flavour: Flavour) -> Figures:
    """A's client network dead, its replication network fine: B fences A over SQL and opens."""
    with _two_networks(flavour) as scenario:
        a, b = scenario.a, scenario.b
        mark = scenario.fault("A's client network dead")
        a.cut_link(silent=True, interface=INTERFACE)
        scenario.wait_for_write_on(b)
        _must_have_fenced(b)
        gone = _must_give_up(scenario, mark)
        scenario.wait_since(gone, SECOND_TRY)
        scenario.must_have_moved(mark, ["b"])
        scenario.observer.mark("A's client network is back")
        a.restore_link(INTERFACE)
        scenario.bring_back(a)
        time.sleep(QUIET)
        scenario.must_have_moved(mark, ["b"])
        return scenario.end(SERVED_BY_B)


def clients_of_b(flavour: Flavour) -> Figures:
    """B's client network dead, its replication network fine: B refuses, A goes on serving."""
    with _two_networks(flavour) as scenario:
        a, b = scenario.a, scenario.b
        mark = scenario.fault("B's client network dead")
        b.cut_link(silent=True, interface=INTERFACE)
        gone = _must_give_back(scenario, mark)
        scenario.wait_since(gone, SECOND_TRY)
        scenario.must_have_moved(mark, ["b"])
        record = scenario.record()
        scenario.must_have_served(mark)
        assert handover.left(record, a.name, mark.time) is None, "A has lost the VIP"
        scenario.observer.mark("B's client network is back")
        b.restore_link(INTERFACE)
        scenario.bring_back(b)
        time.sleep(QUIET)
        scenario.must_have_moved(mark, ["b"])
        return scenario.end(GIVEN_BACK_BY_B)


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
        return scenario.end(replace(GIVEN_BACK_BY_B, within=REPLICATION_BACK))


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


def flapping(flavour: Flavour) -> Figures:
    """A's link flaps five times in ten seconds, carrier and all: ends consistent."""
    with playing(flavour) as scenario:
        scenario.fault("A's link flaps")
        for _ in range(FLAPS):
            scenario.a.cut_link()
            time.sleep(random.uniform(0.3, 1.7))  # noqa: S311
            scenario.a.restore_link()
            time.sleep(random.uniform(0.3, 1.7))  # noqa: S311
        scenario.observer.wait_for_write(timeout=20)
        scenario.bring_back_who_does_not_serve()
        return scenario.end(Expect())


def flapping_silently(flavour: Flavour) -> Figures:
    """The same where the interface notices nothing, as behind a switch: A keeps the VIP."""
    with playing(flavour, {"witness": WITNESS}) as scenario:
        mark = scenario.fault("A's link flaps, and its interface does not notice")
        for _ in range(FLAPS):
            scenario.a.cut_link(silent=True)
            time.sleep(random.uniform(0.3, SILENT_CUT))  # noqa: S311
            scenario.a.restore_link()
            time.sleep(random.uniform(1.0, 1.5))  # noqa: S311 - an advert a second is heard
        scenario.wait_for_write_on(scenario.a)
        figures = scenario.end(SERVED_BY_A)
        scenario.must_not_have_left_a(mark)
        return figures


def _two_networks(flavour: Flavour) -> AbstractContextManager[Scenario]:
    options = {"witness": WITNESS, "interface": INTERFACE}
    return playing(flavour, options, replication_network=True)


def _part_the_nodes(scenario: Scenario) -> Mark:
    """VRRP and SQL blocked: B takes the VIP, gives it back, and does not take it again."""
    mark = scenario.fault("VRRP and SQL blocked between the nodes")
    deafen(scenario.pair, *scenario.pair.nodes)
    block_sql(scenario.pair)
    gone = _must_give_back(scenario, mark)
    scenario.wait_for_write_on(scenario.a)
    scenario.wait_since(gone, SECOND_TRY)
    scenario.must_have_moved(mark, ["b"])
    record = scenario.record()
    assert handover.closed_by(record, "a", mark.time) is None, "A was closed"
    assert handover.left(record, "a", mark.time) is None, "A has lost the VIP"
    return mark


# What must be seen


def _must_give_up(scenario: Scenario, mark: Mark) -> float:
    """A, once fenced, lets go of the VIP within two checks; the moment it was seen gone."""
    a = scenario.a
    scenario.wait_until(lambda: not a.has_vip(VIP), 10, "A to give the VIP up")
    record = scenario.observer.wait_for(
        "A without the VIP", lambda record: handover.left(record, a.name, mark.time) is not None
    )
    closed = handover.closed_by(record, a.name, mark.time)
    gone = handover.left(record, a.name, mark.time)
    assert closed is not None, "A was never closed"
    assert gone is not None
    scenario.note(f"VIP gone from A {gone - closed:.2f} s after its fencing")
    assert gone - closed <= TWO_CHECKS, f"A kept the VIP for {gone - closed:.2f} s"
    a.wait_for_syslog("GAVE_WAY")
    return gone


def _must_give_back(scenario: Scenario, mark: Mark) -> float:
    """B takes the VIP, finds that it may not open, and lets go; the moment it was seen gone."""
    b = scenario.b
    record = scenario.observer.wait_for(
        "B to take the VIP and give it back",
        lambda record: _gone(record, b.name, mark) is not None,
    )
    taken, gone = handover.came(record, b.name, mark.time), _gone(record, b.name, mark)
    assert taken is not None
    assert gone is not None
    scenario.note(f"B had the VIP for {gone - taken:.2f} s")
    assert gone - taken <= GIVEN_BACK, f"B kept the VIP for {gone - taken:.2f} s"
    assert handover.opened_by(scenario.record(), b.name, mark.time) is None, "B opened"
    assert b.audit()[-1]["outcome"] in ("refused", "closed"), b.audit()
    return gone


def _gone(record: Record, node: str, since: Mark) -> float | None:
    """When a node that the VIP came to was first seen without it again."""
    taken = handover.came(record, node, since.time)
    return None if taken is None else handover.left(record, node, taken)


def _must_have_fenced(node: Node) -> None:
    def told() -> bool:
        steps = [name for entry in node.audit() for name, _ in entry["steps"]]
        return any(name.startswith("fence peer") for name in steps)

    node.wait(told, 5, "the audit log to tell of a fencing")  # it is written after the opening
