"""What happens to the world: a random schedule of faults from one number."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from tests.schedules import programs

if TYPE_CHECKING:
    from tests.schedules.node import Node
    from tests.schedules.scheduler import Program
    from tests.schedules.world import World


class Event(NamedTuple):
    """At that time, this happens."""

    at: float
    text: str
    act: Callable[[], None]


class Faults:
    """Draws faults for one world; each gives its events, the ending ones included."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.random = random.Random(seed + 1_000_003)  # noqa: S311
        self.events: list[Event] = []

    def draw(self, active: Node, count: int, long: bool) -> None:
        """Plan so many faults."""
        for _ in range(count):
            at = self.random.uniform(0.2, 6.0)
            seconds = self.random.uniform(15.0, 30.0) if long else 10 * self.random.random() ** 2
            node = active if self.random.random() < 0.7 else active.other
            kind = self.random.choices(KINDS, WEIGHTS)[0]
            kind(self, node, at, seconds)

    def begin(self, events: list[Event]) -> float:
        """Let these happen, their times counted from now; when the last of them is over."""
        for event in events:
            self.world.scheduler.after(event.at, self._happen, event)
        return max((event.at for event in events), default=0.0)

    def _happen(self, event: Event) -> None:
        self.world.watch.fault()
        if self.world.telling:
            self.world.say(f"FAULT {event.text}")
        event.act()

    def add(self, at: float, text: str, act: Callable[[], None]) -> None:
        self.events.append(Event(at, text, act))

    def both(self, text: str, at: float, seconds: float, change: Callable[[bool], None]) -> None:
        """Begin and end; overlapping faults of one kind end together, with the first."""
        self.add(at, text, lambda: change(False))
        self.add(at + seconds, f"{text}: over", lambda: change(True))

    # --- mysqld ---

    def kill(self, node: Node, at: float, _seconds: float) -> None:
        self.add(at, f"mysqld of {node.name}: SIGKILL", node.server.die)

    def shut_down(self, node: Node, at: float, seconds: float) -> None:
        self.add(at, f"mysqld of {node.name} is shut down", lambda: node.server.shut_down(seconds))

    def hang(self, node: Node, at: float, seconds: float) -> None:
        pid: list[int] = []

        def stop() -> None:
            if node.server.alive:
                pid.append(node.server.pid)
                node.server.halt()

        def go_on() -> None:
            if pid and node.server.pid == pid[0]:
                node.server.go_on()

        self.add(at, f"mysqld of {node.name}: SIGSTOP", stop)
        self.add(at + seconds, f"mysqld of {node.name}: SIGCONT", go_on)

    def long_write(self, node: Node, at: float, seconds: float) -> None:
        stubborn = self.random.random() < 0.5
        self.add(
            at,
            f"a write on {node.name} takes long{', not to be killed' if stubborn else ''}",
            lambda: self.world.clients.long_write(node, seconds, stubborn),
        )

    def deny(self, node: Node, at: float, seconds: float) -> None:
        errno = self.random.choice((1045, 1040))

        def change(ends: bool) -> None:
            node.server.denies = 0 if ends else errno
            node.server.denies_since = node.scheduler.now

        self.both(f"{node.name} answers with error {errno}", at, seconds, change)

    def apply_late(self, node: Node, at: float, seconds: float) -> None:
        lag = self.random.uniform(0.2, 4.0)

        def change(ends: bool) -> None:
            node.other.server.apply_lag = 0.004 if ends else lag

        self.both(f"{node.other.name} applies {lag:.1f} s late", at, seconds, change)

    def break_applier(self, node: Node, at: float, seconds: float) -> None:
        server = node.other.server
        self.add(at, f"{node.other.name}: 1062", lambda: server.break_applier(1062))
        self.add(at + seconds, f"{node.other.name}: 1062 mended", server.mend_applier)

    def fill_disk(self, node: Node, at: float, seconds: float) -> None:
        nodes = (node, node.other) if self.random.random() < 0.3 else (node,)

        def change(ends: bool) -> None:
            for each in nodes:
                each.disk_is_full = not ends

        names = " and ".join(each.name for each in nodes)
        self.both(f"the disk of {names} is full", at, seconds + 5.0, change)

    # --- hosts ---

    def power(self, node: Node, at: float, seconds: float) -> None:
        draw = self.random.random
        mysqld, keepalived, listens = 2 * draw(), 2 * draw(), 2 * draw()
        self.add(at, f"{node.name} loses power", node.power_off)
        self.add(
            at + max(seconds, 1.0),
            f"{node.name} is powered on",
            lambda: node.power_on(mysqld, keepalived, listens),
        )

    def in_turns(self, node: Node, at: float, seconds: float) -> None:
        """The active node goes, the other serves, goes too, and the first one comes back alone."""
        draw = self.random.random
        boot = (draw(), draw(), draw())
        self.add(at, f"{node.name} loses power", node.power_off)
        second = at + 4.5 + 3 * draw()
        self.add(second, f"{node.other.name} loses power", node.other.power_off)
        third = second + 1 + draw()
        self.add(third, f"{node.name} is powered on", lambda: node.power_on(*boot))
        last = third + 6 + seconds
        self.add(
            last, f"{node.other.name} is powered on", lambda: node.other.power_on(*reversed(boot))
        )

    def pause(self, node: Node, at: float, seconds: float) -> None:
        how = self.random.choice(("processes", "machine"))
        self.add(at, f"{node.name} stands still ({how})", lambda: node.pause(how))
        self.add(at + seconds, f"{node.name} goes on", node.go_on)

    # --- keepalived ---

    def notify_down(self, node: Node, at: float, seconds: float) -> None:
        self.add(at, f"notify_down on {node.name}", lambda: run_notify_down(node))
        self.add(at + seconds + 3.0, f"keepalived of {node.name} started", node.keepalived.start)

    def switchover(self, node: Node, at: float, _seconds: float) -> None:
        self.add(at, f"switchover on {node.name}", lambda: run_switchover(node))

    def stop_keepalived(self, node: Node, at: float, seconds: float) -> None:
        self.add(at, f"keepalived of {node.name} stopped", lambda: systemctl_stop(node))
        self.add(at + seconds + 1.0, f"keepalived of {node.name} started", node.keepalived.start)

    def restart_keepalived(self, node: Node, at: float, _seconds: float) -> None:
        self.stop_keepalived(node, at, 0.2)

    def kill_keepalived(self, node: Node, at: float, seconds: float) -> None:
        self.add(at, f"keepalived of {node.name}: kill -9", lambda: kill_keepalived(node))
        self.add(at + seconds + 1.0, f"keepalived of {node.name} started", node.keepalived.start)

    def reload(self, node: Node, at: float, _seconds: float) -> None:
        self.add(at, f"keepalived of {node.name} reloaded", node.keepalived.reload)

    def take_vip(self, node: Node, at: float, _seconds: float) -> None:
        self.add(at, f"VIP of {node.name} removed by hand", node.remove_vip_by_hand)

    def strike_successor(self, node: Node, at: float, seconds: float) -> None:
        """The VIP is made to move, and its new holder is struck while it promotes."""
        first = self.random.choice(
            (Faults.kill, Faults.take_vip, Faults.notify_down, Faults.power, Faults.switchover)
        )
        first(self, node, at, seconds)
        second = self.random.choice(
            (Faults.notify_down, Faults.stop_keepalived, Faults.stop_keepalived, Faults.reload,
             Faults.take_vip, Faults.hang, Faults.kill, Faults.cut_link, Faults.cut_between,
             Faults.witness)
        )  # fmt: skip
        down = 3 * node.keepalived.advert_int if first is Faults.power else 0.0
        second(self, node.other, at + down + 4 * self.random.random() ** 2, seconds)

    def lonely(self, node: Node, at: float, seconds: float) -> None:
        """The active node loses power, and its successor the network while it looks for it."""
        self.power(node, at, seconds + 8.0)
        later = at + 3 * node.keepalived.advert_int + 2 * self.random.random()
        blow = self.random.choice((Faults.cut_link, Faults.witness))
        blow(self, node.other, later, seconds + 3.0)

    # --- the network ---

    def cut(self, node: Node, names: tuple[str, ...], text: str, at: float, s: float) -> None:
        def change(ends: bool) -> None:
            for name in names:
                setattr(self.world.links.cuts[node.index], name, ends)
            self.world.network_changed()

        self.both(f"{node.name}: {text}", at, s, change)

    def cut_link(self, node: Node, at: float, seconds: float) -> None:
        names, text = self.random.choice(
            (
                (("sends", "hears"), "link cut"),
                (("sends", "hears", "carrier"), "link cut, carrier lost"),
                (("sends",), "link does not send"),
                (("hears",), "link does not hear"),
                (("sends", "hears", "replication_sends", "replication_hears"), "all its links cut"),
                (("replication_sends", "replication_hears"), "replication link cut"),
            )
        )
        self.cut(node, names, text, at, seconds)

    def flap(self, node: Node, at: float, seconds: float) -> None:
        for turn in range(5):
            self.cut(node, ("sends", "hears", "carrier"), "link flaps", at + 2 * turn, seconds / 9)

    def cut_between(self, node: Node, at: float, seconds: float) -> None:
        names, text = self.random.choice(
            (
                (("adverts_pass",), "VRRP blocked"),
                (("adverts_pass",), "VRRP blocked"),
                (("sql_passes",), "SQL blocked"),
                (("adverts_pass", "sql_passes"), "VRRP and SQL blocked"),
                (("anything_passes",), "everything blocked"),
            )
        )
        ways = self.random.choice(((node,), (node.other,), (node, node.other), (node, node.other)))
        for way in ways:
            self.cut(way, names, f"{text} towards {way.other.name}", at, seconds)

    def witness(self, _node: Node, at: float, seconds: float) -> None:
        def change(ends: bool) -> None:
            self.world.links.witness_answers = ends
            self.world.network_changed()

        self.both("the witness is silent", at, seconds, change)


