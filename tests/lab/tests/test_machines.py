"""Machines with systemd: switched on and off in every way, and nothing left of them."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.hosts import workdir
from tests.lab.hosts.network import Link, Switch
from tests.lab.hosts.process import CHECKOUT
from tests.lab.machines.machine import Machine, sweep
from tests.lab.machines.tree import Release
from tests.lab.tests.releases import each_release, system

GATEWAY = "10.0.0.254"
KILLED = """
import sys, time
from pathlib import Path
from tests.lab.machines.machine import Machine
machine = Machine("killed", Path(sys.argv[1]), Path(sys.argv[2]))
machine.power_on()
machine.wait_up()
print(machine.inside.pid, flush=True)
time.sleep(600)
"""


release = each_release()


@pytest.fixture(scope="module")
def tree(release: Release) -> Path:
    return system(release)


@pytest.fixture
def directory() -> Iterator[Path]:
    directory = workdir.create()
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def switch() -> Iterator[Switch]:
    switch = Switch("br0")
    switch.add_address("br0", GATEWAY)
    yield switch
    switch.kill()


@pytest.fixture
def machine(tree: Path, directory: Path, switch: Switch) -> Iterator[Machine]:
    card = Link("m0", "eth0", "br0", "10.0.0.1")
    machine = Machine("m", tree, directory / "m", switch, [card], gateway=GATEWAY)
    machine.power_on()
    machine.wait_up()
    yield machine
    machine.close()


def boots(machine: Machine) -> int:
    return len(machine.journal("--list-boots", "--quiet").splitlines())


def stopped_in_order(machine: Machine, boot: int) -> bool:
    """Whether systemd has said so of the server."""
    return bool(re.search("^Stopped .*MariaDB", machine.journal(f"--boot={boot}"), re.MULTILINE))


def test_it_runs_a_whole_system(machine: Machine) -> None:
    assert machine.unit("mariadb") == "active"
    assert machine.shell("hostname; ps -p 1 -o comm=").stdout.split() == ["m", "systemd"]
    machine.shell(f"ping -c 1 -W 5 {GATEWAY}")
    # The host's own settings are out of its reach.
    assert machine.shell("echo 1 > /proc/sys/vm/swappiness", check=False).returncode != 0


def test_what_a_reboot_keeps(machine: Machine) -> None:
    machine.shell("echo kept > /root/on-disk; echo lost > /run/in-memory")
    machine.reboot()
    machine.wait_up()
    assert machine.shell("cat /root/on-disk").stdout == "kept\n"
    assert machine.shell("cat /run/in-memory", check=False).returncode != 0
    assert boots(machine) == 2
    assert stopped_in_order(machine, boot=-1)
    machine.shell(f"ping -c 1 -W 5 {GATEWAY}")


def test_a_shutdown_is_orderly_and_a_power_cut_is_not(machine: Machine) -> None:
    machine.shut_down()
    assert not machine.is_on
    machine.power_on()
    machine.wait_up()
    machine.power_off()
    machine.power_on()
    machine.wait_up()
    assert boots(machine) == 3
    assert stopped_in_order(machine, boot=-2)
    assert not stopped_in_order(machine, boot=-1)


def test_two_labs_do_not_collide(machine: Machine, tree: Path, directory: Path) -> None:
    other_switch = Switch("br0")
    card = Link("m0", "eth0", "br0", "10.0.0.1")
    other = Machine("m", tree, directory / "other", other_switch, [card])
    try:
        other.power_on()
        other.wait_up()
        other.shell("touch /root/mine")
        other.power_off()
    finally:
        other.close()
        other_switch.kill()
    assert machine.unit("mariadb") == "active"
    assert machine.shell("ls /root").stdout == ""
    machine.shell(f"ping -c 1 -W 5 {GATEWAY}")


def test_nothing_is_left_when_the_lab_is_killed(tree: Path, directory: Path) -> None:
    argv = [sys.executable, "-c", KILLED, tree, directory / "killed"]
    with subprocess.Popen(argv, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) as lab:
        assert lab.stdout
        pid = int(lab.stdout.readline())
        assert "killed" in groups()
        os.kill(lab.pid, signal.SIGKILL)
    until = time.monotonic() + 30
    while Path(f"/proc/{pid}").exists():
        assert time.monotonic() < until, "its pid 1 lives on"
        time.sleep(0.02)
    sweep()
    assert "killed" not in groups()
    assert str(directory) not in Path("/proc/self/mounts").read_text()


def groups() -> str:
    """The control groups of this host's machines."""
    look = "mount -t cgroup2 none /mnt && ls -d /mnt/kachecks-lab-*"
    argv = ["unshare", "--mount", "--propagation", "private", "sh", "-c", look]
    return subprocess.run(argv, capture_output=True, text=True, timeout=30).stdout
