"""Capture the rows of a real server, as kachecks' session delivers them, into FAMILY-VERSION/.

    python -m tests.rows.capture mariadb|mysql|mariadb-11.8   (root; 20 s)

The statements are those of kachecks.mysql.queries, the server that of tests/lab, A open and B
closed.
"""

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from kachecks.config.options import Login
from kachecks.mysql import queries, session  # before the lab: it must load the driver first
from tests.lab.pairs.node import Node
from tests.lab.pairs.pair import Pair
from tests.lab.servers.flavours import ALL_FLAVOURS

ROWS = Path(__file__).parent
SEMI_SYNC = {  # plugins of MySQL are built in on MariaDB
    "mariadb": ("SET GLOBAL rpl_semi_sync_master_enabled = 1",),
    "mysql": (
        "INSTALL PLUGIN rpl_semi_sync_source SONAME 'semisync_source.so'",
        "SET GLOBAL rpl_semi_sync_source_enabled = 1",
    ),
}


class Capture:
    """A pair, and the directory that its rows go to."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        with_root = self._session(pair.b)
        self.version = with_root.version
        with_root.close()
        self.family = "mariadb" if self.version.mariadb else "mysql"
        number = ".".join(map(str, self.version.number[:2]))
        self.directory = ROWS / f"{self.family}-{number}"
        self.directory.mkdir(exist_ok=True)

    def write(self, name: str, node: Node, statement: str) -> None:
        asking = self._session(node)
        rows = asking.query(statement, 5)
        text = json.dumps({"statement": statement, "rows": rows}, indent=1, ensure_ascii=False)
        (self.directory / f"{name}.json").write_text(text + "\n")
        asking.close()

    def status(self, name: str) -> None:
        self.write(f"replica_status_{name}", self.pair.b, queries.replication_status(self.version))

    def wait(self, node: Node, column: str, value: str) -> None:
        """Until every channel says so; `column` in MariaDB's words."""
        if not self.version.mariadb:
            column = column.replace("Slave", "Replica")
        show = queries.replication_status(self.version)
        self.pair.wait_until(
            lambda: {str(row[column]) for row in node.sql(show)} == {value}, 15, f"{column} {value}"
        )

    def replica(self, *statements: str) -> None:
        """Run on B statements that are written for MySQL."""
        for statement in statements:
            if self.version.mariadb:
                for new, old in (
                    ("REPLICATION SOURCE", "MASTER"),
                    ("SOURCE_AUTO_POSITION = 0", "MASTER_USE_GTID = no"),
                    ("SOURCE_AUTO_POSITION = 1", "MASTER_USE_GTID = slave_pos"),
                    ("SOURCE_", "MASTER_"),
                    ("REPLICA", "SLAVE"),
                ):
                    statement = statement.replace(new, old)
            self.pair.b.sql(statement)

    def _session(self, node: Node) -> session.Session:
        login = Login("root", None, None, 3306, str(node.socket_path))
        return session.Session(session.local_address(login), 5)


def capture(pair: Pair) -> None:
    """Every row the unit tests use; B is the replica that is asked, A its source."""
    a, b = pair.a, pair.b
    pair.open(a)
    take = Capture(pair)
    a.sql("CREATE TABLE app.t (id INT PRIMARY KEY, word TEXT)")
    a.sql("INSERT INTO app.t VALUES (1, 'one')")
    pair.wait_replication_caught_up()
    servers(take, a, b)
    take.status("healthy")
    broken_threads(take, a, b)
    by_file(take, a, b)
    two_channels(take)
    take.replica("STOP REPLICA", "RESET REPLICA ALL")
    if take.version.mariadb:
        b.sql("RESET SLAVE 'other' ALL")
    take.status("none")


def servers(take: Capture, a: Node, b: Node) -> None:
    version = take.version
    take.write("globals_open", a, queries.globals_of(version))
    take.write("globals_closed", b, queries.globals_of(version))
    take.write("executed", a, queries.executed(version))
    take.write("executed_replica", b, queries.executed(version))
    take.write("lock", b, queries.take_lock("main", 1))
    take.write("semi_sync_off", a, queries.SEMI_SYNC_SOURCE)
    for statement in SEMI_SYNC[take.family]:
        a.sql(statement)
    take.write("semi_sync_on", a, queries.SEMI_SYNC_SOURCE)
    a.sql(f"SET GLOBAL rpl_semi_sync_{'master' if version.mariadb else 'source'}_enabled = 0")
    take.write("events", a, queries.EVENTS)
    a.sql("SET GLOBAL event_scheduler = 1")
    client = a.flavour.client_command()
    idle = a.popen([*client, "-e", "DO SLEEP(5)"])
    account = ["--no-defaults", f"--host={a.address}", "--user=app", "--password=app-password"]
    remote = take.pair.client.popen(
        ["mariadb", *account, "--database=app", "--execute=DO SLEEP(5)"]
    )
    time.sleep(0.7)
    take.write("processlist", a, queries.PROCESSLIST)
    take.write("processlist_replica", b, queries.PROCESSLIST)
    for process in (idle, remote):
        process.kill()
        process.wait()
    a.sql("SET GLOBAL event_scheduler = 0")
    if version.mariadb:
        take.write("write_through_accounts", a, queries.WRITE_THROUGH_ACCOUNTS)
    else:
        uuid = "42d4377e-0000-11f0-8000-000000000001"
        take.write("gtid_missing", a, queries.gtid_missing(f"{uuid}:1-3", f"{uuid}:1"))
        b.sql("SET GLOBAL super_read_only = 0")
        take.write("globals_read_only", b, queries.globals_of(version))
        b.sql("SET GLOBAL super_read_only = 1")


