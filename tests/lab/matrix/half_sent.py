"""The active node dies in the middle of sending a large transaction."""

from __future__ import annotations

import contextlib
import threading
import time

from tests.lab.error import LabError, NotProvenError
from tests.lab.matrix.figures import Figures
from tests.lab.matrix.scenario import Scenario, playing
from tests.lab.pairs.node import Node
from tests.lab.servers.flavour import Flavour
from tests.lab.servers.wire import Connection, WireError

DOUBLINGS = 15
"""32,768 rows of 1,000 bytes: an UPDATE of all is 65 MB of row events."""

PART = 4 << 20
"""Bytes of it that B has received when A dies."""

LARGE = 60.0
"""Seconds at most for the making, sending and applying of such a transaction."""

AT_ONCE = 2.0
"""Seconds for an UPDATE of all these rows when nobody holds it up."""

FREED = "a transaction that the peer has sent in part was rolled back"


def killed(flavour: Flavour) -> Figures:
    """B rolls back what has come of it; when A is back, both have the whole."""
    with playing(flavour) as scenario:
        a, b = scenario.a, scenario.b
        _make_rows(scenario)
        begin = _read_up_to(b)
        scenario.fault("SIGKILL of mysqld on A, which sends a large transaction")
        threading.Thread(target=_update_all, args=(a,), daemon=True).start()
        until = time.monotonic() + LARGE
        while _read_up_to(b) - begin < PART:
            if time.monotonic() > until:
                raise LabError("B has received nothing of the transaction")
        a.kill_mysqld()
        scenario.wait_for_write_on(b)
        freed = scenario.observer.mark("B has opened")
        _lock_all(b)
        scenario.note(f"all rows free {time.monotonic() - freed.time:.1f} s after B's first write")
        steps = [name for entry in b.audit() for name, _ in entry["steps"]]
        if FREED not in steps and int(b.value("SELECT COUNT(*) FROM app.big WHERE n = 2")):
            raise NotProvenError("A had sent it whole when it was killed")
        assert FREED in steps, f"what A had sent in part was not rolled back: {steps}"
        figures = scenario.end_on_b()
        updated = [int(each.value("SELECT COUNT(*) FROM app.big WHERE n = 2")) for each in (a, b)]
        assert updated == [1 << DOUBLINGS] * 2, f"rows with A's last UPDATE: {updated}"
        return figures


def _make_rows(scenario: Scenario) -> None:
    a, b = scenario.a, scenario.b
    a.sql("CREATE TABLE app.big (id INT PRIMARY KEY AUTO_INCREMENT, n INT, pad VARCHAR(1000))")
    root = _root(a)
    root.query("INSERT INTO app.big (n, pad) VALUES (1, REPEAT('x', 1000))")
    for _ in range(DOUBLINGS):
        root.query("INSERT INTO app.big (n, pad) SELECT n, pad FROM app.big", LARGE)
    root.close()
    wanted = 1 << DOUBLINGS
    scenario.wait_until(lambda: _count(b) == wanted, LARGE, "B to have all rows")
    scenario.pair.wait_replication_caught_up()


def _count(node: Node) -> int:
    return int(node.value("SELECT COUNT(*) FROM app.big"))


def _read_up_to(node: Node) -> int:
    """Bytes of its source's binary logs, as if each began a gigabyte after the one before."""
    row = node.sql(node.flavour.show_replication)[0]
    file = row.get("Source_Log_File") or row["Master_Log_File"]
    offset = row.get("Read_Source_Log_Pos") or row["Read_Master_Log_Pos"]
    return int(str(file).rpartition(".")[2]) * (1 << 30) + int(offset)


def _update_all(node: Node) -> None:
    with contextlib.suppress(WireError, OSError):  # it dies
        _root(node).query("UPDATE app.big SET n = n + 1", LARGE)


def _lock_all(node: Node) -> None:
    """Raises WireError: not all rows could be changed in time."""
    root = _root(node)
    for statement in ("START TRANSACTION", "UPDATE app.big SET n = 9", "ROLLBACK"):
        root.query(statement, AT_ONCE)
    root.close()


def _root(node: Node) -> Connection:
    return Connection(str(node.socket_path), "root", "", timeout=AT_ONCE)
