"""The application: a few pooled connections that write through the VIP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.schedules.server import COMMITTING, Client

if TYPE_CHECKING:
    from tests.schedules.node import Node
    from tests.schedules.server import Server
    from tests.schedules.world import World

POOL = 2
QUEUED_IN_A_STOPPED_SERVER = 2


class Pooled:
    """One of its connections."""

    def __init__(self) -> None:
        self.node: Node | None = None
        self.number = 0


class Clients:
    """All of them. Each writes now and then where it is connected, and connects anew when cut."""

    def __init__(self, world: World, every: float) -> None:
        self.world, self.every = world, every
        self.pool = [Pooled() for _ in range(POOL)]
        self.holder: Node | None = None  # whom the VIP leads to: who claimed it last
        self.acknowledged = 0

    def start(self) -> None:
        self._again()

    def _again(self) -> None:
        scheduler = self.world.scheduler
        self.write(self.pool[int(scheduler.random.random() * POOL)])
        scheduler.after(self.every * (0.5 + scheduler.random.random()), self._again)

    def write(self, one: Pooled) -> None:
        if one.node is not None and one.number not in one.node.server.connections:
            one.node = None  # cut
        if one.node is None:
            self._connect(one)
        node = one.node
        if node is None or not self.world.links.outside(node):
            return
        server = node.server
        if not server.alive:
            one.node = None
        elif server.halts:
            if server.open and len(server.missed) < QUEUED_IN_A_STOPPED_SERVER:
                server.missed.append(server.commit)  # it had begun before the server was stopped
        elif server.open and node.disk_takes is not None:
            self._write_slowly(one, node, node.disk_takes())
        elif server.open and any(each.locks_all for each in server.clients()):
            return  # it waits
        elif server.open:
            server.commit()
            self.acknowledged += 1
        else:  # error 1290: the application connects anew, through the VIP
            server.remove(one.number)
            one.node = None

    def _connect(self, one: Pooled) -> None:
        node = self.holder
        if node is None or not node.vip or not self.world.links.outside(node):
            holders = [each for each in self.world.nodes if each.vip]
            node = next((each for each in holders if self.world.links.outside(each)), None)
        if node is None or not node.server.listening or node.server.halts:
            return
        one.node, one.number = node, node.server.add(Client("app", "Sleep", "10.0.0.9:4"))

    def _write_slowly(self, one: Pooled, node: Node, seconds: float) -> None:
        """The disk takes its time."""
        connection = node.server.connections[one.number]
        if isinstance(connection, Client) and not connection.commits:
            connection.command, connection.since = "Query", self.world.scheduler.now
            self.commit(node.server, connection, seconds)

    def commit(self, server: Server, writer: Client, seconds: float) -> None:
        """The commit of a connection takes so long; its client is told OK at its end."""
        writer.state, writer.blocks, writer.commits = COMMITTING, True, True
        pid = server.pid

        def end() -> None:
            if server.pid != pid or not server.alive:
                return
            server.commit()
            self.acknowledged += 1
            writer.command, writer.since, writer.state = "Sleep", self.world.scheduler.now, ""
            writer.blocks = writer.commits = False
            server.freed()

        self.world.scheduler.after(seconds, server.when_running, end)

    def server_died(self, node: Node) -> None:
        for one in self.pool:
            if one.node is node:
                one.node = None

    def long_write(self, node: Node, seconds: float, stubborn: bool) -> None:
        """A statement that SET GLOBAL read_only waits for; stubborn: it cannot be killed."""
        server, now = node.server, self.world.scheduler.now
        if not (server.runs and server.open and server.listening):
            return
        writer = Client("app", "Query", "10.0.0.9:5")
        writer.blocks, writer.since = True, now
        writer.unkillable_until = now + seconds if stubborn else now
        number = server.add(writer)
        self.world.scheduler.after(seconds, server.remove, number)

    def statement(self, node: Node, age: float, state: str, seconds: float, commit: float) -> None:
        """A statement that began ``age`` seconds ago, goes on, and then commits for that long."""
        server, now = node.server, self.world.scheduler.now
        if not (server.runs and server.open and server.listening):
            return
        writer = Client("app", "Query", "10.0.0.9:7")
        writer.blocks, writer.since, writer.state = True, now - age, state
        number, pid = server.add(writer), server.pid

        def committing() -> None:
            if server.pid == pid and number in server.connections:
                self.commit(server, writer, commit)

        self.world.scheduler.after(seconds, server.when_running, committing)
