"""Two nodes that replicate from each other behind one VIP, and a client, on one bridge."""

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Optional, Union

from tests.lab.error import LabError
from tests.lab.hosts.network import PREFIX, Link
from tests.lab.hosts.site import Site
from tests.lab.pairs import contents, datadir, files
from tests.lab.pairs.node import Node
from tests.lab.pairs.suite import SUITES, Suite
from tests.lab.servers import sql
from tests.lab.servers.accounts import KACHECKS_PASSWORDS
from tests.lab.servers.flavour import Flavour

VIP = "10.0.0.100"
CLIENT_ADDRESS = "10.0.0.10"
WITNESS = "10.0.0.254"
INTERFACE = "eth0"
ADDRESSES = ("10.0.0.1", "10.0.0.2")
REPLICATION_ADDRESSES = ("10.0.1.1", "10.0.1.2")  # on eth1, with `replication_network`


class Pair(Site):
    """Nodes `a` (10.0.0.1, starts with the VIP) and `b` (10.0.0.2), `client`, `switch`.

        with Pair(MARIADB) as pair:
            pair.a.power_off()
            pair.wait_until(lambda: pair.b.has_vip(VIP), 10, "B has the VIP")

    `suite`: None, "kachecks", "recipe" or a Suite. `option_overrides` changes kachecks.cnf on
    both nodes: {"max_lag": 5, "peer.password": "wrong", "witness": WITNESS}, None removes a line.
    `server_options` adds to [mysqld]. With `replication_network` the nodes reach each other for
    replication and kachecks over a second network, eth1. With `semi_sync`, which is the number of
    seconds that a commit waits at most, both nodes commit only what the other one has received
    (the lines of the my.cnf snippets). With `datadir_size`, such as "300M",
    the datadirs are file systems that fill up at that size, and are lost at power-off.

    `keepalived_under` and `server_uid`: see Node.

    Make it in a thread that lives as long as the pair: the nodes die with that thread.
    """

    def __init__(
        self,
        flavour: Flavour,
        suite: Union[str, Suite, None] = None,
        option_overrides: Optional[Mapping[str, Optional[object]]] = None,
        workdir: Optional[Path] = None,
        *,
        server_options: Optional[Mapping[str, object]] = None,
        replication_network: bool = False,
        datadir_size: Optional[str] = None,
        semi_sync: Optional[float] = None,
        keepalived_under: Sequence[str] = (),
        server_uid: int = 0,
    ) -> None:
        super().__init__(workdir)
        self.flavour = flavour
        self.suite = suite if isinstance(suite, Suite) else SUITES[suite or "none"]()
        self.a: Node
        self.b: Node
        self._options = dict(option_overrides or {})
        self._server_options = {**self.suite.server_options, **(server_options or {})}
        self._replication_network = replication_network
        self._datadir_size = datadir_size
        self._semi_sync = semi_sync
        self._node_options = {"keepalived_under": keepalived_under, "server_uid": server_uid}
        if semi_sync is not None:
            milliseconds = round(semi_sync * 1000)
            self._server_options[f"{flavour.semi_sync_source}_timeout"] = milliseconds

    def start(self) -> None:
        """Bring everything up; returns when A has the VIP (and is open) and B is BACKUP."""
        with self._phase("template"):
            source = datadir.template(self.flavour, self._words_for_grants())
        with self._phase("namespaces"):
            self._make_workdir()
            self._wire()
            for node in self.nodes:
                node.power_on()
        with self._phase("files"):
            for node in self.nodes:
                datadir.copy(source, node.datadir)
                self._write_files(node)
        with self._phase("mysqld"):
            for node in self.nodes:
                node.start_mysqld(wait=False)
            for node in self.nodes:
                node.wait_mysqld()
        with self._phase("replication"):
            for node in self.nodes:
                for statement in self.flavour.replicate_from(self._peer_address(node)):
                    node.sql(statement)
            self.wait_replication_running()
            if self._semi_sync is not None:
                self.wait_semi_sync()
        with self._phase("keepalived"):
            self.a.start_keepalived()
            self.wait_until(lambda: self.is_serving(self.a), 20, "A to have the VIP and be open")
            self.b.start_keepalived()
            self.b.wait_standby()

    # What a scenario asks

    @property
    def nodes(self) -> tuple[Node, Node]:
        return self.a, self.b

    def other(self, node: Node) -> Node:
        return self.b if node is self.a else self.a

    def is_serving(self, node: Node) -> bool:
        """It has the VIP and, where the suite sees to that, takes writes."""
        return node.has_vip(VIP) and (not self.suite.opens or self.is_open(node))

    def is_open(self, node: Node) -> bool:
        """Its server takes writes of ordinary accounts. A server that does not answer: not open."""
        try:
            return sql.is_open(node.socket_path)
        except LabError:  # it is powered off
            return False

    def has_one_writer(self) -> bool:
        """Exactly one node has the VIP, and it alone is open."""
        holders = [node for node in self.nodes if node.has_vip(VIP)]
        return len(holders) == 1 and holders == [n for n in self.nodes if self.is_open(n)]

    def set_options(self, node: Node, overrides: Mapping[str, Optional[object]]) -> None:
        """Change kachecks.cnf of one node now: as `option_overrides`, on top of those."""
        if self.suite.option_file is None:
            raise LabError(f"the suite {self.suite.name} has no option file")
        options = {**self._options, **overrides}
        files.option_file(node, self.suite.option_file, self._words(node), options)

    def give_time_to_return(self, node: Node, seconds: float) -> None:
        """Until it stands by and replication runs, or this has shown that it does not."""
        with contextlib.suppress(LabError):
            node.wait_standby(seconds)
            self.wait_replication_running(seconds)

    # Replication

    def open(self, node: Node) -> None:
        """Take writes: for a pair whose suite does not see to it."""
        for statement in self.flavour.open_writes:
            node.sql(statement)

    def delay_replica(self, node: Node, seconds: int) -> None:
        """`node` applies everything `seconds` late from now on."""
        for statement in self.flavour.delay(seconds):
            node.sql(statement)

    def applier(self, node: Node, action: str) -> None:
        """START or STOP the applier of `node`."""
        node.sql(self.flavour.replication_thread(action, "SQL_THREAD"))

    def receiver(self, node: Node, action: str) -> None:
        """START or STOP the receiver of `node`."""
        node.sql(self.flavour.replication_thread(action, "IO_THREAD"))

    def wait_replication_running(self, timeout: float = 15) -> None:
        """Until receiver and applier run on both nodes."""
        self.wait_until(
            lambda: all(self.flavour.replicates(node.sql) for node in self.nodes),
            timeout,
            "replication to run both ways",
        )

    def wait_semi_sync(self, timeout: float = 15) -> None:
        """Until each node waits for the other before it acknowledges a commit."""
        self.wait_until(
            lambda: all(map(_waits_for_its_replica, self.nodes)),
            timeout,
            "semi-synchronous commits",
        )

    def wait_replication_caught_up(self, timeout: float = 15) -> float:
        """Until both nodes have the same transactions, by GTID; returns the seconds."""
        return self.wait_until(
            lambda: contents.transactions(self.a) == contents.transactions(self.b),
            timeout,
            "both nodes to have the same GTIDs",
        )

    def tables_equal(self) -> bool:
        """Whether both nodes hold the same rows, in all tables but the system's."""
        return not self.different_tables()

    def different_tables(self) -> list[str]:
        """Tables that differ, or that only one node has."""
        return contents.different_tables(self.a, self.b)

    # Inner workings

    def _wire(self) -> None:
        self._make_switch("br0", "br1")
        self.switch.add_address("br0", WITNESS)
        self.client = self._make_client(Link("client", INTERFACE, "br0", CLIENT_ADDRESS))
        self.a, self.b = (self._node(name, index) for index, name in enumerate("ab"))

    def _node(self, name: str, index: int) -> Node:
        links = [Link(f"{name}0", INTERFACE, "br0", ADDRESSES[index])]
        if self._replication_network:
            links.append(Link(f"{name}1", "eth1", "br1", REPLICATION_ADDRESSES[index]))
        node = Node(
            name,
            self.flavour,
            self.workdir / name,
            self.switch,
            links,
            suite_directory=self.suite.directory,
            visible=self.suite.visible,
            datadir_size=self._datadir_size,
            **self._node_options,
        )
        return self._keep(node)

    def _words_for_grants(self) -> dict[str, object]:
        addresses = REPLICATION_ADDRESSES if self._replication_network else ADDRESSES
        return {
            "NODE1_ADDRESS": addresses[0],
            "NODE2_ADDRESS": addresses[1],
            **KACHECKS_PASSWORDS,
        }

    def _peer_address(self, node: Node) -> str:
        return self.other(node).links[-1].address

    def _words(self, node: Node) -> dict[str, object]:
        return {
            **self._words_for_grants(),
            "NODE_INTERFACE": INTERFACE,
            "VIP_ADDRESS": VIP,
            "VIP_PREFIX": PREFIX,
            "NODE_ADDRESS": node.address,
            "PEER_ADDRESS": self._peer_address(node),
            "WITNESS_ADDRESS": WITNESS,
            "SERVER_NUMBER": self.nodes.index(node) + 1,
        }

    def _write_files(self, node: Node) -> None:
        words = self._words(node)
        semi_sync = self._semi_sync is not None
        files.server_options(node, words, self._server_options, semi_sync)
        conf = self.suite.keepalived_conf[self.nodes.index(node)]
        files.keepalived_conf(node, conf, words)
        if self.suite.option_file:
            self.set_options(node, {})


def _waits_for_its_replica(node: Node) -> bool:
    """Semi-sync is active, and a replica is connected that acknowledges (or it would time out)."""
    rows = node.sql("SHOW GLOBAL STATUS LIKE 'Rpl_semi_sync_%'")
    status = {str(row["Variable_name"]): str(row["Value"]) for row in rows}
    return ("ON", "1") in {
        (value, status[name.replace("_status", "_clients")])
        for name, value in status.items()
        if name.endswith(("_master_status", "_source_status"))
    }
