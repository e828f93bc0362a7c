"""What differs between the servers that the lab runs: binaries, options, statements.

Two flavours are there, `MARIADB` (Debian's own) and `MYSQL` (unpacked from Debian sid, or the
reader's, named by LAB_MYSQL=DIR). Another is another instance or subclass.
"""

import functools
import os
import re
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Optional

from tests.lab import cache
from tests.lab.error import LabError
from tests.lab.sql import Row
from tests.lab.unpack import link_merged, unpack

OPTION_FILE = "/etc/mysql/my.cnf"
DATADIR = "/var/lib/mysql"
SOCKET = "/run/mysqld/mysqld.sock"

#: Lab-only accounts; kachecks' own come from the grants snippets.
REPLICATION_USER, REPLICATION_PASSWORD = "repl", "repl-password"
APP_USER, APP_PASSWORD, APP_DATABASE = "app", "app-password", "app"
SAMPLER_USER, SAMPLER_PASSWORD = "sampler", "sampler-password"
KACHECKS_PASSWORD = "kachecks-password"

_ACCOUNTS = f"""
CREATE DATABASE {APP_DATABASE};
CREATE USER {REPLICATION_USER}@'%' IDENTIFIED BY '{REPLICATION_PASSWORD}';
GRANT REPLICATION SLAVE ON *.* TO {REPLICATION_USER}@'%';
CREATE USER {APP_USER}@'%' IDENTIFIED BY '{APP_PASSWORD}';
GRANT ALL ON {APP_DATABASE}.* TO {APP_USER}@'%';
CREATE USER {SAMPLER_USER}@'%' IDENTIFIED BY '{SAMPLER_PASSWORD}';
CREATE USER {SAMPLER_USER}@localhost IDENTIFIED BY '{SAMPLER_PASSWORD}';
GRANT SELECT ON {APP_DATABASE}.* TO {SAMPLER_USER}@'%';
GRANT SELECT ON {APP_DATABASE}.* TO {SAMPLER_USER}@localhost;
"""

# Small, so that a node starts in about a second; what makes a commit durable stays as it is.
_SMALL = f"""
[client]
socket = {SOCKET}

[mysqld]
user     = root
datadir  = {DATADIR}
socket   = {SOCKET}
pid_file = /run/mysqld/mysqld.pid
tmpdir   = /tmp
max_connections  = 60
innodb_buffer_pool_size             = 32M
innodb_buffer_pool_dump_at_shutdown = OFF
innodb_buffer_pool_load_at_startup  = OFF
"""


class Flavour:
    """One kind of server. Statements come as tuples, to be run one after the other."""

    name: str
    process: str  # what the kernel calls it: /proc/PID/comm
    options_snippet: str
    close_writes: tuple[str, ...]
    open_writes: tuple[str, ...]
    show_replication: str

    @property
    def chroot(self) -> Optional[Path]:
        """The tree of another system that its programs run in; None if they run in this one."""
        return None

    @property
    def grants_snippet(self) -> str:
        raise NotImplementedError

    def program(self, name: str) -> list[str]:
        """The start of a command line that runs one of its programs inside a node."""
        raise NotImplementedError

    def server_command(self, extra: Sequence[str] = ()) -> list[str]:
        """The command line of the server, without any wrapper that restarts it."""
        return [*self.program(self.process), f"--defaults-file={OPTION_FILE}", *extra]

    def client_command(self) -> list[str]:
        """The command-line client, as root through the socket."""
        raise NotImplementedError

    def initialise_command(self) -> list[str]:
        """Fills an empty datadir; root gets an empty password, through the socket only."""
        raise NotImplementedError

    @functools.cached_property
    def version(self) -> str:
        """As the server itself prints it."""
        argv = [*self.program(self.process), "--version"]
        printed = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
        found = re.search(r"Ver (\S+)", printed)
        assert found, printed
        return found[1]

    @property
    def version_numbers(self) -> tuple[int, ...]:
        return tuple(int(part) for part in re.findall(r"\d+", self.version)[:3])

    def options(self, snippet: str) -> str:
        """my.cnf of a node: the snippet, already filled in, made to fit the lab."""
        return f"{_SMALL}\n{snippet}"

    def accounts(self) -> str:
        return _ACCOUNTS

    def replicate_from(self, host: str) -> tuple[str, ...]:
        """Set replication up and start it."""
        raise NotImplementedError

    def delay(self, seconds: int) -> tuple[str, ...]:
        """Apply everything `seconds` late."""
        raise NotImplementedError

    position: str  # query with one column: every transaction that this server has

    def replicates(self, sql: Callable[[str], list[Row]]) -> bool:
        """Whether receiver and applier run. `sql` runs a statement on the server in question."""
        rows = sql(self.show_replication)
        threads = ("IO_Running", "SQL_Running")
        return bool(rows) and all(
            value == "Yes" for row in rows for key, value in row.items() if key.endswith(threads)
        )


