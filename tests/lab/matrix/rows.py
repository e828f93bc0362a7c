"""The failure matrix, row by row: the numbers are those of the design and of the manual.

    python -m tests.lab.matrix.rows 1 5 --flavour both --times 5

plays rows several times and prints what the client saw. `both` are the two families, `all` further
generations too.
"""

from __future__ import annotations

import argparse
import signal
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from tests.lab.error import LabError
from tests.lab.matrix import (
    applier,
    boot,
    disk,
    keepalived,
    killed_hooks,
    logins,
    network,
    pause,
    returning,
    sessions_in_the_way,
    steadiness,
)
from tests.lab.matrix.scenario import Figures, Scenario, playing
from tests.lab.observing.release import WatchedRelease
from tests.lab.observing.verify import Expect, proven
from tests.lab.pairs.node import Node
from tests.lab.pairs.pair import VIP, WITNESS
from tests.lab.pairs.suite import VRRP3_OPTIONS, kachecks, vrrp3
from tests.lab.pairs.systemd import drop_in_command
from tests.lab.servers.flavour import Flavour
from tests.lab.servers.flavours import ALL_FLAVOURS, FLAVOURS

SEMI_SYNC_TIMEOUT = 10.0
"""Seconds: longer than anything here takes, so that no commit goes on without the other node."""

ENDED_ON_B = Expect(holder="b", audit={"b": ("promote: opened",)})


def row_1(flavour: Flavour) -> Figures:
    """mysqld SIGKILL: B takes over; A boots closed, catches up, stays BACKUP."""
    with playing(flavour) as scenario:
        scenario.fault("SIGKILL of mysqld on A")
        scenario.a.kill_mysqld(signal.SIGKILL)
        scenario.wait_for_write_on(scenario.b)
        scenario.count_missing(scenario.b)
        scenario.bring_back(scenario.a)
        return scenario.end(ENDED_ON_B)


def row_1_semi_sync(flavour: Flavour) -> Figures:
    """The same with semi-synchronous replication: B has every acknowledged write without A."""
    with playing(flavour, semi_sync=SEMI_SYNC_TIMEOUT) as scenario:
        scenario.fault("SIGKILL of mysqld on A, semi-sync")
        scenario.a.kill_mysqld(signal.SIGKILL)
        _opens_with_everything(scenario)
        scenario.bring_back(scenario.a)
        return scenario.end(ENDED_ON_B)


def row_2(flavour: Flavour) -> Figures:
    """mysqld stopped cleanly under write load: it is gone before the VIP leaves."""
    with playing(flavour) as scenario:
        with WatchedRelease(scenario.a) as release:
            scenario.fault("mysqld on A stopped")
            scenario.a.kill_mysqld(signal.SIGTERM)
            scenario.wait_for_write_on(scenario.b)
        assert release.vip_left is not None
        assert not release.outlived, "the VIP left A before its mysqld had ended"
        scenario.bring_back(scenario.a)
        return scenario.end(ENDED_ON_B)


def row_3(flavour: Flavour) -> Figures:
    """SIGSTOP, SIGCONT 15 s later: A's mysqld is killed before the VIP leaves."""
    with playing(flavour) as scenario:
        pid = scenario.a.mysqld_pid()
        assert pid is not None
        with WatchedRelease(scenario.a) as release:
            mark = scenario.fault("SIGSTOP of mysqld on A")
            scenario.a.kill(pid, signal.SIGSTOP)
            scenario.wait_for_write_on(scenario.b)
        assert release.vip_left is not None
        assert not release.outlived, "the VIP left A before its mysqld was killed"
        time.sleep(max(0.0, mark.time + 15 - time.monotonic()))
        try:
            scenario.a.kill(pid, signal.SIGCONT)
        except LabError:
            pass
        else:
            raise AssertionError("the hung mysqld is still there to be continued")
        scenario.bring_back(scenario.a)
        return scenario.end(
            Expect(holder="b", audit={"a": ("demote: killed",), "b": ("promote: opened",)})
        )


def row_4(flavour: Flavour) -> Figures:
    """Power-off: B takes over after VRRP's down time."""
    with playing(flavour) as scenario:
        scenario.fault("power-off of A")
        scenario.a.power_off()
        scenario.wait_for_write_on(scenario.b)
        scenario.count_missing(scenario.b)
        scenario.bring_back(scenario.a)
        return scenario.end(ENDED_ON_B)


