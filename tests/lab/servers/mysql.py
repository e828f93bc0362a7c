"""MySQL: unpacked from Debian sid, or the reader's own, named by LAB_MYSQL=DIR."""

import functools
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from tests.lab.error import LabError
from tests.lab.servers import accounts, cache
from tests.lab.servers.flavour import DATADIR, OPTION_FILE, SMALL, Flavour
from tests.lab.servers.keepalived import Keepalived, unpacked
from tests.lab.servers.unpack import ready_for_chroot, unpack


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
        return ready_for_chroot(tree)

    def fetch(self) -> None:
        assert self._tree

    @property
    def needs(self) -> Sequence[Path]:
        return (self._tree,)

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

    @property
    def semi_sync_source(self) -> str:  # type: ignore[override]
        side = "master" if self.version_numbers < (8, 0, 26) else "source"
        return f"rpl_semi_sync_{side}"

    def client_command(self) -> list[str]:
        return [*self.program("mysql"), f"--defaults-file={OPTION_FILE}", "--user=root"]

    def initialise_command(self) -> list[str]:
        argv = [*self.program("mysqld"), "--no-defaults", f"--datadir={DATADIR}", "--user=root"]
        if not self.chroot:
            argv.append(f"--basedir={self._tree}")
        return [*argv, "--initialize-insecure", "--secure-file-priv=NULL"]

    def options(self, snippet: str) -> str:
        if self.version_numbers < (8, 0, 30):
            small = "innodb_log_file_size = 16M\n"
        else:
            small = "innodb_redo_log_capacity = 16M\n"
        small += "secure_file_priv = NULL\n"
        if not self.chroot:
            small += f"basedir = {self._tree}\n"
        if self.version_numbers >= (8,):
            small += "mysqlx = OFF\n"
        if self.version_numbers < (8, 0, 26):
            for new, old in (("replica", "slave"), ("sync_source", "sync_master")):
                snippet = snippet.replace(new, old)
        if self.version_numbers < (8,):
            snippet += "log_slave_updates = ON\nbinlog_format = ROW\n"
            snippet += "master_info_repository = TABLE\nrelay_log_info_repository = TABLE\n"
        return f"{SMALL}{small}\n{snippet}"

    def replicate_from(self, host: str) -> tuple[str, ...]:
        key = "" if self.version_numbers < (8,) else ", GET_SOURCE_PUBLIC_KEY = 1"
        return self._in_its_words(
            f"CHANGE REPLICATION SOURCE TO SOURCE_HOST = '{host}',"
            f" SOURCE_USER = '{accounts.REPLICATION_USER}',"
            f" SOURCE_PASSWORD = '{accounts.REPLICATION_PASSWORD}',"
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

    def replication_thread(self, action: str, thread: str) -> str:
        return self._in_its_words(f"{action} REPLICA {thread}")[0]

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


class ForkyMySQL(MySQL):
    """With the keepalived of the Debian release in the making on its nodes: 2.3.4."""

    name = "mysql-forky"

    def fetch(self) -> None:
        assert self.keepalived

    @functools.cached_property
    def keepalived(self) -> Keepalived:  # type: ignore[override]
        return unpacked("forky")
