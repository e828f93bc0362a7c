"""kachecks.node.Outside of one program on one simulated node: what touches the world.

Marks, lock and telling are the real ones, on the files here. Whatever is asked of the world is a
point where the program may be stalled, killed or overtaken.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any

from kachecks.bounded import Clock, GivenUp
from kachecks.keepalived.process import KeepalivedError
from kachecks.mysql.disks import PATIENCE, Disks
from kachecks.mysql.session import KNOCK, LEAST_KNOCK, NoAnswer, Unreachable
from kachecks.mysql.stopping import Sessions
from kachecks.mysqld_process import LOOK_AT_SOCKET, Process
from kachecks.network.link import Network
from kachecks.node import Keepalived, Node, Outside, Servers, Voice
from kachecks.report import LOG_PATIENCE
from kachecks.state.files import ALONE, GAVE_WAY, MYSQLD, PERMIT, Disk, Files, Late, StateError
from tests.schedules.sessions import SimulatedSession

if TYPE_CHECKING:
    from tests.schedules.node import Node as SimulatedNode
    from tests.schedules.scheduler import Program

FILE = 0.00003
"""Seconds for a look at a small file of /run."""

DISK = 0.003
"""Seconds for a look at a file on disk, by a child."""


def node_of(node: SimulatedNode, program: Program) -> Node:
    """The real Node, as this program sees it."""
    return Node(node.config, SimulatedOutside(node, program))


class Part:
    """One program's view of its node."""

    def __init__(self, node: SimulatedNode, program: Program) -> None:
        self._node, self._program = node, program


class SimulatedClock(Part, Clock):
    """The node's own clock; sleep is virtual."""

    def now(self) -> float:
        return self._node.now()

    def sleep(self, seconds: float) -> None:
        self._program.point(max(seconds, 0.0) + 0.00005)

    def within(  # nothing is semi-synchronous here
        self,
        seconds: float,  # noqa: ARG002
        work: Callable[[], Any],  # noqa: ARG002
        meanwhile: Callable[[], None],  # noqa: ARG002
    ) -> Any:
        raise AssertionError

    def seconds_running(self) -> float:
        return self._program.scheduler.now - self._program.begun

    def parent_running(self) -> float:
        return float("inf")


class SimulatedFiles(Part, Files):
    """The tmpfs of the node. Some of its files are watched, and told of, from outside."""

    def __init__(self, node: SimulatedNode, program: Program) -> None:
        super().__init__(node, program)
        self._locked: list[str] = []  # by number

    def read(self, path: str) -> str:
        self._program.point(FILE)
        return self._node.tmpfs.get(path, "")

    def write(self, path: str, text: str) -> None:
        self._program.point(FILE)
        node, program = self._node, self._program
        if node.run_is_full:
            raise StateError(f"cannot write {path}: No space left on device")
        node.tmpfs[path] = text
        kind = path.rpartition(".")[2]
        if kind == PERMIT:  # keepalived reads it a moment later, whatever it says then
            node.scheduler.after(0.01, node.world.permit_changed, node, program.stalled)
        elif kind == GAVE_WAY:
            why = text.partition(" ")[2]
            node.say(f"gives way: {why}", program)
            node.world.watch.gave_way(node, why, program)
        elif kind == MYSQLD and text.endswith("contact"):
            node.say("contact with the peer", program)

    def remove(self, path: str) -> None:
        self._program.point(FILE)
        if self._node.tmpfs.pop(path, "") and path.endswith(GAVE_WAY):
            self._node.say("may return", self._program)

    def must_be_roots(self, directory: str) -> None:
        """It is."""

    def age(self, path: str) -> float:  # noqa: ARG002
        """Old enough for everybody who asks."""
        return float("inf")

    def lock(self, path: str) -> int | None:
        self._program.point(FILE)
        if path in self._node.locks:
            return None
        self._node.locks[path] = self._program
        self._locked.append(path)
        return len(self._locked) - 1

    def inscribe(self, lock: int, text: str) -> None:
        self._program.point(FILE)
        if self._node.run_is_full:
            text = ""
        self._node.tmpfs[self._locked[lock]] = text

    def unlock(self, lock: int) -> None:
        self._program.point(FILE)
        self._node.locks.pop(self._locked[lock], None)

    def inscription(self, path: str) -> str | None:
        self._program.point(FILE)
        return self._node.tmpfs.get(path, "") if path in self._node.locks else None


