"""Whatever a server answers, to whatever it is asked, it is an answer of a broken server.

Each program asks both servers, and each answer is broken in each way (doubles.broken_answers).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kachecks.check.one_run import run_check
from kachecks.commands.rejoin.probe import compare
from kachecks.commands.status.servers import compared, reach
from kachecks.commands.switchover.preflight import look_at_both, objections
from kachecks.mysql.facts import Row
from kachecks.mysql.session import SessionError
from kachecks.transitions.reconcile import reconcile
from tests.unit.doubles import check_runs
from tests.unit.doubles.broken_answers import WAYS, Way, broken
from tests.unit.doubles.check_runs import gave_way
from tests.unit.doubles.doctor_servers import HERE, PEER, Answers
from tests.unit.doubles.simulated_server import Client
from tests.unit.doubles.simulation import (
    CLOSED,
    MARIADB,
    MYSQL,
    OPEN,
    REFUSED,
    SERVER,
    SILENT,
    World,
    active,
    standby,
)

EVERY_WAY = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


def said_well(text: str) -> None:
    """No bug is told, but a broken answer; and none of what was sent in it."""
    if "broken answer" in text:
        told = text[text.index("broken answer") :]
        assert not any(raw in told for raw in ("abc", "9999", "\0", "\ufffd", "²", "xxx")), text
        text = text[: text.index("broken answer")]
    assert "unexpected" not in text, text


# check_mysql --------------------------------------------------------------------------------------


def waiting(world: World) -> World:
    """Somebody waits for a lock, so that more is asked."""
    world.b.add(Client("app", "Query", seconds=30, state="Waiting for global read lock"))
    world.b.add(Client("app", "Query", seconds=30, state="waiting for handler commit"))
    return world


ROLES: dict[str, Callable[[], World]] = {
    "holder": check_runs.holder,
    "holder that waits": lambda: waiting(check_runs.holder()),
    "standby": check_runs.standby,
    "closed holder": check_runs.closed_holder,
    "gave way": lambda: gave_way(check_runs.standby(), 60.0),
    "two writers": lambda: check_runs.holder().but(a__access=OPEN),
    "peer gone": lambda: check_runs.holder().but(a__trouble=REFUSED),
    "open without the VIP": lambda: check_runs.holder().but(vip=False),
    "open without the VIP beside an open one": lambda: check_runs.holder().but(
        vip=False, a__access=OPEN
    ),
    "MariaDB": lambda: active(MARIADB).but(time=100.0),
    "MariaDB without the VIP": lambda: active(MARIADB).but(time=100.0, vip=False),
    "MariaDB stands by": lambda: standby(MARIADB).but(time=100.0),
}


@EVERY_WAY
@pytest.mark.parametrize("make", ROLES.values(), ids=ROLES)
def test_check_that_fences(make: Callable[[], World], way: Way) -> None:
    for world, asked in broken(make, lambda whole: run_check(whole.node, act=True), way):
        before = world.b.access, world.a.access
        verdict = run_check(world.node, act=True)
        said_well(verdict.sentence)
        assert isinstance(verdict.status, int)
        assert world.sessions_left == []
        if not world.vip:
            assert world.b.access == CLOSED, (asked, verdict)
        opened = before[0] == CLOSED and world.b.access == OPEN
        assert not opened, (asked, verdict)
        assert world.a.access == before[1], (asked, verdict)


@EVERY_WAY
@pytest.mark.parametrize("make", ROLES.values(), ids=ROLES)
def test_check_that_only_looks(make: Callable[[], World], way: Way) -> None:
    for world, asked in broken(make, lambda whole: run_check(whole.node, act=False), way):
        before = world.b.access, world.a.access, dict(world.files.texts), dict(world.disk.texts)
        said_well(run_check(world.node, act=False).sentence)
        after = world.b.access, world.a.access, world.files.texts, world.disk.texts
        assert after == before, asked
        assert world.sessions_left == []


# Promotion, demotion ------------------------------------------------------------------------------


def half_sent() -> World:
    world = World().but(a__trouble=REFUSED, b__receiver="Connecting", vip_takes=0.01)
    world.b.receive_half()
    return world


def late() -> World:
    """It applies for long, and somebody has its lock."""
    world = World().but(a__made=900, b__applies=300.0, vip_takes=0.01)
    world.b.add(Client("app", holds_up=True))
    return world


PROMOTIONS: dict[str, Callable[[], World]] = {
    "open peer": lambda: World().but(vip_takes=0.01),
    "late": late,
    "MariaDB": lambda: World(MARIADB).but(vip_takes=0.01),
    "dead peer": half_sent,
    "silent peer": lambda: World().but(a__trouble=SILENT, b__receiver="Connecting", vip_takes=0.01),
    "open already": lambda: World().but(b__access=OPEN, open_mark=SERVER, vip_takes=0.01),
}


@EVERY_WAY
@pytest.mark.parametrize("make", PROMOTIONS.values(), ids=PROMOTIONS)
def test_promotion(make: Callable[[], World], way: Way) -> None:
    """It ends open, with the VIP and beside a closed peer; or closed, and has given way."""

    def promote(world: World) -> Any:
        return reconcile(world.node, "a hook", 5.0)

    for world, asked in broken(make, promote, way):
        before = world.b.access
        outcome = promote(world)
        said_well(outcome.why)
        assert world.sessions_left == []
        assert world.locked_by != "us"
        serves = world.b.access == OPEN and world.vip
        alone = world.a.access == CLOSED or world.a.trouble is not None
        gone = world.b.access == CLOSED and world.gave_way is not None
        kept = before == OPEN and serves and not outcome.done
        doubtful = world.vip and world.open_mark is not None and not outcome.done
        assert (serves and alone) or gone or kept or doubtful, (asked, outcome)


@EVERY_WAY
@pytest.mark.parametrize("version", [MYSQL, MARIADB])
def test_demotion(version: str, way: Way) -> None:
    """It is closed, even where that cannot be read back."""

    def make() -> World:
        world = active(version).but(vip=False, b__semi_sync="rpl_semi_sync_master_enabled")
        world.servers.ports_through_vip = {40000}
        world.b.add(Client("root"), Client("app", blocks=False))
        return world

    def demote(world: World) -> Any:
        return reconcile(world.node, "a hook", 5.0)

    for world, asked in broken(make, demote, way):
        outcome = demote(world)
        said_well(outcome.why)
        assert world.sessions_left == []
        assert world.b.access == CLOSED, (asked, outcome)


# What the operator calls --------------------------------------------------------------------------


def status(world: World) -> None:
    one, other = (
        reach(connect(1.0)) for connect in (world.servers.connect_local, world.servers.connect_peer)
    )
    compared(one, other, "10.0.0.1")
    compared(other, one, "10.0.0.2")
    for each in (one, other):
        each.session.close()


@EVERY_WAY
@pytest.mark.parametrize("version", [MYSQL, MARIADB])
def test_status(version: str, way: Way) -> None:
    for world, _ in broken(lambda: active(version), status, way):
        try:
            status(world)
        except SessionError as error:  # shown in its cell
            said_well(str(error))


def rejoin(world: World) -> Any:
    return compare(world.node)


@EVERY_WAY
@pytest.mark.parametrize("version", [MYSQL, MARIADB])
def test_rejoin(version: str, way: Way) -> None:
    def make() -> World:
        return standby(version).but(a__made=9, b__applies=0.0, b__made=8, a__purged="")

    for world, _ in broken(make, rejoin, way):
        try:
            said_well(rejoin(world).trouble)
        except SessionError as error:
            said_well(str(error))
        assert world.sessions_left == []


def switchover(world: World) -> list[str]:
    return objections(look_at_both(world.node), world.node.config)


@EVERY_WAY
@pytest.mark.parametrize("version", [MYSQL, MARIADB])
def test_switchover(version: str, way: Way) -> None:
    def make() -> World:
        world = active(version).but(a__applied=3)
        world.b.add(Client("app", transaction=9))
        return world

    for world, _ in broken(make, switchover, way):
        said_well(" ".join(switchover(world)))
        assert world.b.access == OPEN


@EVERY_WAY
@pytest.mark.parametrize("generation", ["mysql-9.7", "mariadb-10.11"])
@pytest.mark.parametrize("side", [HERE, PEER])
def test_doctor(generation: str, side: str, way: Way) -> None:
    answers = Answers(generation)
    asked: list[str] = []

    def hear(node: str, sql: str, rows: list[Row]) -> list[Row]:
        asked.extend([sql] if node == side else [])
        return rows

    answers.spoiled = hear
    answers.findings()
    assert len(asked) > 8
    for spoiled in asked:
        answers.spoiled = lambda node, sql, rows, broken=spoiled: (
            way(rows) if (node, sql) == (side, broken) else rows
        )
        for finding in answers.findings():
            said_well(finding.sentence)