def run_notify_down(node: Node) -> None:
    """By an operator."""
    if node.powered:
        node.spawn("notify_down", programs.leave(), 0.05, lambda _ended: None)


def run_switchover(node: Node) -> None:
    """By an operator."""
    if node.powered:
        node.spawn("switchover", programs.switchover, 0.05, lambda _ended: None)


def systemctl_stop(node: Node) -> None:
    """With the drop-in: ExecStop first; without: SIGTERM at once."""
    if not node.keepalived.running or node.paused:
        return
    if not node.world.drop_in:
        node.keepalived.stop()
        return

    def stop(program: Program) -> None:
        if not program.killed and program.result == 0:
            node.world.watch.releases(node, "ExecStop", program.stalled)
        node.keepalived.stop()

    def soon(program: Program) -> None:
        node.scheduler.after(0.01 + 0.3 * node.scheduler.random.random() ** 3, stop, program)

    node.spawn("notify_down", programs.leave(keep_keepalived=True), 0.05, soon)


def kill_keepalived(node: Node) -> None:
    """With the drop-in: ExecStopPost, and a restart a second later."""
    if not node.keepalived.running:
        return
    node.keepalived.die()
    if node.world.drop_in and node.powered:
        node.spawn("notify_down", programs.leave(drop_vip=True), 0.1, lambda _ended: None)
        node.scheduler.after(1.2, node.keepalived.start)


