"""Rows of the failure matrix about a server that comes back: with what it has, and closed."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable

from tests.lab.matrix.scenario import Figures, Scenario, playing
from tests.lab.observing.verify import Expect, rows_of
from tests.lab.pairs.commands import check
from tests.lab.pairs.node import Node
from tests.lab.records.evidence import acknowledged, lost
from tests.lab.records.handover import arrivals
from tests.lab.records.record import OPEN
from tests.lab.servers.flavour import Flavour
from tests.lab.servers.mariadb import MariaDB

TAIL = 0.5
"""Seconds of writes on A that nobody fetches before it loses its power."""

UNFIT_FOR = 4.0
"""Seconds for which the row is watched being unfit: four of its checks."""

BACK = 10.0
"""Seconds for a server that is started again to have one writer in the pair."""


def row_21(flavour: Flavour) -> Figures:
    """A returns with committed rows that never reached B: they flow to it, then A is fit."""
    with playing(flavour) as scenario:
        a, b = scenario.a, scenario.b
        scenario.observer.mark("what A sends to B's receiver is lost")
        a.iptables("-A", "OUTPUT", "-d", b.address, "-p", "tcp", "--sport", "3306", "-j", "DROP")
        time.sleep(TAIL)
        scenario.fault("power-off of A, with rows that B has not received")
        a.power_off()
        scenario.wait_for_write_on(b)
        tail = _only_on_a(scenario)
        assert tail, "every acknowledged write had reached B: nothing is shown"

        b.sql(
            _thread(b, "STOP", "IO")
        )  # so that there is time to look at A before B has fetched its rows
        scenario.observer.mark("A comes back; B does not fetch yet")
        a.power_on()
        a.start_mysqld()
        a.start_keepalived()
        scenario.pair.wait_until(
            lambda: check(a)["reason"] == "ERRANT_TRANSACTIONS", 5, "A to be unfit for its rows"
        )
        until = time.monotonic() + UNFIT_FOR
        while time.monotonic() < until:
            verdict = check(a)
            assert (verdict["reason"], verdict["exit"]) == ("ERRANT_TRANSACTIONS", 22), verdict
            assert not _stands_by(a), "keepalived on A would take the VIP"
        b.sql(_thread(b, "START", "IO"))
        scenario.bring_back(a)
        scenario.pair.wait_until(lambda: check(a)["exit"] == 0, 10, "A to be fit")
        assert not _only_on_a(scenario), "A is fit, and B still lacks rows of it"
        return scenario.end(Expect(holder="b", audit={"b": ("promote: opened",)}))


def row_22(flavour: Flavour) -> Figures:
    """SIGKILL of mysqld on A, started again within the second, as systemd does."""
    return _restarted(flavour, signal.SIGKILL)


def row_22_clean(flavour: Flavour) -> Figures:
    """systemctl restart mysql on A."""
    return _restarted(flavour, signal.SIGTERM)


def row_22_broken_standby(flavour: Flavour) -> Figures:
    """The same while B's applier stands: B is unfit, and lacks what A has; A opens again."""
    with playing(flavour) as scenario:
        a, b = scenario.a, scenario.b
        b.sql(_thread(b, "STOP", "SQL"))
        scenario.pair.wait_until(
            lambda: check(b)["reason"] == "APPLIER_STOPPED", 5, "B to be unfit for its applier"
        )
        time.sleep(1)  # seconds of writes that B does not apply
        scenario.fault("SIGKILL of mysqld on A, started again at once; B's applier stands")
        _start_again(scenario, signal.SIGKILL)
        scenario.wait_for_write_on(a)
        b.sql(_thread(b, "START", "SQL"))
        scenario.bring_back(b)
        return scenario.end(Expect(holder="a", audit={"a": ("promote: opened", "promote: opened")}))


def _restarted(flavour: Flavour, sig: signal.Signals) -> Figures:
    with playing(flavour) as scenario:
        a = scenario.a
        before = len(_openings(a))
        mark = scenario.fault(f"mysqld on A ended by {sig.name} and started again at once")
        again = _start_again(scenario, sig)
        scenario.pair.wait_until(lambda: _one_serves(scenario), BACK, "one node to serve")
        scenario.observer.wait_for_write()
        figures = scenario.end(Expect())
        record = scenario.observer.record()
        opened = [sample for sample in record.access if sample.node == a.name]
        opened = [sample for sample in opened if sample.state == OPEN and sample.asked > again]
        if opened:
            assert len(_openings(a)) > before, "mysqld came back open: nobody has promoted it"
        assert len(arrivals(record, mark.time)) <= 1, "the nodes have taken turns"
        return figures


def _start_again(scenario: Scenario, sig: signal.Signals) -> float:
    """End mysqld on A and start it within the second; the moment it was started."""
    a = scenario.a
    a.kill_mysqld(sig)
    scenario.pair.wait_until(lambda: a.mysqld_pid() is None, 10, "mysqld to be gone")
    time.sleep(random.uniform(0.0, 0.8))  # noqa: S311 - RestartSec= is 0.1 s by default
    again = scenario.observer.mark("mysqld on A starts").time
    a.start_mysqld()
    return again


def _openings(node: Node) -> list[object]:
    return [entry for entry in node.audit() if entry["outcome"] == "opened"]


def _stands_by(node: Node) -> bool:
    """Since it was started last; a keepalived that begins in FAULT does not log it."""
    log = (node.logs / "keepalived.log").read_text().rpartition("Starting Keepalived")[2]
    return "Entering BACKUP" in log or "Entering MASTER" in log


def _one_serves(scenario: Scenario) -> bool:
    pair = scenario.pair
    return [pair.is_serving(node) for node in pair.nodes].count(True) == 1


def _only_on_a(scenario: Scenario) -> list[object]:
    """Acknowledged writes of A that B does not have now."""
    rows = rows_of(scenario.b)
    assert rows is not None
    writes = [w for w in acknowledged(scenario.observer.record().writes) if w.node == "a"]
    return list(lost(writes, rows))


def _thread(node: Node, verb: str, thread: str) -> str:
    """STOP or START of the receiver (IO) or the applier (SQL)."""
    old = isinstance(node.flavour, MariaDB) or node.flavour.version_numbers < (8, 0, 22)
    return f"{verb} {'SLAVE' if old else 'REPLICA'} {thread}_THREAD"


ROWS: dict[str, Callable[[Flavour], Figures]] = {
    "21": row_21,
    "22": row_22,
    "22-clean": row_22_clean,
    "22-broken-standby": row_22_broken_standby,
}
