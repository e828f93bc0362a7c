"""What a node has around it, in memory: each stands for a part of kachecks.node.Outside.

They act on one World (simulation.py) and say in its log what was done to them.
"""

# ruff: noqa: ARG002 - the signatures are those of the real parts
from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any

from kachecks import bounded, node
from kachecks.mysql.disks import Disks
from kachecks.mysql.session import NoAnswer, Refused, Unreachable
from kachecks.mysql.stopping import Sessions
from kachecks.mysqld_process import Process
from kachecks.network import link
from kachecks.state import files
from tests.unit.doubles import alerts
from tests.unit.doubles.changing import Changing
from tests.unit.doubles.simulated_server import ONE_MILLISECOND, Server, Session

if TYPE_CHECKING:
    from tests.unit.doubles.simulation import World


class Part(Changing):
    """Of this world."""

    def __init__(self, world: World) -> None:
        self.world = world


class Clock(Part, bounded.Clock):
    """The world's time. Nothing sleeps."""

    started = 0.0  # the process that runs the check
    keepalived_age = 60.0  # s

    def now(self) -> float:
        return self.world.time

    def sleep(self, seconds: float) -> None:
        self.world.pass_time(max(seconds, ONE_MILLISECOND))
        self.world.happening("sleep")
        assert self.world.time < 600, f"it never ends: {self.world.log[-20:]}"

    def within(self, seconds: float, work: Callable[[], Any], meanwhile: Callable[[], None]) -> Any:
        """Work that waits for somebody, and ends when ``meanwhile`` has done its part."""
        meanwhile()
        return work()

    def seconds_running(self) -> float:
        return self.world.time - self.started

    def parent_running(self) -> float:
        return self.keepalived_age


WRITTEN = {
    "open": "mark open",
    "leaving": "mark leaving",
    "failing": "mark leaving",
    "gave_way": "mark gave way: ",
    "maintenance": "keep a copy of the maintenance mark",
}
REMOVED = {
    "open": "unmark",
    "leaving": "unmark leaving",
    "failing": "unmark leaving",
    "gave_way": "unmark gave way",
}


class Files(Part, files.Files):
    """The run directory; keepalived watches the permit in it."""

    error: Exception | None = None  # met by whoever writes
    seconds_old = 60.0  # each file

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.texts: dict[str, str] = {}
        self.purposes: dict[str, str] = {}  # of each lock that is held
        self.ours: list[str] = []  # locks that this node has, "" for one that it had

    def read(self, path: str) -> str:
        return self.texts.get(path, "")

    def write(self, path: str, text: str) -> None:
        self.must_be_usable()
        kind = path.rpartition(".")[2]
        withdrawn = (kind, text) == ("permit", "0\n")
        why = text.partition(" ")[2] if kind == "gave_way" else ""
        self.world.event("permit 0" if withdrawn else WRITTEN.get(kind, "") + why)
        self.texts[path] = text
        if withdrawn:
            self.world.vip_leaves()

    def remove(self, path: str) -> None:
        if path in self.texts:
            self.must_be_usable()
            self.world.event(REMOVED.get(path.rpartition(".")[2], ""))
            del self.texts[path]

    def must_be_roots(self, directory: str) -> None:
        """It is."""

    def age(self, path: str) -> float:
        return self.seconds_old

    def lock(self, path: str) -> int | None:
        self.world.happening("lock")
        self.must_be_usable()
        if path in self.purposes:
            return None
        self.purposes[path] = ""
        self.ours.append(path)
        return len(self.ours) - 1

    def inscribe(self, lock: int, text: str) -> None:
        path = self.ours[lock]
        if text and not self.purposes[path]:
            self.world.say(f"flock to {text}")
        self.purposes[path] = text

    def unlock(self, lock: int) -> None:
        del self.purposes[self.ours[lock]]
        self.ours[lock] = ""
        self.world.say("unlock")

    def inscription(self, path: str) -> str | None:
        return self.purposes.get(path)

    def must_be_usable(self) -> None:
        if self.error:
            raise self.error


class Disk(Part, files.Disk):
    """The state directory."""

    error: Exception | None = None  # met by whoever changes something

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.texts: dict[str, str] = {}

    def read(self, path: str, patience: float) -> str:
        return self.texts.get(path, "")

    def write(self, path: str, text: str, patience: float) -> None:
        self.changes("mark", path)
        self.texts[path] = text

    def remove(self, path: str, patience: float) -> None:
        self.changes("unmark", path)
        self.texts.pop(path, None)

    def append(self, path: str, line: str, patience: float) -> None:
        self.changes("append to", path)
        self.world.recorded.append({**json.loads(line), "problem": self.world.voice.problem})

    def changes(self, how: str, path: str) -> None:
        if self.error:
            raise self.error
        kind = path.rpartition(".")[2]
        self.world.event(f"{how} {kind}" if kind in ("alone", "late") else "")


