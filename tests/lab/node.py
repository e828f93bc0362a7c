"""One database host: namespaces over disks of its own, with mysqld and keepalived."""

import contextlib
import json
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Optional

from tests.lab import sql
from tests.lab.error import LabError
from tests.lab.namespaces import Argument, Namespaces
from tests.lab.network import Link, Switch
from tests.lab.room import Room
from tests.lab.server import DATADIR, SOCKET, Flavour

#: Directories that survive a power cycle: where the node sees them, and the name of the disk.
DISKS = {
    DATADIR: "datadir",
    "/var/lib/kachecks": "state",
    "/etc/mysql": "etc-mysql",
    "/etc/keepalived": "etc-keepalived",
    "/etc/kachecks": "etc-kachecks",
}
SUITE_DIRECTORY = "/opt/kachecks"


class Node:
    """A host that can be powered off and on again.

    `suite_directory` is what it sees at /opt/kachecks, `visible` what else it must see if it
    happens to lie under /tmp. With `datadir_size` (as in mount's size=) the datadir is a tmpfs
    that fills up at that size and is lost at power-off.
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
    ) -> None:
        self.name = name
        self.flavour = flavour
        self.links = list(links)
        self.logs = directory / "logs"
        self._directory = directory
        self._switch = switch
        self._suite_directory = suite_directory
        self._visible = list(visible)
        self._datadir_size = datadir_size
        self._inside: Optional[Namespaces] = None
        for name_on_disk in (*DISKS.values(), "logs", "stage"):
            (directory / name_on_disk).mkdir(parents=True, exist_ok=True)
        (directory / "state").chmod(0o700)

    @property
    def address(self) -> str:
        """Its own address on the network that also carries the VIP."""
        return self.links[0].address

    # Power

    def power_on(self) -> None:
        """Fresh namespaces over the same disks. Starts neither mysqld nor keepalived."""
        assert self._inside is None, f"{self.name} is on"
        self._inside = Namespaces(self._room().argument())
        for link in self.links:
            assert self._switch is not None
            self._switch.plug(self._inside, link)

    def power_off(self) -> None:
        """Everything is gone at once, and nobody hears of it: no FIN, no RST, no advert."""
        if self._inside is None:
            return
        # The kernel would say goodbye for the dead processes' sockets: nobody is to hear it.
        for link in self.links:
            assert self._switch is not None
            self._switch.disconnect(link)
        self._inside.kill()
        for link in self.links:
            assert self._switch is not None
            self._switch.unplug(link)
        self._inside = None

    def close(self) -> None:
        """The end, without the theatre."""
        if self._inside is not None:
            self._inside.kill()
            self._inside = None

    @property
    def is_on(self) -> bool:
        return self._inside is not None and self._inside.alive()

    def pause(self) -> None:
        """SIGSTOP for every process at once. The kernel goes on answering ARP and ping."""
        self.run(["sh", "-c", "kill -STOP -1"])

    def resume(self) -> None:
        self.run(["sh", "-c", "kill -CONT -1"])
        self.inside.continue_children()

    # Ways in

    @property
    def inside(self) -> Namespaces:
        if self._inside is None:
            raise LabError(f"node {self.name} is powered off")
        return self._inside

    def run(self, argv: Sequence[Argument], **options: Any) -> Any:
        """Run `argv` inside: see Namespaces.run."""
        return self.inside.run(argv, **options)

    def popen(self, argv: Sequence[Argument], **options: Any) -> Any:
        """Start `argv` inside: see Namespaces.popen."""
        return self.inside.popen(argv, **options)

    def spawn(self, argv: Sequence[Argument], log: str = "spawned.log") -> int:
        """Start a daemon inside; returns its pid there. Its output goes to logs/`log`."""
        return self.inside.spawn(argv, self.logs / log)

    def path(self, inside: str) -> Path:
        """Where the host sees a path of the node; what is on its disks also while it is off."""
        for mount_point, disk in DISKS.items():
            if Path(mount_point) in (Path(inside), *Path(inside).parents):
                if mount_point == DATADIR and self._datadir_size:
                    break
                return self._directory / disk / Path(inside).relative_to(mount_point)
        return Path(f"/proc/{self.inside.pid}/root", inside.lstrip("/"))

    def write(self, inside: str, text: str, mode: int = 0o644) -> None:
        """Write a file of the node."""
        file = self.path(inside)
        file.touch(mode)
        file.chmod(mode)
        file.write_text(text)

    # Processes

    def pids(self, *names: str) -> list[int]:
        """Pids, as the node counts, of the living processes that the kernel calls by `names`."""
        return [pid for pid, name, state in self._processes() if name in names and state != "Z"]

    def kill(self, pid: int, sig: int) -> None:
        """Send `sig` to a pid of the node."""
        self.run(["sh", "-c", f"kill -{int(sig)} {pid}"])

    # MySQL

    def start_mysqld(self, extra: Sequence[str] = (), wait: bool = True) -> int:
        """Start the server and, unless told otherwise, wait until it answers."""
        pid = self._daemon(self.flavour.process, self.flavour.server_command(extra), "mysqld.log")
        if wait:
            self.wait_mysqld()
        return pid

    def wait_mysqld(self, timeout: float = 30) -> None:
        """Wait until the server answers."""
        import mysql.connector

        end = time.monotonic() + timeout
        while True:
            try:
                self.sql("SELECT 1")
                return
            except mysql.connector.Error as error:
                if time.monotonic() > end or not self.pids(self.flavour.process):
                    log = (self.logs / "mysqld.log").read_text()[-2000:]
                    raise LabError(f"mysqld on {self.name}: {error}; its log:\n{log}") from error
            time.sleep(0.02)

    def stop_mysqld(self, timeout: float = 30) -> None:
        """SIGTERM, and wait until it is gone."""
        self.kill_mysqld(signal.SIGTERM)
        self._wait(lambda: self.mysqld_pid() is None, timeout, "mysqld to be gone")

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
        """The server's socket as the host sees it: short, wherever the work directory is."""
        return self.path(SOCKET)

    def sql(self, statement: str, database: Optional[str] = None, **options: Any) -> list[sql.Row]:
        """Run one statement as root through the socket; its rows as dictionaries."""
        return sql.query(self.socket_path, statement, database, **options)

    def value(self, query: str) -> Any:
        """The first column of the first row."""
        return next(iter(self.sql(query)[0].values()))

    # keepalived

    def start_keepalived(self) -> int:
        """As systemd does on Debian, in the foreground of its own session."""
        command = ["keepalived", "--dont-fork", "--log-console"]
        return self._daemon("keepalived", command, "keepalived.log")

    def stop_keepalived(self, sig: int = signal.SIGTERM, timeout: float = 10) -> None:
        """Send `sig` to the parent process and wait until all of keepalived is gone."""
        pids = self.keepalived_pids()
        if pids:
            self.kill(pids[0], sig)
        self._wait(lambda: not self.keepalived_pids(), timeout, "keepalived to be gone")

    def keepalived_pids(self) -> list[int]:
        """The parent first, then its children."""
        return sorted(self.pids("keepalived")) if self.is_on else []

    def keepalived_state(self) -> str:
        """MASTER, BACKUP, FAULT or STOP as its log has it; empty before the first."""
        states = (self.logs / "keepalived.log").read_text().split(" Entering ")[1:]
        return states[-1].split()[0] if states else ""

    # Network

    def has_vip(self, address: str) -> bool:
        """Whether the kernel holds `address` as its own, read from its tables: no process runs."""
        if not self.is_on:
            return False
        net = Path(f"/proc/{self.inside.pid}/net")
        if ":" in address:
            import ipaddress

            packed = ipaddress.ip_address(address).packed.hex()
            return any(
                line.startswith(packed) for line in (net / "if_inet6").read_text().splitlines()
            )
        lines = (net / "fib_trie").read_text().splitlines()
        leaf = f"|-- {address}"
        return any(
            line.strip() == leaf and following.strip() == "/32 host LOCAL"
            for line, following in zip(lines, lines[1:])
        )

    def cut_link(self, silent: bool = False, interface: str = "eth0") -> None:
        """Cut the network: with loss of carrier, or so that the interface does not notice."""
        assert self._switch is not None
        link = self._link(interface)
        (self._switch.disconnect if silent else self._switch.cut_carrier)(link)

    def restore_link(self, interface: str = "eth0") -> None:
        """Undo either kind of cut."""
        assert self._switch is not None
        self._switch.reconnect(self._link(interface))

    def iptables(self, *arguments: str) -> None:
        """Such as `iptables("-A", "INPUT", "-p", "112", "-j", "DROP")`."""
        self.run(["iptables", "-w", *arguments])

    # What it has left behind

    def syslog(self) -> str:
        """All that was sent to /dev/log, each line after its monotonic time in seconds."""
        return (self.logs / "syslog").read_text()

    def audit(self) -> list[dict[str, Any]]:
        """The suite's audit log, all names, in order of the files' names."""
        lines: list[dict[str, Any]] = []
        for file in sorted(self.path("/var/lib/kachecks").glob("*.jsonl")):
            lines += map(json.loads, file.read_text().splitlines())
        return lines

    @property
    def datadir(self) -> Path:
        """As the host sees it."""
        return self.path(DATADIR)

    # Inner workings

    def _room(self) -> Room:
        binds = [(str(self._directory / disk), seen) for seen, disk in DISKS.items()]
        if self._suite_directory:
            binds.append((str(self._suite_directory), SUITE_DIRECTORY))
        chroot = self.flavour.chroot
        visible = [*self._visible, Path(__file__).parent, *([chroot] if chroot else [])]
        return Room(
            hostname=self.name,
            stage=str(self._directory / "stage"),
            syslog=str(self.logs / "syslog"),
            added={
                "/etc": ["mysql", "keepalived", "kachecks"],
                "/var/lib": ["mysql", "kachecks"],
                "/opt": ["kachecks"],
            },
            binds=binds,
            visible=[str(path) for path in visible if Path("/tmp") in path.parents],  # noqa: S108
            tmpfs={DATADIR: f"size={self._datadir_size}"} if self._datadir_size else {},
            chroot=str(chroot) if chroot else None,
        )

    def _daemon(self, process: str, command: Sequence[str], log: str) -> int:
        """Spawn `command`; returns its pid once the kernel calls it `process`."""
        pid = self.spawn(command, log)
        comm = self.path(f"/proc/{pid}/comm")
        self._wait(lambda: not comm.exists() or pid in self.pids(process), 10, f"{process} to run")
        return pid

    def _processes(self) -> Iterator[tuple[int, str, str]]:
        for directory in self.path("/proc").iterdir():
            if directory.name.isdigit():
                with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                    stat = (directory / "stat").read_text()
                    name = stat[stat.index("(") + 1 : stat.rindex(")")]
                    yield int(directory.name), name, stat.rpartition(") ")[2][0]

    def _link(self, interface: str) -> Link:
        return next(link for link in self.links if link.interface == interface)

    def _wait(self, predicate: Callable[[], bool], timeout: float, what: str) -> None:
        end = time.monotonic() + timeout
        while not predicate():
            if time.monotonic() > end:
                raise LabError(f"waited {timeout} s on {self.name} for {what}")
            time.sleep(0.005)