class SimulatedDisk(Part, Disk):
    """The disk of the node, which survives a reboot."""

    def _wait(self, patience: float) -> None:
        """Raises Late."""
        takes = self._node.disk_takes() if self._node.disk_takes is not None else DISK
        self._program.point(min(takes, patience))
        if takes > patience:
            raise Late("the disk has not answered")

    def read(self, path: str, patience: float) -> str:
        self._wait(patience)
        return self._node.disk.get(path, "")

    def write(self, path: str, text: str, patience: float) -> None:
        self._wait(patience)
        self._node.disk[path] = text
        if path.endswith(ALONE):
            self._node.say("alone", self._program)
            self._node.world.watch.marks_alone(self._node)

    def remove(self, path: str, patience: float) -> None:
        self._wait(patience)
        self._node.disk.pop(path, None)

    def append(self, path: str, line: str, patience: float) -> None:  # noqa: ARG002
        """To the audit log, which nobody here reads."""
        self._wait(patience)
        if self._node.world.telling:
            record = json.loads(line)
            self._node.say(f"record {record['outcome']} {record['steps']}", self._program)


class SimulatedServers(Part, Servers):
    """The two mysqld."""

    def connect_local(self, timeout: float) -> Any:
        return SimulatedSession(self._node, self._program, self._node.server, timeout)

    def connect_peer(self, timeout: float) -> Any:
        return SimulatedSession(self._node, self._program, self._node.other.server, timeout)

    def begin_to_connect_peer(self, timeout: float) -> Callable[[float], Any]:
        """Each call is an attempt of its own here; in vain, it takes as long as all would."""
        scheduler, links, here = self._program.scheduler, self._node.world.links, self._node
        ends = scheduler.now + timeout + min(KNOCK, max(timeout, LEAST_KNOCK))

        def session(seconds: float) -> Any:
            if seconds < timeout:
                try:
                    if links.sql(here, here.other) and links.sql(here.other, here):
                        return self.connect_peer(seconds)
                except NoAnswer:
                    raise GivenUp from None
                self._program.point(seconds)
                raise GivenUp
            try:
                return self.connect_peer(0.001)
            except (NoAnswer, Unreachable):
                self._program.point(max(ends - scheduler.now, 0.0))
                raise

        return session

    def connect_vip(self, timeout: float) -> Any:
        other = self._node.other
        if self._node.vip or not other.vip:
            self._program.point(timeout)
            raise Unreachable("nobody has the VIP, or this node itself")
        return SimulatedSession(self._node, self._program, other.server, timeout)

    def connections_from_peer(self) -> set[int]:
        self._program.point(0.002)
        return self._node.other.receiver.established_at_source()

    def connections_through_vip(self) -> set[int]:
        self._program.point(0.002)
        return set()

    def process_of(self, session: Any) -> Process | None:
        self._program.point(FILE)
        server = self._node.server
        return server.process if server.alive and session.server_pid() == server.pid else None

    def sockets_of(self, session: Any) -> tuple[str, str]:  # noqa: ARG002 - the same signature
        return "/run/s.sock", ""

    def listens(self, process: Process, socket: str) -> bool:  # noqa: ARG002
        return self.alive(process) and self._node.server.listening

    def alive(self, process: Process) -> bool:
        self._program.point(FILE)
        return self._lives(process)

    def _lives(self, process: Process) -> bool:
        server = self._node.server
        return server.alive and server.process == process

    def wait_for_end(self, process: Process, seconds: float) -> bool:
        program = self._program
        program.point(FILE)
        if not self._lives(process):
            return True
        ticket = program.ticket()
        self._node.at_death(lambda: program.wake(ticket))
        program.wait(max(seconds, 0.0))
        return not self._lives(process)

    def watch(self, process: Process, seconds: float, socket: str) -> bool | None:
        scheduler = self._program.scheduler
        ends = scheduler.now + seconds
        while not self.wait_for_end(process, min(LOOK_AT_SOCKET, ends - scheduler.now)):
            if scheduler.now >= ends or (socket and not self.is_there(socket)):
                return False
        return True

    def is_there(self, socket: str) -> bool:  # noqa: ARG002
        return not self._node.server.shutting

    def end_sessions(
        self,
        process: Process,
        peer: str,  # noqa: ARG002
        readers: frozenset[int],  # noqa: ARG002
    ) -> Sessions | None:
        self._program.point(FILE)
        if not self._lives(process):
            raise ProcessLookupError
        return self._node.server.end_sessions()

    def end_sending(self, process: Process) -> None:
        self._program.point(FILE)
        if self._lives(process):
            self._node.other.receiver.source_died()

    def end_sessions_through_vip(self, process: Process) -> set[str]:
        self._program.point(FILE)
        if not self._lives(process):
            raise ProcessLookupError
        return set()

    def end_clients(self, process: Process, hosts: Collection[str]) -> None:  # noqa: ARG002
        raise AssertionError  # nothing is semi-synchronous here

    def kill(self, process: Process) -> bool:
        self._program.point(FILE)
        if not self._lives(process):
            return False
        node = self._node
        node.say(f"SIGKILL to mysqld {process.pid}", self._program)
        node.world.watch.kills(node, self._program)
        node.scheduler.after(0.002, node.world.kill_mysqld, node, process.pid)
        return True

    def look_at_disks(
        self,
        process: Process,  # noqa: ARG002
        directories: tuple[str, ...],
        binlog: str,  # noqa: ARG002
        hanging: Process | None,
    ) -> Disks:
        node, now = self._node, self._program.scheduler.now
        if hanging is not None and now < node.disk_child_hangs:
            self._program.point(0.002)
            return Disks(mute=hanging)
        takes = node.disk_takes() if node.disk_takes is not None else 0.002
        self._program.point(min(takes, PATIENCE))
        if takes > PATIENCE:
            node.disk_child_hangs = now + takes
            return Disks(mute=Process(node.new_pid(), 1))
        full = f"{directories[0]} has 1 MiB left" if node.disk_is_full else ""
        return Disks(full=full, binlog=f"{node.server.own}", device=f"{now:.1f}")


