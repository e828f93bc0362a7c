"""What monitoring and the alert program are told, as docs/monitoring.md shows it.

    python -m tests.lab.demo.monitored [--flavour mysql]

prints each command and what it said, then what the alert programs of both nodes have received.
"""

from __future__ import annotations

import json

from tests.lab.demo.chosen import chosen
from tests.lab.demo.symptoms import shell
from tests.lab.pairs import alerts
from tests.lab.pairs.commands import check, is_fit
from tests.lab.pairs.node import Node
from tests.lab.pairs.pair import Pair

NAGIOS = "kachecks status --format=nagios"


def main() -> int:
    """Play it."""
    flavour, _ = chosen("monitored", __doc__)
    with Pair(flavour, "kachecks", {"alert": alerts.PROGRAM}) as pair:
        for node in pair.nodes:
            alerts.install(node)
        pair.a.sql("CREATE TABLE app.t (id INT AUTO_INCREMENT PRIMARY KEY)")
        pair.wait_replication_caught_up()
        _stand_by(pair, pair.b)
        shell(pair.b, NAGIOS)
        pair.b.sql("STOP REPLICA SQL_THREAD")
        for _ in range(5):
            pair.a.sql("INSERT INTO app.t VALUES ()")
        pair.wait_until(lambda: check(pair.b)["reason"] == "APPLIER_STOPPED", 15, "B to be unfit")
        shell(pair.a, NAGIOS)
        pair.b.sql("START REPLICA SQL_THREAD")
        pair.wait_replication_caught_up()
        _stand_by(pair, pair.b)
        _fail_over(pair)
    return 0


def _fail_over(pair: Pair) -> None:
    pair.a.kill_mysqld()
    pair.wait_until(lambda: pair.is_serving(pair.b), 20, "B to take over")
    shell(pair.b, NAGIOS)
    shell(pair.b, "kachecks status --format=prometheus | grep -v '^#'")
    pair.a.start_mysqld()
    pair.wait_replication_caught_up()
    _stand_by(pair, pair.a)
    pair.wait_until(lambda: alerts.told(pair.a, "MYSQLD_DOWN is over"), 10, "A to tell the end")
    for node in pair.nodes:
        print(f"    {node.name}: alerts")
        for record in alerts.received(node):
            print(json.dumps(record, ensure_ascii=False))
    for node in pair.nodes:
        node.kill_mysqld()
    pair.wait_until(lambda: check(pair.a)["exit"] and check(pair.b)["exit"], 20, "both to fail")
    pair.wait_until(lambda: not any(map(_has_vip, pair.nodes)), 20, "the VIP to go")
    shell(pair.a, NAGIOS)


def _stand_by(pair: Pair, node: Node) -> None:
    pair.wait_until(lambda: is_fit(node), 20, f"{node.name} to be fit")


def _has_vip(node: Node) -> bool:
    return node.keepalived_state() == "MASTER"


if __name__ == "__main__":
    raise SystemExit(main())