def broken_threads(take: Capture, a: Node, b: Node) -> None:
    # The replica is told that it has its source's server_id: error 1593, the receiver gives up.
    take.replica("STOP REPLICA")
    take.status("stopped")
    b.sql("SET GLOBAL server_id = 1")
    take.replica("START REPLICA")
    take.wait(b, "Slave_IO_Running", "No")
    take.status("receiver_error")
    take.replica("STOP REPLICA")
    b.sql("SET GLOBAL server_id = 2")
    take.replica("START REPLICA")
    take.pair.wait_replication_running()

    # A row that is there already: error 1062, the applier stops.
    a.sql("INSERT INTO app.t VALUES (25, 'twenty-five')")
    take.pair.wait_replication_caught_up()
    a.sql("DELETE FROM app.t WHERE id = 25")
    take.pair.wait_replication_caught_up()
    take.pair.open(b)
    local = take._session(b)
    local.execute("SET SESSION sql_log_bin = 0", 5)
    local.execute("INSERT INTO app.t VALUES (25, 'twenty-five, made here')", 5)
    a.sql("INSERT INTO app.t VALUES (25, 'twenty-five')")
    take.wait(b, "Slave_SQL_Running", "No")
    take.status("applier_1062")
    local.execute("DELETE FROM app.t WHERE id = 25", 5)
    local.close()
    for statement in take.pair.flavour.close_writes:
        b.sql(statement)
    take.replica("START REPLICA SQL_THREAD")
    take.pair.wait_replication_caught_up()

    # Received, not applied; and then a source that is gone.
    take.replica("STOP REPLICA SQL_THREAD")
    a.sql("INSERT INTO app.t VALUES (26, 'twenty-six')")
    time.sleep(0.5)
    take.status("applier_stopped")
    take.write("executed_behind", b, queries.executed(take.version))
    take.replica("START REPLICA SQL_THREAD")
    take.pair.wait_replication_caught_up()
    a.kill_mysqld()
    take.wait(b, "Slave_IO_Running", "Connecting")
    time.sleep(1.2)  # a second attempt, so that Last_IO_Errno is set
    take.status("connecting")
    a.start_mysqld()
    take.pair.open(a)
    take.pair.wait_replication_running()


def by_file(take: Capture, a: Node, b: Node) -> None:
    """Positions in files; on MySQL without GTIDs too."""
    take.replica("STOP REPLICA", "CHANGE REPLICATION SOURCE TO SOURCE_AUTO_POSITION = 0")
    take.replica("START REPLICA")
    take.pair.wait_replication_running()
    a.sql("INSERT INTO app.t VALUES (27, 'twenty-seven')")
    time.sleep(0.5)
    take.status("by_file")
    if not take.version.mariadb:
        for node in (a, b):
            take_one = ("STOP REPLICA", "CHANGE REPLICATION SOURCE TO SOURCE_AUTO_POSITION = 0")
            for statement in take_one:
                node.sql(statement)
        for mode in ("ON_PERMISSIVE", "OFF_PERMISSIVE", "OFF"):
            for node in (a, b):
                node.sql(f"SET GLOBAL gtid_mode = {mode}")
        take.write("executed_without_gtid", a, queries.executed(take.version))
        for mode in ("OFF_PERMISSIVE", "ON_PERMISSIVE", "ON"):
            for node in (a, b):
                node.sql(f"SET GLOBAL gtid_mode = {mode}")
        for node in (a, b):
            node.sql("CHANGE REPLICATION SOURCE TO SOURCE_AUTO_POSITION = 1")
            node.sql("START REPLICA")
    else:
        take.replica("STOP REPLICA", "CHANGE REPLICATION SOURCE TO SOURCE_AUTO_POSITION = 1")
        take.replica("START REPLICA")
    take.pair.wait_replication_running()


def two_channels(take: Capture) -> None:
    source = "HOST = 'elsewhere.example', {0}_PORT = 3307, {0}_USER = 'repl', {0}_PASSWORD = 'x'"
    if take.version.mariadb:
        take.pair.b.sql(f"CHANGE MASTER 'other' TO MASTER_{source.format('MASTER')}")
    else:
        change = f"CHANGE REPLICATION SOURCE TO SOURCE_{source.format('SOURCE')}"
        take.pair.b.sql(f"{change} FOR CHANNEL 'other'")
    take.status("two_channels")


def main(arguments: Sequence[str]) -> None:
    with Pair(ALL_FLAVOURS[arguments[0]]) as pair:
        capture(pair)


if __name__ == "__main__":
    main(sys.argv[1:])
