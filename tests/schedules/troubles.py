"""Troubles that the common faults do not know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.schedules.scene import (
    Scene,
    block_log,
    block_sql,
    crowd,
    cut_adverts,
    dead_disk,
    lack,
    let_status_wait,
    lock,
    slow_disk,
    starve,
)
from tests.schedules.server import LOCK_WAIT_TIMEOUT

if TYPE_CHECKING:
    from tests.schedules.node import Node
    from tests.schedules.server import Server


def reject(scene: Scene) -> None:
    """A firewall answers for SQL, and sooner or later the connections of the receivers end."""
    faults, draw = scene.faults, scene.random
    links, at, seconds = faults.world.links, draw.uniform(0.2, 4), draw.uniform(6, 20)
    for way in draw.choice(((scene.active,), (scene.standby,), faults.world.nodes)):

        def change(ends: bool, way: Node = way) -> None:
            links.cuts[way.index].sql_accepted = ends
            faults.world.network_changed()

        faults.both(f"SQL rejected towards {way.other.name}", at, seconds, change)
        faults.add(
            at + draw.choice((0.1, draw.uniform(0, 5))), f"the receiver of {way.name} is reset",
            way.receiver.reset,
        )  # fmt: skip
    chance = draw.random()
    if chance < 0.5:  # and then the standby takes the VIP
        ways = draw.choice(((scene.active,), faults.world.nodes))
        # One way, the old holder lets go by itself: known to the other one only after a while.
        later = draw.uniform(-1, 5) if len(ways) == 2 else draw.uniform(15, 18)
        faults.both(
            f"VRRP blocked, {len(ways)} ways", at + later, seconds,
            lambda ends: cut_adverts(scene, ends, ways),
        )  # fmt: skip
    elif chance < 0.7:
        faults.cut_between(scene.active, at + draw.uniform(-0.1, 3), seconds)


def privileges(scene: Scene) -> None:
    """Our account may not see or cut the clients of one server any more."""
    draw = scene.random
    node, what = draw.choice(scene.faults.world.nodes), draw.choice(("process", "connection"))
    lack(scene, node, what, draw.uniform(0.2, 3), draw.uniform(5, 20))


def may_not_close(scene: Scene) -> None:
    """Our account may neither open nor close one server any more."""
    draw = scene.random
    node = draw.choice(scene.faults.world.nodes)
    lack(scene, node, "admin", draw.uniform(0.2, 3), draw.uniform(10, 40))


def may_not_open(scene: Scene) -> None:
    """The standby's account may not open, and is needed."""
    draw, faults = scene.random, scene.faults
    scene.alone()
    faults.world.restarts = True
    lack(scene, scene.standby, "admin", 0.1, 60.0)
    draw.choice((faults.kill, faults.kill, faults.take_vip, faults.restart_keepalived))(
        scene.active, draw.uniform(0.5, 4), 0.0
    )
    faults.world.scheduler.at(5.0, faults.world.watch.duties.must_serve, 35.0, 55.0)


def late(scene: Scene) -> None:
    """The standby's receiver gets nothing while the active node commits, and then that one dies."""
    draw, faults, standby = scene.random, scene.faults, scene.standby
    _break_receiver(scene)
    at = 0.5 + draw.uniform(9, 13)
    if draw.random() < 0.3:  # SQL is blocked before
        faults.both("SQL blocked", at - 1, 30, lambda ends: block_sql(scene, ends))
    if draw.random() < 0.2:
        faults.world.restarts = True
        faults.kill(standby, at - draw.uniform(-1, 3), 0.0)
    else:
        faults.world.restarts = draw.random() < 0.3
    deaths = (faults.kill, faults.kill, faults.power, faults.hang, faults.cut_link)
    draw.choice(deaths)(scene.active, at, 14.0)
    faults.add(at + 16, f"the receiver of {standby.name} mended", standby.receiver.mend)


