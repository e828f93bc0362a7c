"""The standby's applier is late, or breaks (1062); then the active node dies."""

from __future__ import annotations

import contextlib
import time

from tests.lab.matrix.figures import Figures
from tests.lab.matrix.scenario import SERVED_BY_A, Scenario, playing
from tests.lab.observing.verify import rows_of
from tests.lab.pairs.commands import check
from tests.lab.pairs.node import Node
from tests.lab.pairs.pair import VIP
from tests.lab.records import handover
from tests.lab.servers.flavour import Flavour
from tests.lab.servers.wire import Connection

LATE = 3
"""Seconds that B applies late, so that it is still behind when it is promoted."""

AHEAD = 60
"""Writes from now until the one that collides."""

NOWHERE = 5.0
"""Seconds in which nobody must have the VIP: VRRP's timer, and a check."""

DUPLICATE = ("1062", "3030")
"""What a stopped applier may give for its reason. MySQL's shows the error of the last worker that
ended: 3030, ended because of another one's error, where that one had failed before it."""


def late(flavour: Flavour) -> Figures:
    """B applies 3 s late: it opens only when its relay log is applied."""
    with playing(flavour) as scenario:
        scenario.delay_b(LATE)
        scenario.fault("SIGKILL of mysqld on A, B applies 3 s late")
        scenario.a.kill_mysqld()
        scenario.wait_for_write_on(scenario.b)
        scenario.must_have_all_but_the_tail(scenario.b)
        scenario.delay_b(0)
        return scenario.end_on_b()


def broken(flavour: Flavour) -> Figures:
    """1062 on B, then SIGKILL on A: B is unfit, the VIP nowhere rather than on wrong data."""
    with playing(flavour) as scenario:
        a, b = scenario.a, scenario.b
        row = _break_applier(scenario)
        scenario.wait_until(lambda: b.keepalived_state() == "FAULT", 5, "B to be found unfit")
        said = check(b)
        assert (said["reason"], said["exit"]) == ("APPLIER_STOPPED", 20), said
        assert _tells(said["sentence"]), said
        scenario.fault("SIGKILL of mysqld on A, 1062 on B")
        a.kill_mysqld()
        stays_nowhere(scenario)
        return _repaired(scenario, row)


def breaks_in_the_drain(flavour: Flavour) -> Figures:
    """SIGKILL on A, 1062 on B while it applies what it received: B gives the VIP back."""
    with playing(flavour) as scenario:
        a, b = scenario.a, scenario.b
        scenario.delay_b(LATE)
        row = _plant(a, b)
        scenario.wait_until(lambda: _last_id(a) > row, 10, "the write that will collide")
        time.sleep(0.3)  # to be received by B, which has seconds until it applies it
        scenario.fault("SIGKILL of mysqld on A, 1062 yet to come on B")
        a.kill_mysqld()
        scenario.wait_until(
            lambda: any(_tells(entry["why"]) for entry in b.audit()), 20, "B's refusal"
        )
        refused = b.audit()[-1]
        assert (refused["transition"], refused["outcome"]) == ("promote", "refused"), b.audit()
        stays_nowhere(scenario)
        scenario.delay_b(0)
        return _repaired(scenario, row)


def broken_and_open(flavour: Flavour) -> Figures:
    """The same as the first with on_broken_replica = open: B opens."""
    with playing(flavour, {"on_broken_replica": "open"}) as scenario:
        a, b = scenario.a, scenario.b
        row = _break_applier(scenario)
        time.sleep(3)  # two checks and more: B must stay fit
        assert check(b)["exit"] == 0, check(b)
        assert b.keepalived_state() == "BACKUP", "B was found unfit"
        scenario.fault("SIGKILL of mysqld on A, 1062 on B, on_broken_replica = open")
        a.kill_mysqld()
        scenario.wait_for_write_on(b)
        scenario.count_missing(b)
        a.start_mysqld()
        _mend(scenario, row)
        return scenario.end_on_b()


def _tells(text: str) -> bool:
    return any(error in text for error in DUPLICATE)


def _break_applier(scenario: Scenario) -> int:
    a, b = scenario.a, scenario.b
    row = _plant(a, b)
    replicates = scenario.pair.flavour.replicates
    scenario.wait_until(lambda: not replicates(b.sql), 10, "B's applier to stop with 1062")
    return row


def _plant(a: Node, b: Node) -> int:
    """A row on B that replication knows nothing of, with the id of one that A will write soon."""
    row = _last_id(a) + 2 * AHEAD  # ids are every other number
    values = f"({row}, 0, 0)"
    unlogged(b, f"INSERT INTO app.writes (id, token, server) VALUES {values}")  # noqa: S608 - ours
    return row


def _mend(scenario: Scenario, row: int) -> None:
    """What an operator does who has found out which of the two rows is right."""
    b = scenario.b
    unlogged(b, f"DELETE FROM app.writes WHERE id = {row}")  # noqa: S608 - ours
    scenario.pair.applier(b, "START")


def unlogged(node: Node, statement: str) -> None:
    """Run a statement as root on a closed server, and leave it closed; not in the binary log."""
    mysql = node.flavour.name == "mysql"
    closed = mysql and str(node.value("SELECT @@global.super_read_only")) == "1"
    with contextlib.closing(Connection(str(node.socket_path), "root", "", timeout=10)) as root:
        root.query("SET SESSION sql_log_bin = 0", 10)
        if closed:
            root.query("SET GLOBAL super_read_only = 0", 10)
        try:
            root.query(statement, 10)
        finally:
            if closed:
                root.query("SET GLOBAL super_read_only = 1", 10)


def _last_id(node: Node) -> int:
    rows = rows_of(node)
    assert rows
    return max(row.id for row in rows)


def stays_nowhere(scenario: Scenario) -> None:
    """Neither node has the VIP, nor takes it again, and nobody writes."""
    pair = scenario.pair
    nodes = pair.nodes
    pair.wait_until(
        lambda: not any(node.has_vip(VIP) for node in nodes), 10, "the VIP to be nowhere"
    )
    since = time.monotonic()
    time.sleep(NOWHERE)
    record = scenario.record()
    assert handover.arrivals(record, since) == [], [node.audit() for node in nodes]
    acknowledged = [w for w in record.writes if w.acknowledged and w.start > since]
    assert not acknowledged, acknowledged


def _repaired(scenario: Scenario, row: int) -> Figures:
    """A's mysqld is back: A serves again. B is mended, and has everything."""
    a, b = scenario.a, scenario.b
    scenario.observer.mark("mysqld on A started")
    a.start_mysqld()
    scenario.wait_for_write_on(a)
    _mend(scenario, row)
    scenario.bring_back(b)
    return scenario.end(SERVED_BY_A)
