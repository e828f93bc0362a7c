"""A hook is killed half-way, and what that leaves is put right.

The points at which it is killed are seen from outside: the process, the kernel's table of locks,
the server's list of sessions, the mark of an opened server, the VIP.
"""

from __future__ import annotations

import random
import subprocess
import time

from tests.lab.error import LabError
from tests.lab.faults.killing import (
    Killing,
    Point,
    after,
    at_once,
    holding_the_lock,
    with_the_mark,
    without_the_mark,
)
from tests.lab.matrix.figures import Figures
from tests.lab.matrix.scenario import Scenario, playing
from tests.lab.observing.verify import Expect
from tests.lab.pairs import permit, systemd
from tests.lab.pairs.commands import BIN
from tests.lab.pairs.node import Node
from tests.lab.pairs.pair import VIP
from tests.lab.servers.accounts import LOCAL_PASSWORD
from tests.lab.servers.flavour import Flavour
from tests.lab.servers.wire import Connection

RECONCILED = 5.0
"""Seconds from the kill until everything is as it should be."""

LATE = 3
"""Seconds that B applies late, where a promotion is to be killed while it waits for that."""

MISSES = 4
"""Times that a hook may be done before it was seen to be at the point."""

POINTS: dict[str, Point] = {"start": at_once, "lock": holding_the_lock, "open": with_the_mark}
"""Before it has done anything; as soon as it has the pair's lock; where it has set the mark, which
is just before, or after, it opens."""


def master(flavour: Flavour, at: str) -> Figures:
    """notify_master on B killed at one of POINTS."""
    with playing(flavour) as scenario:
        with Killing(scenario.b, "notify_master", POINTS[at]) as killing:
            _kill_the_active_server(scenario)
            killed = killing.wait()
        return _promoted_all_the_same(scenario, killed)


def master_waits(flavour: Flavour) -> Figures:
    """notify_master on B killed while it waits for the lock on the servers, which ours has."""
    with playing(flavour) as scenario:
        b = scenario.b
        ours = Connection(str(b.socket_path), "kachecks", LOCAL_PASSWORD, timeout=5)
        ours.query("USE information_schema", 5)  # as a session of kachecks, which is waited for
        root = Connection(str(b.socket_path), "root", "", timeout=5)
        assert ours.query("SELECT GET_LOCK('kachecks.main', 0)", 5).rows == (("1",),)

        def waiting(_node: Node, _pid: int) -> bool:
            sessions = root.query("SHOW PROCESSLIST", 5).rows
            return any("GET_LOCK('kachecks.main'" in str(row) for row in sessions)

        with Killing(b, "notify_master", waiting) as killing:
            _kill_the_active_server(scenario)
            killed = killing.wait()
        ours.close()
        root.close()
        return _promoted_all_the_same(scenario, killed)


def master_drain(flavour: Flavour) -> Figures:
    """notify_master on B killed somewhere in the drain of a relay log that is 3 s late."""
    with playing(flavour) as scenario:
        scenario.delay_b(LATE)
        somewhere = after(random.uniform(0.3, 1.5), holding_the_lock)  # noqa: S311
        with Killing(scenario.b, "notify_master", somewhere) as killing:
            _kill_the_active_server(scenario)
            killed = killing.wait()
        return _promoted_all_the_same(scenario, killed + LATE)  # what is late has to be applied


def backup(flavour: Flavour) -> Figures:
    """notify_backup killed on whoever loses the VIP: at its start, with the lock, once closed.

    The permit is taken away from A, then from B, then from A, and on until each was met.
    """
    with playing(flavour) as scenario:
        points: tuple[Point, ...] = (at_once, holding_the_lock, without_the_mark)
        scenario.fault("notify_backup killed on A")
        holder = scenario.a
        missed = 0
        while points:
            scenario.pair.other(holder).wait_standby(15)
            with Killing(holder, "notify_backup", points[0]) as killing:
                permit.withdraw(holder)
                try:
                    killed = killing.wait()
                    points = points[1:]
                except LabError:  # it was done before it was seen to be there: once more
                    killed, missed = time.monotonic(), missed + 1
                    if missed > MISSES:
                        raise
            loser, holder = holder, scenario.pair.other(holder)
            _wait_until_settled(scenario, killed)
            scenario.wait_for_write_on(holder)
            permit.grant(loser)
        scenario.bring_back(scenario.pair.other(holder))
        return scenario.end(Expect(holder=holder.name))


