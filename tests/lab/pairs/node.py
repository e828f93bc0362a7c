"""One database host: mysqld and keepalived on a `Host`."""

import json
import re
import shutil
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional

from tests.lab.error import LabError
from tests.lab.hosts.host import Furniture, Host
from tests.lab.hosts.network import Link, Switch
from tests.lab.servers import sql
from tests.lab.servers.flavour import DATADIR, SOCKET, Flavour

STATE_DIRECTORY = "/var/lib/kachecks"
SUITE_DIRECTORY = "/opt/kachecks"


class Node(Host):
    """A host that can run a server of one flavour.

    `suite_directory` is what it sees at /opt/kachecks, `visible` what else it must see if that
    happens to lie under /tmp. With `datadir_size` (as in mount's size=) the datadir is a tmpfs
    that fills up at that size and is lost at power-off. `keepalived_under` is a command that
    starts keepalived, as a hardened unit does; `server_uid` is whose process mysqld is.
    """

    def __init__(
        self,
        name: str,
        flavour: Flavour,
        directory: Path,
        switch: Optional[Switch] = None,
        links: Sequence[Link] = (),
        suite_directory: Optional[Path] = None,
        visible: Sequence[Path] = (),
        datadir_size: Optional[str] = None,
        keepalived_under: Sequence[str] = (),
        server_uid: int = 0,
    ) -> None:
        binds = dict(flavour.keepalived.binds)
        if suite_directory:
            binds[SUITE_DIRECTORY] = suite_directory
        furniture = Furniture(
            disks={
                DATADIR: "datadir",
                STATE_DIRECTORY: "state",
                "/etc/mysql": "etc-mysql",
                "/etc/keepalived": "etc-keepalived",
                "/etc/kachecks": "etc-kachecks",
            },
            binds=binds,
            added={
                "/etc": ["mysql", "keepalived", "kachecks"],
                "/var/lib": ["mysql", "kachecks"],
                "/opt": ["kachecks"],
            },
            visible=[
                *visible,
                *{*flavour.needs, *flavour.keepalived.needs},
                Path(__file__).parents[1],
            ],
            tmpfs={DATADIR: f"size={datadir_size}"} if datadir_size else {},
            chroot=flavour.chroot,
        )
        super().__init__(name, directory, furniture, switch, links)
        self.flavour = flavour
        self._keepalived_under = list(keepalived_under)
        self._server_uid = server_uid
        self.path(STATE_DIRECTORY).chmod(0o700)

    # MySQL

    def start_mysqld(self, extra: Sequence[str] = (), wait: bool = True) -> int:
        """Start the server and, unless told otherwise, wait until it answers."""
        command = self.flavour.server_command(extra)
        if self._server_uid:
            command = self._as_its_user(command)
        pid = self.daemon(self.flavour.process, command, "mysqld.log")
        if wait:
            self.wait_mysqld()
        return pid

    def _as_its_user(self, command: list[str]) -> list[str]:
        uid = self._server_uid
        directories = [DATADIR, str(Path(SOCKET).parent)]
        self.run(["chown", "-R", f"{uid}:{uid}", *directories])
        if command[0] == "chroot":
            return ["chroot", f"--userspec={uid}:{uid}", *command[1:]]
        return ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", *command]

    def wait_mysqld(self, timeout: float = 30) -> None:
        """Wait until the server answers."""
        import mysql.connector

        end = time.monotonic() + timeout
        while True:
            try:
                self.sql("SELECT 1")
                return
            except mysql.connector.Error as error:
                if time.monotonic() > end or self.mysqld_pid() is None:
                    log = (self.logs / "mysqld.log").read_text()[-2000:]
                    raise LabError(f"mysqld on {self.name}: {error}; its log:\n{log}") from error
            time.sleep(0.02)

    def stop_mysqld(self, timeout: float = 30) -> None:
        """SIGTERM, and wait until it is gone."""
        self.kill_mysqld(signal.SIGTERM)
        self.wait(lambda: self.mysqld_pid() is None, timeout, "mysqld to be gone")

    def kill_mysqld(self, sig: int = signal.SIGKILL) -> None:
        """Send `sig`; SIGSTOP and SIGCONT too."""
        pid = self.mysqld_pid()
        if pid is None:
            raise LabError(f"no mysqld on {self.name}")
        self.kill(pid, sig)

    def mysqld_pid(self) -> Optional[int]:
        """As the node counts; None if there is none."""
        pids = self.pids(self.flavour.process) if self.is_on else []
        return pids[0] if pids else None

    @property
    def socket_path(self) -> Path:
        """The server's socket as the lab sees it: short, wherever the work directory is."""
        return self.path(SOCKET)

    @property
    def datadir(self) -> Path:
        """As the lab sees it."""
        return self.path(DATADIR)

    def sql(self, statement: str, database: Optional[str] = None, **options: Any) -> list[sql.Row]:
        """Run one statement as root through the socket; its rows as dictionaries."""
        return sql.query(self.socket_path, statement, database, **options)

    def value(self, query: str) -> Any:
        """The first column of the first row."""
        return next(iter(self.sql(query)[0].values()))

    # keepalived

    def start_keepalived(self) -> int:
        """As systemd does on Debian, in the foreground of a session of its own.

        With `--no-syslog`, as docs/failures.md advises: keepalived waits for a log daemon that
        hangs.
        """
        program = ("keepalived", "--dont-fork", "--log-console", "--no-syslog")
        pid = self.spawn([*self._keepalived_under, *program], "keepalived.log")
        self.wait(self.keepalived_pids, 10, "keepalived to run")
        return pid

    def stop_keepalived(self, sig: int = signal.SIGTERM, timeout: float = 10) -> None:
        """Send `sig` to the parent process and wait until all of keepalived is gone."""
        pids = self.keepalived_pids()
        if pids:
            self.kill(pids[0], sig)
        self.wait(lambda: not self.keepalived_pids(), timeout, "keepalived to be gone")

    def kill_keepalived(self) -> None:
        """SIGKILL for all of it, so that the virtual IP stays.

        All stand still first: a parent that sees its child die starts another one, and a child
        that outlives its parent cleans up.
        """
        pids = [str(pid) for pid in self.keepalived_pids()]
        self.run(["sh", "-c", 'kill -STOP "$@"; kill -KILL "$@"', "sh", *pids])

    def wait_standby(self, timeout: float = 20) -> None:
        """Until keepalived is BACKUP."""
        self.wait(lambda: self.keepalived_state() == "BACKUP", timeout, "it to stand by")

    def keepalived_pids(self) -> list[int]:
        """The parent first, then its children, which include scripts that it has just forked."""
        return sorted(self.pids("keepalived")) if self.is_on else []

    def keepalived_state(self, instance: str = "[^)]+") -> str:
        """MASTER, BACKUP, FAULT or STOP as its log has it; empty before the first.

        `instance`: a vrrp_instance where there are several.
        """
        log = (self.logs / "keepalived.log").read_text()
        states = re.findall(rf"\({instance}\) Entering (\w+)", log)
        return states[-1] if states else ""

    # The suite

    def audit(self, name: str = "*") -> list[dict[str, Any]]:
        """The audit log of one pair, or of all in order of the files' names."""
        files = sorted(self.path(STATE_DIRECTORY).glob(f"{name}.jsonl"))
        return [json.loads(line) for file in files for line in file.read_text().splitlines()]

    def copy_logs(self, target: Path) -> None:
        """keepalived's log, the error log, the system log, and the audit log in `state`."""
        super().copy_logs(target)
        shutil.copytree(self.path(STATE_DIRECTORY), target / "state", dirs_exist_ok=True)
