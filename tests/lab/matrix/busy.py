"""A healthy pair at hard work, which must not move."""

from __future__ import annotations

import time
from dataclasses import replace

from tests.lab.faults.heavy_writes import YESTERDAY, busy_clients, heavy_writes
from tests.lab.faults.starving import starving
from tests.lab.matrix.figures import Figures
from tests.lab.matrix.scenario import SERVED_BY_A, SERVED_BY_B, playing
from tests.lab.servers.flavour import Flavour
from tests.lab.servers.wire import Connection

MUCH_TO_APPLY = 120.0
"""Seconds for B to apply it all: MariaDB's applier is one thread."""

TAIL = 1500
"""Transactions: seconds of applying."""


def at_hard_work(flavour: Flavour) -> Figures:
    """A bulk UPDATE, an online ALTER, a replayed log, looked at every second."""
    with playing(flavour, {"peer_check": 1}) as scenario:
        mark = scenario.fault("heavy writes on A")
        with heavy_writes(scenario.a):
            pass  # it ends with them
        scenario.must_not_have_left_a(mark)
        assert "WRITES_STALLED" not in scenario.a.syslog(), scenario.a.syslog()
        return scenario.end(replace(SERVED_BY_A, within=MUCH_TO_APPLY))


def old_tail(flavour: Flavour) -> Figures:
    """A dies with transactions that B has not got, and is back: B, open, applies them.

    By their timestamps they are a day old, and so the applier's statements seem to be.
    """
    with playing(flavour, {"peer_check": 1}) as scenario:
        a, b = scenario.a, scenario.b
        a.sql("CREATE TABLE app.tail (id INT PRIMARY KEY AUTO_INCREMENT, n INT)")
        a.iptables("-A", "OUTPUT", "-d", b.address, "-p", "tcp", "--sport", "3306", "-j", "DROP")
        session = Connection(str(a.socket_path), "root", "", timeout=10)
        session.query(f"SET TIMESTAMP = {int(time.time()) - YESTERDAY}")
        for _ in range(TAIL):
            session.query("INSERT INTO app.tail (n) VALUES (1)", 10)
        scenario.fault("power-off of A, with a tail that B has not got")
        a.power_off()
        scenario.wait_for_write_on(b)
        mark = scenario.observer.mark("A comes back")
        scenario.bring_back(a)
        scenario.pair.receiver(b, "START")
        scenario.wait_until(
            lambda: b.value("SELECT COUNT(*) FROM app.tail") == TAIL, 30, "B to apply the tail"
        )
        scenario.must_have_moved(mark, [])
        assert "WRITES_STALLED" not in b.syslog(), b.syslog()
        return scenario.end(SERVED_BY_B)


STARVING = 20.0
"""Seconds: two checks in three overrun their second meanwhile."""

CLIENTS = 14
"""Who write as fast as they can, so that the server needs more than it gets."""


def starved(
    flavour: Flavour, on: str, cpu: float = 0.0, memory: int = 0, writes: int = 0
) -> Figures:
    """One node with next to nothing of its machine: nothing moves while A serves."""
    with playing(flavour) as scenario:
        node = scenario.a if on == "a" else scenario.b
        with busy_clients(scenario.a, CLIENTS) as clients:
            mark = scenario.fault(f"{on.upper()} is starving")
            with starving(node, cpu=cpu, memory=memory, writes=writes):
                time.sleep(STARVING)
        assert not clients.failed, clients.failed
        scenario.must_not_have_left_a(mark)
        assert "WRITES_STALLED" not in scenario.a.syslog(), scenario.a.syslog()
        return scenario.end(replace(SERVED_BY_A, within=MUCH_TO_APPLY))
