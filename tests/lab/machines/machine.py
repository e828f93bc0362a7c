"""One computer whose pid 1 is systemd: switched on, rebooted, shut down, cut off its power."""

from __future__ import annotations

import subprocess
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.lab.error import LabError
from tests.lab.hosts.host import Furniture, Host
from tests.lab.hosts.namespaces import ENVIRONMENT, SYSTEM_PYTHON, Argument, Namespaces
from tests.lab.hosts.network import PREFIX, Link, Switch
from tests.lab.hosts.process import CHECKOUT
from tests.lab.machines.boot import Plan

UP = 60.0
"""Seconds for a boot or a shutdown; either takes two when the host is idle."""

_REBOOT, _POWER_OFF = -1, -2  # pid 1 of a process namespace dies of SIGHUP, or SIGINT: reboot(2)
_BOOT: Sequence[Argument] = ("-S", "-m", "tests.lab.machines.boot")


class _Inside(Namespaces):
    _made = ("--net", "--pid", "--mount", "--uts", "--ipc")
    _entered = (*_made, "--cgroup")
    _program = _BOOT


class Machine(Host):
    """What is written on its disk survives a reboot and a power cut, a tree is never changed.

    A power cut is one for all that runs on it and for its network, not for the disk: what the
    host's kernel was given is there afterwards, synced or not.

    `power_on` returns when systemd has begun, `wait_up` when it is done; `power_off` is a power
    cut, as for every host; `shut_down` and `reboot` are systemd's. Make and switch it on in a
    thread that outlives it.
    """

    def __init__(
        self,
        name: str,
        tree: Path,
        directory: Path,
        switch: Switch | None = None,
        links: Sequence[Link] = (),
        gateway: str = "",
        names: Mapping[str, str] | None = None,
    ) -> None:
        """`directory`: of its disk and the lab's logs of it; `names`: address -> host name."""
        super().__init__(name, directory, Furniture(), switch, links)
        self._tree = tree
        for part in ("upper", "work", "root", "groups"):
            (directory / part).mkdir(exist_ok=True)
        self._disk = directory / "upper"
        self._disk.chmod(0o755)
        self._furnish(gateway, names or {})

    # Power

    def power_on(self) -> None:
        """Returns when its pid 1 is systemd, which has only begun then."""
        super().power_on()
        comm = Path(f"/proc/{self.inside.pid}/comm")
        self.wait(lambda: not self.is_on or comm.read_text() == "systemd\n", UP, "systemd to begin")
        if not self.is_on:
            raise LabError(f"{self.name} did not boot: {(self.logs / 'console').read_text()}")

    def close(self) -> None:
        super().close()
        sweep()

    def shut_down(self) -> None:
        """`systemctl poweroff`; returns when it is off."""
        self._end("poweroff", _POWER_OFF)

    def reboot(self) -> None:
        """`systemctl reboot`; returns when systemd has begun again."""
        self._end("reboot", _REBOOT)
        self.power_on()

    def wait_up(self, timeout: float = UP) -> None:
        """Until all of the boot is done. Raises LabError where a unit has failed, or hangs."""
        state = ""
        until = time.monotonic() + timeout
        while state not in ("running", "degraded"):
            if time.monotonic() > until:
                jobs = self.run(["systemctl", "list-jobs"], check=False).stdout
                raise LabError(f"{self.name} is {state or 'mute'} after {timeout:g} s:\n{jobs}")
            time.sleep(0.05)
            state = self.run(["systemctl", "is-system-running"], check=False).stdout.strip()
        if state == "degraded":
            failed = self.run(["systemctl", "--failed", "--plain", "--no-legend"]).stdout
            raise LabError(f"units have failed on {self.name}:\n{failed}")

    # What runs on it

    def shell(
        self, script: str, *, check: bool = True, timeout: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """A script of bash, as root types it in his home directory; it ends at the first error."""
        return self.run(["bash", "-ec", f"cd\n{script}"], check=check, timeout=timeout)

    def unit(self, name: str) -> str:
        """`active`, `inactive`, `failed` …"""
        return self.run(["systemctl", "is-active", name], check=False).stdout.strip()

    def wait_unit(self, name: str, state: str = "active", timeout: float = 30) -> None:
        """Until systemd says so of the unit."""
        self.wait(lambda: self.unit(name) == state, timeout, f"{name} to be {state}")

    def journal(self, *options: str) -> str:
        """Of all boots, the messages alone; `options` as `--boot` or `--unit=keepalived`."""
        return self.run(["journalctl", "--no-pager", "--output=cat", *options]).stdout

    # Inner workings

    def _boot(self) -> Namespaces:
        directory = self._disk.parent
        console = self.logs / "console"
        interfaces = [link.interface for link in self.links]
        plan = Plan(self.name, str(self._tree), str(directory), interfaces, str(console))
        return _Inside(plan.argument())

    def _plug_in(self, inside: Namespaces, link: Link) -> None:
        self._plugged_into.insert(inside, link)

    def _end(self, verb: str, expected: int) -> None:
        inside = self.inside
        self.run(["systemctl", verb], check=False)  # which may see the end itself, or not
        try:
            status = inside.wait_gone(UP)
        except subprocess.TimeoutExpired:
            raise LabError(f"{self.name}: {verb} was not done after {UP:g} s") from None
        self._inside = None
        for link in self.links:
            self._plugged_into.unplug(link)
        if status != expected:
            raise LabError(f"{self.name}: {verb} ended with status {status}, not {expected}")

    def _furnish(self, gateway: str, names: Mapping[str, str]) -> None:
        self._write("etc/hostname", f"{self.name}\n")
        known = {"127.0.0.1": "localhost", **names}
        self._write("etc/hosts", "".join(f"{key} {name}\n" for key, name in known.items()))
        self._write("etc/resolv.conf", "")
        self._write("etc/machine-id", f"{uuid.uuid4().hex}\n")
        cards = "auto lo\niface lo inet loopback\n"
        for number, link in enumerate(self.links):
            cards += f"auto {link.interface}\niface {link.interface} inet static\n"
            cards += f"    address {link.address}/{PREFIX}\n"
            if gateway and number == 0:
                cards += f"    gateway {gateway}\n"
        self._write("etc/network/interfaces", cards)
        self._write("etc/apt/apt.conf.d/90lab", 'APT::Get::Assume-Yes "true";\n')
        # On disk, so that a boot can be read about in the next one.
        journal = "[Journal]\nStorage=persistent\nSystemMaxUse=32M\n"
        self._write("etc/systemd/journald.conf.d/lab.conf", journal)
        no_terminal = self._disk / "etc/systemd/system/console-getty.service"
        if not no_terminal.is_symlink():
            no_terminal.parent.mkdir(exist_ok=True)
            no_terminal.symlink_to("/dev/null")

    def _write(self, path: str, text: str) -> None:
        """On the disk of a machine that is off."""
        file = self._disk / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def sweep() -> None:
    """Remove the control groups that machines have left."""
    argv = ["unshare", "--mount", "--propagation", "private", SYSTEM_PYTHON, *map(str, _BOOT)]
    subprocess.run(argv, cwd=CHECKOUT, env=ENVIRONMENT, check=True, timeout=30)
