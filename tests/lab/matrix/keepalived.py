"""keepalived, or somebody beside it, does something: it is stopped, killed, disturbed."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections.abc import Callable

from tests.lab.faults.binlog_reader import BinlogReader
from tests.lab.faults.slow_writer import slow_writer
from tests.lab.matrix.figures import Figures
from tests.lab.matrix.scenario import Scenario, playing
from tests.lab.observing.release import WatchedRelease
from tests.lab.observing.verify import Expect, NotProvenError
from tests.lab.pairs import permit, systemd
from tests.lab.pairs.commands import BIN, said_in_json
from tests.lab.pairs.node import Node
from tests.lab.pairs.pair import VIP
from tests.lab.servers.flavour import Flavour

LATE = 3
"""Seconds that B applies late, so that a promotion and a notify_down take long enough."""

ADVERT = 1.0
"""Seconds between VRRP adverts, as in the snippets."""


# Stopped or killed


ORDERLY: dict[str, Callable[[Node], object]] = {
    "notify_down": lambda node: node.run([f"{BIN}/notify_down"]),
    "systemctl": systemd.stop_keepalived,  # by the commands of the drop-in
}


def leaves(flavour: Flavour, by: str) -> Figures:
    """In one of the ORDERLY ways: A closed before the VIP leaves; B opens with all A's writes."""
    with playing(flavour) as scenario:
        with WatchedRelease(scenario.a) as release:
            scenario.fault(f"{by} on A")
            ORDERLY[by](scenario.a)
            scenario.wait_for_write_on(scenario.b)
            scenario.wait_for_keepalived_to_end(scenario.a)
        _must_have_closed_before(scenario.a, release)
        scenario.must_have_all_but_the_tail(scenario.b, tail=0.0)
        return scenario.end_on_b("demote: closed")


def leaves_with_a_reader(flavour: Flavour, by: str) -> Figures:
    """Somebody reads A's binary log through the VIP: afterwards B's, and A's no more."""
    with playing(flavour) as scenario, BinlogReader(scenario.pair) as reader:
        a, b = scenario.a, scenario.b
        scenario.wait_until(lambda: reader.reads_from(a), 5, "a reader of A's binary log")
        scenario.fault(f"{by} on A, and its binary log is read through the VIP")
        ORDERLY[by](a)
        scenario.wait_for_write_on(b)
        scenario.wait_for_keepalived_to_end(a)
        scenario.wait_until(lambda: not reader.reads_from(a), 5, "A to cut the reader")
        scenario.wait_until(lambda: reader.reads_from(b), 15, "the reader to come to B")
        assert not reader.reads_from(a), "it still reads from A as well"
        return scenario.end_on_b("demote: closed")


def leaves_with_an_event(flavour: Flavour, by: str) -> Figures:
    """An event of A comes to B by replication, where it is switched off: B's status tells."""
    with playing(flavour) as scenario:
        a, b = scenario.a, scenario.b
        a.sql("CREATE EVENT app.purge ON SCHEDULE EVERY 1 HOUR DO SET @purged = 1")
        scenario.fault(f"{by} on A, which has an event")
        ORDERLY[by](a)
        scenario.wait_for_write_on(b)
        scenario.wait_for_keepalived_to_end(a)
        _, status = said_in_json(b, "status")
        assert any("events do not run there: app.purge" in each for each in status["problems"])
        b.sql("ALTER DEFINER = root@localhost EVENT app.purge ENABLE")  # as doctor says
        _, status = said_in_json(b, "status")
        assert not any("events do not run" in each for each in status["problems"]), status
        scenario.pair.wait_replication_caught_up()
        rows = a.sql("SELECT status FROM information_schema.events WHERE event_name = 'purge'")
        assert "SIDE_DISABLED" in str(rows), rows
        return scenario.end_on_b("demote: closed")


def stopped(flavour: Flavour) -> Figures:
    """SIGTERM without the drop-in: the VIP leaves first; B fences A."""
    with playing(flavour) as scenario:
        scenario.fault("SIGTERM of keepalived on A")
        scenario.a.stop_keepalived()
        scenario.wait_for_write_on(scenario.b)
        return scenario.end_on_b()


def stopped_among_slow_writes(flavour: Flavour) -> Figures:
    """The same while a statement of half a second runs: it is cut, not killed with its server."""
    with playing(flavour) as scenario:
        a = scenario.a
        server = a.mysqld_pid()
        with slow_writer(a):
            scenario.fault("SIGTERM of keepalived on A, among slow writes")
            a.stop_keepalived()
            scenario.wait_for_write_on(scenario.b)
        if a.mysqld_pid() != server:
            _must_have_been_starved(a)
        return scenario.end_on_b()


STARVED = 50.0
"""Milliseconds to connect to the server; on an idle machine it is 10."""


def _must_have_been_starved(node: Node) -> None:
    """keepalived gives notify_stop a second. Where that is over the server has to be killed.

    Raises NotProvenError: this machine was so busy; AssertionError: it was not.
    """
    entries = [entry for entry in node.audit() if entry["transition"] == "demote"]
    connects = [spent for entry in entries for step, spent in entry["steps"] if step == "connect"]
    assert not connects or max(connects) > STARVED, f"mysqld was killed: {entries}"
    raise NotProvenError(f"{node.name}'s notify_stop was starved: {entries}")


def stopped_mysqld_hung(flavour: Flavour) -> Figures:
    """The same with mysqld hung: B waits for its death, at the hands of A's notify_stop."""
    with playing(flavour) as scenario:
        scenario.fault("mysqld hung, then SIGTERM of keepalived on A")
        scenario.a.kill_mysqld(signal.SIGSTOP)
        scenario.a.stop_keepalived()
        scenario.wait_for_write_on(scenario.b)
        return scenario.end_on_b("demote: killing")


