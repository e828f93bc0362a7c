"""Two servers, a VIP and a clock in memory: a Host for the steps of promotion and demotion.

Node B (10.0.0.2, server_id 2) runs the steps, A (10.0.0.1, server_id 1) is its peer, open and with
transactions 1 to 5 applied on B. ``world.log`` says what happened; ``world.when(text, act)`` acts
right before the first statement or event that has this text. Nothing sleeps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from kachecks.config.options import Config, parse
from kachecks.mysql.disks import Disks
from kachecks.mysql.session import NoAnswer, Refused, Unreachable
from kachecks.mysqld_process import Process
from kachecks.state.maintenance import Maintenance
from kachecks.state.marks import LEAVING_IS_FRESH, GaveWay, Look
from tests.unit.doubles.simulated_server import (
    CLOSED,
    ONE_MILLISECOND,
    OPEN,
    Client,
    Server,
    Session,
)

__all__ = ["CLOSED", "OPEN", "Client", "Server", "Session", "World"]

MYSQL, MARIADB, MARIADB12 = "9.7.4", "10.11.19-MariaDB", "12.0.2-MariaDB"

REFUSED = Refused("nobody listens on 10.0.0.1 port 3306")
SILENT = Unreachable("nothing answers at 10.0.0.1 port 3306")
MUTE = NoAnswer("no answer from 10.0.0.1 port 3306")


class World:
    """All of it; hand ``world.host`` to the steps."""

    def __init__(
        self, version: str = MYSQL, numbers: tuple[int, int] = (1, 2), **options: str
    ) -> None:
        self.time = 0.0
        self.sessions: list[Session] = []
        self.log: list[str] = []
        self.acts: list[tuple[str, Callable[[], None]]] = []
        self.vip = True
        self.vip_ends = float("inf")  # when keepalived will have removed it
        self.a = Server(self, "A", numbers[0], version, access=OPEN, made=5)
        self.b = Server(self, "B", numbers[1], version, pid=4712)
        if version == MARIADB12:
            self.a.read_only, self.b.read_only = "OFF", "NO_LOCK_NO_ADMIN"
        for server in (self.a, self.b):
            server.add(Client("system user", "Connect", ""))
            server.add(Client("repl", "Binlog Dump GTID", "10.0.0.1:50000"))
        self.host = Host(self, config(**options))

    def say(self, text: str) -> None:
        self.log.append(text)

    def when(self, text: str, act: Callable[[], None]) -> None:
        """Run ``act`` right before the first statement or event that has ``text`` in it."""
        self.acts.append((text, act))

    def happening(self, what: str) -> None:
        for entry in [entry for entry in self.acts if entry[0] in what]:
            self.acts.remove(entry)
            entry[1]()

    def pass_time(self, seconds: float) -> None:
        self.time += seconds
        if self.time >= self.vip_ends:
            self.vip, self.vip_ends = False, float("inf")
        for server in (self.a, self.b):
            server.move()

    def lose_vip(self) -> None:
        self.vip = False

    def index(self, text: str) -> int:
        """Where the first line of the log with this text is."""
        found = [at for at, line in enumerate(self.log) if text in line]
        assert found, f"{text!r} not in {self.log}"
        return found[0]

    def order(self, *texts: str) -> None:
        """These lines are in the log, the first of each in this order."""
        places = [self.index(text) for text in texts]
        assert places == sorted(places), f"not in this order: {texts} in {self.log}"


class Network:
    """kachecks.network.link.Network, in this world: what answers beside SQL."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.echo: set[str] = {"10.0.0.254"}  # the witness; the peer only where a test says so
        self.holder = ""  # the MAC that answers for the VIP
        self.on_link = False
        self.adverts = False
        self.no_vrrp = False  # the peer's host says so
        self.errors: dict[str, OSError] = {}  # by the first word of what is asked

    def answers(self, addresses: Sequence[str], seconds: float) -> bool:
        self.ask(f"echo {' '.join(addresses)}?")
        answered = bool(self.echo.intersection(addresses))
        self.world.pass_time(ONE_MILLISECOND if answered else seconds)
        return answered

    def holder_elsewhere(self) -> str:
        self.ask("holder?")
        self.world.pass_time(ONE_MILLISECOND if self.holder else 0.09)
        return self.holder

    def peer_on_link(self) -> bool:
        self.ask("on link?")
        self.world.pass_time(ONE_MILLISECOND if self.on_link else 0.09)
        return self.on_link

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
        self.world.say(what)
        self.world.happening(what)
        for text, error in self.errors.items():
            if what.startswith(text):
                raise error