KINDS = (
    Faults.kill, Faults.shut_down, Faults.hang, Faults.long_write, Faults.deny,
    Faults.apply_late, Faults.break_applier, Faults.power, Faults.pause, Faults.notify_down,
    Faults.stop_keepalived, Faults.restart_keepalived, Faults.kill_keepalived, Faults.reload,
    Faults.take_vip, Faults.cut_link, Faults.flap, Faults.cut_between, Faults.witness,
    Faults.in_turns, Faults.strike_successor, Faults.lonely, Faults.fill_disk, Faults.switchover,
)  # fmt: skip
WEIGHTS = (3, 4, 3, 2, 2, 3, 1, 3, 2, 3, 3, 2, 2, 1, 2, 4, 1, 6, 1, 1, 6, 1, 1, 4)


def heal(world: World) -> None:
    """Everything that was broken is whole; what was stopped is started."""
    world.watch.fault()
    if world.telling:
        world.say("HEALED")
    world.kills = world.stalls = world.late_hooks = 0.0
    world.restarts = True
    world.links.witness_answers = True
    for cuts in world.links.cuts:
        for name in vars(cuts):
            setattr(cuts, name, True)
    for node in world.nodes:
        node.server.denies = 0
        node.disk_is_full = False
        node.server.apply_lag = 0.004
        node.receiver.delay, node.receiver.sending = 0.001, 0.0
        node.server.lacks = ""
        node.server.let_status_wait(False)
        node.server.list_takes = 0.0
        node.disk_takes = None
        node.syslog_blocks = node.run_is_full = False
        node.starve(1.0)
        if node.receiver.trouble:
            node.receiver.mend()
        if not node.powered:
            node.power_on(0.1, 0.2, 0.3)
        node.go_on()
        while node.server.halts:
            node.server.go_on()
        if node.server.applier_errno:
            node.server.mend_applier()
        if not node.server.alive:
            node.server.boot(0.5)
        node.keepalived.start()
        world.scheduler.after(12.0, node.keepalived.start)  # a notify_down may still be at work
    world.network_changed()
