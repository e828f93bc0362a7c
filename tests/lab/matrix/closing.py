"""A demotion against sessions that hold on."""

from __future__ import annotations

import time

from tests.lab.faults.stubborn_sessions import StubbornSessions
from tests.lab.matrix.figures import Figures
from tests.lab.matrix.scenario import playing
from tests.lab.pairs.commands import run
from tests.lab.records import handover
from tests.lab.records.evidence import acknowledged
from tests.lab.servers.accounts import APP_PASSWORD, APP_USER
from tests.lab.servers.flavour import Flavour
from tests.lab.servers.mariadb import MariaDB

FENCE_TIMEOUT = 5.0
"""Seconds: the option's default."""

AFTERWARDS = 2.0
"""Seconds in which nothing must be committed on a server that has been closed."""


def in_time(flavour: Flavour, returning: bool = False) -> Figures:
    """Among table locks, waiters, long writes, idle transactions, writers in loops.

    `returning`: root's connects again whenever it is cut. MariaDB before 12 has nothing that stops
    root: its commits, and nobody else's, go on there.
    """
    with playing(flavour) as scenario:
        a = scenario.a
        server = a.mysqld_pid()
        app = StubbornSessions(a, APP_USER, APP_PASSWORD)
        root = StubbornSessions(a, "root", "", returning=returning)
        with app, root:
            mark = scenario.fault("notify_down on A, whose clients hold on")
            status, said = run(a, "notify_down")
            assert status == 0, said
            assert "closed for writes" in said, said
            assert not (app.holding_on() or root.holding_on()), "not everybody was cut"
            closed = handover.closed_by(scenario.record(), a.name, mark.time)
            assert closed is not None, f"A has not been seen closed: {said}"
            who = [app] if _stops_at_nothing(flavour, returning) else [app, root]
            before = [sessions.contents() for sessions in who]
            time.sleep(AFTERWARDS)
            after = [sessions.contents() for sessions in who]
        [told] = (entry for entry in a.audit() if entry["outcome"] == "closed")
        assert returning or told["milliseconds"] < FENCE_TIMEOUT * 1000, told
        assert a.mysqld_pid() == server, "mysqld was killed instead of its clients"
        assert before == after, f"committed on a closed server: {before}, later {after}"
        for sessions in who:
            late = [begun - closed for begun, _ in sessions.committed if begun > closed]
            assert not late, f"{len(late)} writes acknowledged up to {late[-1]:.2f} s after closing"
        writes = acknowledged(scenario.record().writes)
        late_writes = [write for write in writes if write.node == a.name and write.start > closed]
        assert not late_writes, f"acknowledged by a closed server: {late_writes[0]}"
        scenario.wait_for_write_on(scenario.b)
        scenario.wait_for_keepalived_to_end(a)
        return scenario.end_on_b("demote: closed")


def _stops_at_nothing(flavour: Flavour, returning: bool) -> bool:
    """root writes through read_only, and comes back when it is cut."""
    return isinstance(flavour, MariaDB) and flavour.version_numbers < (12,) and returning