class Host:
    """kachecks.node.Host, in this world; node B."""

    talks = False

    def __init__(self, world: World, given: Config) -> None:
        self.world, self.config = world, given
        self.mark: Process | None = None
        self.told: Process | None = None  # the open mark whose opening is in the audit log
        self.last: Process | None = None
        self.note: Process | None = None
        self.locked_by = ""  # "us", or another hook's purpose
        self.purpose = ""  # of ours
        self.run_dir_error: Exception | None = None
        self.dead: set[Process] = set()
        self.dies_after: float | None = None  # seconds until B's mysqld ends by itself
        self.unkillable = False
        self.pidfd = True  # this kernel has it
        self.started = 0.0  # the process that runs the check
        self.age_of_verdict = 60.0  # s
        self.keepalived_age = 60.0  # s
        self.ports_from_peer: set[int] = set()
        self.recorded: list[dict[str, object]] = []
        self.network = Network(world)
        self.contact = True  # up to date with the peer since mysqld started
        self.alone = False
        self.others = ""  # with the alone mark; "": what they are now
        self.gave_way_mark: GaveWay | None = None
        self.left_at: float | None = None
        self.permit: bool | None = True
        self.vip_takes = 0.0  # seconds for keepalived to remove it; inf: it never does
        self.keepalived = True  # it runs
        self.keepalived_error: Exception | None = None
        self.refusal = ""
        self.trouble = ""
        self.verdict = ""
        self.look: Look | None = None
        self.declared: Maintenance | None = None
        self.disks = Disks()
        self.announced: list[dict[str, object]] = []

    def now(self) -> float:
        return self.world.time

    def sleep(self, seconds: float) -> None:
        self.world.pass_time(max(seconds, ONE_MILLISECOND))
        self.world.happening("sleep")
        assert self.world.time < 600, f"it never ends: {self.world.log[-20:]}"

    def vip_here(self) -> bool:
        self.world.say("vip?")
        self.world.happening("vip?")
        return self.world.vip

    def connect_local(self, timeout: float) -> Any:
        return self._connect(self.world.b, timeout)

    def connect_peer(self, timeout: float) -> Any:
        return self._connect(self.world.a, timeout)

    def connect_vip(self, timeout: float) -> Any:
        """Whoever of the two is meant to have it: B has it while ``world.vip`` says so."""
        return self._connect(self.world.b if self.world.vip else self.world.a, timeout)

    def _connect(self, server: Server, timeout: float) -> Session:
        self.world.happening(f"{server.name}: connect")
        self.world.say(f"{server.name}: connect")
        trouble = server.trouble
        waits = isinstance(trouble, (NoAnswer, Unreachable))
        self.world.pass_time(timeout if waits else ONE_MILLISECOND)
        if trouble is not None:
            raise trouble
        return Session(self.world, server)

    def connections_from_peer(self) -> set[int]:
        return self.ports_from_peer

    def server_process(self, session: Session) -> Process | None:
        return session.server.process

    def alive(self, process: Process) -> bool:
        if self.dies_after is not None and self.world.time >= self.dies_after:
            self.dead.add(process)
        return process not in self.dead

    def wait_for_end(self, process: Process, seconds: float) -> bool:
        left = self.dies_after - self.world.time if self.dies_after is not None else seconds + 1
        if self.alive(process):
            self.world.pass_time(min(seconds, max(left, 0)))
        return not self.alive(process)

    def watch(self, process: Process, seconds: float) -> bool | None:
        return self.wait_for_end(process, seconds) if self.pidfd else None

    def seconds_running(self) -> float:
        return self.world.time - self.started

    def parent_running(self) -> float:
        return self.keepalived_age

    def kill(self, process: Process) -> bool:
        self.world.say(f"SIGKILL {process.pid}")
        if not self.unkillable:
            self.dead.add(process)
        return True

    def try_lock(self, purpose: str) -> bool:
        self.world.happening("lock")
        self.needs_run_dir()
        if self.locked_by not in ("", "us"):
            return False
        self.purpose = purpose
        if self.locked_by == "us":
            return True
        self.locked_by = "us"
        self.world.say(f"flock to {purpose}")
        return True

    def unlock(self) -> None:
        if self.locked_by == "us":
            self.locked_by = ""
            self.world.say("unlock")

    def lock_purpose(self) -> str:
        return self.purpose if self.locked_by == "us" else self.locked_by

    def open_mark(self) -> Process | None:
        return self.mark

    def mark_open(self, process: Process | None) -> None:
        self.needs_run_dir()
        if process is not None and process != self.mark:
            self.mark = process
            self.world.say("mark open")

    def unmark_open(self) -> None:
        self.needs_run_dir()
        if self.mark is not None:
            self.mark = self.told = None
            self.world.say("unmark")

    def opening_told(self) -> bool:
        return self.told == self.mark

    def note_opening_told(self) -> None:
        self.needs_run_dir()
        self.told = self.mark

    def had_contact(self, process: Process | None) -> bool:
        return self.contact and process is not None and self.last in (None, process)

    def was_alone(self, others: str | None = None) -> bool:
        return self.alone and others in (None, self.others or others)

    def mark_alone(self, others: str) -> None:
        self.world.say("mark alone")
        self.alone, self.others = True, others

    def unmark_alone(self) -> bool:
        self.world.say("unmark alone")
        self.alone = False
        return True

    def gave_way(self) -> GaveWay | None:
        return self.gave_way_mark

    def mark_gave_way(self, why: str) -> None:
        self.needs_run_dir()
        self.world.say(f"mark gave way: {why}")
        self.gave_way_mark = GaveWay(self.now(), why)

    def unmark_gave_way(self) -> None:
        self.needs_run_dir()
        self.world.say("unmark gave way")
        self.gave_way_mark = None

    def mark_leaving(self) -> None:
        self.needs_run_dir()
        self.world.say("mark leaving")
        self.left_at = self.now()

    def unmark_leaving(self) -> None:
        self.world.say("unmark leaving")
        self.left_at = None

    def is_leaving(self) -> bool:
        return self.left_at is not None and self.now() - self.left_at < LEAVING_IS_FRESH

    def maintenance(self, keep_copy: bool = False) -> Maintenance | None:
        if keep_copy:
            self.world.say("keep a copy of the maintenance mark")
        return self.declared

    def withdraw_permit(self) -> None:
        self.needs_run_dir()
        self.world.say("permit 0")
        self.permit = False
        self.vip_leaves()

    def grant_permit(self) -> None:
        self.needs_run_dir()
        self.permit = True

    def read_permit(self) -> bool | None:
        return self.permit

    def vip_leaves(self) -> None:
        self.world.vip_ends = self.world.time + self.vip_takes
        self.world.pass_time(0)

    def needs_run_dir(self) -> None:
        if self.run_dir_error:
            raise self.run_dir_error

    def find_keepalived(self) -> bool:
        self.world.say("find keepalived")
        if self.keepalived_error:
            raise self.keepalived_error
        return self.keepalived

    def stop_keepalived(self) -> str:
        self.world.say("stop keepalived")
        self.world.happening("stop keepalived")
        self.vip_leaves()
        return "stopped keepalived"

    def drop_vip(self) -> str:
        self.world.say("drop VIP")
        self.vip_leaves()
        return "removed 10.0.0.100"

    def verdict_changed(self, verdict: str) -> bool:
        changed, self.verdict = self.verdict != verdict, verdict
        return changed

    def last_verdict(self) -> str:
        return self.verdict

    def verdict_age(self) -> float:
        return self.age_of_verdict

    def trouble_changed(self, why: str) -> bool:
        changed, self.trouble = self.trouble != why, why
        return changed

    def forget_trouble(self) -> None:
        self.trouble = ""

    def refusal_changed(self, why: str) -> bool:
        changed, self.refusal = self.refusal != why, why
        return changed

    def forget_refusal(self) -> None:
        self.refusal = ""

    def last_look(self) -> Look | None:
        return self.look

    def remember_look(self, look: Look) -> None:
        self.needs_run_dir()
        self.look = look

    def look_at_disks(self, process: Process, directories: tuple[str, ...]) -> Disks:
        self.world.say(f"disks of {process.pid}: {' '.join(directories)}")
        return self.disks

    def start_promotion(self) -> None:
        self.world.say("start promotion")

    def last_server(self) -> Process | None:
        return self.last

    def remember_server(self, process: Process | None, contact: bool = False) -> bool:
        self.needs_run_dir()
        known = self.contact and self.last in (None, process)
        self.last, self.contact = process, known or contact
        return contact and not known

    def note_events_off(self, process: Process | None) -> None:
        self.note = process

    def take_events_note(self, process: Process | None) -> bool:
        found, self.note = self.note, None
        return found is not None and found == process

    def progress(self, text: str) -> None:
        """Nobody is at the terminal."""

    def announce(self, entry: dict[str, object], problem: bool) -> None:
        self.announced.append({**entry, "problem": problem})

    def record(self, entry: dict[str, object], problem: bool) -> None:
        self.recorded.append({**entry, "problem": problem})


def config(**options: str) -> Config:
    """The option file of node B."""
    text = "[kachecks]\nvip = 10.0.0.100\npeer = 10.0.0.1\n"
    lines = "".join(f"{key} = {value}\n" for key, value in options.items())
    return parse(f"{text}{lines}[client]\nsocket = /s.sock\n", "k.cnf")
