"""One node: its kernel, its files, its mysqld, its keepalived, the programs that run on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from kachecks.config.options import Config
from kachecks.state.files import PERMIT, path_of
from tests.schedules.replication import Receiver
from tests.schedules.scheduler import Program
from tests.schedules.server import Server
from tests.schedules.vrrp import MASTER, Keepalived

if TYPE_CHECKING:
    from tests.schedules.programs import Body
    from tests.schedules.sessions import SimulatedSession
    from tests.schedules.world import World

HINDERED = 12.0
"""Seconds after which a node whose programs were killed or held up has had its chance again."""


class Node:
    """A or B."""

    def __init__(self, world: World, index: int, config: Config, priority: int) -> None:
        self.world, self.index, self.config = world, index, config
        self.scheduler = world.scheduler
        self.name = "AB"[index]
        self.address = f"10.0.0.{index + 1}"
        self.powered = True
        self.paused = ""  # processes (its kernel answers) or machine
        self.vip = False
        self.vip_since = self.vip_left = 0.0
        self.tmpfs: dict[str, str] = {}  # /run: path and content
        self.disk: dict[str, str] = {}
        self.disk_is_full = False
        self.disk_takes: Callable[[], float] | None = None  # seconds for a call; None: no time
        self.disk_child_hangs = 0.0  # until then: one of ours that looks at it
        self.run_is_full = False  # the tmpfs of /run
        self.syslog_blocks = False  # nobody empties /dev/log
        self.slow = 1.0  # Program.slow
        self.locks: dict[str, Program] = {}  # who has locked which file
        self.heard_at = -100.0  # an advert of the other node
        self.listeners: list[Callable[[], None]] = []
        self.programs: list[Program] = []
        self.clock_offset, self.clock_rate = 0.0, 1.0
        self.hindered_at = -100.0
        self._pid = 1000
        self._belongings: dict[Program, list[SimulatedSession]] = {}
        self._callbacks: dict[Program, Callable[[Program], None]] = {}
        self._at_death: list[Callable[[], None]] = []
        self.server = Server(self, index + 1)
        self.receiver = Receiver(self)
        self.keepalived = Keepalived(self, priority, config.advert_int)

    @property
    def other(self) -> Node:
        return self.world.nodes[1 - self.index]

    @property
    def kernel_answers(self) -> bool:
        return self.powered and self.paused != "machine"

    def now(self) -> float:
        """This node's own clock."""
        return self.scheduler.now * self.clock_rate + self.clock_offset

    def new_pid(self) -> int:
        self._pid += 1
        return self._pid

    def say(self, text: str, program: Program | None = None) -> None:
        if self.world.telling:
            who = f"{self.name} {program.name}" if program is not None else self.name
            self.world.say(f"{who}: {text}")

    def hindered(self) -> None:
        """Something was done to this node's own programs: they may not have come to close."""
        self.hindered_at = self.scheduler.now

    # --- programs ---

    def spawn(
        self, name: str, body: Body, delay: float, ended: Callable[[Program], None]
    ) -> Program:
        """Start a program of ours, which begins to work after ``delay`` seconds."""
        program = Program(
            self.scheduler, name, lambda running: self._run(body, running), self._program_ended
        )
        self.programs.append(program)
        self._belongings[program] = []
        self._callbacks[program] = ended
        if self.paused:
            program.freeze()
        program.slow = self.slow
        self.world.make_trouble(self, program)
        self.scheduler.after(delay * self.slow, program.start)
        return program

    def _run(self, body: Body, program: Program) -> object:
        try:
            return body(self, program)
        except Exception as error:  # noqa: BLE001 - the real code lets none out but those it names
            self.world.watch.broke(self, program, error)
            return None

    def sessions_of(self, program: Program) -> list[SimulatedSession]:
        return self._belongings[program]

    def _program_ended(self, program: Program) -> None:
        """The kernel frees what it had, whatever its own last words were."""
        self.programs.remove(program)
        for session in self._belongings.pop(program):
            session.leave()
        self.locks = {path: each for path, each in self.locks.items() if each is not program}
        if program.killed:
            self.say("was killed", program)
            self.hindered()
            self.world.watch.fault()  # a check that is killed has failed
        elif self.world.telling:
            self.say(f"ends: {program.result}", program)
        self.world.watch.program_ended(self, program)
        self._callbacks.pop(program)(program)

    def starve(self, times: float) -> None:
        """All that runs on it takes so many times as long."""
        self.slow = times
        for program in self.programs:
            program.slow = times
        self.hindered()

    # --- /run ---

    def mark(self, kind: str) -> str:
        """What this file of the pair says."""
        return self.tmpfs.get(path_of(self.config.run_dir, self.config.name, kind), "")

    def set_mark(self, kind: str, text: str) -> None:
        """Nobody is told."""
        self.tmpfs[path_of(self.config.run_dir, self.config.name, kind)] = text

    @property
    def permit_granted(self) -> bool:
        """As keepalived reads it; without a file it is."""
        return self.mark(PERMIT) != "0\n"

    # --- the VIP ---

    def add_vip(self) -> None:
        self.vip, self.vip_since = True, self.scheduler.now
        self.say("VIP added")
        self.world.vip_claimed(self)
        self.world.watch.vip_came(self)

    def remove_vip(self) -> None:
        if self.vip:
            self.vip, self.vip_left = False, self.scheduler.now
            self.say("VIP removed")

    def remove_vip_by_hand(self) -> None:
        if self.vip:
            self.remove_vip()
            self.scheduler.after(0.003, self.keepalived.vip_was_removed)

    def hear_advert(self, priority: int) -> None:
        if not self.kernel_answers:
            return
        if priority:
            self.heard_at = self.scheduler.now
            listeners, self.listeners = self.listeners, []
            for each in listeners:
                each()
        self.keepalived.hear(priority)

    # --- mysqld ---

    def at_death(self, act: Callable[[], None]) -> None:
        """Call it when mysqld has ended."""
        self._at_death.append(act)

    def mysqld_died(self, pid: int) -> None:
        waiting, self._at_death = self._at_death, []
        for act in waiting:
            act()
        self.receiver.server_died()
        self.other.receiver.source_died()
        self.world.clients.server_died(self)
        self.world.mysqld_died(self, pid)

    # --- power ---

    def power_off(self) -> None:
        """All at once; nobody is told."""
        if not self.powered:
            return
        self.say("POWER OFF")
        self.powered, self.paused = False, ""
        self.world.links.changed()
        for program in list(self.programs):
            self.scheduler.after(0.0, program.kill)
        self.keepalived.power_off()
        self.remove_vip()
        self.tmpfs, self.locks = {}, {}
        self.server.die("is gone")
        self.hindered()
        self.other.receiver.watch_silence()
        self.world.watch.look()

    def power_on(self, mysqld_after: float, keepalived_after: float, listens_after: float) -> None:
        """Boot."""
        if self.powered:
            return
        self.say("boots")
        self.powered = True
        self.world.watch.look()
        self.clock_offset = -self.scheduler.now
        self.scheduler.after(mysqld_after, self.server.boot, listens_after)
        self.scheduler.after(keepalived_after, self.keepalived.start)
        self.scheduler.after(3.0 * self.scheduler.random.random(), self.world.network_changed)

    def pause(self, how: str) -> None:
        """All processes stand still; ``machine``: the kernel too."""
        if self.paused or not self.powered:
            return
        self.say(f"PAUSED ({how})")
        self.paused = how
        self.world.links.changed()
        self.hindered()
        if self.server.alive:
            self.server.halt()
        for program in self.programs:
            program.freeze()
        self.other.receiver.watch_silence()
        self.world.watch.look()

    def go_on(self) -> None:
        if not self.paused:
            return
        self.say("goes on")
        self.paused = ""
        self.world.links.changed()
        self.hindered()
        self.world.watch.woke(self)
        self.server.go_on()
        for program in self.programs:
            program.thaw()
        self.keepalived.thaw()
        self.keepalived.consider()
        self.world.network_changed()

    @property
    def is_master(self) -> bool:
        return self.keepalived.state == MASTER