def row_4_semi_sync(flavour: Flavour) -> Figures:
    """The same with semi-synchronous replication: B has every acknowledged write without A."""
    with playing(flavour, semi_sync=SEMI_SYNC_TIMEOUT) as scenario:
        scenario.fault("power-off of A, semi-sync")
        scenario.a.power_off()
        _opens_with_everything(scenario)
        # A stays off. MariaDB 10.11 and 11.8 may hang, to every new connection and for more than
        # hung_after, when the replica that it has waited for comes back.
        return scenario.end(replace(ENDED_ON_B, same_rows=False))


def row_4_vrrp3(flavour: Flavour) -> Figures:
    """The same on VRRPv3 at 0.2 s with a witness: B misses A at once, and waits peer_grace."""
    options = {"witness": WITNESS, **VRRP3_OPTIONS}
    with playing(flavour, options, suite=vrrp3(kachecks())) as scenario:
        scenario.fault("power-off of A, VRRPv3, witness")
        scenario.a.power_off()
        scenario.wait_for_write_on(scenario.b)
        scenario.count_missing(scenario.b)
        scenario.bring_back(scenario.a)
        return scenario.end(ENDED_ON_B)


def row_5(flavour: Flavour) -> Figures:
    """notify_down by hand: A closed before the VIP leaves; B opens with all of A's writes."""
    with playing(flavour) as scenario:
        with WatchedRelease(scenario.a) as release:
            scenario.fault("notify_down on A")
            scenario.a.run(["/opt/kachecks/bin/notify_down"])
            scenario.wait_for_write_on(scenario.b)
            scenario.wait_for_keepalived_to_end(scenario.a)
        _closed_before_release(scenario.a, release)
        scenario.must_have_all_but_the_tail(scenario.b, tail=0.0)
        scenario.bring_back(scenario.a)
        return scenario.end(
            Expect(holder="b", audit={"a": ("demote: closed",), "b": ("promote: opened",)})
        )


def row_5_drop_in(flavour: Flavour) -> Figures:
    """keepalived stopped through the systemd drop-in's commands, in systemd's order."""
    with playing(flavour) as scenario:
        with WatchedRelease(scenario.a) as release:
            scenario.fault("systemctl stop keepalived on A")
            scenario.a.run(drop_in_command("ExecStop"))
            scenario.a.stop_keepalived(signal.SIGTERM)
            scenario.a.run(drop_in_command("ExecStopPost"))
            scenario.wait_for_write_on(scenario.b)
        _closed_before_release(scenario.a, release)
        scenario.must_have_all_but_the_tail(scenario.b, tail=0.0)
        scenario.bring_back(scenario.a)
        return scenario.end(
            Expect(holder="b", audit={"a": ("demote: closed",), "b": ("promote: opened",)})
        )


def row_6(flavour: Flavour) -> Figures:
    """keepalived SIGTERM without the drop-in: the VIP leaves first; B fences A."""
    with playing(flavour) as scenario:
        scenario.fault("SIGTERM of keepalived on A")
        scenario.a.stop_keepalived(signal.SIGTERM)
        scenario.wait_for_write_on(scenario.b)
        scenario.bring_back(scenario.a)
        return scenario.end(ENDED_ON_B)


def row_6_hung(flavour: Flavour) -> Figures:
    """The same with mysqld hung: B waits for its death, at the hands of A's notify_stop."""
    with playing(flavour) as scenario:
        scenario.fault("mysqld hung, then SIGTERM of keepalived on A")
        scenario.a.kill_mysqld(signal.SIGSTOP)
        scenario.a.stop_keepalived(signal.SIGTERM)
        scenario.wait_for_write_on(scenario.b)
        scenario.bring_back(scenario.a)
        return scenario.end(
            Expect(holder="b", audit={"a": ("demote: killed",), "b": ("promote: opened",)})
        )


def row_7(flavour: Flavour) -> Figures:
    """keepalived kill -9, VIP left on A: B fences A over SQL, and only then opens."""
    with playing(flavour) as scenario:
        a, b = scenario.a, scenario.b
        scenario.fault("kill -9 of keepalived on A")
        # At once and children first: a parent has time to start another child, and a child that
        # outlives its parent cleans up.
        a.run(["kill", "-KILL", *map(str, reversed(a.keepalived_pids()))])
        scenario.wait_for_write_on(b)
        scenario.pair.wait_until(b.audit, 5, "the audit log of B")  # written after the opening
        assert a.has_vip(VIP), (
            f"the VIP has left A: keepalived was not killed in time: {a.syslog()}"
        )
        fencing = [name for name, _ in b.audit()[-1]["steps"] if name.startswith("fence peer")]
        assert fencing, f"B opened without closing A first: A {a.audit()}, B {b.audit()}"
        a.run(drop_in_command("ExecStopPost"))
        assert not a.has_vip(VIP), "the drop-in's command left the VIP on A"
        scenario.bring_back(a)
        return scenario.end(ENDED_ON_B)


