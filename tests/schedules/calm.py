"""Loads, and hosts under load: nothing is wrong, and nothing may move."""

from __future__ import annotations

from collections.abc import Callable, Collection

from tests.schedules.scene import (
    Scene,
    block_log,
    let_status_wait,
    lock,
    slow_disk,
    starve,
)
from tests.schedules.server import COMMITTING, Client, Loading

Load = Callable[[Scene], None]


def calm(load: Load, without: Collection[str]) -> Load:
    """A load under which nothing may move; now and then there is another one of those allowed."""
    others = [each for name, each in LOADS.items() if name not in without]
    return lambda scene: _calm(scene, load, others)


def _calm(scene: Scene, load: Load, others: list[Load]) -> None:
    faults, draw = scene.faults, scene.random
    scene.alone()
    load(scene)
    if draw.random() < 0.3:
        draw.choice(others)(scene)
    for node in faults.world.nodes:
        node.config = node.config._replace(peer_check=draw.choice((1.0, 5.0)))
    faults.world.watch.duties.calm = True
    scene.over(22.0)


def _bulk(scene: Scene) -> None:
    """A bulk UPDATE or an online ALTER of minutes, which ends with a commit of seconds."""
    draw, clients = scene.random, scene.faults.world.clients
    state = draw.choice(("updating", "altering table", "committing alter table to storage engine"))
    age, seconds, commit = draw.uniform(60, 600), draw.uniform(0, 8), draw.uniform(0.2, 8)
    scene.faults.add(
        draw.uniform(0.1, 5),
        f"a statement of {age:.0f} s on {scene.active.name} ends with a commit of {commit:.1f} s",
        lambda: clients.statement(scene.active, age, state, seconds, commit),
    )


def _tail(scene: Scene) -> None:
    """An old tail is applied: server threads, whose time is that of the source."""
    server = scene.active.server
    worker = Client("system user", "Query", "")
    worker.since, worker.state = -5000.0, COMMITTING
    number: list[int] = []
    scene.faults.add(
        scene.random.uniform(0.1, 3), "an old tail is applied",
        lambda: number.append(server.add(worker)),
    )  # fmt: skip
    scene.faults.add(20.0, "an old tail is applied: over", lambda: server.remove(number[0]))


def _loader(scene: Scene) -> None:
    """Fourteen connections, nearly always in a commit; a replayed binary log shows old times."""
    draw, server = scene.random, scene.active.server
    takes, pause = draw.choice(((0.05, 0.05), (0.2, 0.01), (1.5, 0.05), (2.9, 0.1)))
    for _ in range(14):
        loader = Loading(takes, pause, draw.uniform(0, 3))
        scene.faults.add(0.3, "a loader", lambda each=loader: server.add(each))  # type: ignore[misc]


def _replay(scene: Scene) -> None:
    """A binary log is replayed: SET TIMESTAMP makes every statement look old."""
    draw, server = scene.random, scene.active.server
    loader = Loading(draw.choice((0.05, 0.3, 0.9)), draw.choice((0.02, 0.3)), draw.uniform(0, 1))
    loader.timestamp = -draw.uniform(1000, 100000)
    scene.faults.add(0.3, "a binary log is replayed", lambda: server.add(loader))


def _saturated(scene: Scene) -> None:
    """Saturated, on one node: each call takes up to 3 s."""
    draw = scene.random
    node, longest = draw.choice((scene.active, scene.standby)), draw.choice((0.3, 1.5, 3.0))
    slow_disk(scene, node, lambda: longest * draw.random(), 0.5, 18.0, f"takes up to {longest} s")


def _starved(scene: Scene) -> None:
    """A tenth of a CPU."""
    draw = scene.random
    node, times = draw.choice((scene.active, scene.standby)), draw.uniform(5, 20)
    starve(scene, node, times, draw.uniform(0.1, 3), 15.0)


def _read_lock(scene: Scene) -> None:
    """FLUSH TABLES WITH READ LOCK on the active node: nobody writes, and that moves nothing."""
    lock(scene, scene.active, "Sleep", scene.random.uniform(0.1, 3), 17.0, all_writes=True)


def _blink(scene: Scene) -> None:
    """The witness alone is silent."""
    scene.faults.witness(scene.active, scene.random.uniform(0.1, 5), scene.random.uniform(2, 5))


def _quiet_log(scene: Scene) -> None:
    """Nobody empties /dev/log, on either node."""
    block_log(scene, scene.active, 0.2, 20.0)
    block_log(scene, scene.standby, 0.2, 20.0)


def status_waits(scene: Scene) -> None:
    """A disk so busy that nobody is told how the active server replicates. Such a standby is unfit
    meanwhile, as nobody knows whether it is late."""
    let_status_wait(scene, scene.active, scene.random.uniform(0.1, 3), scene.random.uniform(3, 17))


LOADS = {
    "bulk": _bulk,
    "tail": _tail,
    "loader": _loader,
    "replay": _replay,
    "slow_disk": _saturated,
    "slow_host": _starved,
    "read_lock": _read_lock,
    "blink": _blink,
    "quiet_log": _quiet_log,
}
"""By the names of their kinds."""