class Servers(Part, node.Servers):
    """A and B, and B's process."""

    dies_after: float | None = None  # seconds until B's mysqld ends by itself
    unkillable = False
    pidfd = True  # this kernel has it
    process_known = True  # False: over TCP, or in another pid namespace
    listening = ""  # as what B's mysqld has bound the socket on which it listens
    may_kill = True
    stopping: Sessions | None = None  # of B's mysqld; None: nothing tells what it is at
    may_take = True  # its sockets, from another process
    socket_ends = float("inf")  # when B's mysqld removes it
    disks = Disks()

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.dead: set[Process] = set()
        self.hanging: Process | None = None  # the child that the last look at disks was told of
        self.ports_from_peer: set[int] = set()
        self.ports_through_vip: set[int] = set()

    def connect_local(self, timeout: float) -> Any:
        return self._connect(self.world.b, timeout)

    def connect_peer(self, timeout: float) -> Any:
        return self._connect(self.world.a, timeout)

    def begin_to_connect_peer(self, timeout: float) -> Callable[[float], Any]:
        """Each call is an attempt of its own here; the last one knocks, too."""
        begun = self.world.time

        def session(seconds: float) -> Any:
            left = max(begun + min(2 * timeout, seconds) - self.world.time, 0.0)
            try:
                return self.connect_peer(left)
            except (NoAnswer, Unreachable):
                if seconds >= timeout:
                    raise
                raise bounded.GivenUp from None

        return session

    def connect_vip(self, timeout: float) -> Any:
        """Whoever of the two is meant to have it: B has it while ``world.vip`` says so."""
        return self._connect(self.world.b if self.world.vip else self.world.a, timeout)

    def _connect(self, server: Server, timeout: float) -> Session:
        self.world.happening(f"{server.name}: connect")
        self.world.say(f"{server.name}: connect")
        trouble = server.trouble
        if trouble is None and server.slow > timeout:
            trouble = NoAnswer(f"no answer within {timeout:g} s")
        waits = isinstance(trouble, (NoAnswer, Unreachable))
        self.world.pass_time(timeout if waits else ONE_MILLISECOND + server.slow)
        if trouble is not None:
            raise trouble
        return Session(self.world, server)

    def connections_from_peer(self) -> set[int]:
        return self.ports_from_peer

    def connections_through_vip(self) -> set[int]:
        return self.ports_through_vip

    def process_of(self, session: Any) -> Process | None:
        if self.process_known:
            return session.server.process
        return Process(0, 1000 + session.server.pid)  # its start, from its uptime

    def sockets_of(self, session: Any) -> tuple[str, str]:
        return "/s.sock", "/bound.sock" if self.process_known else ""

    def listens(self, process: Process, socket: str) -> bool:
        return self.listening == socket and self.alive(process)

    def alive(self, process: Process) -> bool:
        if self.dies_after is not None and self.world.time >= self.dies_after:
            self.dead.add(process)
        return process not in self.dead

    def wait_for_end(self, process: Process, seconds: float) -> bool:
        left = self.dies_after - self.world.time if self.dies_after is not None else seconds + 1
        if self.alive(process):
            self.world.pass_time(min(seconds, max(left, 0)))
        return not self.alive(process)

    def watch(self, process: Process, seconds: float, socket: str) -> bool | None:
        if socket and self.socket_ends < self.world.time + seconds:
            seconds = max(self.socket_ends - self.world.time, 0.0)
        return self.wait_for_end(process, seconds) if self.pidfd else None

    def is_there(self, socket: str) -> bool:
        return self.world.time < self.socket_ends

    def end_sessions(self, process: Process, peer: str, readers: frozenset[int]) -> Sessions | None:
        self.world.happening("end sessions")
        if not self.may_take:
            raise PermissionError(1, "Operation not permitted")
        return self.stopping

    def end_sending(self, process: Process) -> None:
        self.world.event("end sending")

    def end_sessions_through_vip(self, process: Process) -> set[str]:
        self.world.say("end sessions through the VIP")
        if not self.may_take:
            raise PermissionError(1, "Operation not permitted")
        return self.world.b.shut_through(self.ports_through_vip)

    def end_clients(self, process: Process, hosts: Collection[str]) -> None:
        self.world.say(f"end clients {sorted(hosts)}")
        if not self.may_take:
            raise PermissionError(1, "Operation not permitted")

    def kill(self, process: Process) -> bool:
        if not self.may_kill:
            raise PermissionError(1, "Operation not permitted")
        self.world.say(f"SIGKILL {process.pid}")
        if not self.unkillable:
            self.dead.add(process)
        return True

    def look_at_disks(
        self,
        process: Process,
        directories: tuple[str, ...],
        binlog: str,
        hanging: Process | None,
    ) -> Disks:
        self.hanging = hanging
        self.world.say(f"disks of {process.pid}: {' '.join(directories)}")
        return self.disks