def killed(flavour: Flavour) -> Figures:
    """kill -9, VIP left on A: B fences A over SQL, and only then opens."""
    with playing(flavour) as scenario:
        a, b = scenario.a, scenario.b
        scenario.fault("kill -9 of keepalived on A")
        a.kill_keepalived()
        scenario.wait_for_write_on(b)
        scenario.wait_until(b.audit, 5, "the audit log of B")  # written after the opening
        assert a.has_vip(VIP), (
            f"the VIP has left A: keepalived was not killed in time: {a.syslog()}"
        )
        fencing = [name for name, _ in b.audit()[-1]["steps"] if name.startswith("fence peer")]
        assert fencing, f"B opened without closing A first: {scenario.audit()}"
        a.run(systemd.drop_in_command("ExecStopPost"))
        assert not a.has_vip(VIP), "the drop-in's command left the VIP on A"
        return scenario.end_on_b()


def _must_have_closed_before(node: Node, release: WatchedRelease) -> None:
    """The audit log has the closing at or before the moment the VIP was first seen gone."""
    closings = [entry for entry in node.audit() if entry["outcome"] == "closed"]
    assert closings, "the audit log does not tell of a closing"
    assert release.vip_left is not None, "the VIP never left"
    seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(release.vip_left))
    left = f"{seconds}.{int(release.vip_left % 1 * 1000):03d}Z"
    assert closings[0]["time"] <= left, f"closed at {closings[0]['time']}, VIP gone at {left}"


# The VIP removed by hand


def vip_removed(flavour: Flavour) -> Figures:
    """On A: back there at once, or A closes and B takes over.

    keepalived gives up and elects anew. With the higher priority it waits 23 ms for that, the
    other one 27 ms, so mostly the VIP comes back; on the node with the lower one mostly not.
    """
    with playing(flavour) as scenario:
        return _vip_removed(scenario, scenario.a)


def vip_removed_on_b(flavour: Flavour) -> Figures:
    """The same on B, which is active and has the lower priority."""
    with playing(flavour) as scenario:
        permit.withdraw(scenario.a)
        scenario.wait_for_write_on(scenario.b)
        permit.grant(scenario.a)
        scenario.bring_back(scenario.a)
        time.sleep(ADVERT)  # A has heard one, and counts from it
        return _vip_removed(scenario, scenario.b)


def _vip_removed(scenario: Scenario, node: Node) -> Figures:
    mark = scenario.fault(f"VIP removed by hand on {node.name.upper()}")
    shown = node.run(["ip", "-brief", "address", "show", "dev", "eth0"]).stdout.split()
    address = next(word for word in shown if word.startswith(f"{VIP}/"))
    node.run(["ip", "address", "del", address, "dev", "eth0"])
    scenario.observer.wait_for_write()
    scenario.wait_until(scenario.pair.has_one_writer, 5, "one node to serve")
    scenario.end(Expect())
    scenario.must_not_take_turns(mark)
    holder = next(each for each in scenario.pair.nodes if each.has_vip(VIP))
    scenario.note(f"then on {holder.name.upper()}")
    return scenario.figures()


# Disturbed in the middle of something


def _restart(node: Node) -> None:
    node.stop_keepalived()
    node.start_keepalived()


def _systemctl_restart(node: Node) -> None:
    systemd.stop_keepalived(node, check=False)
    node.start_keepalived()


DISTURBANCES: dict[str, Callable[[Node], None]] = {
    "reload": lambda node: node.kill(node.keepalived_pids()[0], signal.SIGHUP),
    "restart": _restart,  # by who has no drop-in
    "systemctl": _systemctl_restart,
}


def in_promotion(flavour: Flavour, by: str) -> Figures:
    """B has the VIP and the lock, and waits for its late applier; some random moment later."""
    with playing(flavour) as scenario:
        b = scenario.b
        scenario.delay_b(LATE)
        scenario.fault("SIGKILL of mysqld on A, B applies late")
        scenario.a.kill_mysqld()
        lock = b.path("/run/kachecks/main.lock")
        scenario.wait_until(
            lambda: b.has_vip(VIP) and lock.exists() and lock.read_text() == "promote",
            10,
            "the promotion of B",
        )
        time.sleep(random.uniform(0.0, 1.5))  # noqa: S311
        assert not scenario.pair.is_open(b), "B has opened with its relay log not applied"
        scenario.observer.mark(f"{by} of keepalived on B")
        DISTURBANCES[by](b)
        scenario.wait_for_write_on(b)
        scenario.must_have_all_but_the_tail(b)
        scenario.delay_b(0)
        return scenario.end_on_b()


def in_notify_down(flavour: Flavour, by: str) -> Figures:
    """notify_down waits for B, which is late, when keepalived is disturbed."""
    with playing(flavour) as scenario:
        a = scenario.a
        scenario.delay_b(LATE)
        scenario.fault("notify_down on A")
        with a.popen([f"{BIN}/notify_down"], stdout=subprocess.DEVNULL):
            scenario.wait_until(lambda: not scenario.pair.is_open(a), 5, "A to be closed")
            time.sleep(random.uniform(0.0, 1.5))  # noqa: S311
            scenario.observer.mark(f"{by} of keepalived on A")
            DISTURBANCES[by](a)
        scenario.observer.wait_for_write(timeout=20)
        scenario.delay_b(0)
        scenario.bring_back_who_does_not_serve()
        return scenario.end(Expect())