class MariaDB(Flavour):
    """The system's own MariaDB."""

    name = "mariadb"
    process = "mariadbd"
    options_snippet = "my.cnf.mariadb"
    grants_snippet = "grants.mariadb.sql"
    close_writes = ("SET GLOBAL read_only = 1",)
    open_writes = ("SET GLOBAL read_only = 0",)
    show_replication = "SHOW ALL SLAVES STATUS"
    position = "SELECT @@global.gtid_current_pos"

    def program(self, name: str) -> list[str]:
        return [name]

    def client_command(self) -> list[str]:
        return [*self.program("mariadb"), f"--defaults-file={OPTION_FILE}", "--user=root"]

    def initialise_command(self) -> list[str]:
        argv = [*self.program("mariadb-install-db"), "--no-defaults", f"--datadir={DATADIR}"]
        argv += ["--force", "--skip-test-db", "--skip-name-resolve", "--user=root"]
        return [*argv, "--auth-root-authentication-method=normal"]

    def accounts(self) -> str:
        # mariadb-install-db makes more roots than one: of the loopback, of the node's host name.
        return f"{_ACCOUNTS}DELETE FROM mysql.global_priv WHERE User = 'root' AND Host <> 'localhost';\nDELETE FROM mysql.proxies_priv WHERE Host <> 'localhost';\nFLUSH PRIVILEGES;\n"

    def options(self, snippet: str) -> str:
        small = "innodb_log_file_size = 16M\naria_pagecache_buffer_size = 8M\n"
        return f"{_SMALL}{small}\n{snippet}"

    def replicate_from(self, host: str) -> tuple[str, ...]:
        return (
            f"CHANGE MASTER TO MASTER_HOST = '{host}', MASTER_USER = '{REPLICATION_USER}',"
            f" MASTER_PASSWORD = '{REPLICATION_PASSWORD}', MASTER_USE_GTID = slave_pos,"
            " MASTER_CONNECT_RETRY = 1, MASTER_HEARTBEAT_PERIOD = 1",
            "START SLAVE",
        )

    def delay(self, seconds: int) -> tuple[str, ...]:
        return ("STOP SLAVE", f"CHANGE MASTER TO MASTER_DELAY = {seconds}", "START SLAVE")