def caught_up(scene: Scene) -> None:
    """The standby was late, has got everything, and is needed."""
    draw, faults, standby = scene.random, scene.faults, scene.standby
    _break_receiver(scene)
    at = 0.5 + draw.uniform(9, 13)
    faults.add(at, f"the receiver of {standby.name} mended", standby.receiver.mend)
    at += draw.uniform(3, 6)
    faults.world.restarts = False
    draw.choice((faults.kill, faults.power, faults.hang, faults.notify_down))(
        scene.active, at, 25.0
    )
    faults.world.scheduler.at(at, faults.world.watch.duties.must_serve, 20.0, at + 24)


def _break_receiver(scene: Scene) -> None:
    """For nearly all of the time; max_lag is short."""
    faults, receiver = scene.faults, scene.standby.receiver
    scene.alone()
    for node in faults.world.nodes:
        node.config = node.config._replace(max_lag=3.0, peer_check=1.0)
    how = scene.random.choice(("stopped", "refused", "purged", "silent"))
    faults.add(0.5, f"the receiver of {scene.standby.name}: {how}", lambda: receiver.fail(how))


def readers(scene: Scene) -> None:
    """A backup, or a forgotten transaction before a DDL, holds up the standby's applier."""
    draw = scene.random
    at, seconds = draw.uniform(0.1, 2), draw.uniform(20, 40)
    lock(scene, scene.standby, "Sleep", at, seconds, all_writes=draw.random() < 0.5)
    scene.faults.world.clients.every = 0.06


def takeover_with_readers(scene: Scene) -> None:
    """The same, and the standby is needed."""
    draw, faults = scene.random, scene.faults
    readers(scene)
    scene.alone()
    faults.world.restarts = False
    strike = draw.choice((faults.kill, faults.power, faults.notify_down, faults.take_vip))
    at = draw.uniform(2.5, 6)
    strike(scene.active, at, 25.0)
    if draw.random() < 0.3:
        faults.add(
            at + draw.uniform(-1, 5), f"the applier of {scene.standby.name} has waited too long",
            lambda: _applier_gives_up(scene.standby.server),
        )  # fmt: skip
    faults.world.scheduler.at(at, faults.world.watch.duties.must_serve, 20.0, at + 24)


def _applier_gives_up(server: Server) -> None:
    """After slave_transaction_retries; START REPLICA makes it go on."""
    if server.runs and server.held_up:
        server.break_applier(LOCK_WAIT_TIMEOUT)


def fencing(scene: Scene) -> None:
    """The active node is cut off from everybody while its successor closes it."""
    draw, faults, active = scene.random, scene.faults, scene.active
    witness, links = active.config.witnesses, faults.world.links
    scene.alone()
    links.one_link = True
    at = draw.uniform(0.2, 1)
    if witness:
        faults.both("VRRP blocked", at, 20.0, lambda ends: cut_adverts(scene, ends))
        at += 3 * active.keepalived.advert_int
    else:
        faults.take_vip(active, at, 0.0)
    if draw.random() < 0.7:
        faults.add(
            max(at - 1, 0.1), f"a write on {active.name} takes long, not to be killed",
            lambda: faults.world.clients.long_write(active, 12.0, stubborn=True),
        )  # fmt: skip
    names = draw.choice((("sends", "hears"), ("sends", "hears"), ("hears",), ("sends",)))
    faults.cut(active, names, "cut off", at + draw.uniform(0, 9), 15.0)


def cut_in_promotion(scene: Scene) -> None:
    """At some step of a promotion that faults of all kinds have brought about, something is cut."""
    draw, world, faults = scene.random, scene.faults.world, scene.faults
    step, cuts = 1 + int(90 * draw.random() ** 2), []
    for _ in range(2):
        blow = draw.choice((faults.cut_link, faults.cut_between, faults.witness))
        before = len(faults.events)
        blow(draw.choice(world.nodes), 0.0, draw.uniform(2, 12))
        cuts.append(faults.events[before:])
        del faults.events[before:]
        if draw.random() < 0.7:
            break
    world.strike = (step, [event for each in cuts for event in each], faults)


def blink_alone(scene: Scene) -> None:
    """One node is off, and the witness is silent for a moment."""
    draw, faults = scene.random, scene.faults
    duties, node = faults.world.watch.duties, draw.choice(faults.world.nodes)
    _alone(scene, node, 48.0)

    def alone() -> None:
        duties.alone_since = faults.world.scheduler.now

    def not_alone() -> None:
        duties.alone_since = 0.0

    faults.add(1.0, "one node is alone", alone)
    faults.witness(node, draw.uniform(27, 31), draw.uniform(2, 5))
    faults.witness(node, draw.uniform(37, 41), draw.uniform(2, 5))
    faults.add(48.5, "one node is not alone any more", not_alone)


