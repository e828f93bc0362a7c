"""Two servers, a VIP and a clock in memory: what is outside a Node, for the steps it takes.

Node B (10.0.0.2, server_id 2) runs the steps, A (10.0.0.1, server_id 1) is its peer, open and with
transactions 1 to 5 applied on B. ``world.log`` says what happened; ``world.when(text, act)`` acts
right before the first statement or event that has this text. Nothing sleeps. Marks, lock and audit
log are the real ones, on files in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from kachecks.config.options import Config, parse
from kachecks.mysql.session import NoAnswer, Refused, Unreachable
from kachecks.mysqld_process import Process
from kachecks.node import Node, Outside
from kachecks.state import files
from kachecks.state.maintenance import Maintenance
from kachecks.state.marks import GaveWay, Marks
from tests.unit.doubles import simulated_outside as simulated
from tests.unit.doubles.changing import Act, Changing
from tests.unit.doubles.simulated_server import CLOSED, OPEN, Client, Server, Session

MYSQL, MARIADB, MARIADB12 = "9.7.4", "10.11.19-MariaDB", "12.0.2-MariaDB"
VERSIONS = (MYSQL, MARIADB, MARIADB12)
MAC, WITNESS = "02:00:00:00:00:01", "10.0.0.254"
SERVER = Process(4712, 5712)  # B's mysqld
SIGKILL = f"SIGKILL {SERVER.pid}"

REFUSED = Refused("nobody listens on 10.0.0.1 port 3306")
SILENT = Unreachable("nothing answers at 10.0.0.1 port 3306")
MUTE = NoAnswer("no answer from 10.0.0.1 port 3306")


Value = TypeVar("Value")


def _mark(
    kind: str, read: Callable[[Marks], Value], write: Callable[[Marks, Any], object]
) -> property:
    """What the mark says. When it is set it was set earlier; None: it is not there."""

    def put(world: World, value: Any) -> None:
        world.files.texts.pop(world.path(kind), None)
        if value is not None:
            with world.earlier(getattr(value, "at", None)) as node:
                write(node.marks, value)

    return property(lambda world: read(world.node.marks), put)


def _note_opening_told(marks: Marks, told: bool) -> None:
    if told:
        marks.note_opening_told()


def _remember_server(marks: Marks, process: Process) -> None:
    marks.remember_server(process, True, ("/s.sock", "/bound.sock"))


def _mark_gave_way(marks: Marks, mark: GaveWay) -> None:
    marks.mark_gave_way(mark.why, mark.unheeded)


def _set_leaving(marks: Marks, leaving: bool) -> None:
    (marks.mark_leaving if leaving else marks.unmark_leaving)()


def _set_permit(marks: Marks, granted: bool) -> None:
    (marks.grant_permit if granted else marks.withdraw_permit)()


class World(Changing, Outside):
    """All of it; hand ``world.node`` to the steps."""

    def __init__(
        self, version: str = MYSQL, numbers: tuple[int, int] = (1, 2), **options: str
    ) -> None:
        self.time = 0.0
        self.sessions: list[Session] = []
        self.log: list[str] = []
        self.acts: list[tuple[str, float, tuple[Act, ...]]] = []
        self.recorded: list[dict[str, object]] = []  # the audit log
        self.vip = True
        self.vip_takes = 0.0  # seconds for keepalived to remove it; inf: it never does
        self.vip_ends = float("inf")  # when keepalived will have removed it
        self.a = Server(self, "A", numbers[0], version, access=OPEN, made=5)
        self.b = Server(self, "B", numbers[1], version, pid=SERVER.pid)
        for server in (self.a, self.b):
            server.add(Client("system user", "Connect", ""))
            server.add(Client("repl", "Binlog Dump GTID", "10.0.0.1:50000"))
        self.clock = simulated.Clock(self)
        self.files = simulated.Files(self)
        self.disk = simulated.Disk(self)
        self.servers = simulated.Servers(self)
        self.network = simulated.Network(self)
        self.keepalived = simulated.Keepalived(self)
        self.voice = simulated.Voice()
        self.node = Node(config(**options), self)
        self.had_contact, self.permit = True, True
        self.files.texts[self.path(files.MAINTENANCE)] = files.NO_MAINTENANCE

    def say(self, text: str) -> None:
        self.log.append(text)

    def when(self, text: str, *acts: Act, after: float = 0.0, **values: Any) -> None:
        """Right before the first statement or event, after so long, that has this text in it.

        Do all this, and have these values then.
        """
        self.acts.append((text, after, (*acts, self.becomes(**values))))

    def then(self, text: str, *acts: Act, after: float = 0.0, **values: Any) -> Act:
        """For ``when``: wait for another one from there on."""
        return lambda: self.when(text, *acts, after=self.time + after, **values)

    def happening(self, what: str) -> None:
        for entry in [each for each in self.acts if each[0] in what and self.time >= each[1]]:
            self.acts.remove(entry)
            for act in entry[2]:
                act()

    def event(self, what: str) -> None:
        """Something is about to be done; "": nothing to speak of."""
        if what:
            self.say(what)
            self.happening(what)

    def pass_time(self, seconds: float) -> None:
        self.time += seconds
        if self.time >= self.vip_ends:
            self.vip, self.vip_ends = False, float("inf")
        for server in (self.a, self.b):
            server.move()

    def lose_vip(self) -> None:
        self.vip = False

    @property
    def sessions_left(self) -> list[Session]:
        """Those that nobody has ended yet."""
        return [each for each in self.sessions if not each.ended]

    def vip_leaves(self) -> None:
        """keepalived has reason to remove it."""
        self.vip_ends = self.time + self.vip_takes
        self.pass_time(0)

    def index(self, text: str) -> int:
        """Where the first line of the log with this text is."""
        found = [at for at, line in enumerate(self.log) if text in line]
        assert found, f"{text!r} not in {self.log}"
        return found[0]

    def order(self, *texts: str) -> None:
        """These lines are in the log, the first of each in this order."""
        places = [self.index(text) for text in texts]
        assert places == sorted(places), f"not in this order: {texts} in {self.log}"

    # What runs of before have left in B's directories

    @contextmanager
    def earlier(self, at: float | None = None) -> Iterator[Node]:
        """What is done to this node now was done then: there is no word of it in the log."""
        before = dict(vars(self))
        self.time, self.log, self.acts = self.time if at is None else at, [], []
        yield self.node
        vars(self).update(before)

    def path(self, kind: str) -> str:
        """A file in the run directory."""
        return files.path_of(self.node.config.run_dir, self.node.config.name, kind)

    open_mark = _mark(files.OPEN, Marks.open_mark, Marks.mark_open)
    opening_told = _mark(files.OPENED, Marks.opening_told, _note_opening_told)
    last_server = _mark(files.MYSQLD, Marks.last_server, _remember_server)
    gave_way = _mark(files.GAVE_WAY, Marks.gave_way, _mark_gave_way)
    permit = _mark(files.PERMIT, Marks.read_permit, _set_permit)
    leaving = _mark(files.LEAVING, Marks.is_leaving, _set_leaving)
    last_look = _mark(files.LOOK, Marks.last_look, Marks.remember_look)

    @property
    def had_contact(self) -> bool:
        """B's present mysqld has been up to date with the peer since it started."""
        return self.node.marks.had_contact(self.b.process)

    @had_contact.setter
    def had_contact(self, contact: bool) -> None:
        self.files.texts.pop(self.path(files.MYSQLD), None)
        self.node.marks.remember_server(self.b.process, contact, ("/s.sock", "/bound.sock"))

    @property
    def left_at(self) -> float | None:
        """When one of the two leaving marks was last set."""
        texts = (self.files.read(self.path(kind)) for kind in (files.LEAVING, files.FAILING))
        return max((float(text) for text in texts if text), default=None)

    @property
    def locked_by(self) -> str:
        """The purpose of another hook that has the lock; "us" when it is this node."""
        path = self.path(files.LOCK)
        return "us" if path in self.files.ours else self.files.purposes.get(path, "")

    @locked_by.setter
    def locked_by(self, purpose: str) -> None:
        self.files.purposes.pop(self.path(files.LOCK), None)
        if purpose:
            self.files.purposes[self.path(files.LOCK)] = purpose

    @property
    def alone(self) -> bool:
        return self.node.served_alone.is_marked()

    @alone.setter
    def alone(self, marked: bool) -> None:
        """It fits, whatever others have committed here."""
        path = files.path_of(self.node.config.state_dir, self.node.config.name, files.ALONE)
        self.disk.texts[path] = _Whatever("x") if marked else ""

    def declare(self, mark: Maintenance) -> None:
        """Before the last reboot: it lies on the disk alone."""
        with self.earlier() as node:
            node.maintenance_mark.declare(mark)
        del self.files.texts[self.path(files.MAINTENANCE)]


class _Whatever(str):
    """Equal to everything."""

    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        return True


def active(version: str = MYSQL, **options: str) -> World:
    """B is open with the VIP, as its last check has seen it; A stands by with everything."""
    world = World(version, **options)
    world.a.access, world.b.access = CLOSED, OPEN
    world.open_mark, world.opening_told = world.b.process, True
    return world


def standby(version: str = MYSQL, **options: str) -> World:
    """B stands by; A is open, and has the VIP."""
    world = World(version, **options)
    world.vip = False
    return world


def config(**options: str) -> Config:
    """The option file of node B."""
    options = {"vip": "10.0.0.100", "alert": "/bin/page", **options}
    text = "[kachecks]\npeer = 10.0.0.1\n"
    lines = "".join(f"{key} = {value}\n" for key, value in options.items())
    return parse(f"{text}{lines}[client]\nsocket = /s.sock\n", "k.cnf")
