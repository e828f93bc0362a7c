"""Readers hold locks on the standby, as backups and reports do; then the active node dies."""

from __future__ import annotations

from tests.lab.faults.backups import backed_up_again_and_again, hanging_dump
from tests.lab.matrix.figures import Figures
from tests.lab.matrix.scenario import SERVED_BY_A, playing
from tests.lab.pairs.commands import check, run
from tests.lab.pairs.node import Node
from tests.lab.servers.flavour import Flavour
from tests.lab.servers.wire import Connection

LOCKS: dict[str, tuple[str, ...]] = {
    # mysqldump --lock-all-tables, mydumper, many snapshot scripts
    "ftwrl": ("FLUSH TABLES WITH READ LOCK",),
    # mysqldump --lock-tables, its default for MyISAM
    "lock-tables": ("LOCK TABLES app.writes READ",),
    # a report, or mysqldump --single-transaction, while the active node sends a DDL
    "ddl": ("START TRANSACTION", "SELECT COUNT(*) FROM app.report"),
    "row-lock": ("START TRANSACTION", "SELECT id FROM app.writes LOCK IN SHARE MODE"),
    # xtrabackup; it blocks only a DDL
    "backup-mysql": ("LOCK INSTANCE FOR BACKUP",),
    # mariadb-backup
    "backup-mariadb": (
        "BACKUP STAGE START",
        "BACKUP STAGE FLUSH",
        "BACKUP STAGE BLOCK_DDL",
        "BACKUP STAGE BLOCK_COMMIT",
    ),
    # nothing to apply waits for it
    "other": ("LOCK TABLES app.report READ",),
    # the lock of a promotion, which any account can take
    "our-lock": ("DO GET_LOCK('kachecks.main', 0)",),
}

PATIENCE = 8.0
"""Seconds for B to take writes: it is late by those that a drain is given to get on by itself."""

HELD_UP = "WRITES_HELD_UP"

TOLD = 20.0
"""Seconds: a look at the peer comes every 5 s, and from then on it takes 10."""

BACKED_UP = 12.0
"""Seconds of backups one after the other: longer than a lock must last to be told."""

AT_ONCE = 1.0
"""Seconds for a write that nobody holds up."""


def on_the_standby(flavour: Flavour, by: str) -> Figures:
    """B cuts who holds the lock, has everything that was received, and takes writes."""
    with playing(flavour) as scenario:
        a, b = scenario.a, scenario.b
        a.sql("CREATE TABLE app.report (id INT PRIMARY KEY)")
        scenario.wait_until(lambda: _has(b, "report"), 5, "the table on B")
        locked = scenario.observer.mark("locked")
        reader = _root(b)
        for statement in LOCKS[f"{by}-{flavour.name}" if by == "backup" else by]:
            reader.query(statement, 5)
        if by in ("ddl", "backup"):
            a.sql("ALTER TABLE app.report ADD COLUMN x INT")
        scenario.wait_since(locked, 0.5)
        scenario.fault(f"SIGKILL of mysqld on A, a reader on B holds locks: {by}")
        a.kill_mysqld()
        scenario.wait_for_write_on(b, PATIENCE)
        scenario.must_have_all_but_the_tail(b)
        _root(b).query("INSERT INTO app.report (id) VALUES (1)", AT_ONCE)
        return scenario.end_on_b()


def dumped(flavour: Flavour) -> Figures:
    """A dump of B, whose reader hangs, keeps B from applying."""
    with playing(flavour) as scenario, hanging_dump(scenario.b):
        scenario.fault("SIGKILL of mysqld on A, B is being dumped")
        scenario.a.kill_mysqld()
        scenario.wait_for_write_on(scenario.b, PATIENCE)
        scenario.must_have_all_but_the_tail(scenario.b)
        return scenario.end_on_b()


def backed_up(flavour: Flavour) -> Figures:
    """Backups on both nodes, one after the other: nothing moves; then A dies."""
    with playing(flavour) as scenario:
        a, b = scenario.a, scenario.b
        with backed_up_again_and_again(a), backed_up_again_and_again(b):
            mark = scenario.observer.mark("backups on both")
            scenario.wait_since(mark, BACKED_UP)
            scenario.must_have_moved(mark, [])
            scenario.fault("SIGKILL of mysqld on A, backups run on both")
            a.kill_mysqld()
            scenario.wait_for_write_on(b, PATIENCE)
            scenario.must_have_all_but_the_tail(b)
        return scenario.end_on_b()


def on_the_active(flavour: Flavour) -> Figures:
    """FLUSH TABLES WITH READ LOCK on A: nothing moves, and people are told which connection it is.

    By its number on MySQL; MariaDB does not tell who of several holds it.
    """
    with playing(flavour) as scenario:
        a = scenario.a
        reader = _root(a)
        [[number]] = reader.query("SELECT CONNECTION_ID()", 5).rows
        reader.query("FLUSH TABLES WITH READ LOCK", 5)
        locked = scenario.fault("a reader on A holds all writes up")
        scenario.wait_until(lambda: check(a)["reason"] == HELD_UP, TOLD, "the check to tell")
        said = check(a)
        assert said["exit"] == 0, said
        if flavour.name == "mysql":
            assert f"connection {number} of root@localhost (Sleep for " in said["sentence"], said
            assert said["sentence"].endswith("holds the lock"), said
        assert HELD_UP in run(a, "kachecks", "status")[1]
        reader.query("UNLOCK TABLES", 5)
        scenario.wait_for_write_on(a)
        scenario.must_not_have_left_a(locked)
        return scenario.end(SERVED_BY_A)


def _root(node: Node) -> Connection:
    return Connection(str(node.socket_path), "root", "", timeout=5)


def _has(node: Node, table: str) -> bool:
    return bool(node.sql(f"SHOW TABLES FROM app LIKE '{table}'"))