def back_in_a_cut(scene: Scene) -> None:
    """One node was off for long, and comes back while the other one is cut off."""
    draw, faults = scene.random, scene.faults
    node = draw.choice(faults.world.nodes)
    off = draw.uniform(4, 40)
    _alone(scene, node, off)
    at = max(off + draw.uniform(-4, 4), 1.5)
    blow = draw.choice((faults.cut_link, faults.cut_link, faults.witness))
    blow(node.other, at, draw.uniform(4, 20))


def _alone(scene: Scene, node: Node, seconds: float) -> None:
    """That node is off for so long; there is a witness, and what is late is soon known for it."""
    scene.alone()
    for each in scene.faults.world.nodes:
        each.config = each.config._replace(
            witnesses=("10.0.0.254",),
            peer_grace=5 - 2 * each.keepalived.advert_int,
            max_lag=3.0,
            peer_check=1.0,
        )
    scene.faults.power(node, 1.0, seconds)


def commits(scene: Scene) -> None:
    """Commits that take seconds, around what the common faults do."""
    draw, clients = scene.random, scene.faults.world.clients
    for _ in range(draw.choice((1, 1, 3))):
        commit = draw.uniform(1, 14)
        scene.faults.add(
            draw.uniform(0.1, 6), f"a commit of {commit:.1f} s on {scene.active.name}",
            lambda commit=commit: clients.statement(scene.active, 0.1, "update", 0.0, commit),  # type: ignore[misc]
        )  # fmt: skip


def orderly(scene: Scene) -> None:
    """The active server is stopped in order, as it commits and sends: neither takes no time."""
    draw, world = scene.random, scene.faults.world
    scene.alone()
    for node in world.nodes:
        node.server.names_threads = True
    scene.standby.receiver.sending = draw.choice((0.01, 1.0, 4.0, 9.0)) * draw.uniform(0.5, 1)
    at, commit = draw.uniform(0.5, 3), draw.uniform(0.1, 9)
    scene.faults.add(
        at, f"a commit of {commit:.1f} s on {scene.active.name}",
        lambda: world.clients.statement(scene.active, 0.1, "update", 0.0, commit),
    )  # fmt: skip
    scene.faults.shut_down(scene.active, at + draw.uniform(0.01, 1), draw.uniform(1, 10))
    scene.over(30.0)
    world.watch.duties.orderly = True


def orderly_and_more(scene: Scene) -> None:
    """The same beside the common faults."""
    draw, world = scene.random, scene.faults.world
    for node in world.nodes:
        node.server.names_threads = True
    node, commit = draw.choice((scene.active, scene.active, scene.standby)), draw.uniform(0.1, 6)
    at = draw.uniform(0.1, 6)
    scene.faults.add(
        at, f"a commit of {commit:.1f} s on {node.name}",
        lambda: world.clients.statement(node, 0.1, "update", 0.0, commit),
    )  # fmt: skip
    scene.faults.shut_down(node, at + draw.uniform(0.0, 1), draw.uniform(0.2, 10))


def starved(scene: Scene) -> None:
    """A node gets little of its CPU."""
    draw = scene.random
    node = draw.choice((scene.active, scene.active, scene.standby))
    starve(scene, node, draw.uniform(5, 20), draw.uniform(0.1, 3), draw.uniform(4, 15))


def disks(scene: Scene) -> None:
    """The disk of a node answers late, or not at all."""
    draw = scene.random
    node = draw.choice((scene.active, scene.active, scene.standby))
    at, seconds = draw.uniform(0.1, 3), draw.uniform(4, 20)
    if draw.random() < 0.5:
        slow_disk(scene, node, lambda: 1 + 2 * draw.random(), at, seconds, "takes 1 to 3 s")
    else:
        dead_disk(scene, node, at, seconds)


