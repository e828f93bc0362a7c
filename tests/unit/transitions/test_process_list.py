"""A server is closed, and opened, whatever becomes of its process list (simulation.py).

30,000 clients are more than an answer may hold (BrokenAnswer); a busy server may take long to tell
who is connected. Both end the session that asked.
"""

from __future__ import annotations

import pytest

from kachecks.mysql.errors import BrokenAnswer
from kachecks.mysql.session import Lost, NoAnswer, ServerError, SessionError
from kachecks.transitions.presence import still_connected
from kachecks.transitions.reconcile import reconcile
from tests.unit.doubles.check_runs import check, holder
from tests.unit.doubles.demotions import STATEMENT, ended, marked, opened
from tests.unit.doubles.promotions import OPENED, run
from tests.unit.doubles.simulated_server import CLOSED, OPEN, Client
from tests.unit.doubles.simulation import (
    MARIADB,
    MARIADB12,
    MYSQL,
    REFUSED,
    SILENT,
    VERSIONS,
    World,
)

LIST = "SHOW PROCESSLIST"
TROUBLES = [
    NoAnswer("slow"),
    BrokenAnswer("more than 16 MiB"),
    Lost("killed"),
    ServerError(1104, "no"),
]
NOBODY_CUT = "; but not everybody could be cut"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("error", TROUBLES, ids=repr)
@pytest.mark.parametrize("patience", [5.0, 1.0, 0.3])
def test_it_is_closed(version: str, error: SessionError, patience: float) -> None:
    """Also while it is isolated, and in notify_stop; never killed, and in time."""
    world = marked(opened(version)).but(b__troubles={LIST: error})
    world.b.add(Client("app"))
    outcome = ended(world, "closed", patience=patience)
    assert world.b.access == CLOSED
    assert NOBODY_CUT in outcome.why
    assert outcome.position
    assert world.time < patience


@pytest.mark.parametrize("error", TROUBLES, ids=repr)
def test_who_is_told_only_later_is_cut_then(error: SessionError) -> None:
    """The crowd has gone when the server is closed."""
    world = opened().but(b__troubles={LIST: error})
    world.b.add(Client("app"))
    world.when(STATEMENT[MYSQL], b__troubles={})
    assert ended(world, "closed").why == "closed for writes, 1 client connections cut"


@pytest.mark.parametrize("error", TROUBLES[:3], ids=repr)
def test_a_kill_that_ends_the_session(error: SessionError) -> None:
    world = marked(opened()).but(b__troubles={"KILL": error})
    world.b.add(Client("app"))
    assert NOBODY_CUT in ended(world, "closed", patience=1.0).why
    assert world.time < 1.0


def test_the_only_connection_left_is_had_again() -> None:
    """It is free a moment after the session that asked has ended."""
    world = marked(opened()).but(b__troubles={LIST: BrokenAnswer("more than 16 MiB")})
    full = ServerError(1040, "Too many connections")
    world.when(LIST, b__trouble=full)
    world.when("sleep", b__trouble=None)
    ended(world, "closed")


def test_a_reader_of_the_binary_log_is_looked_for_last() -> None:
    """What must be asked of a closed server does not depend on the list either."""
    error = NoAnswer("slow")
    world = opened().but(servers__ports_through_vip={50000})
    world.when("unmark", b__troubles={LIST: error})
    outcome = ended(world, "closed")
    assert outcome.why == "closed for writes, 0 client connections cut"
    assert outcome.position


def test_on_old_mariadb_nobody_knows_who_may_still_write() -> None:
    """An account that may write through read_only comes back for a while; who has not been told
    waits until it is quiet."""
    world = opened(MARIADB).but(b__troubles={LIST: BrokenAnswer("more than 16 MiB")})
    root = Client("root", returns=3)
    world.when(STATEMENT[MARIADB], lambda: world.b.add(root), b__troubles={})
    world.when("KILL", b__troubles={"KILL": Lost("killed")})
    outcome = ended(world, "closed")
    assert NOBODY_CUT in outcome.why
    world = opened(MARIADB).but(b__troubles={LIST: BrokenAnswer("more than 16 MiB")})
    world.when(STATEMENT[MARIADB], b__troubles={})
    begin = world.time
    ended(world, "closed")
    assert world.time - begin > 0.5


# The peer ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [MYSQL, MARIADB12])
@pytest.mark.parametrize("error", TROUBLES, ids=repr)
def test_the_peer_is_fenced(version: str, error: SessionError) -> None:
    """The lock there is gone with the session, so it is asked anew: by now it is closed."""
    world = World(version).but(a__troubles={LIST: error})
    outcome = run(world)
    assert (outcome.outcome, world.a.access, world.b.access) == ("opened", CLOSED, OPEN), outcome
    assert world.log.count("A: lock kachecks.main") == (1 if error is TROUBLES[3] else 2)
    assert world.sessions_left == []


@pytest.mark.parametrize("error", TROUBLES, ids=repr)
def test_a_peer_that_may_still_write_is_not_taken_for_closed(error: SessionError) -> None:
    world = World(MARIADB).but(a__troubles={LIST: error})
    outcome = run(world)
    assert (outcome.outcome, world.b.access) == ("refused", CLOSED)
    assert "not closed to everybody" in outcome.why
    assert world.sessions_left == []


