"""From two bare machines to a pair by docs/install.md; then what systemd does to it."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable

import pytest

from tests.lab.error import NotProvenError
from tests.lab.machines.pair import PATIENCE, DatabaseMachine, MachinePair
from tests.lab.machines.tree import Release
from tests.lab.observing.observer import Observer
from tests.lab.observing.verify import proven, rows_of
from tests.lab.pairs.pair import VIP
from tests.lab.records import evidence
from tests.lab.records.record import Record
from tests.lab.tests.built import Built
from tests.lab.tests.releases import each_release, system

release = each_release()

OF_THE_MACHINE = {"CLOCK"}
"""What doctor rightly finds and the lab does not decide."""

Play = Callable[[MachinePair, DatabaseMachine, Observer], None]
"""Something happens to the machine that has the virtual IP; it is on again in the end."""


def test_a_pair_on_machines(
    release: Release, request: pytest.FixtureRequest, measured: Callable[[str], None]
) -> None:
    needs_the_python_of(release)
    built: Built = request.getfixturevalue("built")  # a minute; only now
    begin = time.monotonic()
    with MachinePair(system(release)) as pair:
        pair.install(built.one("*-1_*.deb"))
        pair.set_up()
        pair.replicate()
        pair.try_out()
        pair.start()
        measured(f"machines {release}, installed and serving: {time.monotonic() - begin:.0f} s")
        for machine in pair.machines:
            assert failures(machine) == set()
        for what, play in MOVES.items():
            outage = proven(lambda play=play: moved(pair, play))
            measured(f"machines {release}, {what}: {outage:.2f} s without a write")
        proven(lambda: stayed(pair))
        assert "SOCKET_UNIT" in found_behind_a_socket_unit(pair)


def found_behind_a_socket_unit(pair: MachinePair) -> set[str]:
    """By doctor on the standby, as Debian 12 is installed before docs/install.md is followed."""
    standby = pair.other(pair.holder)
    standby.shell("systemctl stop mariadb")
    standby.shell("systemctl enable --now mariadb.socket")
    standby.shell("systemctl start mariadb")
    return failures(standby)


def needs_the_python_of(release: Release) -> None:
    """The package holds an environment for the Python that makes it."""
    here = f"{sys.version_info[0]}.{sys.version_info[1]}"
    if here != release.python:
        pytest.skip(f"{release} has Python {release.python}, and the package is made for {here}")


def failures(machine: DatabaseMachine) -> set[str]:
    """The rules that doctor finds broken, warnings included."""
    said = json.loads(machine.run(["kachecks", "doctor", "--json"], check=False).stdout)
    return {one["rule"] for one in said["findings"] if one["level"]} - OF_THE_MACHINE


def stop_keepalived(_pair: MachinePair, holder: DatabaseMachine, observer: Observer) -> None:
    holder.shell("systemctl stop keepalived")
    observer.wait_for_write(after=time.monotonic(), timeout=PATIENCE)
    holder.shell("systemctl start keepalived")


def stop_server(_pair: MachinePair, holder: DatabaseMachine, observer: Observer) -> None:
    holder.shell("systemctl stop mariadb")
    observer.wait_for_write(after=time.monotonic(), timeout=PATIENCE)
    holder.shell("systemctl start mariadb")


def reboot(_pair: MachinePair, holder: DatabaseMachine, _observer: Observer) -> None:
    holder.reboot()
    holder.wait_up()


def power_cut(pair: MachinePair, holder: DatabaseMachine, observer: Observer) -> None:
    holder.power_off()
    observer.wait_for_write(pair.other(holder).name, timeout=PATIENCE)
    holder.power_on()
    holder.wait_up()


MOVES: dict[str, Play] = {
    "systemctl stop keepalived": stop_keepalived,
    "systemctl stop mariadb": stop_server,
    "systemctl reboot": reboot,
    "power cut": power_cut,
}


def moved(pair: MachinePair, play: Play) -> float:
    """The other machine serves afterwards, and nothing is lost; seconds without a write."""
    holder = pair.holder
    other = pair.other(holder)
    with Observer(pair.machines, pair.client, VIP, pair.workdir) as observer:
        observer.wait_for_write(holder.name, timeout=PATIENCE)
        fault = observer.mark("it begins", fault=True)
        play(pair, holder, observer)
        observer.wait_for_write(other.name, timeout=PATIENCE)
        pair.wait_well()
        assert pair.holder is other
    record = observer.record()
    check(pair, record)
    return evidence.outage_of(record, fault).seconds


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
    check(pair, observer.record())
    assert evidence.opened(observer.record()) == []


def check(pair: MachinePair, record: Record) -> None:
    """Never two open, nothing acknowledged is lost, and both have the same rows again."""
    assert evidence.two_writers(record) == []
    until = time.monotonic() + PATIENCE
    while True:
        rows = [rows_of(machine) for machine in pair.machines]
        if None not in rows and not evidence.differing(*rows):
            break
        assert time.monotonic() < until, "the machines do not have the same rows"
        time.sleep(0.1)
    assert evidence.acknowledged(record.writes)
    assert evidence.lost(record.writes, rows[0]) == []
    gap = evidence.longest_gap(record)
    if gap > evidence.LONGEST_GAP:
        raise NotProvenError(f"the sampler did not look for {gap:.2f} s")
