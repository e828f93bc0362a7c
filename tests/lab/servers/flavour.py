"""What the lab has to know of a kind of server: how to run it, what to say to it."""

import functools
import re
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Optional

from tests.lab.servers import accounts
from tests.lab.servers.keepalived import Keepalived
from tests.lab.servers.sql import Row

OPTION_FILE = "/etc/mysql/my.cnf"
DATADIR = "/var/lib/mysql"
SOCKET = "/run/mysqld/mysqld.sock"

# Small, so that a node starts in about a second; what makes a commit durable stays as it is.
SMALL = f"""
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
    position = ""  # query with one column: every transaction that this server has
    semi_sync_source: str  # what its options for a source that waits begin with
    keepalived = Keepalived()  # that its nodes run

    @property
    def chroot(self) -> Optional[Path]:
        """The tree of another system that its programs run in; None if they run in this one."""
        return None

    @property
    def needs(self) -> Sequence[Path]:
        """Directories that a node must see even if they lie under /tmp."""
        return ()

    @property
    def grants_snippet(self) -> str:
        raise NotImplementedError

    def fetch(self) -> None:
        """Get the server if it is not there. The system's own is."""

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

    def __str__(self) -> str:
        return f"{self.name} {self.version}, keepalived {self.keepalived.version}"

    @property
    def version_numbers(self) -> tuple[int, ...]:
        return tuple(int(part) for part in re.findall(r"\d+", self.version)[:3])

    def options(self, snippet: str) -> str:
        """my.cnf of a node: the snippet, already filled in, made to fit the lab."""
        return f"{SMALL}\n{snippet}"

    def accounts(self) -> str:
        return accounts.STATEMENTS

    def replicate_from(self, host: str) -> tuple[str, ...]:
        """Set replication up and start it."""
        raise NotImplementedError

    def delay(self, seconds: int) -> tuple[str, ...]:
        """Apply everything `seconds` late."""
        raise NotImplementedError

    def replication_thread(self, action: str, thread: str) -> str:
        """START or STOP the receiver (IO_THREAD) or the applier (SQL_THREAD)."""
        raise NotImplementedError

    @property
    def show_replication(self) -> str:
        """The status statement; a row per source."""
        raise NotImplementedError

    def replicates(self, sql: Callable[[str], list[Row]]) -> bool:
        """Whether receiver and applier run. `sql` runs a statement on the server in question."""
        rows = sql(self.show_replication)
        threads = ("IO_Running", "SQL_Running")
        return bool(rows) and all(
            value == "Yes" for row in rows for key, value in row.items() if key.endswith(threads)
        )