# Opening -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("error", TROUBLES, ids=repr)
@pytest.mark.parametrize(
    "peer",
    [
        {"a__access": CLOSED},
        {"a__trouble": SILENT, "b__receiver": "Connecting"},
        {"a__trouble": REFUSED, "b__receiver": "Connecting"},
    ],
)
def test_it_opens(version: str, error: SessionError, peer: dict[str, object]) -> None:
    """35,000 clients that come back at once: somebody must serve them."""
    world = World(version).but(**peer, b__troubles={LIST: error})
    world.b.add(Client("app"))
    opened_at = []
    world.when(OPENED, lambda: opened_at.append(world.time))
    outcome = reconcile(world.node, "notify_master", 5.0)
    assert (outcome.outcome, world.b.access) == ("opened", OPEN), outcome
    assert world.log.count(OPENED) == 1
    assert opened_at[0] < 2.2
    assert world.sessions_left == []


@pytest.mark.parametrize("error", TROUBLES, ids=repr)
def test_it_applies_meanwhile(error: SessionError) -> None:
    """The applier is held up for a while, and who does it cannot be told."""
    world = World().but(a__access=CLOSED, a__made=9, b__received=9, b__troubles={LIST: error})
    world.b.add(Client("backup", holds_up=True))
    lock = world.b.last_id
    world.when(LIST, world.then(LIST, lambda: world.b.clients.pop(lock)))
    assert run(world).outcome == "opened"
    assert world.b.applied == 9


def test_a_server_with_no_connection_left() -> None:
    world = World().but(a__access=CLOSED)
    full = ServerError(1040, "Too many connections")
    free = world.then("SELECT 1", b__trouble=None)
    world.when("B: connect", world.then("B: connect", free, b__trouble=full))
    assert run(world).outcome == "opened"


@pytest.mark.parametrize("error", TROUBLES, ids=repr)
def test_a_peer_that_refuses_may_not_have_ended(error: SessionError) -> None:
    """A connection from its host is up, and nobody tells whether its receiver has made it."""
    world = World().but(a__trouble=REFUSED, b__receiver="Connecting", b__troubles={LIST: error})
    world.servers.ports_from_peer = {40001}
    outcome = run(world)
    assert (outcome.outcome, world.b.access) == ("refused", CLOSED)
    assert "may not have ended" in outcome.why
    world = World().but(a__trouble=REFUSED, b__receiver="Connecting", b__troubles={LIST: error})
    world.servers.ports_from_peer = {40001}
    world.when(LIST, servers__ports_from_peer=set())
    assert run(world).outcome == "opened"


@pytest.mark.parametrize("error", TROUBLES, ids=repr)
def test_unknown_is_not_gone(error: SessionError) -> None:
    """Nor for a check. The kernel alone tells that nothing of the peer is connected."""
    world = World().but(b__troubles={LIST: error})
    assert not still_connected(world.node, ())
    world.servers.ports_from_peer = {40001}
    assert still_connected(world.node, ())
    assert world.sessions_left == []


@pytest.mark.parametrize("error", TROUBLES, ids=repr)
def test_a_check_takes_such_a_peer_for_alive(error: SessionError) -> None:
    """So this node is not marked as one that has served alone."""
    world = holder().but(a__trouble=REFUSED, b__receiver="Connecting", b__troubles={LIST: error})
    world.servers.ports_from_peer = {40001}
    for _ in range(8):
        assert check(world).status == 0
        world.time += 1
    assert not world.alone


# Semi-sync ---------------------------------------------------------------------------------------

SEMI_SYNC = "rpl_semi_sync_source_enabled"
WAITS = "Waiting for semi-sync ACK from replica"


def waiting(**changes: object) -> World:
    world = marked(opened()).but(b__semi_sync=SEMI_SYNC)
    blocks = {"blocks": True, "commits": True, "state": WAITS, **changes}
    world.b.add(Client("app", "Query", **blocks))  # type: ignore[arg-type]
    return world


def test_it_is_off_only_where_somebody_waits_for_it() -> None:
    """Else it helps nobody, and who comes in between would be acknowledged without the peer."""
    world = waiting(state="Rolling back")
    ended(world, "killed")
    assert "rpl_semi_sync" not in " ".join(world.log)


def test_it_stays_on_for_who_cannot_be_cut() -> None:
    """A connection of SYSTEM_USER holds a lock; it may commit, and is told so by the server."""
    world = waiting()
    world.b.add(Client("root", blocks=True, unkillable=True))
    ended(world, "killed")
    assert "rpl_semi_sync" not in " ".join(world.log)


@pytest.mark.parametrize("error", TROUBLES, ids=repr)
def test_it_stays_on_where_nobody_tells_who_waits(error: SessionError) -> None:
    world = waiting().but(b__troubles={LIST: error})
    ended(world, "killed")
    assert "rpl_semi_sync" not in " ".join(world.log)


def test_who_may_not_be_cut_is_told() -> None:
    world = opened()
    world.b.add(Client("root", unkillable=True), Client("app"))
    why = "closed for writes, 1 client connections cut; but 1 may not be cut by this account"
    assert ended(world, "closed").why == why


def test_who_may_not_be_cut_may_write_on_old_mariadb() -> None:
    world = opened(MARIADB)
    world.b.add(Client("root", unkillable=True))
    assert "an account that may write through read_only" in ended(world, "closed").why
