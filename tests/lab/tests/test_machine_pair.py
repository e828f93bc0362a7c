"""From two bare machines to a pair by docs/install.md; then what systemd does to it."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from kachecks.commands.setup.distribution import DEBIAN
from tests.lab.hosts.network import PREFIX
from tests.lab.machines.moves import MOVES, lost_of, moved
from tests.lab.machines.package import package as made_by_its_tree
from tests.lab.machines.pair import PATIENCE, DatabaseMachine, MachinePair
from tests.lab.machines.tree import BOOKWORM, Release
from tests.lab.machines.wrong_units import wrong_units
from tests.lab.observing.observer import Observer
from tests.lab.observing.verify import proven
from tests.lab.pairs.pair import INTERFACE, VIP
from tests.lab.records import evidence
from tests.lab.tests.built import Built
from tests.lab.tests.releases import each_release, system

release = each_release()

OF_THE_MACHINE = {"CLOCK"}
"""What doctor rightly finds and the lab does not decide."""

WITH_KEEPALIVED_ALONE = f"""vrrp_instance mysql {{
    state BACKUP
    interface {INTERFACE}
    virtual_router_id 51
    priority 100
    virtual_ipaddress {{
        {VIP}/{PREFIX}
    }}
}}
"""

TRIED = (
    *("systemctl stop keepalived", "systemctl stop of the server"),
    *("systemctl reboot", "power cut"),
)


def test_a_pair_on_machines(
    release: Release,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    measured: Callable[[str], None],
) -> None:
    tree = system(release)
    first, *later = packages(release, request, tmp_path)
    begin = time.monotonic()
    with MachinePair(release, tree) as pair:
        pair.make(first)
        measured(f"machines {release}, installed and serving: {time.monotonic() - begin:.0f} s")
        for machine in pair.machines:
            assert failures(machine) == set()
        for what in TRIED:
            cost = proven(lambda what=what: moved(pair, MOVES[what]))
            assert (cost.lost, cost.both_open) == (0, 0)
            measured(f"machines {release}, {what}: {cost.outage:.2f} s without a write")
        proven(lambda: stayed(pair))
        for package in later:
            proven(lambda package=package: upgraded(pair, package))
        doctor_sees_wrong_units(pair.other(pair.holder))
        keepalived_lives_on(pair.other(pair.holder))
        if release is BOOKWORM:
            assert "SOCKET_UNIT" in found_behind_a_socket_unit(pair)
        left(pair)


def found_behind_a_socket_unit(pair: MachinePair) -> set[str]:
    """By doctor on the standby, as Debian 12 is installed before docs/install.md is followed."""
    standby = pair.other(pair.holder)
    standby.shell("systemctl stop mariadb")
    standby.shell("systemctl enable --now mariadb.socket")
    standby.shell("systemctl start mariadb")
    found = failures(standby)
    standby.shell("systemctl disable --now mariadb.socket")
    standby.shell("systemctl restart mariadb")
    return found


def doctor_sees_wrong_units(standby: DatabaseMachine) -> None:
    for what, wrong in wrong_units(f"{standby.family}.service").items():
        standby.shell(wrong.done)
        assert failures(standby) == wrong.rules, what
        standby.shell(wrong.undone)
    standby.shell("systemctl mask keepalived")
    assert "SYSTEMD_ENABLED" in failures(standby)
    standby.shell("systemctl unmask keepalived")
    standby.wait(lambda: failures(standby) == set(), PATIENCE, "doctor to find nothing again")


def keepalived_lives_on(standby: DatabaseMachine) -> None:
    """Killed more often than systemd's own limit bears, which is five starts in ten seconds."""
    for _ in range(8):
        standby.wait_unit("keepalived")
        standby.shell("systemctl kill --kill-who=main --signal=KILL keepalived")
        standby.wait(lambda: standby.unit("keepalived") != "active", 5, "keepalived to be gone")
    standby.wait_unit("keepalived")
    standby.wait(standby.is_well, PATIENCE, "kachecks status to find nothing")


def packages(release: Release, request: pytest.FixtureRequest, directory: Path) -> list[Path]:
    """Of one version and, where this Python is that of the release, of a later one. Minutes."""
    if f"{sys.version_info[0]}.{sys.version_info[1]}" != release.python:
        return [made_by_its_tree(release, directory / "package")]
    built: Built = request.getfixturevalue("built")
    return [built.one("*-1_*.deb"), built.one("*-2_*.deb")]


def failures(machine: DatabaseMachine) -> set[str]:
    """The rules that doctor finds broken, warnings included."""
    said = json.loads(machine.run(["kachecks", "doctor", "--json"], check=False).stdout)
    return {one["rule"] for one in said["findings"] if one["level"]} - OF_THE_MACHINE


def stayed(pair: MachinePair) -> None:
    """The package is not removed from a machine that serves, and nothing happens to the pair."""
    holder = pair.holder
    with Observer(pair.machines, pair.client, VIP, pair.workdir) as observer:
        observer.wait_for_write(holder.name, timeout=PATIENCE)
        refused = holder.shell("apt-get remove kachecks", check=False)
        assert refused.returncode != 0
        assert "kachecks stays: its programs are named in" in refused.stdout + refused.stderr
        observer.wait_for_write(holder.name, timeout=PATIENCE)
    pair.wait_well()
    record = observer.record()
    assert lost_of(pair, record) == 0
    assert evidence.two_writers(record) == []
    assert evidence.opened(record) == []


def upgraded(pair: MachinePair, package: Path) -> None:
    """On both machines in turn, in the midst of writes: nothing moves, and no check fails."""
    holder = pair.holder
    with Observer(pair.machines, pair.client, VIP, pair.workdir) as observer:
        observer.wait_for_write(holder.name, timeout=PATIENCE)
        since = time.time()
        for machine in (pair.other(holder), holder):
            shutil.copy(package, machine.path("/root"))
            machine.shell(f"apt-get install --reinstall ./{package.name}", timeout=300)
        observer.wait_for_write(holder.name, timeout=PATIENCE)
    record = observer.record()
    assert lost_of(pair, record) == 0
    assert evidence.opened(record) == []
    for machine in pair.machines:
        assert machine.journal("--identifier=kachecks", f"--since=@{since:.3f}") == ""
        assert package.name.split("_")[1] in machine.shell("dpkg-query -W kachecks").stdout


def left(pair: MachinePair) -> None:
    """The removal of docs/operate.md, step by step; keepalived alone then moves the address."""
    a = pair.holder
    b = pair.other(a)
    b.shell("systemctl stop keepalived")
    a.shell("notify_down")
    a.wait_unit("keepalived", "inactive")
    for machine in (a, b):
        machine.write("/etc/keepalived/keepalived.conf", WITH_KEEPALIVED_ALONE)
        machine.shell("apt-get remove kachecks")
        assert machine.run(["sh", "-c", "command -v kachecks"], check=False).returncode
        assert "notify_down" not in machine.shell("systemctl cat keepalived").stdout
    a.shell(f"sed -i /read_only/d {DEBIAN.my_cnf[a.family]}")
    a.sql("SET GLOBAL read_only = 0")
    for machine in (a, b):
        machine.shell("systemctl start keepalived")
        a.wait(lambda: a.has_vip(VIP), PATIENCE, "it to have the address")
    assert a.is_open() and not b.is_open()
    b.shell(f"systemctl restart {b.family}")
    assert not b.is_open()
    a.shell(f"systemctl restart {a.family}")
    assert a.is_open()
    a.shell("systemctl stop keepalived")
    b.wait(lambda: b.has_vip(VIP), PATIENCE, "it to have the address")
