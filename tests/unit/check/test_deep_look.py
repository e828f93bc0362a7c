"""What every peer_check seconds are for: the peer, stalled writers, disks (simulation.py)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kachecks.check.deep_look import FIT_FOR, remember
from kachecks.check.look import is_due
from kachecks.check.verdict import Findings
from kachecks.mysql.disks import Disks
from kachecks.mysql.probe import probe
from kachecks.mysql.session import DriverError, Lost, ServerError
from kachecks.mysqld_process import Process
from kachecks.state.marks import Look
from kachecks.state.signs import Sign
from tests.unit.doubles.changing import failing
from tests.unit.doubles.deep_looks import FIT, FOLLOWS, look
from tests.unit.doubles.simulated_server import CLOSED, OPEN, Client
from tests.unit.doubles.simulation import (
    MARIADB,
    MARIADB12,
    MUTE,
    MYSQL,
    REFUSED,
    SILENT,
    VERSIONS,
    World,
    active,
    standby,
)

NO_ROOM = Disks(full="no room")
COMMITS = Client("app", "Query", seconds=10, state="Commit")
DISKS = "disks of 4712: /var/lib/mysql/ /var/log/mysql /tmp"


def due_now(world: World, peer_answers: bool | None = None) -> bool:
    session: Any = world.servers.connect_local(1.0)
    facts, last = probe(session, 1.0), world.node.marks.last_look()
    return is_due(world.node, session, facts, last, peer_answers)


# When --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("last", "options", "due"),
    [
        (None, {}, True),
        (Look(100.0, alone=False), {}, False),
        (Look(95.01, alone=True), {}, False),
        (Look(95.0, alone=False), {}, True),
        (Look(100.0, wrong=True, alone=False), {}, True),
        (Look(91.01, alone=False), {"peer_check": "9"}, False),
        (Look(91.0, alone=False), {"peer_check": "9"}, True),
    ],
)
def test_due(last: Look | None, options: dict[str, str], due: bool) -> None:
    """Every peer_check seconds (5), and while something is wrong."""
    world = World(**options).but(time=100.0, last_look=last)
    assert due_now(world) == due


@pytest.mark.parametrize(("off_since", "due"), [(90.0, True), (0.0, False)])
def test_due_when_a_peer_that_was_off_answers(off_since: float, due: bool) -> None:
    world = World().but(time=100.0, last_look=Look(100.0, alone=True, off_since=off_since))
    assert not due_now(world, False)
    assert due_now(world, True) == due


@pytest.mark.parametrize("changes", [{"had_contact": False}, {"b__pid": 5000}])
def test_due_until_this_mysqld_had_contact(changes: dict[str, object]) -> None:
    """Whatever the look before found, and however short ago."""
    world = standby().but(time=100.0, last_look=Look(100.0, alone=False))
    assert not due_now(world)
    world.but(**changes)
    assert due_now(world)
    assert due_now(world)
    assert not due_now(world.but(had_contact=True))


def test_an_open_server_needs_no_contact() -> None:
    """A peer that is off for a week must not cost its holder a closer look every second."""
    world = active().but(time=100.0, last_look=Look(100.0, alone=False), had_contact=False)
    assert not due_now(world)
    assert due_now(world.but(time=105.0))


# The peer ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
def test_a_healthy_pair(version: str) -> None:
    assert look(standby(version)) == FOLLOWS
    assert look(active(version)) == FIT


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        (REFUSED, "refusing"),
        (SILENT, "absent"),
        (MUTE, "mute"),
        (Lost("gone"), "mute"),
        (ServerError(1045, "denied"), "unaskable"),
        (DriverError("no driver"), "unknown"),
    ],
)
@pytest.mark.parametrize("role", [standby, active])
def test_a_peer_that_cannot_be_asked(role: Any, trouble: Exception, said: str) -> None:
    world = role().but(a__trouble=trouble)
    found = look(world)
    assert found._replace(others="", connected=False) == Findings(peer=said)
    assert bool(found.others) == (role is active and said in ("refusing", "absent"))
    gone = said in ("refusing", "absent")
    assert found.connected == (role is active and gone)  # its receiver says Yes
    assert world.time < 1.1


@pytest.mark.parametrize("version", [MYSQL, MARIADB])
def test_alone_with_what_others_have_committed(version: str) -> None:
    """Its own transactions come and go; theirs would betray a peer that came back unseen."""
    world = active(version).but(a__trouble=REFUSED)
    before = look(world).others
    world.b.made += 10
    assert look(world).others == before
    assert "5" in before
    world.b.applied = world.b.received = 6
    assert look(world).others not in ("", before)


@pytest.mark.parametrize("statement", ["@@global.read_only", "SHOW REPLICA STATUS"])
@pytest.mark.parametrize(
    ("trouble", "said"), [(MUTE, "mute"), (ServerError(1227, "you need SUPER"), "unaskable")]
)
def test_a_peer_that_falls_silent(statement: str, trouble: Exception, said: str) -> None:
    waits = statement == "SHOW REPLICA STATUS" and said == "mute"
    found = look(active().but(a__troubles={statement: trouble}))
    assert found == Findings(peer=said, peer_waits=waits)


@pytest.mark.parametrize("statement", ["AS gtid_mode", "GTID_SUBTRACT"])
def test_a_peer_that_falls_silent_later(statement: str) -> None:
    """While it is asked what it lacks: of no use to anybody then."""
    world = standby().but(b__made=9, a__troubles={statement: MUTE})
    assert look(world) == FOLLOWS._replace(peer="mute")


UNFIT: list[dict[str, object]] = [
    {"a__channels": 0},
    {"a__receiver": "Connecting"},
    {"a__receiver": "No"},
    {"a__applier": "No"},
    {"a__lag": "2", "a__of_b": 6},
    {"a__lag": None, "a__of_b": 6},
]


@pytest.mark.parametrize("changes", UNFIT)
def test_a_closed_peer_that_is_not_fit(changes: dict[str, object]) -> None:
    assert look(active().but(**changes)) == Findings(peer="closed", up_to_date=True)


@pytest.mark.parametrize("lag", ["0", "1"])
def test_a_second_that_has_just_turned_is_no_lag(lag: str) -> None:
    assert look(active().but(a__lag=lag)) == FIT


@pytest.mark.parametrize("lag", ["2", "236411", "4294967295", "-1", None])
@pytest.mark.parametrize("version", VERSIONS)
def test_a_lag_of_the_peer_that_gtids_disprove(version: str, lag: str | None) -> None:
    """An idle parallel replica shows that of the last transaction, clocks that differ anything."""
    assert look(active(version).but(a__lag=lag)) == FIT


@pytest.mark.parametrize("lag", ["2", "236411", "4294967295"])
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("role", [active, standby])
def test_a_lag_of_this_server_that_gtids_disprove(
    role: Callable[[str], World], version: str, lag: str
) -> None:
    """A lag that is no time at all is not even looked into."""
    world = role(version).but(b__lag=lag)
    assert look(world).caught_up == (lag != "4294967295")
    world.b.but(applied=4, applies=0)
    assert not look(world).caught_up


@pytest.mark.parametrize("version", VERSIONS)
def test_a_broken_channel_from_a_third_server_makes_no_peer_unfit(version: str) -> None:
    assert look(active(version).but(a__third=True)) == FIT


@pytest.mark.parametrize("version", VERSIONS)
def test_who_reads_the_binary_log_beside_the_peer(version: str) -> None:
    """Known while it answers, for when it shuts down."""
    world = active(version)
    assert look(world).readers == frozenset()
    for client in (Client("cdc", "Binlog Dump", "db9:40001"), Client("app", "Sleep", "db9:40002")):
        world.b.add(client)
    found = look(world)
    assert found.readers == {40001, 50000}
    remember(world.node, found, True)
    assert world.node.marks.readers() == found.readers
    remember(world.node, found._replace(readers=frozenset()), True)
    assert world.node.marks.readers() == frozenset()  # a client may get the port of one that went


def test_a_peer_that_is_closed_for_most_is_not_fit() -> None:
    """read_only alone: administrators still write there."""
    assert not look(active(MARIADB12).but(a__read_only="ON")).peer_fit


# A peer that would do better ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("last", "gives_way"),
    [
        (None, True),  # nothing is known that speaks against it
        (Look(97.0), False),  # not fit at that look
        (Look(99.0, fit_since=98.0), False),
        (Look(99.0, fit_since=97.1), False),
        (Look(99.0, fit_since=97.0), True),
        (Look(99.0, fit_since=1.0), True),
        (Look(99.0, fit_since=1.0, degraded_before=True), False),
    ],
)
def test_it_gives_way_only_to_a_peer_whose_own_check_knows(
    last: Look | None, gives_way: bool
) -> None:
    """FIT_FOR seconds of looks: two good runs of the peer's check, a second apart, and some."""
    assert FIT_FOR == 3.0
    world = active().but(time=100.0, last_look=last, servers__disks=NO_ROOM)
    found = look(world)
    assert (found.peer_fit, found.gives_way) == (True, gives_way)
    assert found.degraded == "no room"


