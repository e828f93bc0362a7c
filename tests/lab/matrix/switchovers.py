"""Planned switchovers under write load, and everything that may go wrong with one.

    python -m tests.lab.matrix.switchovers --flavour both --times 20

hands over that many times in a row, back and forth, and prints the gap that the client saw. With
names of scenarios it plays those.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from tests.lab.faults.backups import hanging_dump
from tests.lab.faults.killing import (
    Killing,
    Point,
    after,
    at_once,
    holding_the_lock,
    without_the_mark,
)
from tests.lab.matrix import command_line
from tests.lab.matrix.figures import Figures
from tests.lab.matrix.scenario import Scenario, playing
from tests.lab.observing.verify import Expect
from tests.lab.pairs.commands import BIN, is_fit, run
from tests.lab.pairs.node import Node
from tests.lab.pairs.pair import VIP
from tests.lab.records import evidence
from tests.lab.servers.flavour import Flavour
from tests.lab.servers.wire import Connection

MAINTENANCE = ("kachecks", "maintenance", "on", "--for", "1h", "--reason", "new disks")

SERVED_AGAIN = 10.0
"""Seconds for one node to serve again after whatever went wrong."""


def back_and_forth(flavour: Flavour, times: int = 4) -> Figures:
    """Hand over under write load, again and again; the figures are of the longest gap."""
    with playing(flavour) as scenario:
        holder = scenario.a
        marks, own = [], []
        for _ in range(times):
            other = scenario.pair.other(holder)
            scenario.wait_until(lambda: is_fit(other), 20, "the other node to be fit")  # noqa: B023
            marks.append(scenario.fault(f"switchover on {holder.name.upper()}"))
            said = _switch_over(holder, 0)
            own.append(int(said.rpartition("no writes for ")[2].split()[0]))
            scenario.wait_for_write_on(other)
            holder = other
        figures = scenario.end(
            Expect(holder=holder.name, audit={"a": ("switchover: handed over", "promote: opened")})
        )
        record = scenario.record()
        gaps = [evidence.outage_of(record, mark).seconds for mark in marks]
        note = (
            f"{times} switchovers: median gap {statistics.median(gaps):.3f} s, worst"
            f" {max(gaps):.3f} s; by its own probe {statistics.median(own)} ms, worst {max(own)} ms"
        )
        return replace(figures, outage=max(gaps), notes=(note,))


def dry_run(flavour: Flavour) -> Figures:
    """It tells what it would do, and does nothing."""
    with playing(flavour) as scenario:
        scenario.fault("switchover --dry-run")
        said = _switch_over(scenario.a, 0, "read_only", "--dry-run")
        assert "would withdraw the permit" in said, said
        return _never_left_a(scenario)


def on_the_standby(flavour: Flavour) -> Figures:
    """Refused: there is nothing to hand over."""
    with playing(flavour) as scenario:
        scenario.fault("switchover on B")
        _refused(scenario.b, "the VIP is not on this node")
        return _never_left_a(scenario)


def applier_stopped(flavour: Flavour) -> Figures:
    """Refused: what A commits is not applied on B."""
    with playing(flavour) as scenario:
        scenario.pair.applier(scenario.b, "STOP")
        scenario.fault("switchover on A, applier on B stopped")
        _refused(scenario.a, "its applier has stopped")
        scenario.pair.applier(scenario.b, "START")
        return _never_left_a(scenario)


def peer_lags(flavour: Flavour) -> Figures:
    """Refused at 5 s of lag; with --force A is closed, waits in vain, and opens again."""
    with playing(flavour) as scenario:
        scenario.delay_b(5)
        scenario.fault("switchover on A, B applies 5 s late")
        _refused(scenario.a, " s behind, more than 2 s")
        in_vain = "rolled back: the peer does not have everything after 1 s"
        said = _switch_over(scenario.a, 1, in_vain, "--force", "--catch-up", "1")
        assert "this node is open again" in said, said
        scenario.wait_for_write_on(scenario.a)
        scenario.delay_b(0)
        return scenario.end(Expect(holder="a", audit={"a": ("switchover: rolled back",)}))


def table_locked(flavour: Flavour) -> Figures:
    """A root session holds LOCK TABLES WRITE; it is cut, and B takes over."""
    with playing(flavour) as scenario:
        root = Connection(str(scenario.a.socket_path), "root", "", timeout=5)
        scenario.fault("switchover on A, a table is locked")
        root.query("LOCK TABLES app.writes WRITE", 5)
        _switch_over(scenario.a, 0)
        scenario.wait_for_write_on(scenario.b)
        return scenario.end(Expect(holder="b", audit={"a": ("switchover: handed over",)}))


def read_locked_here(flavour: Flavour) -> Figures:
    """A backup on A holds FLUSH TABLES WITH READ LOCK; it is cut, and B takes over."""
    with playing(flavour) as scenario:
        root = Connection(str(scenario.a.socket_path), "root", "", timeout=5)
        scenario.fault("switchover on A, read-locked")
        root.query("FLUSH TABLES WITH READ LOCK", 5)
        _switch_over(scenario.a, 0)
        scenario.wait_for_write_on(scenario.b)
        return scenario.end(Expect(holder="b", audit={"a": ("switchover: handed over",)}))


def read_locked_there(flavour: Flavour) -> Figures:
    """A backup on B holds it, so that B cannot apply: refused, or rolled back, for the backup."""
    with playing(flavour) as scenario:
        root = Connection(str(scenario.b.socket_path), "root", "", timeout=5)
        scenario.fault("switchover on A, B read-locked")
        root.query("FLUSH TABLES WITH READ LOCK", 5)
        _switch_over(scenario.a, 1)
        scenario.wait_for_write_on(scenario.a)
        root.query("UNLOCK TABLES", 5)
        return scenario.end(Expect(holder="a"))


def dumped_there(flavour: Flavour) -> Figures:
    """Refused while a dump of B keeps it from applying; handed over once that has ended."""
    with playing(flavour) as scenario:
        with hanging_dump(scenario.b):
            scenario.fault("switchover on A, B is being dumped")
            _refused(scenario.a, "the peer's applier is waiting for ")
        scenario.pair.wait_replication_caught_up()
        _switch_over(scenario.a, 0)
        scenario.wait_for_write_on(scenario.b)
        return scenario.end(Expect(holder="b"))


def long_transaction(flavour: Flavour) -> Figures:
    """Refused while a client's transaction is 6 s old; --force cuts it."""
    with playing(flavour) as scenario:
        root = Connection(str(scenario.a.socket_path), "root", "", timeout=5)
        root.query("START TRANSACTION WITH CONSISTENT SNAPSHOT", 5)
        time.sleep(7)
        scenario.fault("switchover on A, a transaction is open")
        _refused(scenario.a, "of root has a transaction open for")
        _switch_over(scenario.a, 0, "", "--force")
        scenario.wait_for_write_on(scenario.b)
        return scenario.end(Expect(holder="b"))


