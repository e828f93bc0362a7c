"""Two nodes, what lies between them, and everybody who watches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.schedules import programs
from tests.schedules.clients import Clients
from tests.schedules.duties import PROMOTIONS
from tests.schedules.invariants import Watch
from tests.schedules.network import Links
from tests.schedules.node import Node
from tests.schedules.scheduler import Scheduler
from tests.schedules.vrrp import MASTER

if TYPE_CHECKING:
    from kachecks.config.options import Config
    from tests.schedules.faults import Event, Faults
    from tests.schedules.scheduler import Program

RESTART = (0.3, 1.0)
"""Seconds until systemd has started mysqld again, and those until it listens."""


class World:
    """All of it; ``log`` says what happened, where ``telling`` is set."""

    def __init__(self, seed: int, configs: tuple[Config, Config], one_link: bool) -> None:
        self.scheduler = Scheduler(seed)
        self.telling = False
        self.log: list[str] = []
        self.late_hooks = 0.15  # of the hooks, so many take up to 1.5 s to begin
        self.stalls = self.kills = 0.0  # of the programs, so many
        self.drop_in = True  # keepalived-snippets/kachecks-keepalived.service.d.conf
        self.restarts = True  # systemd starts a mysqld that has died again
        self.links = Links(self, one_link)
        self.watch = Watch(self)
        self.strike: tuple[int, list[Event], Faults] | None = None  # at that step of a promotion
        self.nodes = (Node(self, 0, configs[0], 250), Node(self, 1, configs[1], 249))
        self.clients = Clients(self, 0.15)

    def say(self, text: str) -> None:
        self.log.append(f"{self.scheduler.now:9.4f} {text}")

    # --- between the nodes ---

    def send_advert(self, node: Node, priority: int) -> None:
        if self.links.adverts(node, node.other):
            seconds = 0.0002 + 0.0005 * self.scheduler.random.random()
            self.scheduler.after(seconds, node.other.hear_advert, priority)

    def vip_claimed(self, node: Node) -> None:
        """Gratuitous ARP: from now on clients go there."""
        if self.links.outside(node):
            self.clients.holder = node

    def committed(self, server: object) -> None:
        for node in self.nodes:
            if node.server is not server:
                node.receiver.flow()

    def replication_may_flow(self) -> None:
        for node in self.nodes:
            node.receiver.flow()

    def network_changed(self) -> None:
        """Something was cut or healed."""
        self.links.changed()
        for node in self.nodes:
            node.receiver.network_healed()
            node.receiver.watch_silence()
            node.keepalived.consider()
            for other in self.nodes:
                self._end_abandoned(other)
        self.watch.look()

    def _end_abandoned(self, node: Node) -> None:
        """Sessions whose client has gone, and could not say so, end now."""
        server = node.server
        for each in list(server.connections.values()):
            gone = getattr(each, "client_gone", False)
            if gone and server.runs and self.links.ip(node.other, node):
                each.end_on_server()  # type: ignore[union-attr]

    # --- within a node ---

    def kill_mysqld(self, node: Node, pid: int) -> None:
        """SIGKILL arrives."""
        if node.server.alive and node.server.pid == pid:
            node.server.die()

    def mysqld_died(self, node: Node, pid: int) -> None:  # noqa: ARG002
        if self.restarts and node.powered:
            random = self.scheduler.random.random
            self.scheduler.after(RESTART[0] + random(), node.server.boot, RESTART[1] * random())
        self.watch.look()

    def notify_down_stops(self, node: Node) -> None:
        if node.keepalived.state == MASTER:
            self.watch.releases(node, "notify_down")
        node.keepalived.stop()

    def start_promotion(self, node: Node) -> None:
        """As a check does: in a process of its own, which keepalived does not know."""
        delay = 0.03 + 0.05 * self.scheduler.random.random()
        node.spawn("promotion", programs.notify_master, delay, lambda _ended: None)

    def permit_changed(self, node: Node, stalled: float) -> None:
        if node.keepalived.state == MASTER and not node.permit_granted:
            self.watch.releases(node, "the permit", stalled)
        node.keepalived.consider()

    def make_trouble(self, node: Node, program: Program) -> None:
        """Decide now at which point of this program what happens to it."""
        if self.strike is not None and program.name in PROMOTIONS and node.vip:
            program.trouble_at, events, faults = self.strike
            program.trouble = lambda: faults.begin(events)
            self.strike = None
            return
        random = self.scheduler.random.random
        chance = random()
        if chance < self.kills:
            program.trouble_at = 1 + int(60 * random() ** 2)
        elif chance < self.kills + self.stalls:
            program.trouble_at = 1 + int(60 * random() ** 2)
            program.stall = 4.0 * random() ** 2
            node.hindered()