class Network(Part, link.Network):
    """What answers beside SQL."""

    missing: tuple[str, ...] = ()  # of several VIPs, where not all are here; (): none is
    holder = ""  # the MAC that answers for the VIP
    on_link = False
    shares_link = True  # the peer's own address is on the VIP's
    blind = False  # a switch drops the questions that are not for the VIP's holder
    adverts = False
    no_vrrp = False  # the peer's host says so

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.echo: set[str] = {"10.0.0.254"}  # the witness; the peer only where a test says so
        self.errors: dict[str, OSError] = {}  # by the first word of what is asked

    def vip_here(self) -> bool:
        self.ask("vip?")
        return self.world.vip

    def vips_missing(self) -> tuple[str, ...]:
        self.ask("missing?")
        vips = self.world.node.config.vips
        return () if self.world.vip else self.missing or vips

    def answers(self, addresses: Sequence[str], seconds: float) -> bool:
        self.ask(f"echo {' '.join(addresses)}?")
        answered = bool(self.echo.intersection(addresses))
        self.world.pass_time(ONE_MILLISECOND if answered else seconds)
        return answered

    def holder_elsewhere(self) -> str:
        self.ask("holder?")
        self.world.pass_time(ONE_MILLISECOND if self.holder else 0.09)
        return self.holder

    def peer_is_neighbour(self) -> bool:
        return self.shares_link

    def ask_for_holder(self) -> Callable[[], str]:
        return self.holder_elsewhere

    def peer_on_link(self) -> bool:
        self.ask("on link?")
        refuses = self.shares_link and isinstance(self.world.a.trouble, Refused)
        on_link = self.on_link or (refuses and not self.blind)
        self.world.pass_time(ONE_MILLISECOND if on_link else 0.09)
        return on_link

    def nothing_on_link(self, seconds: float) -> bool:
        if not self.shares_link:
            return False
        peer = self.world.node.config.peer
        there = self.holder or self.on_link or peer in self.echo
        self.ask("nothing?")
        self.world.pass_time(ONE_MILLISECOND if there else seconds)
        return not there

    def macs_of_vip(self) -> frozenset[str]:
        return frozenset({self.holder_elsewhere()} - {""})

    def macs_of_peer(self) -> frozenset[str]:
        return frozenset({"02:00:0a:00:00:01"} if self.peer_on_link() else ())

    def peer_has_no_vrrp(self) -> bool:
        self.ask("vrrp?")
        self.world.pass_time(ONE_MILLISECOND if self.no_vrrp else 0.1)
        return self.no_vrrp

    def hears_peer(self) -> bool:
        self.ask("adverts?")
        self.world.pass_time(0.5 if self.adverts else 2.2)
        return self.adverts

    def announce(self, mac: str) -> None:
        self.ask(f"announce {mac}")

    def ask(self, what: str) -> None:
        self.world.event(what)
        for text, error in self.errors.items():
            if what.startswith(text):
                raise error


class Keepalived(Part, node.Keepalived):
    """B's."""

    running = True
    error: Exception | None = None

    def find(self) -> bool:
        self.world.say("find keepalived")
        if self.error:
            raise self.error
        return self.running

    def stop(self) -> str:
        self.world.event("stop keepalived")
        self.world.vip_leaves()
        return "stopped keepalived"

    def drop_vip(self) -> str:
        self.world.say("drop VIP")
        self.world.vip_leaves()
        return "removed 10.0.0.100"

    def start_notify_master(self) -> None:
        self.world.say("start promotion")


class Voice(node.Voice):
    """Nobody listens."""

    problem = False  # the last line was about one

    def __init__(self) -> None:
        self.alerts: list[dict[str, Any]] = []

    def log(self, text: str, problem: bool) -> None:
        self.problem = problem

    def alert(self, program: str, record: dict[str, object]) -> None:
        """No program is started, but what it would be told must be what the manual promises."""
        self.alerts.append(alerts.as_told(record))
