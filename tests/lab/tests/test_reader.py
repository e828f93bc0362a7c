"""A replica behind the pair goes on from the new node, whoever of the two that is."""

from __future__ import annotations

import pytest

from tests.lab.pairs.commands import is_fit, run
from tests.lab.pairs.node import Node
from tests.lab.pairs.pair import Pair
from tests.lab.pairs.reader import has_all, reading
from tests.lab.servers.flavour import Flavour
from tests.lab.servers.flavours import MARIADB, MYSQL

PATIENCE = 25
"""Seconds. Whoever is sent nothing any more, as the VIP has left its source, notices after
replica_net_timeout, which is 10 s in the snippets."""


@pytest.mark.parametrize("flavour", [MARIADB, MYSQL], ids=lambda each: each.name)
def test_it_follows_the_vip(flavour: Flavour) -> None:
    with Pair(flavour, "kachecks") as pair, reading(pair) as c:
        pair.a.sql("CREATE TABLE app.t (id INT AUTO_INCREMENT PRIMARY KEY)")
        seconds = [_follows(pair, c, pair.a)]
        pair.a.kill_mysqld()
        pair.wait_until(lambda: pair.is_serving(pair.b), 20, "B to take over")
        seconds.append(_follows(pair, c, pair.b))
        pair.a.start_mysqld()
        pair.wait_until(lambda: is_fit(pair.a), 20, "A to be fit")
        pair.a.wait_standby(20)  # keepalived needs two good checks
        pair.wait_replication_running(20)  # B's own is asked for, too: it could not come back
        status, said = run(pair.b, "kachecks", "switchover")[:2]
        assert status == 0, said
        seconds.append(_follows(pair, c, pair.a))
        pair.b.wait_standby()
        pair.a.power_off()
        pair.wait_until(lambda: pair.is_serving(pair.b), 20, "B to take over again")
        seconds.append(_follows(pair, c, pair.b))
        print("start, SIGKILL, switchover, power-off:", [round(each, 1) for each in seconds])
        assert len(c.sql("SELECT id FROM app.t")) == len(seconds)


def _follows(pair: Pair, c: Node, active: Node) -> float:
    """Seconds until it has what is written now."""
    active.sql("INSERT INTO app.t VALUES ()")
    return pair.wait_until(lambda: has_all(c, active), PATIENCE, f"C to follow {active.name}")