def backup_stop(flavour: Flavour) -> Figures:
    """notify_stop killed at its start: nothing is left on A to close it but B."""
    with playing(flavour) as scenario:
        with Killing(scenario.a, "notify_backup", at_once) as killing:
            scenario.fault("SIGTERM of keepalived on A, notify_stop killed")
            scenario.a.stop_keepalived()
            killed = killing.wait()
        _wait_until_settled(scenario, killed)
        scenario.wait_for_write_on(scenario.b)
        return scenario.end_on_b()


def down_start(flavour: Flavour) -> Figures:
    """notify_down on A killed before it has done anything: A goes on serving."""
    with playing(flavour) as scenario:
        scenario.fault("notify_down killed on A")
        _kill_notify_down(scenario, at_once)
        scenario.wait_for_write_on(scenario.a, timeout=RECONCILED)
        return scenario.end(Expect(holder="a"))


def down_lock(flavour: Flavour) -> Figures:
    """notify_down on A killed as soon as it has the lock: about to close A, or closing it."""
    with playing(flavour) as scenario:
        scenario.fault("notify_down killed on A")
        _kill_notify_down(scenario, holding_the_lock)
        scenario.observer.wait_for_write(timeout=RECONCILED)
        return scenario.end(Expect())


def down_waiting(flavour: Flavour) -> Figures:
    """notify_down on A killed while it waits for B, which is late: A is closed and has the VIP."""
    with playing(flavour) as scenario:
        scenario.delay_b(LATE)
        scenario.fault("notify_down killed on A, B is late")
        somewhere = after(random.uniform(0.1, 1.0), without_the_mark)  # noqa: S311
        _kill_notify_down(scenario, somewhere)
        scenario.observer.wait_for_write(timeout=RECONCILED)
        scenario.delay_b(0)
        return scenario.end(Expect())


def down_leaving(flavour: Flavour) -> Figures:
    """notify_down killed when the VIP has left: keepalived has been told to stop."""
    with playing(flavour) as scenario:
        scenario.fault("notify_down killed on A")
        _kill_notify_down(scenario, lambda node, _pid: not node.has_vip(VIP))
        scenario.wait_for_write_on(scenario.b)
        scenario.wait_for_keepalived_to_end(scenario.a)
        return scenario.end_on_b()


def drop_in(flavour: Flavour) -> Figures:
    """ExecStop= of the drop-in killed once A is closed; systemd goes on stopping keepalived."""
    with playing(flavour) as scenario:
        a = scenario.a
        with Killing(a, "notify_down", without_the_mark) as killing:
            scenario.fault("systemctl stop keepalived on A, its ExecStop= killed")
            with a.popen(systemd.drop_in_command("ExecStop"), stdout=subprocess.DEVNULL):
                killed = killing.wait()
        a.stop_keepalived()
        a.run(systemd.drop_in_command("ExecStopPost"))
        _wait_until_settled(scenario, killed)
        scenario.wait_for_write_on(scenario.b)
        return scenario.end_on_b()


def _kill_the_active_server(scenario: Scenario) -> None:
    scenario.fault("SIGKILL of mysqld on A, notify_master killed on B")
    scenario.a.kill_mysqld()


def _promoted_all_the_same(scenario: Scenario, killed: float) -> Figures:
    _wait_until_settled(scenario, killed)
    scenario.wait_for_write_on(scenario.b)
    scenario.must_have_all_but_the_tail(scenario.b)
    scenario.delay_b(0)
    scenario.bring_back(scenario.a)
    return scenario.end(Expect(holder="b"))


def _kill_notify_down(scenario: Scenario, point: Point) -> None:
    with Killing(scenario.a, "notify_down", point) as killing:
        with scenario.a.popen([f"{BIN}/notify_down"], stdout=subprocess.DEVNULL):
            killed = killing.wait()
        _wait_until_settled(scenario, killed)


def _wait_until_settled(scenario: Scenario, killed: float) -> None:
    """One node has the VIP and is open, the other neither; soon enough after the kill."""
    left = killed + RECONCILED - time.monotonic()
    what = f"one writer, {RECONCILED:g} s after the kill"
    scenario.wait_until(scenario.pair.has_one_writer, left, what)
