"""Three nodes that form a cluster behind one VIP, and two clients, on one bridge."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from tests.lab.clusters.engine import SIZE, Engine
from tests.lab.clusters.member import Member
from tests.lab.clusters.suite import SUITES, Suite
from tests.lab.error import LabError
from tests.lab.hosts.namespaces import Namespaces
from tests.lab.hosts.network import PREFIX, Link
from tests.lab.hosts.site import Site
from tests.lab.pairs import datadir, files
from tests.lab.servers.accounts import KACHECKS_PASSWORDS
from tests.lab.servers.flavour import OPTION_FILE

VIP, READ_VIP = "10.0.0.100", "10.0.0.101"
INTERFACE = "eth0"
ADDRESSES = tuple(f"10.0.0.{number}" for number in range(1, SIZE + 1))
CLIENT = Link("client", INTERFACE, "br0", "10.0.0.10")
OTHER_CLIENT = Link("client2", INTERFACE, "br0", "10.0.0.11")
_APART = "br1"

_SMALL = {"max_connections": 200}
"""A writer that gives an answer up leaves a session behind, as long as there is no quorum."""


class Cluster(Site):
    """Members `a` (10.0.0.1, starts with the VIP), `b` and `c`, `client` and `other_client`.

        with Cluster(GALERA, "standin") as cluster:
            cluster.a.power_off()
            cluster.wait_until(lambda: cluster.b.has_vip(VIP), 10, "B has the VIP")

    `option_overrides` changes kachecks.cnf on all, as for a Pair.
    `server_options` adds to [mysqld] of all, `member_options` of one, by its name.
    """

    def __init__(
        self,
        engine: Engine,
        suite: str | Suite = "none",
        option_overrides: Mapping[str, object | None] | None = None,
        workdir: Path | None = None,
        *,
        server_options: Mapping[str, object] | None = None,
        member_options: Mapping[str, Mapping[str, object]] | None = None,
    ) -> None:
        super().__init__(workdir)
        self.engine = engine
        self.suite = suite if isinstance(suite, Suite) else SUITES[suite](engine)
        self.other_client: Namespaces
        self.a: Member
        self.b: Member
        self.c: Member
        self._cut = False
        self._options = dict(option_overrides or {})
        self._server_options = {**_SMALL, **(server_options or {})}
        self._member_options = dict(member_options or {})

    def start(self) -> None:
        """Bring everything up; returns when A serves, and B and C are BACKUP and members."""
        with self._phase("template"):
            source = self.engine.template()
        with self._phase("namespaces"):
            self._make_workdir()
            self._wire()
            for node in self.nodes:
                node.power_on()
        with self._phase("files"):
            for number, node in enumerate(self.nodes, start=1):
                datadir.copy(source, node.datadir)
                self.engine.furnish(node, number)
                self._write_files(node, number)
        with self._phase("members"):
            self.a.start_mysqld(self.engine.forming, wait=False)
            for node in self.others(self.a):
                node.start_mysqld(wait=False)
            self.wait_whole()
            self.engine.formed(self.a)
        with self._phase("keepalived"):
            self.a.start_keepalived()
            self.wait_until(lambda: self.is_serving(self.a), 20, "A to have the VIP and be open")
            for node in (self.b, self.c):
                node.start_keepalived()
            for node in (self.b, self.c):
                node.wait_standby()

    # What a scenario asks

    @property
    def nodes(self) -> tuple[Member, Member, Member]:
        return self.a, self.b, self.c

    def others(self, node: Member) -> list[Member]:
        return [each for each in self.nodes if each is not node]

    @property
    def holders(self) -> list[Member]:
        """Who has the VIP."""
        return [node for node in self.nodes if node.has_vip(VIP)]

    @property
    def writers(self) -> list[Member]:
        """Who takes writes, by its own word."""
        standings = [(node, node.standing()) for node in self.nodes]
        return [node for node, standing in standings if standing and standing.takes_writes]

    def is_serving(self, node: Member) -> bool:
        """It has the VIP and takes writes."""
        return node.has_vip(VIP) and node in self.writers

    def wait_whole(self, timeout: float = 60) -> float:
        """Until all are members, and know each other as such; the seconds it took."""
        for node in self.nodes:
            node.wait_member(timeout)
        return self.wait_until(
            lambda: all(s and s.members == SIZE for s in map(Member.standing, self.nodes)),
            timeout,
            "the members to know each other",
        )

    def wait_served_by(self, node: Member, timeout: float) -> float:
        """Until it alone has the VIP, and takes writes; the seconds it took."""
        try:
            return self.wait_until(
                lambda: self.holders == [node] and self.is_serving(node),
                timeout,
                f"{node.name.upper()} alone to have the VIP and take writes",
            )
        except LabError as error:
            raise LabError(f"{error}; {'; '.join(map(self._seen, self.nodes))}") from error

    def set_options(self, node: Member, overrides: Mapping[str, object | None]) -> None:
        """Change kachecks.cnf of one node now: as `option_overrides`, on top of those."""
        if self.suite.option_file is not None:
            options = {**self._options, **overrides}
            files.option_file(node, self.suite.option_file, self._words(node), options)

    def part(self, *nodes: Member) -> None:
        """These and `other_client` reach each other, and nobody else; until `heal`."""
        self._cut = True
        for link in (OTHER_CLIENT, *(node.links[0] for node in nodes)):
            self.switch.move(link, _APART)

    def isolate(self, *nodes: Member) -> None:
        """Each of these reaches nobody, and does not see its carrier go; until `heal`."""
        self._cut = True
        for node in nodes:
            node.cut_link(silent=True)

    def heal(self) -> None:
        """All reach each other."""
        self._cut = False
        for link in (OTHER_CLIENT, *(node.links[0] for node in self.nodes)):
            self.switch.reconnect(link)

    def bring_back(self, node: Member) -> None:
        """What systemd or the operator does after a fault: start what is not running."""
        if not node.is_on:
            node.power_on()
        if node.mysqld_pid() is None:
            node.start_mysqld(wait=False)
        else:
            self.engine.readmit(node)
        node.wait_member()
        if not node.keepalived_pids():
            node.start_keepalived()

    def make_whole(self) -> None:
        """All reach each other, and what an operator then does until all are members again."""
        if self._cut:
            self.heal()
            time.sleep(self.engine.unaware)
        for node in self.nodes:
            self.bring_back(node)
        self.wait_whole()

    def begin_anew(self) -> None:
        """Whole, and served by A, whatever was before. Raises LabError where that cannot be had."""
        self.make_whole()
        others = self.others(self.a)
        if self.holders != [self.a]:
            for node in others:
                node.stop_keepalived()
            self.wait_served_by(self.a, 20)
            for node in others:
                node.start_keepalived()
        self.wait_served_by(self.a, 20)
        for node in others:
            node.wait_standby()

    # Inner workings

    def _seen(self, node: Member) -> str:
        vip = ", the VIP" if node.has_vip(VIP) else ""
        return f"{node.name.upper()}: {node.keepalived_state()}{vip}, {node.standing()}"

    def _wire(self) -> None:
        self._make_switch("br0", _APART)
        self.client, self.other_client = map(self._make_client, (CLIENT, OTHER_CLIENT))
        self.a, self.b, self.c = (self._member(number) for number in range(1, SIZE + 1))

    def _member(self, number: int) -> Member:
        name = "abc"[number - 1]
        link = Link(f"{name}0", INTERFACE, "br0", ADDRESSES[number - 1])
        directory = self.workdir / name
        return self._keep(Member(name, self.engine, self.suite, directory, self.switch, link))

    def _write_files(self, node: Member, number: int) -> None:
        options = {
            **self.engine.settings(number, ADDRESSES),
            **self._server_options,
            **self._member_options.get(node.name, {}),
        }
        lines = "".join(f"{key} = {value}\n" for key, value in options.items())
        node.write(OPTION_FILE, node.flavour.options(f"[mysqld]\n{lines}"))
        client = " ".join([*node.flavour.client_command(), "--skip-column-names"])
        node.write("/etc/kachecks/sql", f'#!/bin/sh\nexec {client} -e "$1"\n', mode=0o755)
        files.keepalived_conf(node, self.suite.keepalived_conf[number - 1], self._words(node))
        self.set_options(node, {})

    def _words(self, node: Member) -> dict[str, object]:
        return {
            "NODE_INTERFACE": INTERFACE,
            "NODE_ADDRESS": node.address,
            "VIP_ADDRESS": VIP,
            "VIP_PREFIX": PREFIX,
            **KACHECKS_PASSWORDS,
        }
