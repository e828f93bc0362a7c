"""A pair whose files are those that `kachecks setup` writes on its nodes, asked by doctor."""

from __future__ import annotations

from tests.lab.hosts.network import PREFIX
from tests.lab.pairs.commands import run
from tests.lab.pairs.node import Node
from tests.lab.pairs.pair import ADDRESSES, VIP, WITNESS, Pair
from tests.lab.servers.flavour import OPTION_FILE
from tests.lab.servers.flavours import FLAVOURS
from tests.lab.tests.shared_pair import shared_pair
from tests.lab.tests.test_doctor import doctor

REVIEW = "/run/review"
OPTIONS = "/etc/kachecks/kachecks.cnf"
KEEPALIVED = "/etc/keepalived/keepalived.conf"
PEERS = "/etc/keepalived/peer.conf"

pair = shared_pair(FLAVOURS, "kachecks", {"witness": WITNESS})


def set_up(node: Node, *more: str, directory: str = REVIEW) -> str:
    """On the node that it is for, so number and interface are found out. What was said."""
    server = "mariadb" if node.flavour.options_snippet == "my.cnf.mariadb" else "mysql"
    status, said = run(
        node,
        "kachecks",
        "setup",
        f"--server={server}",
        f"--vip={VIP}/{PREFIX}",
        f"--node1-address={ADDRESSES[0]}",
        f"--node2-address={ADDRESSES[1]}",
        f"--witness={WITNESS}",
        "--distribution=debian",
        f"--passwords-from={OPTIONS}",
        f"--to={directory}",
        *more,
    )
    assert status == 0, said
    return said


def written(node: Node, path: str) -> str:
    return node.path(REVIEW + path).read_text()


def test_doctor_finds_nothing(pair: Pair) -> None:
    for number, node in enumerate(pair.nodes, start=1):
        assert set_up(node).startswith(f"node {number}: ")
        node.stop_keepalived()
    for node in pair.nodes:
        node.write(OPTIONS, written(node, OPTIONS), mode=0o600)
        node.write(KEEPALIVED, written(node, KEEPALIVED))
        node.write(PEERS, written(pair.other(node), KEEPALIVED))
    pair.a.start_keepalived()
    pair.wait_until(lambda: pair.is_serving(pair.a), 20, "A to serve with the files of setup")
    pair.b.start_keepalived()
    pair.b.wait_standby()
    for node in pair.nodes:
        _, found = doctor(node, f"--peer-config={PEERS}")
        assert [one for one in found if one["level"]] == []


def test_the_servers_run_with_its_my_cnf(pair: Pair) -> None:
    """But for what the lab adds, so that doctor's word on them holds for setup's file."""
    for node in pair.nodes:
        my_cnf = next(node.path(f"{REVIEW}/etc/mysql").rglob("*kachecks.cnf")).read_text()
        assert my_cnf in node.path(OPTION_FILE).read_text()


def test_the_grants_are_those_of_both_nodes(pair: Pair) -> None:
    one, two = (written(node, "/etc/kachecks/grants.sql") for node in pair.nodes)
    assert one == two
    assert all(f"kachecks@'{address}'" in one for address in ADDRESSES)


def test_keepalived_takes_it_without_multicast_too(pair: Pair) -> None:
    set_up(pair.a, "--unicast", "--router-id=7", directory="/run/unicast")
    conf = f"/run/unicast{KEEPALIVED}"
    tried = pair.a.run(["keepalived", "-t", "-f", conf])
    assert tried.stderr == ""
    assert f"unicast_src_ip {ADDRESSES[0]}" in pair.a.path(conf).read_text()