@pytest.mark.parametrize("changes", [*UNFIT, {"a__trouble": REFUSED}, {"a__trouble": MUTE}])
@pytest.mark.parametrize("last", [None, Look(99.0, fit_since=1.0)])
def test_it_never_gives_way_to_one_that_is_not_fit_now(
    changes: dict[str, object], last: Look | None
) -> None:
    assert not look(active().but(time=100.0, last_look=last, **changes)).gives_way


@pytest.mark.parametrize("what", ["stalled", "disk_full", "disk_read_only"])
def test_degraded(what: str) -> None:
    """What keeps this server from writing, and nothing else."""
    assert Findings(**{what: "why"}).degraded == "why"
    others = Findings(peer="open", two_writers="x", errant="x", behind="x", stale="x")
    assert others.degraded == ""


# Two writers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("numbers", "ours"), [((1, 2), True), ((2, 1), False)])
def test_two_writers(version: str, numbers: tuple[int, int], ours: bool) -> None:
    """The node with the higher server_id gives way: one of the two, and each knows which."""
    found = look(World(version, numbers).but(b__access=OPEN))
    assert found.two_writers == (
        f"this server (server_id {numbers[1]}) and the peer (server_id {numbers[0]}) are both open,"
        " look 1 in a row"
    )
    assert found.ours_to_close == ours
    assert found.peer == "open"


