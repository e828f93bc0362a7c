"""mysqld on the active node is stopped in order, alone or in the middle of its clients' work."""

from __future__ import annotations

import random
import signal
import threading
import time

from tests.lab.error import NotProvenError
from tests.lab.faults.binlog_reader import BinlogReader
from tests.lab.faults.large_commit import LargeCommit
from tests.lab.matrix.figures import Figures
from tests.lab.matrix.scenario import SEMI_SYNC_TIMEOUT, Scenario, playing
from tests.lab.observing.verify import Expect
from tests.lab.pairs.commands import run
from tests.lab.pairs.node import Node
from tests.lab.servers.flavour import Flavour
from tests.lab.servers.wire import Connection, WireError

SIGTERM, SHUTDOWN = "SIGTERM", "SHUTDOWN"

IDLE = 20
"""Clients with an open transaction; each sends COMMIT within a second after the stop."""

SLOW = ["tc", "qdisc", "add", "dev", "eth0", "root", "tbf", "burst", "512kb", "latency", "400ms"]

OWN_END = {"mysqld": 8.0, "mariadbd": 0.0}
"""Seconds after the order to stop in which the server ends the sending of its binary log itself: on
a machine that is too busy to send it in time nothing can be shown (failures.md)."""

APPLIED = 120.0
"""Seconds for B to receive and apply a large transaction."""


def stopped(flavour: Flavour, by: str = SIGTERM) -> Figures:
    """Under write load: it can commit nothing any more when the VIP leaves, and ends by itself."""
    with playing(flavour) as scenario:
        scenario.fault(f"mysqld on A stopped by {by}")
        _stop(scenario.a, by)
        scenario.wait_for_write_on(scenario.b)
        _ended_by_itself(scenario)
        return scenario.end_on_b()


def stopped_beside_idle_clients(flavour: Flavour) -> Figures:
    """What they commit all the same is on B, if they are told OK."""
    with playing(flavour) as scenario:
        clients = [_Idle(scenario.a, number) for number in range(IDLE)]
        scenario.fault("mysqld on A stopped, clients have transactions open")
        _stop(scenario.a, SIGTERM)
        for client in clients:
            client.start()
        scenario.wait_for_write_on(scenario.b)
        for client in clients:
            client.join(APPLIED)
        told = {client.number for client in clients if client.told}
        rows = {int(row["n"]) for row in scenario.b.sql("SELECT n FROM app.idle")}
        assert told <= rows, f"B opened without {sorted(told - rows)}, whose clients were told OK"
        scenario.note(f"{len(told)} of {IDLE} idle clients were told OK")
        _ended_by_itself(scenario)
        return scenario.end_on_b()


def stopped_semi_sync(flavour: Flavour) -> Figures:
    """With semi-synchronous replication: what B acknowledges is still read."""
    with playing(flavour, semi_sync=SEMI_SYNC_TIMEOUT) as scenario:
        scenario.fault("mysqld on A stopped, semi-sync")
        _stop(scenario.a, SIGTERM)
        scenario.b_opens_with_everything()
        _ended_by_itself(scenario)
        return scenario.end_on_b()


def stopped_beside_a_reader(flavour: Flavour) -> Figures:
    """Its binary log is also read by somebody else, whom a check has seen to do so."""
    with playing(flavour) as scenario, BinlogReader(scenario.pair) as reader:
        a = scenario.a
        scenario.wait_until(lambda: reader.reads_from(a), 5, "a reader of A's binary log")
        note = a.path("/run/kachecks/main.readers")
        scenario.wait_until(note.exists, 10, "A's check to see both readers")
        scenario.fault("mysqld on A stopped, and somebody else reads its binary log")
        _stop(a, SIGTERM)
        scenario.wait_for_write_on(scenario.b)
        _ended_by_itself(scenario)
        return scenario.end_on_b()


def stopped_in_a_commit(
    flavour: Flavour, rows: int = 1 << 18, by: str = SIGTERM, link: str = ""
) -> Figures:
    """It is let finish and send; B opens with every row whose client was told OK.

    `link`: what A's sends at most, such as "200mbit"; "": as it is.
    """
    with playing(flavour) as scenario:
        commit = LargeCommit(scenario.pair, rows)
        scenario.pair.wait_until(lambda: _stands_by(scenario), 30, "B to be fit")
        if link:
            scenario.a.run([*SLOW, "rate", link])
        commit.begin()
        stop = scenario.fault(f"mysqld on A stopped by {by}, {rows >> 10} MB are being committed")
        _stop(scenario.a, by)
        scenario.wait_for_write_on(scenario.b, timeout=APPLIED)
        took = time.monotonic() - stop.time
        commit.wait()
        if commit.told and took > OWN_END[flavour.process] and not commit.rows_on(scenario.b):
            raise NotProvenError("mysqld has ended the sending by itself, before all was sent")
        commit.must_be_on(scenario.b)
        scenario.note(f"told OK: {commit.told}")
        _ended_by_itself(scenario)
        return scenario.end_on_b()


def switchover_in_a_commit(flavour: Flavour, rows: int = 1 << 18) -> Figures:
    """Handed over with all of it, or refused; B lacks nothing whose client was told OK."""
    with playing(flavour) as scenario:
        commit = LargeCommit(scenario.pair, rows)
        scenario.pair.wait_until(lambda: _stands_by(scenario), 30, "B to be fit")
        commit.begin()
        scenario.fault(f"switchover on A, {rows >> 10} MB are being committed")
        status, _ = run(scenario.a, "kachecks", "switchover")
        holder = scenario.a if status else scenario.b
        scenario.wait_for_write_on(holder, timeout=APPLIED)
        commit.must_be_on(holder)
        scenario.note(f"exit {status}, told OK: {commit.told}")
        return scenario.end(Expect(holder=holder.name, within=APPLIED))


def _stop(node: Node, by: str) -> None:
    if by == SIGTERM:
        node.kill_mysqld(signal.SIGTERM)
    else:
        node.sql("SHUTDOWN")


def _ended_by_itself(scenario: Scenario) -> None:
    a = scenario.a
    scenario.wait_until(lambda: a.mysqld_pid() is None, 30, "mysqld on A to end")
    killed = [entry["why"] for entry in a.audit() if entry["outcome"] in ("killing", "killed")]
    assert not killed, f"a server that stopped in order was killed: {killed}"


def _stands_by(scenario: Scenario) -> bool:
    return scenario.b.keepalived_state() == "BACKUP" and scenario.pair.is_serving(scenario.a)


class _Idle(threading.Thread):
    """A client that is idle in a transaction, and commits it some time after its start."""

    def __init__(self, node: Node, number: int) -> None:
        super().__init__(daemon=True)
        if not number:
            node.sql("CREATE TABLE app.idle (n INT PRIMARY KEY)")
        self.number = number
        self.told = False
        self._session = Connection(str(node.socket_path), "root", "", timeout=10)
        insert = f"INSERT INTO app.idle VALUES ({number})"  # noqa: S608
        for statement in ("BEGIN", insert):
            self._session.query(statement, 10)

    def run(self) -> None:
        time.sleep(random.uniform(0.0, 1.0))  # noqa: S311 - any moment
        try:
            self._session.query("COMMIT", 15)
            self.told = True
        except WireError:
            self._session.close()
