"""The receiver of one node, and its connection to the other's server.

Both ends of a connection are kept apart: a server that was cut off, powered off or stopped does
not learn at once that the other end is gone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.schedules.server import Client

if TYPE_CHECKING:
    from tests.schedules.node import Node

CONNECT_RETRY = 1.0
NET_TIMEOUT = 10.0
"""Seconds: replica_net_timeout of keepalived-snippets/my.cnf.mysql."""


class Connection:
    """One TCP connection of a receiver."""

    def __init__(self, port: int, source_pid: int, dump: int) -> None:
        self.port, self.source_pid, self.dump = port, source_pid, dump
        self.established_there = True  # in the kernel of the source
        self.heard = 0.0
        self.arrives = 0.0  # the last that is on its way ...
        self.sent = 0  # ... brings all up to this one


class Receiver:
    """Fetches what the other node's server has committed."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.scheduler = node.scheduler
        self.state = "No"
        self.connection: Connection | None = None
        self.lost: list[Connection] = []  # of which the source does not know yet that they ended
        self.delay = 0.002
        self.sending = 0.0  # seconds that its source needs for each transaction ...
        self._in_vain: set[int] = set()  # ... and connections whose source died meanwhile
        self.ever_connected = False  # since its server has started
        self.was_level = False  # the same: a check has seen that it lacked nothing
        self.trouble = ""  # stopped, refused (1130), purged (1236), silent
        self._port = 50000
        self._attempt = 0

    # --- the thread ---

    def boot(self) -> None:
        """Its server has started."""
        self.ever_connected = self.was_level = False
        self.start()

    def start(self) -> None:
        if self.state != "Yes":
            self.state = "Connecting"
            self._attempt += 1
            self.scheduler.after(0.003, self._try, self._attempt)

    def stop(self) -> None:
        self._drop(told=True)
        self.state = "No"
        self._attempt += 1

    def server_died(self) -> None:
        self.stop()

    def _try(self, attempt: int) -> None:
        server, source = self.node.server, self.node.other.server
        if attempt != self._attempt or self.state != "Connecting" or not server.alive:
            return
        network, here, there = self.node.world.links, self.node, self.node.other
        reach = network.sql(here, there) and network.sql(there, here)
        reach = reach and self.trouble != "refused" and not network.rejects(here, there)
        if reach and self.trouble == "purged" and source.listening and source.runs:
            self.state = "No"
            return
        if reach and source.listening and source.runs and server.runs:
            self._port += 1
            for old in self.lost:  # the same server_uuid: its old dump threads are ended
                self._forgotten(old)
            dump = source.add(Client("repl", "Binlog Dump GTID", f"{here.address}:{self._port}"))
            self.connection = Connection(self._port, source.pid, dump)
            self.connection.heard = self.scheduler.now
            self.state, self.ever_connected = "Yes", True
            self.flow()
            return
        self.scheduler.after(CONNECT_RETRY, self._try, attempt)

    def fail(self, trouble: str) -> None:
        """From now on it gets nothing: stopped, refused, purged or silent."""
        self.trouble = trouble
        if trouble != "silent":
            self.stop()
        if trouble in ("refused", "purged"):
            self.start()

    def mend(self) -> None:
        """Somebody has seen to it, and started it."""
        self.trouble = ""
        if self.node.server.alive:
            self.start()
        self.flow()

    def reset(self) -> None:
        """A firewall ends its connection."""
        if self.connection is None:
            return
        self._drop(told=True)
        if self.state == "Yes":
            self.state = "Connecting"
            self._attempt += 1
            self.scheduler.after(CONNECT_RETRY, self._try, self._attempt)

    # --- the stream ---

    def flow(self) -> None:
        """Whatever is not here yet is on its way, if there is a way."""
        connection, source = self.connection, self.node.other.server
        if connection is None or self.state != "Yes" or connection.source_pid != source.pid:
            return
        if self.trouble == "silent":
            return
        network, here, there = self.node.world.links, self.node, self.node.other
        if not source.runs or not network.sql(there, here) or not network.sql(here, there):
            return
        connection.heard = self.scheduler.now
        if source.own > max(connection.sent, self.node.server.received):
            connection.sent = source.own
            connection.arrives = self.scheduler.now + self.delay + self.sending
            self.scheduler.at(connection.arrives, self._arrive, connection, source.own)

    def _arrive(self, connection: Connection, number: int) -> None:
        """Sent while the connection was whole; a server that stands still reads it later."""
        if connection is self.connection and connection.port not in self._in_vain:
            server = self.node.server
            server.when_running(lambda: server.receive(number, server.pid))

    def watch_silence(self) -> None:
        """Something has changed that may keep the source from being heard."""
        if self.connection is not None:
            connection = self.connection
            connection.heard = self.scheduler.now
            self.scheduler.after(NET_TIMEOUT, self._silence, connection)

    def _silence(self, connection: Connection) -> None:
        if self.connection is not connection or self.state != "Yes" or self.trouble == "silent":
            return
        self.flow()
        if self.scheduler.now - connection.heard >= NET_TIMEOUT - 0.001:
            self._drop(told=False)
            self.state = "Connecting"
            self._attempt += 1
            self._try(self._attempt)

    @property
    def is_being_sent(self) -> bool:
        """Something is on its way to it."""
        return self.connection is not None and self.connection.arrives > self.scheduler.now

    # --- the connection ---

    def source_died(self) -> None:
        """The other server's process has ended; its kernel says so, if it is heard."""
        connection = self.connection
        if connection is None:
            return
        connection.established_there = False
        if self.sending:
            self._in_vain.add(connection.port)
            connection.arrives = self.scheduler.now
        if self.node.world.links.sql(self.node.other, self.node):
            # The end comes after what was sent before it.
            self.scheduler.at(connection.arrives + 0.0005, self._ended, connection)
        else:
            self.watch_silence()

    def _ended(self, connection: Connection) -> None:
        if self.connection is not connection:
            return
        self.connection = None
        if self.state == "Yes":
            self.state = "Connecting"
            self._attempt += 1
            self.scheduler.after(CONNECT_RETRY, self._try, self._attempt)

    def _drop(self, told: bool) -> None:
        connection, self.connection = self.connection, None
        if connection is None:
            return
        if told and self.node.world.links.sql(self.node, self.node.other):
            self._forgotten(connection)
        else:
            self.lost.append(connection)

    def _forgotten(self, connection: Connection) -> None:
        """The source's kernel, and then the source, learn that it is gone."""
        connection.established_there = False
        source = self.node.other.server
        if source.pid == connection.source_pid:
            source.remove(connection.dump)

    def network_healed(self) -> None:
        """What was said in vain arrives now."""
        if self.node.world.links.sql(self.node, self.node.other):
            lost, self.lost = self.lost, []
            for connection in lost:
                self._forgotten(connection)
        if self.connection is not None and self.connection.source_pid != self.node.other.server.pid:
            self.source_died()
        self.flow()

    def established_at_source(self) -> set[int]:
        """Ports of this node's receiver that the other node's kernel holds for established."""
        found = {each.port for each in self.lost if each.established_there}
        if self.connection is not None and self.connection.established_there:
            found.add(self.connection.port)
        return found