class SimulatedNetwork(Part, Network):
    """The network between the nodes."""

    def vip_here(self) -> bool:
        self._program.point(0.0001)
        self._program.looked_at_vip = self._program.scheduler.now
        self._program.stalled_then = self._program.stalled
        return self._node.vip

    def answers(self, addresses: Sequence[str], seconds: float) -> bool:
        node, links = self._node, self._node.world.links
        program = self._program
        until = program.scheduler.now + seconds
        peer = node.other.address
        while True:
            for each in addresses:
                reached = links.echo(node, node.other) if each == peer else links.witness(node)
                if reached:
                    program.point(0.0005)
                    return True
            if program.scheduler.now >= until:
                program.point(0.0)
                return False
            program.point(min(0.1, until - program.scheduler.now + 1e-9))

    def vips_missing(self) -> tuple[str, ...]:
        return () if self.vip_here() else self._node.config.vips

    def holder_elsewhere(self) -> str:
        node = self._node
        if node.other.vip and node.world.links.arp(node, node.other):
            self._program.point(0.001)
            return node.other.address
        self._program.point(0.09)
        return ""

    def peer_is_neighbour(self) -> bool:
        return self._node.world.links.one_link

    def ask_for_holder(self) -> Callable[[], str]:
        return self.holder_elsewhere

    def peer_on_link(self) -> bool:
        node = self._node
        if node.world.links.arp(node, node.other):
            self._program.point(0.001)
            return True
        self._program.point(0.09)
        return False

    def nothing_on_link(self, seconds: float) -> bool:
        node, program, links = self._node, self._program, self._node.world.links
        if not links.one_link:
            return False
        until = program.scheduler.now + seconds
        while True:
            if links.arp(node, node.other) or links.echo(node, node.other):
                program.point(0.001)
                return False
            left = until - program.scheduler.now
            if left <= 0:
                return True
            program.point(min(seconds / 5, left))

    def peer_has_no_vrrp(self) -> bool:
        self._program.point(0.001)
        other, links = self._node.other, self._node.world.links
        return other.powered and not other.keepalived.running and links.echo(self._node, other)

    def hears_peer(self) -> bool:
        program, node = self._program, self._node
        program.point(0.0001)
        ticket = program.ticket()
        node.listeners.append(lambda: program.wake(ticket))
        return program.wait(2.2 * node.config.advert_int)

    def announce(self, mac: str) -> None:
        self._program.point(0.001)
        for node in self._node.world.nodes:
            if node.address == mac:
                self._node.world.vip_claimed(node)


class SimulatedKeepalived(Part, Keepalived):
    """The keepalived of the node."""

    def find(self) -> bool:
        self._program.point(0.005)
        return self._node.keepalived.running

    def stop(self) -> str:
        self._program.point(0.005)
        keepalived = self._node.keepalived
        if not keepalived.running:
            return "no keepalived is running here"
        self._node.scheduler.after(0.005, self._node.world.notify_down_stops, self._node)
        return "stopped keepalived"

    def drop_vip(self) -> str:
        self._program.point(0.005)
        if self._node.keepalived.running:
            raise KeepalivedError("a living keepalived still owns it")
        self._node.remove_vip()
        return "removed the VIP"

    def start_notify_master(self) -> None:
        self._program.point(0.005)
        self._node.say("starts a promotion", self._program)
        self._node.world.start_promotion(self._node)


class SimulatedVoice(Part, Voice):
    """Nobody listens, but telling takes time."""

    def log(self, text: str, problem: bool) -> None:  # noqa: ARG002
        self._program.point(LOG_PATIENCE if self._node.syslog_blocks else 0.0005)

    def alert(self, program: str, record: dict[str, object]) -> None:
        """There is no alert program here."""


class SimulatedOutside(Outside):
    """All of it."""

    def __init__(self, node: SimulatedNode, program: Program) -> None:
        self.clock = SimulatedClock(node, program)
        self.files = SimulatedFiles(node, program)
        self.disk = SimulatedDisk(node, program)
        self.servers = SimulatedServers(node, program)
        self.network = SimulatedNetwork(node, program)
        self.keepalived = SimulatedKeepalived(node, program)
        self.voice = SimulatedVoice(node, program)
