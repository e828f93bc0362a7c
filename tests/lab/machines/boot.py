"""Gives new namespaces the root of a machine, then becomes its systemd.

Run with the system's Python as the first process inside: `python -S -m tests.lab.machines.boot
PLAN`, where PLAN is a `Plan` as JSON. All mounts are made in here and go with the namespaces; what
is left of a machine is its control group, empty, which the next boot of any machine removes, or
this program run without a PLAN.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import socket
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NoReturn

from tests.lab.hosts.room import bind, mount

PATIENCE = 30.0
"""Seconds for the network cards to be plugged in."""

_GROUP = "kachecks-lab-"
_INIT = "/lib/systemd/systemd"
_ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "container": "other",  # so that systemd leaves alone what is the kernel's
}
_DEVICES = {"null": 3, "zero": 5, "full": 7, "random": 8, "urandom": 9}
_MEMORY, _TERMINAL = 1, 5  # major numbers of devices
_LINKS = {
    "ptmx": "pts/ptmx",
    "fd": "/proc/self/fd",
    "stdin": "fd/0",
    "stdout": "fd/1",
    "stderr": "fd/2",
}
_CAP_SYS_MODULE, _CAP_SYS_TIME, _CAP_SYSLOG = 16, 25, 34
_PR_CAPBSET_DROP = 24
_CLONE_NEWCGROUP = 0x02000000
_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_REMOUNT, _MS_BIND = 1, 2, 4, 8, 32, 4096
_QUIET = _MS_NOSUID | _MS_NODEV | _MS_NOEXEC
_MNT_DETACH = 2

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass
class Plan:
    """What is put together to a machine."""

    hostname: str
    tree: str  # the system as it was installed; it stays as it is
    directory: str  # has the machine's disk: `upper`, over the tree, and `work`, the kernel's
    interfaces: list[str]  # network cards that are plugged in before the system starts
    console: str  # file for the errors of this program

    def argument(self) -> str:
        return json.dumps(asdict(self))


def main() -> None:
    outside = str(Path("/proc/self").readlink())  # still the outer /proc: the number known there
    if len(sys.argv) > 1:
        _boot(Plan(**json.loads(sys.argv[1])), outside)
    with _groups(Path("/tmp")):  # noqa: S108  a mount point in this process's own view
        pass


def _boot(plan: Plan, outside: str) -> NoReturn:
    os.umask(0)
    socket.sethostname(plan.hostname)
    directory = Path(plan.directory)
    with _groups(directory / "groups") as groups:
        _own_group(groups, plan.hostname)
    root = directory / "root"
    layers = f"lowerdir={plan.tree},upperdir={directory}/upper,workdir={directory}/work"
    mount("overlay", str(root), "overlay", 0, layers)
    _file_systems(root, directory)
    _devices(root / "dev")
    print(outside, flush=True)
    _let_go_of_the_lab(Path(plan.console))
    _wait_for(plan.interfaces)
    _become_the_system(root)


@contextlib.contextmanager
def _groups(at: Path) -> Iterator[Path]:
    """All control groups of this machine; those that dead machines have left are removed."""
    mount("cgroup2", str(at), "cgroup2", _QUIET)
    for group in at.glob(f"{_GROUP}*"):
        with contextlib.suppress(OSError):  # removed by another lab, or in use again
            if "populated 0" in (group / "cgroup.events").read_text():
                _remove(group)
    yield at
    _must(_libc.umount2(str(at).encode(), _MNT_DETACH), "umount the control groups")


def _remove(group: Path) -> None:
    for inner in group.iterdir():
        if inner.is_dir():
            _remove(inner)
    group.rmdir()


def _own_group(groups: Path, hostname: str) -> None:
    """Enter a control group of its own, which is then the root of all that this machine sees."""
    while True:
        group = groups / f"{_GROUP}{hostname}-{uuid.uuid4().hex[:12]}"
        group.mkdir(0o755)
        with contextlib.suppress(FileNotFoundError):  # another lab took it for a dead one's
            (group / "cgroup.procs").write_text("0")
            break
    _must(_libc.unshare(_CLONE_NEWCGROUP), "make a namespace for control groups")


def _file_systems(root: Path, directory: Path) -> None:
    mount("proc", f"{root}/proc", "proc", _QUIET)
    mount("sysfs", f"{root}/sys", "sysfs", _QUIET | _MS_RDONLY)
    mount("cgroup2", f"{root}/sys/fs/cgroup", "cgroup2", _QUIET)
    # What systemd-sysctl writes there would be everybody's, but for the network's part.
    settings = f"{root}/proc/sys"
    bind(settings, settings)
    bind(f"{settings}/net", f"{settings}/net")
    mount("", settings, flags=_MS_REMOUNT | _MS_BIND | _MS_RDONLY)
    # The kernel's own stays the same, and the journal would take all boots for one.
    boot_id = directory / "boot_id"
    boot_id.write_text(f"{uuid.uuid4()}\n")
    bind(str(boot_id), f"{settings}/kernel/random/boot_id")
    mount("tmpfs", f"{root}/run", "tmpfs", _MS_NOSUID | _MS_NODEV, "mode=755")


def _devices(dev: Path) -> None:
    mount("tmpfs", str(dev), "tmpfs", _MS_NOSUID, "mode=755")
    for name, minor in _DEVICES.items():
        os.mknod(dev / name, 0o020666, os.makedev(_MEMORY, minor))
    os.mknod(dev / "tty", 0o020666, os.makedev(_TERMINAL, 0))
    # What the system says there, the journal has.
    os.mknod(dev / "console", 0o020600, os.makedev(_MEMORY, _DEVICES["null"]))
    for name, target in _LINKS.items():
        (dev / name).symlink_to(target)
    for name in ("pts", "shm"):
        (dev / name).mkdir(0o755)
    mount("devpts", f"{dev}/pts", "devpts", 0, "newinstance,ptmxmode=0666,mode=620,gid=5")
    mount("tmpfs", f"{dev}/shm", "tmpfs", _MS_NOSUID | _MS_NODEV, "mode=1777")


def _let_go_of_the_lab(console: Path) -> None:
    """The lab has read the ready line; its pipes are not to be kept open."""
    with console.open("a") as errors, Path(os.devnull).open("r+") as null:
        for stream, file in enumerate((null, null, errors)):
            os.dup2(file.fileno(), stream)


def _wait_for(interfaces: list[str]) -> None:
    until = time.monotonic() + PATIENCE
    while not set(interfaces) <= {name for _, name in socket.if_nameindex()}:
        if time.monotonic() > until:
            sys.exit(f"{PATIENCE:g} s without the network cards {' '.join(interfaces)}")
        time.sleep(0.005)


def _become_the_system(root: Path) -> NoReturn:
    os.chdir(root)
    pivot_root = {"x86_64": 155, "aarch64": 41}[os.uname().machine]
    _must(_libc.syscall(pivot_root, b".", b"."), "pivot_root")
    _must(_libc.umount2(b".", _MNT_DETACH), "leave the old root")
    os.chdir("/")
    for capability in (_CAP_SYS_MODULE, _CAP_SYS_TIME, _CAP_SYSLOG):
        _must(_libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0), "drop a capability")
    os.execve(_INIT, [_INIT], _ENVIRONMENT)  # noqa: S606 becomes pid 1


def _must(result: int, what: str) -> None:
    if result:
        error = ctypes.get_errno()
        raise OSError(error, f"{what}: {os.strerror(error)}")


if __name__ == "__main__":
    main()