def dead(scene: Scene) -> None:
    """The disk of the active node is dead, and the standby is fit."""
    scene.alone()
    dead_disk(scene, scene.active, scene.random.uniform(4, 6), 40.0)
    world = scene.faults.world
    world.scheduler.at(7.0, world.watch.duties.must_serve, 25.0, 44.0)


def mute_log(scene: Scene) -> None:
    """Nobody empties /dev/log of a node."""
    draw = scene.random
    block_log(scene, draw.choice(scene.faults.world.nodes), draw.uniform(0.1, 2), 15.0)


def full_run(scene: Scene) -> None:
    """No mark can be written."""
    draw = scene.random
    node = draw.choice(scene.faults.world.nodes)

    def change(ends: bool) -> None:
        node.run_is_full = not ends

    scene.faults.both(
        f"/run of {node.name} is full", draw.uniform(0.1, 3), draw.uniform(4, 15), change
    )


def full_and_more(scene: Scene) -> None:
    """A disk in trouble hides what is worse: two writers, or that this node is cut off."""
    draw, faults = scene.random, scene.faults
    scene.alone()
    mute = draw.random() < 0.5
    for node in draw.choice((faults.world.nodes, (scene.active,), (scene.standby,))):
        if mute:
            dead_disk(scene, node, draw.uniform(0.1, 3), 20.0)
        else:
            faults.fill_disk(node, draw.uniform(0.1, 1), 20.0)
    at = draw.uniform(1, 4)
    if draw.random() < 0.5:
        faults.both("VRRP blocked", at, 25.0, lambda ends: cut_adverts(scene, ends))
        faults.pause(scene.active, at, draw.uniform(6, 10))
    else:
        faults.cut_link(scene.active, at, draw.uniform(6, 12))


def prepared(scene: Scene) -> None:
    """XA transactions, prepared on the active node, are committed once it is closed."""
    draw, world = scene.random, scene.faults.world
    active = scene.active
    active.server.prepared = draw.choice((1, 3))

    def commit() -> None:
        server = active.server
        if server.runs and server.listening and server.prepared and world.links.outside(active):
            active.say("XA COMMIT")
            server.commit_prepared()

    active.server.when_closed = lambda: [
        world.scheduler.after(draw.choice((0.01, 0.1, 2.0)) * draw.random(), commit)
        for _ in range(active.server.prepared)
    ]


def status_waits(scene: Scene) -> None:
    """A disk so busy that a server does not tell how it replicates, for a while or for long."""
    draw, nodes = scene.random, scene.faults.world.nodes
    for node in draw.choice(((scene.active,), (scene.standby,), nodes)):
        let_status_wait(scene, node, draw.uniform(0.1, 4), draw.uniform(1, 30))


def late_and_status_waits(scene: Scene) -> None:
    """What a late standby lacks is known, although its peer does not tell how it replicates."""
    draw = scene.random
    late(scene)
    let_status_wait(scene, scene.active, draw.uniform(0.1, 9), 30.0)
    if draw.random() < 0.3:
        let_status_wait(scene, scene.standby, draw.uniform(0.1, 9), draw.uniform(1, 30))


def crowds(scene: Scene) -> None:
    """A server does not tell who is connected, or takes long."""
    draw, nodes = scene.random, scene.faults.world.nodes
    for node in draw.choice(((scene.active,), (scene.standby,), nodes)):
        takes = draw.choice((None, draw.uniform(0.1, 4)))
        crowd(scene, node, takes, draw.uniform(0.1, 4), draw.uniform(3, 30))


def crowd_moves(scene: Scene) -> None:
    """The same, and it is all that is wrong while the service moves to the other node."""
    draw, faults = scene.random, scene.faults
    scene.alone()
    faults.world.restarts = False
    for node in draw.choice(((scene.active,), (scene.standby,), faults.world.nodes)):
        crowd(scene, node, draw.choice((None, draw.uniform(0.1, 4))), 0.1, 40.0)
    at, duties = draw.uniform(2, 6), faults.world.watch.duties
    strike = draw.choice((faults.kill, faults.power, faults.notify_down, faults.take_vip))
    strike(scene.active, at, 25.0)
    faults.world.scheduler.at(at, duties.must_serve, 20.0, at + 24)
    duties.does_all = True
