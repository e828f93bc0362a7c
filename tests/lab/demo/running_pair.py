"""kachecks for a pair that is at work with keepalived alone, in the order of docs/faq.md, and its
removal, in the order of docs/operate.md.

    python -m tests.lab.demo.running_pair [--flavour mysql]

prints the steps, and how long the client that writes all the while could not.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace

from tests.lab.demo.chosen import chosen
from tests.lab.demo.symptoms import shell
from tests.lab.observing.observer import Observer
from tests.lab.observing.verify import rows_of
from tests.lab.pairs import files
from tests.lab.pairs.commands import is_fit
from tests.lab.pairs.node import Node
from tests.lab.pairs.pair import INTERFACE, VIP, Pair
from tests.lab.pairs.suite import SUITES, Suite
from tests.lab.pairs.systemd import drop_in_command, stop_keepalived
from tests.lab.records import evidence
from tests.lab.records.record import Mark, Record
from tests.lab.servers.flavour import Flavour

WORDS: Mapping[str, object] = {
    "NODE_INTERFACE": INTERFACE,
    "VIP_ADDRESS": VIP,
    "VIP_PREFIX": 24,
}


def with_keepalived_alone() -> Suite:
    """Programs, grants and option files are there; keepalived has neither check nor hooks."""
    alone = SUITES["none"]().keepalived_conf
    return replace(SUITES["kachecks"](), keepalived_conf=alone, opens=False)


def play(flavour: Flavour) -> None:
    """Step by step, while a client writes."""
    with Pair(flavour, with_keepalived_alone()) as pair:
        pair.open(pair.a)
        with Observer.of(pair) as observer:
            observer.wait_for_write(pair.a.name)
            mark = observer.mark("kachecks comes", fault=True)
            for node in pair.nodes:
                shell(node, "check_mysql")
            _exchange_keepalived(pair, pair.b, pair.a)
            pair.wait_until(lambda: pair.is_open(pair.a) and pair.a.has_vip(VIP), 20, "A to serve")
            observer.wait_for_write(pair.a.name)
            pair.b.start_keepalived()
            pair.b.wait_standby()
            print("    # b: keepalived started\n")
            time.sleep(2)
            pair.wait_until(lambda: is_fit(pair.b), 10, "B to be fit")
            shell(pair.b, "kachecks status")
            observer.stop_writing()
            record = observer.record()
            _tell_figures(pair, record, mark)
        _remove(pair)


def _exchange_keepalived(pair: Pair, *nodes: Node) -> None:
    """The new files on both; stop it as systemd does with the drop-in, the standby first; start it
    on the last one."""
    for node in nodes:
        conf = SUITES["kachecks"]().keepalived_conf[pair.nodes.index(node)]
        files.keepalived_conf(node, conf, WORDS)
    print("    # a, b: the new keepalived.conf in place\n")
    for node in nodes:
        stop_keepalived(node)
        print(f"    # {node.name}: keepalived stopped\n")
    nodes[-1].start_keepalived()
    print(f"    # {nodes[-1].name}: keepalived started\n")


def _remove(pair: Pair) -> None:
    """Back to keepalived alone, while a client writes."""
    directory = pair.workdir / "removal"
    directory.mkdir()
    with Observer(pair.nodes, pair.client, VIP, directory) as observer:
        observer.wait_for_write(pair.a.name)
        pair.b.stop_keepalived()
        print("    # b: keepalived stopped\n")
        for node, conf in zip(pair.nodes, with_keepalived_alone().keepalived_conf):
            files.keepalived_conf(node, conf, WORDS)
        print("    # a, b: the keepalived.conf of before in place, nothing reloaded\n")
        time.sleep(2)
        mark = observer.mark("kachecks goes", fault=True)
        shell(pair.a, "notify_down")
        pair.wait_until(lambda: not pair.a.keepalived_pids(), 10, "keepalived to end")
        pair.a.run(drop_in_command("ExecStopPost"))  # the package's drop-in is there still
        pair.a.sql("SET GLOBAL read_only = 0")
        print("    # a: keepalived has ended; SET GLOBAL read_only = 0\n")
        for node in pair.nodes:
            node.start_keepalived()
            pair.wait_until(lambda: pair.a.has_vip(VIP), 20, "A to have the VIP")
            print(f"    # {node.name}: keepalived started\n")
        observer.wait_for_write(pair.a.name)
        observer.stop_writing()
        _tell_figures(pair, observer.record(), mark)
    _remove_accounts(pair)


def _remove_accounts(pair: Pair) -> None:
    """What the grants file has made, on both nodes, by replication."""
    for host in ("localhost", *(node.address for node in pair.nodes)):
        pair.a.sql(f"DROP USER kachecks@'{host}'")
    pair.a.sql("DROP DATABASE kachecks")
    pair.wait_replication_caught_up()
    for node in pair.nodes:
        assert not node.sql("SELECT 1 FROM mysql.user WHERE user = 'kachecks'")
        assert not node.sql("SHOW DATABASES LIKE 'kachecks'")
    print("    # a: accounts and database dropped; b has neither\n")


def _tell_figures(pair: Pair, record: Record, mark: Mark) -> None:
    outage = evidence.outage_of(record, mark)
    lost = evidence.lost(record.writes, rows_of(pair.a) or [])
    print(f"    # without writes: {outage.seconds:.1f} s; acknowledged writes lost: {len(lost)}\n")


def main() -> int:
    """Play it on one server family."""
    flavour, _ = chosen("running_pair", __doc__)
    play(flavour)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