@pytest.mark.parametrize(("before", "ours"), [(0, False), (1, False), (2, True), (7, True)])
def test_the_other_one_at_its_third_look(before: int, ours: bool) -> None:
    """The one that should give way does not, or cannot."""
    last = Look(0.0, wrong=True, two_writers=before, alone=False)
    found = look(World(numbers=(2, 1)).but(b__access=OPEN, last_look=last))
    assert found.ours_to_close == ours
    assert f"look {before + 1} in a row" in found.two_writers


@pytest.mark.parametrize(
    "changes", [{"b__access": OPEN, "vip": False, "b__made": 9}, {"b__access": CLOSED}]
)
def test_one_of_two_writers_must_be_the_active(changes: dict[str, object]) -> None:
    """Without the VIP an open server is closed anyway."""
    world = World().but(**changes)
    assert look(world) == FOLLOWS
    assert world.time < 0.5


def test_this_server_is_asked_again_before_it_is_one_of_two() -> None:
    """Fenced while it was asked: there is one writer."""
    world = World().but(b__access=OPEN)
    world.when("A: connect", b__access=CLOSED)
    assert look(world) == Findings(peer="open")


@pytest.mark.parametrize("question", ["PROCESSLIST", "@@datadir", "@@global.read_only"])
def test_one_of_two_writers_that_does_not_answer_all(question: str) -> None:
    """Nor is the peer taken to be the one that does not answer."""
    world = World().but(b__access=OPEN)
    world.when("B: SHOW PROCESSLIST", b__troubles={question: MUTE})
    found = look(world)
    assert found.peer == "open"
    assert "both open" in found.two_writers


def test_a_peer_without_gtids_is_still_open() -> None:
    """Else a standby that cannot receive from it any more would count as well."""
    assert look(standby().but(a__by_file=True)).peer == "open"


# Writes that wait --------------------------------------------------------------------------------


def looks_until_stalled(world: World, most: int = 15) -> Findings:
    """A look a second, each remembered as the check does."""
    for _ in range(most):
        found = look(world)
        if found.stalled:
            break
        assert found.wrong  # so that the next check looks again
        remember(world.node, found, holder=True)
        world.pass_time(1.0)
    return found


def test_stalled() -> None:
    """By this node's clock; its statement is older."""
    world = active().but(time=100.0)
    world.b.add(Client("app", "Query", seconds=300, state="Commit"))
    found = looks_until_stalled(world)
    assert found.stalled == "1 writing connections wait, the longest for 10 s: commit"
    assert world.time < 111.0


def test_one_look_is_no_stall() -> None:
    world = active()
    world.b.add(Client("app", "Query", seconds=9999, state="Commit"))
    assert look(world).stalled == ""


def test_a_server_that_commits_is_not_stalled() -> None:
    world = active().but(time=100.0)
    world.b.add(COMMITS)
    world.when("SHOW PROCESSLIST", b__made=8, after=105.0)
    looks_until_stalled(world)
    assert 115.0 < world.time < 116.0


