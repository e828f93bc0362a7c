"""mysqld on the active node ends, hangs, or is started again."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from tests.lab.error import LabError
from tests.lab.matrix.applier import stays_nowhere
from tests.lab.matrix.figures import Figures
from tests.lab.matrix.reach import Reach, as_usual
from tests.lab.matrix.scenario import SEMI_SYNC_TIMEOUT, SERVED_BY_A, Scenario, playing
from tests.lab.observing.release import WatchedRelease
from tests.lab.observing.verify import Expect
from tests.lab.pairs.commands import check
from tests.lab.pairs.node import Node
from tests.lab.records.record import OPEN
from tests.lab.servers.flavour import Flavour

Beside = Callable[[Scenario], AbstractContextManager[object]]
"""What goes on all the while."""

HUNG_FOR = 15.0
"""Seconds until a hung mysqld would be continued."""

BACK = 10.0
"""Seconds for a server that is started again to have one writer in the pair."""


def killed(flavour: Flavour, reach: Reach = as_usual, beside: Beside = nullcontext) -> Figures:
    """SIGKILL: B takes over; A boots closed, catches up, stays BACKUP."""
    with reach(flavour, {}) as scenario, beside(scenario):
        scenario.fault("SIGKILL of mysqld on A")
        scenario.a.kill_mysqld()
        scenario.wait_for_write_on(scenario.b)
        scenario.count_missing(scenario.b)
        return scenario.end_on_b()


def killed_semi_sync(flavour: Flavour) -> Figures:
    """The same with semi-synchronous replication: B has every acknowledged write without A."""
    with playing(flavour, semi_sync=SEMI_SYNC_TIMEOUT) as scenario:
        scenario.fault("SIGKILL of mysqld on A, semi-sync")
        scenario.a.kill_mysqld()
        scenario.b_opens_with_everything()
        return scenario.end_on_b()


def hung(flavour: Flavour, beside: Beside = nullcontext) -> Figures:
    """SIGSTOP, SIGCONT 15 s later: A's mysqld is killed before the VIP leaves."""
    with playing(flavour) as scenario, beside(scenario):
        pid = scenario.a.mysqld_pid()
        assert pid is not None
        with WatchedRelease(scenario.a) as release:
            mark = scenario.fault("SIGSTOP of mysqld on A")
            scenario.a.kill(pid, signal.SIGSTOP)
            scenario.wait_for_write_on(scenario.b)
        release.must_have_come_after_mysqld()
        scenario.wait_since(mark, HUNG_FOR)
        try:
            scenario.a.kill(pid, signal.SIGCONT)
        except LabError:
            return scenario.end_on_b("demote: killed")
        raise AssertionError("the hung mysqld is still there to be continued")


def killed_b_unable(flavour: Flavour) -> Figures:
    """B's mysqld was started to save a damaged data directory: it is not opened, A serves again."""
    with playing(flavour) as scenario:
        a, b = scenario.a, scenario.b
        b.stop_mysqld()
        b.start_mysqld(("--innodb-force-recovery=1",))
        scenario.wait_until(lambda: check(b)["reason"] == "UNABLE_TO_SERVE", 10, "B to be unable")
        scenario.wait_until(lambda: b.keepalived_state() == "FAULT", 5, "B to be found unfit")
        scenario.fault("SIGKILL of mysqld on A, innodb_force_recovery on B")
        a.kill_mysqld()
        stays_nowhere(scenario)
        a.start_mysqld()
        scenario.wait_for_write_on(a)
        b.stop_mysqld()
        scenario.bring_back(b)
        return scenario.end(SERVED_BY_A)


def restarted_b_broken(flavour: Flavour) -> Figures:
    """Killed and started while B's applier stands: B is unfit and lacks rows; A opens again."""
    with playing(flavour) as scenario:
        a, b = scenario.a, scenario.b
        scenario.pair.applier(b, "STOP")
        scenario.wait_until(
            lambda: check(b)["reason"] == "APPLIER_STOPPED", 5, "B to be unfit for its applier"
        )
        time.sleep(1)  # seconds of writes that B does not apply
        scenario.fault("SIGKILL of mysqld on A, started again at once; B's applier stands")
        _start_again(scenario, signal.SIGKILL)
        scenario.wait_for_write_on(a)
        scenario.pair.applier(b, "START")
        scenario.bring_back(b)
        return scenario.end(Expect(holder="a", audit={"a": ("promote: opened", "promote: opened")}))


def restarted(flavour: Flavour, sig: signal.Signals = signal.SIGKILL) -> Figures:
    """Ended, and started again within the second, as systemd does.

    It comes back closed: reopened in place or moved, never both.
    """
    with playing(flavour) as scenario:
        a = scenario.a
        before = len(_openings(a))
        mark = scenario.fault(f"mysqld on A ended by {sig.name} and started again at once")
        again = _start_again(scenario, sig)
        scenario.wait_until(scenario.pair.has_one_writer, BACK, "one node to serve")
        scenario.observer.wait_for_write()
        figures = scenario.end(Expect())
        was_open = any(
            sample.node == a.name and sample.state == OPEN and sample.asked > again
            for sample in scenario.record().access
        )
        if was_open:
            assert len(_openings(a)) > before, "mysqld came back open: nobody has promoted it"
        scenario.must_not_take_turns(mark)
        return figures


def _start_again(scenario: Scenario, sig: signal.Signals) -> float:
    """End mysqld on A and start it within the second; the moment it was started."""
    a = scenario.a
    a.kill_mysqld(sig)
    scenario.wait_until(lambda: a.mysqld_pid() is None, 10, "mysqld to be gone")
    time.sleep(random.uniform(0.0, 0.8))  # noqa: S311 - RestartSec= is 0.1 s by default
    again = scenario.observer.mark("mysqld on A starts").time
    a.start_mysqld()
    return again


def _openings(node: Node) -> list[object]:
    return [entry for entry in node.audit() if entry["outcome"] == "opened"]