class MySQL(Flavour):
    """MySQL: a system tree (usr/sbin/mysqld, run by chroot) or a tarball (bin/mysqld, run as is).

    Statements are those of 8.0.26 to 9.x, put into the words of older servers where needed.
    """

    name = "mysql"
    process = "mysqld"
    options_snippet = "my.cnf.mysql"
    close_writes = ("SET GLOBAL super_read_only = 1",)
    open_writes = ("SET GLOBAL read_only = 0",)
    position = "SELECT @@global.gtid_executed"

    @functools.cached_property
    def _tree(self) -> Path:
        if "LAB_MYSQL" in os.environ:
            tree = Path(os.environ["LAB_MYSQL"]).resolve()
        else:
            packages = ("mysql-server-core", "mysql-client-core")
            tree = cache.made("mysql-sid", lambda new: unpack("sid", packages, new))
        if (tree / "bin/mysqld").exists() and not (tree / "usr").exists():
            return tree
        if not (tree / "usr/sbin/mysqld").exists():
            raise LabError(f"{tree} has neither bin/mysqld nor usr/sbin/mysqld: no MySQL server")
        link_merged(tree)
        for mount_point in ("proc", "sys", "dev", "run", "tmp", "etc/mysql", "var/lib/mysql"):
            (tree / mount_point).mkdir(parents=True, exist_ok=True)
        return tree

    @property
    def chroot(self) -> Optional[Path]:
        return self._tree if (self._tree / "usr").exists() else None

    def program(self, name: str) -> list[str]:
        if self.chroot:
            return ["chroot", str(self._tree), name]
        return [str(self._tree / "bin" / name)]

    @property
    def grants_snippet(self) -> str:
        return "grants.mysql57.sql" if self.version_numbers < (8,) else "grants.mysql8.sql"

    def client_command(self) -> list[str]:
        return [*self.program("mysql"), f"--defaults-file={OPTION_FILE}", "--user=root"]

    def initialise_command(self) -> list[str]:
        argv = [*self.program("mysqld"), "--no-defaults", f"--datadir={DATADIR}", "--user=root"]
        return [*argv, "--initialize-insecure", "--secure-file-priv="]

    def options(self, snippet: str) -> str:
        if self.version_numbers < (8, 0, 30):
            small = "innodb_log_file_size = 16M\n"
        else:
            small = "innodb_redo_log_capacity = 16M\n"
        small += "secure_file_priv = NULL\n"
        if self.version_numbers >= (8,):
            small += "mysqlx = OFF\n"
        if self.version_numbers < (8, 0, 26):
            snippet = snippet.replace("replica", "slave")
        if self.version_numbers < (8,):
            snippet += "log_slave_updates = ON\nbinlog_format = ROW\n"
            snippet += "master_info_repository = TABLE\nrelay_log_info_repository = TABLE\n"
        return f"{_SMALL}{small}\n{snippet}"

    def replicate_from(self, host: str) -> tuple[str, ...]:
        key = "" if self.version_numbers < (8,) else ", GET_SOURCE_PUBLIC_KEY = 1"
        return self._in_its_words(
            f"CHANGE REPLICATION SOURCE TO SOURCE_HOST = '{host}',"
            f" SOURCE_USER = '{REPLICATION_USER}', SOURCE_PASSWORD = '{REPLICATION_PASSWORD}',"
            " SOURCE_AUTO_POSITION = 1, SOURCE_CONNECT_RETRY = 1, SOURCE_RETRY_COUNT = 86400,"
            f" SOURCE_HEARTBEAT_PERIOD = 1{key}",
            "START REPLICA",
        )

    def delay(self, seconds: int) -> tuple[str, ...]:
        return self._in_its_words(
            "STOP REPLICA SQL_THREAD",
            f"CHANGE REPLICATION SOURCE TO SOURCE_DELAY = {seconds}",
            "START REPLICA SQL_THREAD",
        )

    @property
    def show_replication(self) -> str:
        return "SHOW SLAVE STATUS" if self.version_numbers < (8, 0, 22) else "SHOW REPLICA STATUS"

    def _in_its_words(self, *statements: str) -> tuple[str, ...]:
        if self.version_numbers >= (8, 0, 23):
            return statements
        old = {"REPLICATION SOURCE": "MASTER", "SOURCE_": "MASTER_", "REPLICA": "SLAVE"}
        for new, word in old.items():
            statements = tuple(text.replace(new, word) for text in statements)
        return statements


MARIADB = MariaDB()
MYSQL = MySQL()
FLAVOURS = {flavour.name: flavour for flavour in (MARIADB, MYSQL)}