def row_14(flavour: Flavour) -> Figures:
    """B applies 3 s late, SIGKILL on A: B opens only when its relay log is applied."""
    with playing(flavour) as scenario:
        scenario.pair.delay_replica(scenario.b, 3)
        time.sleep(4)
        scenario.fault("SIGKILL of mysqld on A, B applies 3 s late")
        scenario.a.kill_mysqld(signal.SIGKILL)
        scenario.wait_for_write_on(scenario.b)
        scenario.must_have_all_but_the_tail(scenario.b)
        scenario.pair.delay_replica(scenario.b, 0)
        scenario.bring_back(scenario.a)
        return scenario.end(ENDED_ON_B)


def _opens_with_everything(scenario: Scenario) -> None:
    """B takes over; it, too, is a source that waits for its replica, until it gives that up."""
    scenario.wait_for_write_on(scenario.b, timeout=3 * SEMI_SYNC_TIMEOUT)
    missing = scenario.count_missing(scenario.b)
    assert not missing, f"B lacks {missing} writes that semi-sync had it acknowledge"


def _closed_before_release(node: Node, release: WatchedRelease) -> None:
    """The audit log has the closing at or before the moment the VIP was first seen gone."""
    closings = [entry for entry in node.audit() if entry["outcome"] == "closed"]
    assert closings, "the audit log does not tell of a closing"
    assert release.vip_left is not None, "the VIP never left"
    seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(release.vip_left))
    left = f"{seconds}.{int(release.vip_left % 1 * 1000):03d}Z"
    assert closings[0]["time"] <= left, f"closed at {closings[0]['time']}, VIP gone at {left}"


ROWS: dict[str, Callable[[Flavour], Figures]] = {
    "1": row_1,
    "1-semi-sync": row_1_semi_sync,
    "2": row_2,
    "3": row_3,
    "4": row_4,
    "4-semi-sync": row_4_semi_sync,
    "4-vrrp3": row_4_vrrp3,
    "5": row_5,
    "5-drop-in": row_5_drop_in,
    "6": row_6,
    "6-hung": row_6_hung,
    "7": row_7,
    "14": row_14,
    **logins.ROWS,
    **sessions_in_the_way.ROWS,
    **keepalived.ROWS,
    **killed_hooks.ROWS,
    **returning.ROWS,
    **steadiness.ROWS,
    **network.ROWS,
    **disk.ROWS,
    **applier.ROWS,
    **boot.ROWS,
    **pause.ROWS,
}


def main() -> int:
    """Play rows several times and print the figures of each run and their median."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"of {', '.join(ROWS)}; all")
    parser.add_argument("--flavour", choices=[*ALL_FLAVOURS, "both", "all"], default="both")
    parser.add_argument("--times", type=int, default=1)
    options = parser.parse_args()
    failed = 0
    several = {"both": FLAVOURS, "all": ALL_FLAVOURS}
    flavours = list(several.get(options.flavour, [options.flavour]))
    for name in options.rows or ROWS:
        for flavour in flavours:
            outages = []
            for _ in range(options.times):
                try:
                    figures = proven(partial(ROWS[name], ALL_FLAVOURS[flavour]))
                except (AssertionError, LabError) as error:
                    failed += 1
                    print(f"row {name:<11} {flavour:<12} FAILED: {error}", flush=True)
                    continue
                outages.append(figures.outage)
                print(line_of(name, ALL_FLAVOURS[flavour], figures), flush=True)
            if len(outages) > 1:
                median, worst = statistics.median(outages), max(outages)
                print(
                    f"row {name:<11} {flavour:<12} median of {len(outages)}: {median:.2f} s,"
                    f" worst {worst:.2f} s",
                    flush=True,
                )
    return 1 if failed else 0


def line_of(row: str, flavour: Flavour, figures: Figures) -> str:
    """What a row measured, on one line."""
    line = (
        f"row {row:<11} {flavour.name:<12} outage {figures.outage:5.2f} s, lost {figures.lost},"
        f" both open {figures.both_open:.2f} s, both VIP {figures.both_vip:.2f} s"
    )
    if figures.missing_on_takeover is not None:
        line += f", missing before A was back {figures.missing_on_takeover}"
    return "; ".join([line, *figures.notes])


if __name__ == "__main__":
    sys.exit(main())
