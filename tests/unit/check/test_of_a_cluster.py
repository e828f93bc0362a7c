"""A member of a cluster behind the option file of a pair: it is left alone."""

from __future__ import annotations

import pytest

from kachecks.check.one_run import run_check
from kachecks.mysql import queries
from kachecks.mysql.ability import why_not_a_pair
from kachecks.mysql.probe import probe
from kachecks.mysql.session import NoAnswer, ServerError
from kachecks.transitions.reconcile import reconcile
from tests.unit.doubles.simulated_server import CLOSED, OPEN, Session
from tests.unit.doubles.simulation import MARIADB, MYSQL, SIGKILL, World, active, standby

GALERA: dict[str, object] = {"wsrep_on": "1", "provider": "/usr/lib/galera/libgalera_smm.so"}
GROUP: dict[str, object] = {"group": True}
ENGINES = [(MARIADB, GALERA, "Galera"), (MYSQL, GALERA, "Galera"), (MYSQL, GROUP, "Group Repl")]
CLOSES = "SET GLOBAL"


def with_engine(world: World, engine: dict[str, object]) -> World:
    both = {f"{name}__{what}": value for name in "ab" for what, value in engine.items()}
    return world.but(**both)


def of_cluster(world: World, engine: dict[str, object]) -> World:
    """Both are, and open: before this check nobody has opened them."""
    world.open_mark = None
    return with_engine(world, engine).but(a__access=OPEN, b__access=OPEN)


@pytest.mark.parametrize(("version", "engine", "name"), ENGINES)
def test_a_holder_keeps_the_vip_and_nothing_is_closed(
    version: str, engine: dict[str, object], name: str
) -> None:
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
def test_a_standby_fails_and_stays_as_it_is(
    version: str, engine: dict[str, object], name: str
) -> None:
    world = of_cluster(standby(version), engine)
    verdict = run_check(world.node, act=True)
    assert (verdict.reason, verdict.status) == ("UNKNOWN", 30)
    assert name in verdict.sentence
    assert not [line for line in world.log if CLOSES in line]
    assert world.b.access == OPEN


def test_it_is_never_killed() -> None:
    """Without the open mark nothing is, however long it hangs."""
    world = of_cluster(active(MARIADB), GALERA)
    run_check(world.node, act=True)
    world.b.trouble = NoAnswer("no answer")
    verdict = run_check(world.node, act=True)
    assert verdict.reason == "MYSQLD_HUNG"
    assert SIGKILL not in world.log


@pytest.mark.parametrize(("version", "engine", "name"), ENGINES)
def test_a_look_says_so_instead_of_two_writers(
    version: str, engine: dict[str, object], name: str
) -> None:
    world = of_cluster(active(version), engine)
    verdict = run_check(world.node, act=False)
    assert verdict.reason in ("UNKNOWN", "UNABLE_TO_SERVE")
    assert verdict.status == 0
    assert name in verdict.sentence


@pytest.mark.parametrize(("version", "engine", "name"), ENGINES)
@pytest.mark.parametrize("vip", [True, False])
def test_its_hooks_do_nothing(
    version: str, engine: dict[str, object], name: str, vip: bool
) -> None:
    world = of_cluster(active(version), engine).but(vip=vip)
    outcome = reconcile(world.node, "a hook", 5.0)
    assert not outcome.done
    assert name in outcome.why
    assert world.node.marks.gave_way() is None
    assert not [line for line in world.log if CLOSES in line or "KILL" in line]
    assert (world.a.access, world.b.access, world.vip) == (OPEN, OPEN, vip)


def test_a_pair_is_asked_once_for_each_mysqld() -> None:
    world = active(MARIADB).but(b__wsrep_on="0", open_mark=None)
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
    assert len([sql for sql in asked if sql == queries.GALERA]) == 1
    assert world.open_mark is not None


PROVIDER = GALERA["provider"]


@pytest.mark.parametrize(
    ("wsrep_on", "provider", "said"),
    [
        (None, "", False),
        ("0", PROVIDER, False),
        ("OFF", PROVIDER, False),
        ("1", "none", False),
        ("ON", None, False),
        ("1", PROVIDER, True),
        ("ON", PROVIDER, True),
    ],
)
def test_who_belongs_to_galera(wsrep_on: str | None, provider: str | None, said: bool) -> None:
    world = standby(MARIADB).but(b__wsrep_on=wsrep_on, b__provider=provider)
    assert bool(asked(world)) is said


def asked(world: World) -> str:
    session = world.servers.connect_local(1.0)
    return why_not_a_pair(session, probe(session, 1.0).group_member, 1.0)


DENIED = ServerError(1045, "denied")
MUTE = NoAnswer("no answer")


def test_a_refusal_to_say_is_no_cluster() -> None:
    assert not asked(standby(MYSQL).but(b__troubles={"wsrep_on": DENIED}))


@pytest.mark.parametrize("trouble", [DENIED, MUTE])
def test_an_open_server_that_cannot_tell_is_one_of_a_pair(trouble: Exception) -> None:
    """Without the open mark it could not be killed when it hangs."""
    world = active(MARIADB).but(b__troubles={"wsrep_on": trouble}, open_mark=None)
    run_check(world.node, act=True)
    assert world.open_mark is not None


def test_it_is_promoted_all_the_same() -> None:
    world = standby(MARIADB).but(b__troubles={"wsrep_on": DENIED}, vip=True)
    assert reconcile(world.node, "a hook", 5.0).done
    assert world.b.access == OPEN


@pytest.mark.parametrize(("version", "engine", "name"), ENGINES)
def test_who_was_noted_as_open_is_closed_whatever_it_names(
    version: str,
    engine: dict[str, object],
    name: str,  # noqa: ARG001
) -> None:
    """An open mark is set for one of a pair only, and it must not outlive its closing."""
    world = with_engine(active(version), engine).but(vip=False)
    assert reconcile(world.node, "a hook", 5.0).done
    assert world.b.access == CLOSED


def test_what_cannot_be_told_is_closed() -> None:
    world = active(MARIADB).but(b__troubles={"wsrep_on": ServerError(1045, "denied")}, vip=False)
    world.open_mark = None
    assert reconcile(world.node, "a hook", 5.0).done
    assert world.b.access == CLOSED
