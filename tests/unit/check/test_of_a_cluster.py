"""A member of a cluster behind the option file of a pair: it is left alone."""

from __future__ import annotations

import pytest

from kachecks.check.one_run import run_check
from kachecks.mysql.ability import why_not_a_pair
from kachecks.mysql.session import NoAnswer, ServerError
from kachecks.transitions.reconcile import reconcile
from tests.unit.doubles.simulated_server import CLOSED, OPEN, Session
from tests.unit.doubles.simulation import MARIADB, MYSQL, SIGKILL, World, active, standby

ENGINES = [(MARIADB, "1", "Galera"), (MYSQL, "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee", "Group Repl")]
CLOSES = "SET GLOBAL"


def of_cluster(world: World, engine: str) -> World:
    """Both are, and open: before this check nobody has opened them."""
    world.open_mark = None
    return world.but(a__cluster=engine, b__cluster=engine, a__access=OPEN, b__access=OPEN)


@pytest.mark.parametrize(("version", "engine", "name"), ENGINES)
def test_a_holder_keeps_the_vip_and_nothing_is_closed(version: str, engine: str, name: str) -> None:
    world = of_cluster(active(version), engine)
    for _ in range(4):
        verdict = run_check(world.node, act=True)
        assert (verdict.reason, verdict.status) == ("UNKNOWN", 0)
        assert name in verdict.sentence
        assert "cluster = yes" in verdict.sentence
        world.time += 1
    assert not [line for line in world.log if CLOSES in line]
    assert world.open_mark is None


@pytest.mark.parametrize(("version", "engine", "name"), ENGINES)
def test_a_standby_fails_and_stays_as_it_is(version: str, engine: str, name: str) -> None:
    world = of_cluster(standby(version), engine)
    verdict = run_check(world.node, act=True)
    assert (verdict.reason, verdict.status) == ("UNKNOWN", 30)
    assert name in verdict.sentence
    assert not [line for line in world.log if CLOSES in line]
    assert world.b.access == OPEN


def test_it_is_never_killed() -> None:
    """Without the open mark nothing is, however long it hangs."""
    world = of_cluster(active(MARIADB), "1")
    run_check(world.node, act=True)
    world.b.trouble = NoAnswer("no answer")
    verdict = run_check(world.node, act=True)
    assert verdict.reason == "MYSQLD_HUNG"
    assert SIGKILL not in world.log


@pytest.mark.parametrize(("version", "engine", "name"), ENGINES)
def test_a_look_says_so_instead_of_two_writers(version: str, engine: str, name: str) -> None:
    world = of_cluster(active(version), engine)
    verdict = run_check(world.node, act=False)
    assert (verdict.reason, verdict.status) == ("UNKNOWN", 0)
    assert name in verdict.sentence


@pytest.mark.parametrize(("version", "engine", "name"), ENGINES)
@pytest.mark.parametrize("vip", [True, False])
def test_its_hooks_do_nothing(version: str, engine: str, name: str, vip: bool) -> None:
    world = of_cluster(active(version), engine).but(vip=vip)
    outcome = reconcile(world.node, "a hook", 5.0)
    assert not outcome.done
    assert name in outcome.why
    assert not [line for line in world.log if CLOSES in line or "KILL" in line]
    assert (world.a.access, world.b.access, world.vip) == (OPEN, OPEN, vip)


def test_a_pair_is_asked_once_for_each_mysqld() -> None:
    world = active(MARIADB).but(b__cluster="0", open_mark=None)
    asked: list[str] = []
    real = Session.query

    def query(session: Session, sql: str, timeout: float) -> list[dict[str, str | None]]:
        asked.append(sql)
        return real(session, sql, timeout)

    Session.query = query  # type: ignore[method-assign]
    try:
        for _ in range(3):
            run_check(world.node, act=True)
            world.time += 1
    finally:
        Session.query = real  # type: ignore[method-assign]
    assert len([sql for sql in asked if sql.endswith("AS cluster")]) == 1
    assert world.open_mark is not None


@pytest.mark.parametrize(
    ("engine", "said"),
    [(None, False), ("0", False), ("OFF", False), ("", False), ("1", True), ("ON", True)],
)
def test_who_belongs_to_a_cluster(engine: str | None, said: bool) -> None:
    world = standby(MARIADB).but(b__cluster=engine)
    assert bool(why_not_a_pair(world.servers.connect_local(1.0), 1.0)) is said


def test_an_error_is_no_answer() -> None:
    world = standby(MYSQL).but(b__troubles={"AS cluster": ServerError(1045, "denied")})
    with pytest.raises(ServerError):
        why_not_a_pair(world.servers.connect_local(1.0), 1.0)
    assert world.b.access == CLOSED