def peer_without_keepalived(flavour: Flavour) -> Figures:
    """Refused: nobody would take the VIP. With --force it leaves, comes back, and A opens again."""
    with playing(flavour) as scenario:
        scenario.b.stop_keepalived()
        scenario.fault("switchover on A, keepalived on B stopped")
        _refused(scenario.a, "no keepalived runs there")
        _switch_over(scenario.a, 1, "the VIP has come back", "--force")
        scenario.wait_for_write_on(scenario.a)
        scenario.bring_back(scenario.b)
        return scenario.end(Expect(holder="a"))


def peer_refuses(flavour: Flavour) -> Figures:
    """[peer] on B has a wrong password: B cannot ask A, gives the VIP back, A opens again."""
    with playing(flavour) as scenario:
        scenario.pair.set_options(scenario.b, {"peer.password": "wrong"})
        scenario.fault("switchover on A, [peer] password wrong on B")
        _switch_over(scenario.a, 1)
        scenario.wait_for_write_on(scenario.a)
        scenario.pair.set_options(scenario.b, {})
        scenario.wait_until(lambda: is_fit(scenario.b), 20, "B to be fit again")
        return scenario.end(Expect(holder="a", audit={"b": ("promote: refused",)}))


def wrong_peer_password_here(flavour: Flavour) -> Figures:
    """[peer] on A has a wrong password: refused before anything is closed."""
    with playing(flavour) as scenario:
        scenario.pair.set_options(scenario.a, {"peer.password": "wrong"})
        scenario.fault("switchover on A, [peer] password wrong on A")
        _refused(scenario.a, "check [peer] in /etc/kachecks/kachecks.cnf")
        scenario.pair.set_options(scenario.a, {})
        return _never_left_a(scenario)


