"""What a kind of schedule (kinds) is made of, besides the common faults."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from tests.schedules.server import Client

if TYPE_CHECKING:
    from tests.schedules.faults import Faults
    from tests.schedules.node import Node


class Scene(NamedTuple):
    """What a kind has to do with."""

    faults: Faults
    random: random.Random
    active: Node

    @property
    def standby(self) -> Node:
        return self.active.other

    def alone(self) -> None:
        """Nothing else goes wrong."""
        world = self.faults.world
        world.stalls = world.kills = world.late_hooks = 0.0

    def over(self, at: float) -> None:
        """Not healed before."""
        self.faults.add(at, "enough", lambda: None)


def lack(scene: Scene, node: Node, what: str, at: float, seconds: float) -> None:
    """Our account has lost a privilege on that server."""

    def change(ends: bool) -> None:
        node.server.lacks = "" if ends else what

    scene.faults.both(f"{node.name}: our account lacks {what}", at, seconds, change)


def let_status_wait(scene: Scene, node: Node, at: float, seconds: float) -> None:
    """Its server does not tell how it replicates."""
    text = f"{node.name}: SHOW REPLICA STATUS waits"
    scene.faults.both(text, at, seconds, lambda ends: node.server.let_status_wait(not ends))


def crowd(scene: Scene, node: Node, takes: float | None, at: float, seconds: float) -> None:
    """Its server takes so long to tell who is connected; None: these are too many."""

    def change(ends: bool) -> None:
        node.server.list_takes = 0.0 if ends else takes

    text = "is too much" if takes is None else f"takes {takes:.1f} s"
    scene.faults.both(f"{node.name}: SHOW PROCESSLIST {text}", at, seconds, change)


def starve(scene: Scene, node: Node, times: float, at: float, seconds: float) -> None:
    """Its programs and its mysqld take so many times as long."""
    text = f"{node.name} is {times:.0f} times as slow"
    scene.faults.both(text, at, seconds, lambda ends: node.starve(1.0 if ends else times))


def lock(
    scene: Scene, node: Node, command: str, at: float, seconds: float, all_writes: bool
) -> None:
    """A client of that server takes locks which hold up its applier."""
    numbers: list[int] = []
    server = node.server

    def begin() -> None:
        if server.runs:
            reader = Client("backup", command, "10.0.0.9:8")
            reader.since, reader.locks_all = scene.faults.world.scheduler.now, all_writes
            numbers.append(server.hold(reader))

    def end() -> None:
        for number in numbers:
            server.remove(number)

    what = "all tables" if all_writes else "one table"
    scene.faults.add(at, f"{node.name}: a reader locks {what}", begin)
    scene.faults.add(at + seconds, f"{node.name}: the reader ends", end)


def slow_disk(
    scene: Scene, node: Node, takes: Callable[[], float], at: float, seconds: float, text: str
) -> None:
    def change(ends: bool) -> None:
        node.disk_takes = None if ends else takes
        node.hindered()

    scene.faults.both(f"the disk of {node.name} {text}", at, seconds, change)


def dead_disk(scene: Scene, node: Node, at: float, seconds: float) -> None:
    end, scheduler = at + seconds + 0.01, scene.faults.world.scheduler
    slow_disk(scene, node, lambda: end - scheduler.now, at, seconds, "does not answer")


def block_log(scene: Scene, node: Node, at: float, seconds: float) -> None:
    def change(ends: bool) -> None:
        node.syslog_blocks = not ends

    scene.faults.both(f"nobody empties /dev/log of {node.name}", at, seconds, change)


def cut_adverts(scene: Scene, ends: bool, ways: Sequence[Node] = ()) -> None:
    """From these nodes, or from both."""
    world = scene.faults.world
    for node in ways or world.nodes:
        world.links.cuts[node.index].adverts_pass = ends
    world.network_changed()


def block_sql(scene: Scene, ends: bool) -> None:
    world = scene.faults.world
    for cuts in world.links.cuts:
        cuts.sql_passes = ends
    world.network_changed()
