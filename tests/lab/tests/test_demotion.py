"""Whom a demotion does not kill, and whom it cuts although the server hides him. How it cuts
clients is row 19."""

from __future__ import annotations

import signal

import pytest

from tests.lab.error import LabError
from tests.lab.pairs.commands import is_fit, run
from tests.lab.pairs.pair import Pair
from tests.lab.servers.flavour import Flavour


def test_who_is_not_killed(flavour: Flavour) -> None:
    """A hung standby is left alone, and so is a hung holder with stuck_mysqld = leave.

    That a hung holder is killed otherwise is row 3.
    """
    with Pair(flavour, suite="kachecks") as pair:
        standby = pair.b.mysqld_pid()
        pair.b.kill_mysqld(signal.SIGSTOP)
        said = run(pair.b, "notify_backup")[1]
        assert "left alone" in said
        assert pair.b.mysqld_pid() == standby
        pair.b.kill_mysqld(signal.SIGCONT)
        pair.wait_until(lambda: is_fit(pair.b), 10, "B to be fit")

        pair.set_options(pair.a, {"stuck_mysqld": "leave"})
        pair.a.kill_mysqld(signal.SIGSTOP)
        status, said = run(pair.a, "notify_down", "--keep-keepalived")
        assert status == 1
        assert "stuck_mysqld = leave" in said
        assert pair.a.mysqld_pid() is not None
        with pytest.raises(LabError):
            pair.wait_until(lambda: pair.is_open(pair.b), 3, "B must not open beside a hung A")


def test_a_server_that_shows_little_of_itself(flavour: Flavour) -> None:
    """What is set globally, there and for the process list, keeps no client from being cut."""
    with Pair(flavour, suite="kachecks") as pair:
        if not flavour.name.startswith("mariadb"):
            pair.a.sql("SET GLOBAL performance_schema_show_processlist = ON")
        pair.a.sql("SET GLOBAL sql_select_limit = 1")
        idle = [*flavour.client_command(), "-e", "DO SLEEP(60)"]
        clients = [pair.a.popen(idle) for _ in range(5)]
        try:
            count = "SHOW GLOBAL STATUS LIKE 'Threads_connected'"
            pair.wait_until(lambda: int(pair.a.sql(count)[0]["Value"]) >= 7, 5, "all to be there")
            status, said = run(pair.a, "notify_down", "--keep-keepalived")
            assert status == 0, said
            assert "not everybody" not in said
            pair.wait_until(lambda: all(each.poll() is not None for each in clients), 5, "the cut")
        finally:
            for each in clients:
                each.kill()
                each.wait()