def maintenance_here(flavour: Flavour) -> Figures:
    """Refused with who, why and until when."""
    with playing(flavour) as scenario:
        a = scenario.a
        status, said = run(a, *MAINTENANCE)
        assert status == 0, said
        scenario.fault("switchover on A, in maintenance")
        _refused(a, "new disks; end it first: kachecks maintenance off")
        assert run(a, "kachecks", "maintenance", "off")[0] == 0
        return _never_left_a(scenario)


def maintenance_there(flavour: Flavour) -> Figures:
    """B is in maintenance, which A cannot see: B does not take the VIP, and A opens again."""
    with playing(flavour) as scenario:
        b = scenario.b
        run(b, *MAINTENANCE)
        scenario.wait_until(lambda: b.keepalived_state() == "FAULT", 5, "B to be unfit")
        scenario.fault("switchover on A, B in maintenance")
        _switch_over(scenario.a, 1)
        scenario.wait_for_write_on(scenario.a)
        run(b, "kachecks", "maintenance", "off")
        b.wait_standby(10)
        return scenario.end(Expect(holder="a"))


def _vip_gone(node: Node, _pid: int) -> bool:
    return not node.has_vip(VIP)


KILLED_AT: dict[str, Callable[[], Point]] = {
    "start": lambda: at_once,
    "lock": lambda: holding_the_lock,
    "closed": lambda: without_the_mark,
    "vip-gone": lambda: _vip_gone,
    "confirming": lambda: after(0.05, _vip_gone),  # anew each time: it remembers
}


def killed(point: str, flavour: Flavour) -> Figures:
    """SIGKILL for the switchover half-way: one node serves, and nothing is lost."""
    with playing(flavour) as scenario:
        a = scenario.a
        with Killing(a, "kachecks", KILLED_AT[point]()) as killing:
            scenario.fault(f"switchover on A killed: {point}")
            with a.popen([f"{BIN}/kachecks", "switchover"], stdout=subprocess.DEVNULL):
                killing.wait()
        scenario.observer.wait_for_write(timeout=SERVED_AGAIN)
        scenario.wait_until(
            lambda: is_fit(a) and is_fit(scenario.b), 20, "both to be fit: the permit is back"
        )
        return scenario.end(Expect())


def _switch_over(node: Node, status: int, text: str = "", *options: str) -> str:
    """It ends with that exit status and says `text`; all that it said."""
    ended, said = run(node, "kachecks", "switchover", *options)
    assert ended == status, said
    assert text in said, said
    return said


def _refused(node: Node, why: str) -> None:
    said = _switch_over(node, 1, why)
    assert said.startswith("refused: "), said


def _never_left_a(scenario: Scenario) -> Figures:
    """A has served all the time, and all the same rows are on both."""
    figures = scenario.end(Expect(holder="a"))
    told = [f"{each['transition']}: {each['outcome']}" for each in scenario.a.audit()]
    assert told == ["promote: opened"] or set(told[1:]) <= {
        "maintenance: begun",
        "maintenance: ended",
    }, told
    return figures


SCENARIOS: dict[str, Callable[[Flavour], Figures]] = {
    "back-and-forth": back_and_forth,
    "dry-run": dry_run,
    "on-the-standby": on_the_standby,
    "applier-stopped": applier_stopped,
    "peer-lags": peer_lags,
    "table-locked": table_locked,
    "read-locked-here": read_locked_here,
    "read-locked-there": read_locked_there,
    "dumped-there": dumped_there,
    "long-transaction": long_transaction,
    "peer-without-keepalived": peer_without_keepalived,
    "peer-refuses": peer_refuses,
    "wrong-peer-password": wrong_peer_password_here,
    "maintenance-here": maintenance_here,
    "maintenance-there": maintenance_there,
    **{f"killed-{point}": partial(killed, point) for point in KILLED_AT},
}


def main() -> int:
    """Play, and print what the client saw."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.lab.matrix.switchovers", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("scenarios", nargs="*", help=f"of {', '.join(SCENARIOS)}")
    command_line.add_options(parser, times=20)
    options = parser.parse_args()
    if unknown := set(options.scenarios) - set(SCENARIOS):
        parser.error(f"no such scenario: {', '.join(sorted(unknown))}")
    plays: dict[str, Callable[[Flavour], Figures]] = {
        name: SCENARIOS[name] for name in options.scenarios
    } or {"back-and-forth": partial(back_and_forth, times=options.times)}
    return command_line.play(plays, command_line.flavours(options))


if __name__ == "__main__":
    sys.exit(main())
