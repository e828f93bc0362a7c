"""One computer of the lab: namespaces over disks of its own, that can be powered off and on."""

import contextlib
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

from tests.lab.error import LabError
from tests.lab.hosts.namespaces import Argument, Namespaces
from tests.lab.hosts.network import Link, Switch
from tests.lab.hosts.room import Room


@dataclass(frozen=True)
class Furniture:
    """What a host sees in place of the real system's directories."""

    disks: Mapping[str, str] = field(default_factory=dict)  # mount point -> name of the disk
    binds: Mapping[str, Path] = field(default_factory=dict)  # mount point -> what is seen there
    added: Mapping[str, list[str]] = field(default_factory=dict)  # see Room
    visible: Sequence[Path] = ()  # needed even if it lies under /tmp, which is private
    tmpfs: Mapping[str, str] = field(default_factory=dict)  # mount point -> options; over a disk
    chroot: Optional[Path] = None  # see Room


class Host:
    """Disks survive a power cycle, /run and /tmp do not. `logs` is the lab's, outside the host."""

    def __init__(
        self,
        name: str,
        directory: Path,
        furniture: Furniture,
        switch: Optional[Switch] = None,
        links: Sequence[Link] = (),
    ) -> None:
        self.name = name
        self.links = list(links)
        self.logs = directory / "logs"
        self._directory = directory
        self._furniture = furniture
        self._switch = switch
        self._inside: Optional[Namespaces] = None
        for needed in (*furniture.disks.values(), "logs", "stage"):
            (directory / needed).mkdir(parents=True, exist_ok=True)

    # Power

    def power_on(self) -> None:
        """Fresh namespaces over the same disks; no daemon is started."""
        if self._inside is not None:
            raise LabError(f"{self.name} is on already")
        self._inside = self._boot()
        for link in self.links:
            self._plug_in(self._inside, link)

    def power_off(self) -> None:
        """Everything is gone at once, and nobody hears of it: no FIN, no RST, no advert."""
        inside = self.inside
        for link in self.links:  # first, for the kernel would close the sockets of the dead
            self._plugged_into.disconnect(link)
        inside.kill()
        self._inside = None
        for link in self.links:
            self._plugged_into.unplug(link)

    def close(self) -> None:
        """The end of the lab; the wires go with the switch."""
        if self._inside is not None:
            self._inside.kill()
            self._inside = None

    @property
    def is_on(self) -> bool:
        return self._inside is not None and self._inside.alive()

    def pause(self) -> None:
        """SIGSTOP for every process at once. The kernel goes on answering ARP, ping and SYN."""
        self.run(["sh", "-c", "kill -STOP -1"])

    def resume(self) -> None:
        self.run(["sh", "-c", "kill -CONT -1"])
        self.inside.continue_children()

    # Ways in

    @property
    def inside(self) -> Namespaces:
        if self._inside is None:
            raise LabError(f"{self.name} is powered off")
        return self._inside

    def run(self, argv: Sequence[Argument], **options: Any) -> "subprocess.CompletedProcess[str]":
        """Run `argv` inside and wait: see Namespaces.run."""
        return self.inside.run(argv, **options)

    def popen(self, argv: Sequence[Argument], **options: Any) -> "subprocess.Popen[Any]":
        """Start `argv` inside: see Namespaces.popen."""
        return self.inside.popen(argv, **options)

    def spawn(self, argv: Sequence[Argument], log: str = "spawned.log") -> int:
        """Start a daemon inside; returns its pid there. Its output goes to logs/`log`."""
        return self.inside.spawn(argv, self.logs / log)

    def daemon(self, process: str, argv: Sequence[Argument], log: str) -> int:
        """Spawn `argv`; returns its pid there once the kernel calls it `process`, or it has died.

        It is another program's name until the last exec of the command line.
        """
        pid = self.spawn(argv, log)
        comm = self.path(f"/proc/{pid}/comm")
        self.wait(lambda: not comm.exists() or pid in self.pids(process), 10, f"{process} to run")
        return pid

    def path(self, inside: str) -> Path:
        """Where the lab sees a path of the host; what is on a disk also while it is off."""
        for mount_point, disk in self._furniture.disks.items():
            on_disk = Path(mount_point) in (Path(inside), *Path(inside).parents)
            if on_disk and mount_point not in self._furniture.tmpfs:
                return self._directory / disk / Path(inside).relative_to(mount_point)
        return Path(f"/proc/{self.inside.pid}/root", inside.lstrip("/"))

    def write(self, inside: str, text: str, mode: int = 0o644) -> None:
        """Write a file of the host, in one step for who reads it at this moment."""
        file = self.path(inside)
        new = file.with_name(f".{file.name}.new")
        new.touch(mode)
        new.chmod(mode)
        new.write_text(text)
        new.rename(file)

    def syslog(self) -> str:
        """All that was sent to /dev/log, each line after its monotonic time in seconds."""
        return (self.logs / "syslog").read_text()

    def wait_for_syslog(self, text: str, timeout: float = 5) -> None:
        """Until it tells this: the line is on its way when its sender goes on."""
        self.wait(lambda: text in self.syslog(), timeout, f"syslog to tell: {text}")

    def wait(self, predicate: Callable[[], object], timeout: float, what: str) -> None:
        """Poll every 5 ms; raises LabError after `timeout` seconds."""
        end = time.monotonic() + timeout
        while not predicate():
            if time.monotonic() > end:
                raise LabError(f"{self.name}: waited {timeout} s for {what}")
            time.sleep(0.005)

    def copy_logs(self, target: Path) -> None:
        """Of all that has run, also before the last power-off."""
        shutil.copytree(self.logs, target, dirs_exist_ok=True)

    # Processes

    def pids(self, *names: str) -> list[int]:
        """Living processes that the kernel calls by one of `names`; pids as the host counts."""
        return [pid for pid, name, state in self._processes() if name in names and state != "Z"]

    def kill(self, pid: int, sig: int) -> None:
        """Send `sig` to a pid of the host."""
        self.run(["sh", "-c", f"kill -{int(sig)} {pid}"])

    # Network

    @property
    def address(self) -> str:
        """Its own address on the network of the clients."""
        return self.links[0].address

    def has_vip(self, address: str) -> bool:
        """Whether the kernel holds `address` as its own, read from its tables: nothing is run."""
        try:
            if ":" in address:
                return _has_ipv6(self._net("if_inet6"), address)
            return _has_ipv4(self._net("fib_trie"), address)
        except (LabError, FileNotFoundError, ProcessLookupError):  # off, or dying at this moment
            return False

    def cut_link(self, silent: bool = False, interface: str = "eth0") -> None:
        """Cut the network: with loss of carrier, or so that the interface does not notice."""
        cut = self._plugged_into.disconnect if silent else self._plugged_into.cut_carrier
        cut(self._link(interface))

    def restore_link(self, interface: str = "eth0") -> None:
        """Undo either kind of cut."""
        self._plugged_into.reconnect(self._link(interface))

    def iptables(self, *arguments: str) -> None:
        """Such as `iptables("-A", "INPUT", "-p", "112", "-j", "DROP")`."""
        self.run(["iptables", "-w", *arguments])

    # Inner workings

    def _boot(self) -> Namespaces:
        return Namespaces(self._room().argument())

    def _plug_in(self, inside: Namespaces, link: Link) -> None:
        self._plugged_into.plug(inside, link)

    @property
    def _plugged_into(self) -> Switch:
        if self._switch is None:
            raise LabError(f"{self.name} has no network")
        return self._switch

    def _link(self, interface: str) -> Link:
        return next(link for link in self.links if link.interface == interface)

    def _net(self, table: str) -> list[str]:
        return Path(f"/proc/{self.inside.pid}/net/{table}").read_text().splitlines()

    def _processes(self) -> Iterator[tuple[int, str, str]]:
        for directory in self.path("/proc").iterdir():
            if directory.name.isdigit():
                with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                    stat = (directory / "stat").read_text()
                    name = stat[stat.index("(") + 1 : stat.rindex(")")]
                    yield int(directory.name), name, stat.rpartition(") ")[2][0]

    def _room(self) -> Room:
        has, tmp = self._furniture, Path("/tmp")  # noqa: S108
        disks = [(str(self._directory / disk), point) for point, disk in has.disks.items()]
        return Room(
            hostname=self.name,
            stage=str(self._directory / "stage"),
            syslog=str(self.logs / "syslog"),
            added=dict(has.added),
            binds=[*disks, *((str(source), point) for point, source in has.binds.items())],
            visible=[str(path) for path in has.visible if tmp in path.parents],
            tmpfs=dict(has.tmpfs),
            chroot=str(has.chroot) if has.chroot else None,
        )


def _has_ipv4(fib_trie: list[str], address: str) -> bool:
    leaf = f"|-- {address}"
    return any(
        line.strip() == leaf and following.strip() == "/32 host LOCAL"
        for line, following in zip(fib_trie, fib_trie[1:])
    )


def _has_ipv6(if_inet6: list[str], address: str) -> bool:
    import ipaddress

    packed = ipaddress.ip_address(address).packed.hex()
    return any(line.startswith(packed) for line in if_inet6)
