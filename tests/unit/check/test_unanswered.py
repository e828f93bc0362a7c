"""A server that answers, and does not tell how it replicates (simulation.py): it is not hung."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kachecks.check import unanswered
from kachecks.mysql.errors import ServerError
from kachecks.state.marks import Look
from tests.unit.doubles.changing import failing
from tests.unit.doubles.check_runs import check, closed_holder, holder, result, standby
from tests.unit.doubles.option_files import with_lines
from tests.unit.doubles.simulated_server import CLOSED, OPEN, Client
from tests.unit.doubles.simulation import MUTE, REFUSED, SIGKILL, SILENT, World

REPLICATION = "REPLICA STATUS"
STUCK = {REPLICATION: MUTE}


def waiting(world: World, server: str) -> int:
    """Sessions that wait there for its replication status."""
    clients = getattr(world, server).clients.values()
    return sum(REPLICATION in (each.info or "") for each in clients)


def none_waits(world: World) -> None:
    world.b.troubles = {}
    world.b.clients = {n: each for n, each in world.b.clients.items() if not each.info}


def slow(world: World, seconds: float) -> World:
    """Its server takes so long for a connection."""
    connect = world.servers.connect_local

    def connecting(timeout: float) -> object:
        world.pass_time(min(seconds, timeout + 0.1))
        if timeout < seconds:
            raise MUTE
        return connect(timeout)

    world.servers.connect_local = connecting
    return world


def test_a_holder_that_serves_is_kept() -> None:
    world = holder().but(b__troubles=STUCK)
    verdict = check(world)
    assert (verdict.reason, verdict.status, verdict.role) == ("UNKNOWN", 0, "holder")
    assert verdict.sentence.startswith("this server answers, but not how it replicates: ")
    assert world.time < 100 + 3
    assert SIGKILL not in world.log
    assert world.recorded == []


@pytest.mark.parametrize("seconds", [0.3, 0.5, 1.3])
def test_a_slow_holder_is_kept(seconds: float) -> None:
    assert result(slow(holder(), seconds)) == ("OK", 0, "holder")
    stuck = slow(holder().but(b__troubles=STUCK), seconds if seconds < 1 else 0.4)
    assert result(stuck) == ("UNKNOWN", 0, "holder")


def test_of_several_vips_one_is_missing() -> None:
    world = holder(vip="10.0.0.100, 10.0.0.101").but(b__troubles=STUCK)
    world.network.vips_missing = lambda: ("10.0.0.101",)
    assert result(world) == ("UNKNOWN", 0, "holder")


@pytest.mark.parametrize("errno", [1040, 1226, 1045])
def test_an_error_is_an_answer(errno: int) -> None:
    """Its last connection is the one that waits, and now there is none for a second question."""
    world = holder().but(b__troubles=STUCK)
    error = ServerError(errno, "no")
    world.when(REPLICATION, lambda: setattr(world.servers, "connect_local", failing(error)))
    reason = "UNKNOWN" if errno == 1045 else "TOO_MANY_CONNECTIONS"
    assert result(world) == (reason, 0, "holder")
    assert SIGKILL not in world.log
    assert world.b.access == OPEN


@pytest.mark.parametrize("role", [holder, standby, closed_holder])
@pytest.mark.parametrize("trouble", ["", "no child can be made"])
def test_nobody_asks_again_while_one_waits(role: Callable[[], World], trouble: str) -> None:
    world = role().but(b__troubles=STUCK)
    if trouble:
        world.servers.look_at_disks = failing(OSError(trouble))
    for _ in range(20):
        check(world)
        world.pass_time(1.0)
    assert 1 <= waiting(world, "b") <= 3


def test_it_is_asked_again_when_none_waits_any_more() -> None:
    world = holder().but(b__troubles=STUCK)
    for _ in range(3):
        assert result(world) == ("UNKNOWN", 0, "holder")
    none_waits(world)
    assert result(world) == ("OK", 0, "holder")


def test_a_server_that_hangs_at_that_moment() -> None:
    world = holder()
    world.when(REPLICATION, b__trouble=MUTE)
    assert result(world) == ("MYSQLD_HUNG", 11, "holder")
    assert SIGKILL in world.log


@pytest.mark.parametrize("at", ["B: connect", "B: SELECT @@", REPLICATION])
@pytest.mark.parametrize("seconds", [3.2, 60.0])
def test_a_check_that_was_stopped_itself(at: str, seconds: float) -> None:
    """By a frozen unit, a quota of its CPU, a swapped page: the server was not asked in time."""
    world = holder()
    world.when(at, lambda: world.pass_time(seconds))
    assert result(world) == ("OK", 0, "holder")
    assert world.recorded == []


def test_a_server_that_hangs_and_a_check_that_was_stopped() -> None:
    world = holder().but(b__trouble=MUTE)
    world.when("B: connect", lambda: world.pass_time(5.0))
    assert result(world) == ("MYSQLD_HUNG", 11, "holder")
    assert SIGKILL in world.log


def test_writes_that_hang_are_seen_all_the_same() -> None:
    world = holder().but(b__troubles=STUCK)
    world.b.add(Client("app", "Query", state="waiting for handler commit"))
    reasons = []
    for _ in range(20):
        reasons.append(result(world)[:2])
        world.pass_time(1.0)
    assert reasons[0] == ("UNKNOWN", 0)
    assert ("WRITES_STALLED", 12) in reasons


@pytest.mark.parametrize("role", [standby, closed_holder])
def test_a_closed_server_serves_nobody(role: Callable[[], World]) -> None:
    """And without its replication it is not opened."""
    world = role().but(b__troubles=STUCK)
    for _ in range(3):
        assert result(world)[:2] == ("MYSQLD_HUNG", 11)
        world.pass_time(3.0)


def test_a_peer_that_does_not_tell() -> None:
    """The standby knows all the same that it is open, and does not use up its connections."""
    world = standby().but(a__troubles=STUCK)
    for _ in range(20):
        assert result(world) == ("OK", 0, "standby")
        world.pass_time(6.0)
    assert waiting(world, "a") <= 1
    assert world.last_look.known.lacking <= 0


def test_a_peer_that_does_not_list_its_sessions_either() -> None:
    world = holder().but(a__access=OPEN, a__troubles={**STUCK, "PROCESSLIST": MUTE})
    world.last_look = Look(world.time, wrong=True, alone=False)
    assert result(world)[0] == "TWO_WRITERS"


def test_another_open_server_at_the_address_of_the_peer() -> None:
    """Not at one look: with its channels this server would know."""
    world = holder().but(a__access=OPEN, b__source_id=9, b__troubles=STUCK)
    assert result(world) == ("TWO_WRITERS", 0, "holder")
    assert world.b.access == OPEN
    none_waits(world)
    world.pass_time(1.0)
    assert result(world) == ("UNKNOWN", 0, "holder")
    assert world.b.access != CLOSED


@pytest.mark.parametrize("off_since", [0.0, 1.0])
def test_whether_the_peer_is_off_stays_as_it_was(off_since: float) -> None:
    """It may be connected, and it may have been off for long: neither is told now."""
    world = holder().but(b__receiver="Connecting", a__trouble=SILENT, b__troubles=STUCK)
    world.network.echo = set(world.node.config.witnesses)
    world.last_look = Look(world.time - 10, alone=False, off_since=off_since)
    check(world)
    assert world.last_look.at > 100.0
    assert (world.last_look.off_since, world.last_look.alone) == (off_since, False)


def test_no_alone_mark_beside_a_peer_that_may_be_connected() -> None:
    """A firewall may refuse what is new, and let the replication that stands go on."""
    world = holder().but(a__trouble=REFUSED, b__troubles=STUCK)
    check(world)
    assert world.last_look.at > 100.0
    assert world.last_look.alone is False


def test_a_peer_that_cannot_be_asked_a_second_time() -> None:
    """That it is open, which makes a late standby unfit, it has said at the first."""
    world = standby().but(a__access=OPEN, b__lag="9999", b__troubles={"GTID_SUBTRACT": MUTE})
    world.when("B: connect", world.then("B: connect", a__trouble=MUTE))
    assert result(world)[:2] == ("LAG", 24)


@pytest.mark.parametrize("question", ["GTID_SUBTRACT", "@@global.gtid_executed"])
def test_a_late_standby_that_does_not_answer_all(question: str) -> None:
    """Too late while the peer is open: that one has not stopped answering."""
    world = standby().but(a__access=OPEN, b__lag="9999", b__troubles={question: MUTE})
    for _ in range(3):
        assert result(world)[:2] == ("LAG", 24)
        world.pass_time(1.0)


@pytest.mark.parametrize(
    ("client", "said"),
    [
        ("", "[client] in k.cnf names no socket"),
        ("socket = /run/my.sock", "or correct socket in [client] of k.cnf"),
        ("host = 127.0.0.1", "or correct host and port in [client] of k.cnf"),
    ],
)
def test_where_nobody_listens_the_key_and_the_service_are_named(client: str, said: str) -> None:
    told = unanswered._not_there(with_lines(client=client))
    assert told.startswith("start the server (systemctl status mariadb, mysql or mysqld)")
    assert said in told
