"""From two bare machines to a pair by docs/install.md; then what systemd does to it."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable

import pytest

from tests.lab.machines.moves import MOVES, lost_of, moved
from tests.lab.machines.pair import PATIENCE, DatabaseMachine, MachinePair
from tests.lab.machines.tree import Release
from tests.lab.observing.observer import Observer
from tests.lab.observing.verify import proven
from tests.lab.pairs.pair import VIP
from tests.lab.records import evidence
from tests.lab.tests.built import Built
from tests.lab.tests.releases import each_release, system

release = each_release()

OF_THE_MACHINE = {"CLOCK"}
"""What doctor rightly finds and the lab does not decide."""

TRIED = (
    *("systemctl stop keepalived", "systemctl stop of the server"),
    *("systemctl reboot", "power cut"),
)


def test_a_pair_on_machines(
    release: Release, request: pytest.FixtureRequest, measured: Callable[[str], None]
) -> None:
    needs_the_python_of(release)
    built: Built = request.getfixturevalue("built")  # a minute; only now
    begin = time.monotonic()
    with MachinePair(release, system(release)) as pair:
        pair.install(built.one("*-1_*.deb"))
        pair.set_up()
        pair.replicate()
        pair.try_out()
        pair.start()
        measured(f"machines {release}, installed and serving: {time.monotonic() - begin:.0f} s")
        for machine in pair.machines:
            assert failures(machine) == set()
        for what in TRIED:
            cost = proven(lambda what=what: moved(pair, MOVES[what]))
            assert (cost.lost, cost.both_open) == (0, 0)
            measured(f"machines {release}, {what}: {cost.outage:.2f} s without a write")
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
