"""One schedule: a seed in, what went wrong out."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from functools import cache
from random import Random
from typing import NamedTuple
from unittest import mock

from kachecks.config.options import Config, parse
from kachecks.mysql import facts, probe
from kachecks.mysql.facts import Channel, Row
from kachecks.state import files
from tests.schedules.faults import Faults, heal
from tests.schedules.kinds import Scene, kind_of
from tests.schedules.node import Node
from tests.schedules.vrrp import BACKUP, MASTER
from tests.schedules.world import World

HEALING = 60.0
"""Seconds after which all must be well again when nothing is wrong any more."""

SETTLED = 3
"""Looks in a row, a second apart, that must find it so."""


class Result(NamedTuple):
    """How one schedule went."""

    seed: int
    violation: str  # "" when nothing went wrong
    log: list[str]
    ended: float  # virtual seconds


@cache
def config(index: int, witness: bool, advert_int: float) -> Config:
    """The option file of one node."""
    text = (
        f"[kachecks]\nvip = 10.0.0.100\npeer = 10.0.0.{2 - index}\nadvert_int = {advert_int}\n"
        + (f"witness = 10.0.0.254\npeer_grace = {5 - 2 * advert_int}\n" if witness else "")
        + "[client]\nsocket = /run/mysqld/mysqld.sock\n"
    )
    return parse(text, f"node {index}")


def play(seed: int, telling: bool = False, kind: str = "") -> Result:
    """Play the schedule of this number, as one of that kind if it has a name (kinds)."""
    with contextlib.redirect_stdout(io.StringIO()), remembered():
        return _play(seed, telling, kind)


@contextlib.contextmanager
def remembered() -> Iterator[None]:
    """A pure function of the real code that is asked the same again and again."""
    channels: dict[int, Channel] = {}

    def parse_channel(row: Row) -> Channel:
        known = channels.get(id(row))
        if known is None:  # the models keep their rows, so that no id is given anew
            known = channels[id(row)] = facts.parse_channel(row)
        return known

    with mock.patch.object(probe, "parse_channel", parse_channel):
        yield


def _play(seed: int, telling: bool, kind: str) -> Result:
    world, healed_at = build(seed, telling, kind)
    run, watch = world.scheduler.run, world.watch
    run(healed_at)
    if not watch.violation:
        heal(world)
    settled = 0
    while not watch.violation and settled < SETTLED:
        run(world.scheduler.now + 1.0)
        trouble = watch.settled()
        settled = 0 if trouble else settled + 1
        if trouble and world.scheduler.now > healed_at + HEALING:
            watch.fail(f"{HEALING:g} s after all was healed {trouble}")
    for node in world.nodes:
        for program in list(node.programs):
            program.kill()
    return Result(seed, watch.violation, world.log, world.scheduler.now)


def build(seed: int, telling: bool, named: str = "") -> tuple[World, float]:
    """The world of this number, with its faults planned; when all of it is to be healed."""
    faults = Faults.__new__(Faults)
    world = World(seed, (config(0, False, 1), config(1, False, 1)), True)
    Faults.__init__(faults, world, seed)
    draw = faults.random
    kind, of_kind = kind_of(seed, named)
    witness, advert_int = draw.random() < 0.5, draw.choice((1, 1, 1, 0.2))
    world.links.one_link = draw.random() < 0.6
    world.telling = telling
    world.drop_in = draw.random() < 0.7
    world.restarts = draw.random() < 0.8
    world.stalls, world.kills = draw.choice(((0, 0), (0, 0), (0.15, 0), (0.1, 0.1)))
    world.late_hooks = draw.choice((0, 0.2, 0.5))
    world.clients.every = draw.choice((0.3, 0.3, 0.06))
    active = world.nodes[draw.randrange(2)]
    for node in world.nodes:
        node.config = config(node.index, witness, advert_int)
        node.keepalived.set_advert_int(advert_int)
        node.receiver.delay = draw.choice((0.001, 0.001, 0.02, 0.2))
        node.clock_offset = draw.uniform(0, 1000)
        node.clock_rate = 1 + draw.uniform(-0.0005, 0.0005)
    if draw.random() < 0.1 and (kind is None or kind.joins):
        boot_both(world, draw)
    else:
        settle(active)
    world.clients.start()
    if telling:
        world.say(
            f"{active.name} is active; witness {witness}, one link {world.links.one_link}, drop-in"
            f" {world.drop_in}, adverts every {advert_int} s, restarts {world.restarts}"
        )
    long = draw.random() < 0.1
    if kind is None or kind.joins:
        faults.draw(active, 1 if long else draw.choice((1, 2, 2, 3, 4)), long)
    if kind is not None:
        kind.play(Scene(faults, of_kind, active))
    last = faults.begin(faults.events)
    return world, last + draw.uniform(0.0, 2.0)


def boot_both(world: World, draw: Random) -> None:
    """Both nodes start at once, each with transactions that the other lacks.

    In half of the schedules neither hears the other's adverts, so that both promote.
    """
    deaf = draw.random() < 0.5
    spread = 0.1 if deaf else 3.0
    for node in world.nodes:
        node.server.own = draw.randrange(20)
        node.server.boot(draw.uniform(0.1, 3.0 if not deaf else 0.3))
        world.scheduler.after(1.0 + draw.uniform(0.0, spread), node.keepalived.start)
        if deaf:
            world.links.cuts[node.index].adverts_pass = False
    if deaf:
        world.scheduler.at(draw.uniform(6.0, 9.0), adverts_pass, world)


def adverts_pass(world: World) -> None:
    """They hear each other again."""
    for cuts in world.links.cuts:
        cuts.adverts_pass = True
    world.watch.fault()
    world.network_changed()


def settle(active: Node) -> None:
    """As a pair is that has run for a while."""
    standby = active.other
    for node in (active, standby):
        server = node.server
        server.own = 10
        server.received = server.applied = 10
        server.boot(0.0)
        server.listening = True
        node.world.watch.listens(node)
        node.set_mark(files.PERMIT, "1\n")
        node.set_mark(files.MYSQLD, f"{server.process.pid} {server.process.started} contact")
        node.set_mark(files.VERDICT, "OK 0")
        node.set_mark(files.MAINTENANCE, files.NO_MAINTENANCE)
        server.received = 10
    active.server.open = active.server.ever_open = True
    process = active.server.process
    for kind in (files.OPEN, files.OPENED):
        active.set_mark(kind, f"{process.pid} {process.started}")
    active.vip = True
    active.world.clients.holder = active
    for node in (active, standby):
        node.receiver.start()
        node.keepalived.join(MASTER if node is active else BACKUP)