def test_nothing_is_left_when_nobody_waits_any_more() -> None:
    world = active()
    world.b.add(COMMITS)
    for waits in (True, False):
        if not waits:
            world.b.clients.popitem()
        remember(world.node, look(world), holder=True)
        assert bool(world.node.marks.signs().seen) is waits


@pytest.mark.parametrize("changes", [{"vip": False}, {"b__access": CLOSED}])
def test_only_the_holder_is_asked_for_stalled_writes(changes: dict[str, object]) -> None:
    """On a closed node an applier or an administrator waits; that moves no VIP."""
    world = active().but(**changes)
    world.b.add(Client("app", "Query", seconds=99, state="Commit"))
    assert look(world).signs is None


# Disks -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [standby, active])
def test_disks(role: Any) -> None:
    world = role().but(servers__disks=Disks(full="no room", read_only="mounted read-only"))
    found = look(world)
    assert DISKS in world.log
    assert (found.disk_full, found.disk_read_only) == ("no room", "mounted read-only")
    assert found.stalled == ""
    assert found.peer


@pytest.mark.parametrize("role", [standby, active])
def test_a_disk_that_does_not_answer_for_ten_seconds(role: Any) -> None:
    """One look of a second proves nothing; the look after it is told of the child that hangs."""
    child = Process(99, 1234)
    world = role().but(servers__disks=Disks(mute=child))
    found = looks_until_stalled(world)
    assert found.stalled == "a file system of this server has not answered for 10 s"
    assert world.servers.hanging == child


def test_a_disk_that_answers_again() -> None:
    world = active().but(servers__disks=Disks(mute=Process(99, 1234)))
    remember(world.node, look(world), holder=True)
    world.servers.disks = Disks()
    remember(world.node, look(world), holder=True)
    assert not look(world).wrong
    assert world.servers.hanging is None


@pytest.mark.parametrize(
    ("datadir", "binlog", "tmpdir", "asked"),
    [
        ("/data/", "/log/binlog", "/a:/b:/a", "/data/ /log /a /b"),
        ("/data", None, "/tmp", "/data /tmp"),  # noqa: S108
        ("/data", "binlog", "/data", "/data"),
        ("./", "/log/b", "", "/log"),
        (None, "/log/b", None, "/log"),
    ],
)
def test_directories(
    datadir: str | None, binlog: str | None, tmpdir: str | None, asked: str
) -> None:
    """Each once; a relative one is looked at through no root."""
    world = standby().but(b__datadir=datadir, b__binlog=binlog, b__tmpdir=tmpdir)
    look(world)
    assert [line for line in world.log if line.startswith("disks")] == [f"disks of 4712: {asked}"]


def test_over_tcp_no_disk_is_looked_at() -> None:
    """It may be on another machine; the peer is looked at all the same."""
    world = active().but(servers__process_known=False, servers__disks=NO_ROOM)
    assert look(world) == FIT._replace(disk_full="")
    assert not [line for line in world.log if line.startswith("disks")]


@pytest.mark.parametrize("statement", ["SHOW PROCESSLIST", "@@global.datadir"])
@pytest.mark.parametrize("trouble", [MUTE, ServerError(1227, "you need PROCESS")])
def test_what_our_server_does_not_tell_is_not_wrong(statement: str, trouble: Exception) -> None:
    world = active().but(b__troubles={statement: trouble}, servers__disks=NO_ROOM)
    found = look(world)
    assert not found.wrong
    assert found.peer == "closed"
    assert world.time < 1.1


@pytest.mark.parametrize(("role", "expected"), [(standby, FOLLOWS), (active, FIT)])
def test_no_disk_may_be_touched(role: Any, expected: Findings) -> None:
    """An earlier check hangs on one. The peer is asked: is it fit to take over?"""
    world = role().but(servers__disks=NO_ROOM)
    hanging = Sign("the check before this one hangs", world.time)
    found = look(world, hanging)
    assert found._replace(signs=None) == expected
    assert found.signs and found.signs.seen == (hanging,)
    assert not [line for line in world.log if line.startswith("disks")]


def test_waiting_writes_are_seen_even_where_the_directories_are_not() -> None:
    world = active().but(b__troubles={"@@global.datadir": MUTE})
    world.b.add(COMMITS)
    assert look(world).wrong


def test_disks_cannot_be_looked_at() -> None:
    """No child can be made: the check says so."""
    unusable = failing(OSError("no child"))
    with pytest.raises(OSError, match="no child"):
        look(active().but(servers__look_at_disks=unusable))
