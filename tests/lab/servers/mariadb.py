"""MariaDB, as Debian has it: that of this system, and that of Debian 13 unpacked beside it."""

import functools
from collections.abc import Sequence
from pathlib import Path

from tests.lab.servers import accounts, cache
from tests.lab.servers.flavour import DATADIR, OPTION_FILE, SMALL, Flavour
from tests.lab.servers.keepalived import Keepalived, UnpackedKeepalived, unpacked
from tests.lab.servers.unpack import ready_for_chroot, unpack

# mariadb-install-db makes more roots than one: of the loopback, of the node's host name.
ONE_ROOT = """
DELETE FROM mysql.global_priv WHERE User = 'root' AND Host <> 'localhost';
DELETE FROM mysql.proxies_priv WHERE Host <> 'localhost';
FLUSH PRIVILEGES;
"""


class MariaDB(Flavour):
    """The MariaDB of the system."""

    name = "mariadb"
    process = "mariadbd"
    options_snippet = "my.cnf.mariadb"
    grants_snippet = "grants.mariadb.sql"
    close_writes = ("SET GLOBAL read_only = 1",)
    open_writes = ("SET GLOBAL read_only = 0",)
    position = "SELECT @@global.gtid_current_pos"
    semi_sync_source = "rpl_semi_sync_master"

    def program(self, name: str) -> list[str]:
        return [name]

    def client_command(self) -> list[str]:
        return [*self.program("mariadb"), f"--defaults-file={OPTION_FILE}", "--user=root"]

    def initialise_command(self) -> list[str]:
        argv = [*self.program("mariadb-install-db"), "--no-defaults", f"--datadir={DATADIR}"]
        argv += ["--force", "--skip-test-db", "--skip-name-resolve", "--user=root"]
        return [*argv, "--auth-root-authentication-method=normal"]

    def accounts(self) -> str:
        return accounts.STATEMENTS + ONE_ROOT

    def options(self, snippet: str) -> str:
        small = "innodb_log_file_size = 16M\naria_pagecache_buffer_size = 8M\n"
        return f"{SMALL}{small}\n{snippet}"

    @property
    def show_replication(self) -> str:
        return "SHOW ALL SLAVES STATUS"

    def replicate_from(self, host: str) -> tuple[str, ...]:
        return (
            f"CHANGE MASTER TO MASTER_HOST = '{host}', MASTER_USER = '{accounts.REPLICATION_USER}',"
            f" MASTER_PASSWORD = '{accounts.REPLICATION_PASSWORD}', MASTER_USE_GTID = slave_pos,"
            " MASTER_CONNECT_RETRY = 1, MASTER_HEARTBEAT_PERIOD = 1",
            "START SLAVE",
        )

    def delay(self, seconds: int) -> tuple[str, ...]:
        return ("STOP SLAVE", f"CHANGE MASTER TO MASTER_DELAY = {seconds}", "START SLAVE")

    def replication_thread(self, action: str, thread: str) -> str:
        return f"{action} SLAVE {thread}"


#: mariadb-install-db is a shell script, and unpacking brings nothing that is "always there".
SHELL = ("coreutils", "dash", "sed")
TRIXIE_PACKAGES = ("mariadb-server-core", "mariadb-client-core", "keepalived", *SHELL)
BULLSEYE_PACKAGES = ("mariadb-server-core-10.5", "mariadb-client-core-10.5", *SHELL)


class UnpackedMariaDB(MariaDB):
    """That of another Debian release, and its keepalived on the nodes."""

    @functools.cached_property
    def _tree(self) -> Path:
        raise NotImplementedError

    def fetch(self) -> None:
        assert self.keepalived
        assert self._tree

    @property
    def needs(self) -> Sequence[Path]:
        return (self._tree,)

    @property
    def chroot(self) -> Path:
        return self._tree

    def program(self, name: str) -> list[str]:
        return ["chroot", str(self._tree), name]


class TrixieMariaDB(UnpackedMariaDB):
    """The next generation, Debian 13: MariaDB 11.8, and keepalived 2.3 on its nodes."""

    name = "mariadb-11.8"

    @functools.cached_property
    def _tree(self) -> Path:
        tree = cache.made("trixie", lambda new: unpack("trixie", TRIXIE_PACKAGES, new))
        return ready_for_chroot(tree)

    @functools.cached_property
    def keepalived(self) -> Keepalived:  # type: ignore[override]
        return UnpackedKeepalived("keepalived-trixie", self._tree)


class BullseyeMariaDB(UnpackedMariaDB):
    """The oldest generation, Debian 11: MariaDB 10.5, and keepalived 2.1 on its nodes."""

    name = "mariadb-10.5"

    @functools.cached_property
    def _tree(self) -> Path:
        tree = cache.made(
            "mariadb-bullseye", lambda new: unpack("bullseye", BULLSEYE_PACKAGES, new)
        )
        return ready_for_chroot(tree)

    @functools.cached_property
    def keepalived(self) -> Keepalived:  # type: ignore[override]
        return unpacked("bullseye")
