"""What every peer_check seconds are for: the peer, stalled writers, disks (simulation.py)."""

from __future__ import annotations

from typing import Any

import pytest

from kachecks.check.deep_look import (
    ERRANT_FOR,
    FIT_FOR,
    PING_PATIENCE,
    STALLED_AFTER,
    look_closer,
    remember,
)
from kachecks.check.look import is_due
from kachecks.check.verdict import Findings
from kachecks.mysql.disks import Disks
from kachecks.mysql.probe import probe
from kachecks.mysql.session import DriverError, Lost, ServerError
from kachecks.state.files import StateError
from kachecks.state.marks import Look
from tests.unit.doubles.simulation import (
    CLOSED,
    MARIADB,
    MARIADB12,
    MUTE,
    MYSQL,
    OPEN,
    REFUSED,
    SILENT,
    Client,
    World,
)

VERSIONS = [MYSQL, MARIADB, MARIADB12]
FIT = Findings(  # at the very first look
    peer="closed", peer_fit=True, gives_way=True, up_to_date=True
)
FOLLOWS = Findings(peer="open", up_to_date=True)
DISKS = "disks of 4712: /var/lib/mysql/ /var/log/mysql /tmp"


def standby(version: str = MYSQL, **options: str) -> World:
    """B stands by, and its peer is open."""
    world = World(version, **options)
    world.vip = False
    return world


def holder(version: str = MYSQL, **options: str) -> World:
    """B is the active node, and its peer stands by."""
    world = World(version, **options)
    world.a.access, world.b.access = CLOSED, OPEN
    if version == MARIADB12:
        world.a.read_only, world.b.read_only = "NO_LOCK_NO_ADMIN", "OFF"
    return world


def look(world: World, stalled: str = "") -> Findings:
    """What was found, without what the next look needs."""
    return look_in_full(world, stalled)._replace(wanted="", wanted_at=0.0)


def look_in_full(world: World, stalled: str = "") -> Findings:
    """Nothing is changed by it, and no session is left at the peer."""
    session: Any = world.servers.connect_local(1.0)
    facts = probe(session, 1.0)
    before = len(world.log)
    found = look_closer(world.node, session, facts, world.vip, stalled)
    assert not [line for line in world.log[before:] if ": SET" in line or ": KILL" in line]
    assert all(each.ended for each in world.sessions if each is not session)
    session.close()
    return found


def due_now(world: World) -> bool:
    session: Any = world.servers.connect_local(1.0)
    return is_due(world.node, session, probe(session, 1.0))


# When --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("last", "due"),
    [
        (None, True),
        (Look(100.0, alone=False), False),
        (Look(95.01, alone=True), False),
        (Look(95.0, alone=False), True),
        (Look(100.0, wrong=True, alone=False), True),
    ],
)
def test_due(last: Look | None, due: bool) -> None:
    """Every peer_check seconds (5), and while something is wrong."""
    world = World()
    world.time, world.last_look = 100.0, last
    assert due_now(world) == due


def test_peer_check() -> None:
    world = World(peer_check="9")
    world.time, world.last_look = 100.0, Look(91.5, alone=False)
    assert not due_now(world)
    world.pass_time(0.5)
    assert due_now(world)


@pytest.mark.parametrize("what", ["no contact yet", "another mysqld"])
def test_due_until_this_mysqld_had_contact(what: str) -> None:
    """Whatever the look before found, and however short ago."""
    world = standby()
    world.time, world.last_look = 100.0, Look(100.0, alone=False)
    assert not due_now(world)
    if what == "no contact yet":
        world.had_contact = False
    else:
        world.b.pid += 1
    assert due_now(world)
    assert due_now(world)
    world.node.marks.remember_server(world.b.process, contact=True)
    assert not due_now(world)


def test_an_open_server_needs_no_contact() -> None:
    """A peer that is off for a week must not cost its holder a closer look every second."""
    world = holder()
    world.time, world.last_look = 100.0, Look(100.0, alone=False)
    world.had_contact = False
    assert not due_now(world)
    world.pass_time(5.0)
    assert due_now(world)


# The peer ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
def test_a_healthy_pair(version: str) -> None:
    assert look(standby(version)) == FOLLOWS
    assert look(holder(version)) == FIT


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
@pytest.mark.parametrize("role", [standby, holder])
def test_a_peer_that_cannot_be_asked(role: Any, trouble: Exception, said: str) -> None:
    world = role()
    world.a.trouble = trouble
    found = look(world)
    assert found._replace(others="") == Findings(peer=said)
    assert bool(found.others) == (role is holder and said in ("refusing", "absent"))
    assert world.time < 1.1


@pytest.mark.parametrize("version", [MYSQL, MARIADB])
def test_alone_with_what_others_have_committed(version: str) -> None:
    """Its own transactions come and go; theirs would betray a peer that came back unseen."""
    world = holder(version)
    world.a.trouble = REFUSED
    before = look(world).others
    world.b.made += 10
    assert look(world).others == before
    assert "5" in before
    world.b.applied = world.b.received = 6
    assert look(world).others not in ("", before)


def test_a_check_that_is_killed_while_it_marks() -> None:
    """What was remembered must not say that there is no mark."""
    world = holder()
    world.last_look = Look(0.0, alone=False)
    seen: list[object] = []

    def marks() -> None:
        assert world.last_look is not None
        seen.append(world.last_look.alone)

    world.when("mark alone", marks)
    remembered(world, Findings(peer="refusing"))
    assert seen == [None]


def test_a_mark_that_cannot_be_removed_is_tried_again() -> None:
    world = holder()
    world.last_look = Look(0.0, alone=True)
    world.disk.error = StateError("cannot remove main.alone")
    assert remembered(world, Findings(peer="closed")).alone is True


@pytest.mark.parametrize("statement", ["@@global.read_only", "SHOW REPLICA STATUS"])
@pytest.mark.parametrize(
    ("trouble", "said"), [(MUTE, "mute"), (ServerError(1227, "you need SUPER"), "unaskable")]
)
def test_a_peer_that_falls_silent(statement: str, trouble: Exception, said: str) -> None:
    world = holder()
    world.a.troubles[statement] = trouble
    assert look(world) == Findings(peer=said)


@pytest.mark.parametrize("statement", ["AS gtid_mode", "GTID_SUBTRACT"])
def test_a_peer_that_falls_silent_later(statement: str) -> None:
    """While it is asked what it lacks: of no use to anybody then."""
    world = standby()
    world.b.made = 9
    world.a.troubles[statement] = MUTE
    assert look(world) == FOLLOWS._replace(peer="mute")


UNFIT: list[dict[str, object]] = [
    {"channels": 0},
    {"receiver": "Connecting"},
    {"receiver": "No"},
    {"applier": "No"},
    {"lag": "2"},
    {"lag": None},
]


@pytest.mark.parametrize("changes", UNFIT)
def test_a_closed_peer_that_is_not_fit(changes: dict[str, object]) -> None:
    world = holder()
    for name, value in changes.items():
        setattr(world.a, name, value)
    assert look(world) == Findings(peer="closed", up_to_date=True)


@pytest.mark.parametrize("lag", ["0", "1"])
def test_a_second_that_has_just_turned_is_no_lag(lag: str) -> None:
    world = holder()
    world.a.lag = lag
    assert look(world) == FIT


def test_a_peer_that_is_closed_for_most_is_not_fit() -> None:
    """read_only alone: administrators still write there."""
    world = holder(MARIADB12)
    world.a.read_only = "ON"
    assert not look(world).peer_fit


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
    world = holder()
    world.time, world.last_look = 100.0, last
    world.servers.disks = Disks(full="no room")
    found = look(world)
    assert (found.peer_fit, found.gives_way) == (True, gives_way)
    assert found.degraded == "no room"


@pytest.mark.parametrize("changes", [*UNFIT, {"trouble": REFUSED}, {"trouble": MUTE}])
@pytest.mark.parametrize("last", [None, Look(99.0, fit_since=1.0)])
def test_it_never_gives_way_to_one_that_is_not_fit_now(
    changes: dict[str, object], last: Look | None
) -> None:
    world = holder()
    world.time, world.last_look = 100.0, last
    for name, value in changes.items():
        setattr(world.a, name, value)
    assert not look(world).gives_way


@pytest.mark.parametrize("what", ["stalled", "disk_full", "disk_read_only"])
def test_degraded(what: str) -> None:
    """What keeps this server from writing, and nothing else."""
    assert Findings(**{what: "why"}).degraded == "why"
    others = Findings(peer="open", two_writers="x", errant="x", behind="x", wanted="x")
    assert others.degraded == ""


# Two writers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("numbers", "ours"), [((1, 2), True), ((2, 1), False)])
def test_two_writers(version: str, numbers: tuple[int, int], ours: bool) -> None:
    """The node with the higher server_id gives way: one of the two, and each knows which."""
    world = World(version, numbers)
    world.b.access = OPEN
    if version == MARIADB12:
        world.b.read_only = "OFF"
    found = look(world)
    assert found.two_writers == (
        f"this server (server_id {numbers[1]}) and the peer (server_id {numbers[0]}) are both open,"
        " look 1 in a row"
    )
    assert found.ours_to_close == ours
    assert found.peer == "open"


@pytest.mark.parametrize(("before", "ours"), [(0, False), (1, False), (2, True), (7, True)])
def test_the_other_one_at_its_third_look(before: int, ours: bool) -> None:
    """The one that should give way does not, or cannot."""
    world = World(numbers=(2, 1))
    world.b.access = OPEN
    world.last_look = Look(0.0, wrong=True, two_writers=before, alone=False)
    found = look(world)
    assert found.ours_to_close == ours
    assert f"look {before + 1} in a row" in found.two_writers


@pytest.mark.parametrize("what", ["without the VIP", "closed"])
def test_one_of_two_writers_must_be_the_holder(what: str) -> None:
    """Without the VIP an open server is closed anyway."""
    world = World()
    world.b.access = OPEN
    if what == "without the VIP":
        world.vip, world.b.made = False, 9
    else:
        world.b.access = CLOSED
    assert look(world) == FOLLOWS
    assert world.time < 0.5


def test_the_peer_has_just_closed_this_one() -> None:
    """Fenced while it was asked: there is one writer."""
    world = World()
    world.b.access = OPEN

    def fenced() -> None:
        world.b.access = CLOSED

    world.when("A: connect", fenced)
    assert look(world) == Findings(peer="open")


def test_our_own_server_falls_silent() -> None:
    world = World()
    world.b.access = OPEN

    def silent() -> None:
        world.b.troubles["@@global.read_only"] = MUTE

    world.when("A: connect", silent)
    assert look(world) == Findings(peer="mute")


def test_a_peer_without_gtids_is_still_open() -> None:
    """Else a standby that cannot receive from it any more would count as well."""
    world = standby()
    world.a.by_file = True
    assert look(world).peer == "open"


# What only this standby has ----------------------------------------------------------------------


@pytest.mark.parametrize("version", [MYSQL, MARIADB])
@pytest.mark.parametrize("vip", [True, False])
def test_errant(version: str, vip: bool) -> None:
    world = standby(version)
    world.vip = vip
    world.b.made = 9  # the peer has 7 of them
    begin = world.time
    found = look(world)
    assert found.errant.startswith("the peer lacks transactions of this server: ")
    assert "9" in found.errant
    assert ERRANT_FOR == 1.0
    assert ERRANT_FOR <= world.time - begin < ERRANT_FOR + 0.2


@pytest.mark.parametrize("vip", [True, False])
def test_beside_a_closed_peer_nothing_is_errant(vip: bool) -> None:
    """Nobody is open: the node that has more is the better choice."""
    world = standby()
    world.vip, world.a.access, world.b.made = vip, CLOSED, 9
    assert look(world) == FIT
    assert world.time < 0.5


@pytest.mark.parametrize("version", [MYSQL, MARIADB])
def test_what_is_still_on_its_way(version: str) -> None:
    """A node that was just demoted: the peer fetches what it wrote last."""
    world = standby(version)
    world.b.made = 9

    def arrives() -> None:
        world.a.of_b = 9

    world.when("sleep", arrives)
    assert look(world) == FOLLOWS
    assert world.time < ERRANT_FOR / 2


@pytest.mark.parametrize("version", [MYSQL, MARIADB])
def test_what_the_peer_has_more_is_not_errant(version: str) -> None:
    world = standby(version)
    world.b.applied = 3
    world.b.applies = 0
    assert look(world) == FOLLOWS
    assert world.time < 0.5


@pytest.mark.parametrize("version", [MYSQL, MARIADB])
def test_what_others_made_is_not_errant(version: str) -> None:
    """The peer was rebuilt and lacks transactions of its own: that is not this server's doing."""
    world = standby(version)
    world.a.made = 2
    assert look(world) == FOLLOWS


def test_the_active_node_is_not_asked_for_it() -> None:
    """What it writes is always on its way."""
    world = holder()
    world.b.made = 9
    assert look(world) == FIT
    assert world.time < 0.5


def test_two_families() -> None:
    """A migration from MySQL to MariaDB: their GTIDs cannot be compared."""
    world = standby()
    world.a.version = MARIADB
    world.b.made = 9
    assert look(world) == FOLLOWS


# What this standby has not got -------------------------------------------------------------------


def looks_again(world: World, after: float) -> Findings:
    """Look, remember, look again so many seconds later."""
    remember(world.node, look_in_full(world), holder=False)
    world.pass_time(after)
    found = look_in_full(world)
    remember(world.node, found, holder=False)
    return found


def deaf(version: str = MYSQL, **options: str) -> World:
    """Its receiver is connected and gets nothing: 0 s behind, as far as it knows."""
    world = standby(version, **options)
    world.a.made, world.b.deaf = 40, True  # B has 5 of them
    world.time = 100.0
    return world


@pytest.mark.parametrize("version", [MYSQL, MARIADB])
@pytest.mark.parametrize(("after", "behind"), [(29.0, False), (31.0, True)])
def test_behind(version: str, after: float, behind: bool) -> None:
    """It lacks what the peer had more than max_lag (30 s) ago."""
    found = looks_again(deaf(version), after)
    assert bool(found.behind) == behind == found.wrong
    if behind:
        assert "40" in found.behind
        assert "which the peer had 31 s ago" in found.behind


@pytest.mark.parametrize("version", [MYSQL, MARIADB])
def test_it_counts_from_when_the_peer_had_it(version: str) -> None:
    """Each look asks for the same until it is here; what came later is no excuse, nor a charge."""
    world = deaf(version)
    assert looks_again(world, 20.0).behind == ""
    world.a.made = 50
    assert looks_again(world, 11.0).behind
    world.b.applied = world.b.received = 40
    found = looks_again(world, 1.0)
    assert found.behind == ""
    assert "50" in found.wanted
    assert looks_again(world, 25.0).behind == ""
    assert looks_again(world, 10.0).behind


@pytest.mark.parametrize("version", [MYSQL, MARIADB])
def test_a_standby_that_follows_is_never_behind(version: str) -> None:
    world = standby(version)
    for _ in range(5):
        world.a.made += 1000
        assert looks_again(world, 60.0).behind == ""


@pytest.mark.parametrize("trouble", [SILENT, MUTE])
def test_what_a_peer_had_is_forgotten_with_it(trouble: Exception) -> None:
    """When it answers again it is asked anew."""
    world = deaf()
    looks_again(world, 1.0)
    world.a.trouble = trouble
    looks_again(world, 1.0)
    assert world.last_look is not None
    assert world.last_look.wanted == ""
    world.a.trouble = None
    world.pass_time(60.0)
    assert look(world).behind == ""


@pytest.mark.parametrize("who", ["closed peer", "open node"])
def test_only_a_standby_of_an_open_peer_can_be_behind(who: str) -> None:
    world = deaf()
    if who == "closed peer":
        world.a.access = CLOSED
    else:
        world.b.access = OPEN
    found = looks_again(world, 60.0)
    assert (found.behind, found.wanted) == ("", "")


@pytest.mark.parametrize(("ours", "theirs"), [(MYSQL, MARIADB), (MARIADB, MYSQL)])
def test_behind_of_two_families_is_not_known(ours: str, theirs: str) -> None:
    world = deaf(ours)
    world.a.version = theirs
    found = looks_again(world, 60.0)
    assert (found.peer, found.behind) == ("open", "")


# Contact: all that the peer has, since this mysqld started ----------------------------------------


def newcomer(version: str = MYSQL, **options: str) -> World:
    """B's mysqld has just started and its receiver just connected: 0 s behind, whatever it lacks.

    B has 5 transactions of A, which is open.
    """
    world = standby(version, **options)
    world.had_contact, world.b.deaf = False, True
    return world


@pytest.mark.parametrize("version", VERSIONS)
def test_contact(version: str) -> None:
    world = newcomer(version)
    assert look(world) == FOLLOWS
    assert world.time < 0.1


@pytest.mark.parametrize("version", VERSIONS)
def test_a_receiver_that_has_just_connected_is_no_contact(version: str) -> None:
    """It is asked for a while, and then unfit, however little it is behind as it says."""
    world = newcomer(version)
    world.a.made = 40
    found = look_in_full(world)
    assert found == Findings(
        peer="open", behind="it has not caught up with the peer since mysqld started"
    )
    assert found.wrong
    assert ERRANT_FOR <= world.time < ERRANT_FOR + 0.2
    assert probe(world.servers.connect_local(1.0), 1.0).channels[0].lag_seconds == 0


@pytest.mark.parametrize("version", VERSIONS)
def test_contact_comes_as_soon_as_it_has_all(version: str) -> None:
    """The peer is asked once: what it writes meanwhile need not have come."""
    world = newcomer(version)
    world.a.made, world.b.applies = 40, 0

    def arrives() -> None:
        world.b.received, world.a.made = 40, 50

    world.when("sleep", arrives)
    assert look(world) == FOLLOWS
    assert world.time < ERRANT_FOR / 2


@pytest.mark.parametrize("version", VERSIONS)
def test_what_waits_in_the_relay_log_has_been_received(version: str) -> None:
    """A promotion applies it before it opens."""
    world = newcomer(version)
    world.b.applied, world.b.applies = 2, 0
    assert look(world) == FOLLOWS
    assert world.b.applied == 2
    world.b.received = 4
    assert not look(world).up_to_date


@pytest.mark.parametrize("version", VERSIONS)
def test_no_contact_beside_a_closed_peer_is_not_behind(version: str) -> None:
    """Nobody is open: which of the two has more is the promotion's question."""
    world = newcomer(version)
    world.a.made, world.a.access = 40, CLOSED
    if version == MARIADB12:
        world.a.read_only = "NO_LOCK_NO_ADMIN"
    found = look_in_full(world)
    assert (found.peer, found.up_to_date, found.behind) == ("closed", False, "")
    assert world.time >= ERRANT_FOR


@pytest.mark.parametrize("version", VERSIONS)
def test_contact_is_asked_once(version: str) -> None:
    """What this mysqld lacks later is lag: the peer is not asked for it, nor is it waited for."""
    world = newcomer(version)
    world.a.made, world.a.access = 40, CLOSED
    if version == MARIADB12:
        world.a.read_only = "NO_LOCK_NO_ADMIN"
    world.a.troubles["AS gtid_mode"] = ServerError(1227, "you need SUPER")
    assert look(world).peer == "closed"  # as it has said before
    world.had_contact, world.time = True, 0.0
    found = look(world)
    assert (found.peer, found.up_to_date) == ("closed", True)
    assert world.time < 0.1


def test_the_peer_falls_silent_before_contact() -> None:
    world = newcomer()
    world.a.troubles["AS gtid_mode"] = MUTE
    assert look(world) == Findings(peer="mute")


@pytest.mark.parametrize(
    ("receiver", "contact"), [("Yes", True), ("Connecting", False), ("No", False)]
)
def test_a_peer_that_has_nothing_yet(
    receiver: str, contact: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing can be missing, so only a receiver that runs shows that what comes will come."""
    world = newcomer()
    world.b.receiver = receiver
    monkeypatch.setattr(type(world.a), "executed", lambda _server: "")
    assert look(world).up_to_date == contact


@pytest.mark.parametrize("version", [MYSQL, MARIADB])
def test_without_a_channel_there_is_no_contact(version: str) -> None:
    """It has what the peer has, as a copy would, and does not follow."""
    world = newcomer(version)
    world.b.channels = 0
    assert not look(world).up_to_date


# Writes that wait --------------------------------------------------------------------------------

STATES = [
    "Waiting for someone to free space",
    "Waiting for someone to free space (disk full)",
    "waiting for handler commit",
    "Waiting for semi-sync ACK from replica",
    "Commit",
]


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("command", ["Query", "Execute"])
def test_stalled(state: str, command: str) -> None:
    world = holder()
    world.b.add(Client("app", command, seconds=STALLED_AFTER, state=state))
    found = look(world)
    assert found.stalled == f"1 writing connections wait, the longest for 10 s: {state}"
    assert found.wrong


def test_the_longest_is_named() -> None:
    world = holder()
    for seconds in (11, 300, 42, 9):  # by their text, 42 is the longest
        world.b.add(Client("app", "Query", seconds=seconds, state="Commit"))
    assert look(world).stalled == "3 writing connections wait, the longest for 300 s: Commit"


@pytest.mark.parametrize(
    "client",
    [
        Client("app", "Query", seconds=STALLED_AFTER - 1, state="Commit"),
        Client("app", "Query", seconds=9999, state="Sending data"),
        Client("app", "Query", seconds=9999, state="Waiting for table metadata lock"),
        Client("app", "Sleep", seconds=9999, state="Commit"),
        Client("system user", "Slave_SQL", seconds=9999, state="Commit"),
        Client("app", "Query", seconds=9999, state=None),
        Client("app", "Query", seconds=None, state="Commit"),
    ],
)
def test_not_stalled(client: Client) -> None:
    world = holder()
    world.b.add(client)
    assert look(world).stalled == ""


@pytest.mark.parametrize("what", ["the VIP is elsewhere", "closed"])
def test_only_the_holder_is_asked_for_stalled_writes(what: str) -> None:
    """On a closed node an applier or an administrator waits; that moves no VIP."""
    world = holder()
    world.b.add(Client("app", "Query", seconds=99, state="Commit"))
    if what == "closed":
        world.b.access = CLOSED
    else:
        world.vip = False
    assert look(world).stalled == ""


# Disks -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [standby, holder])
def test_disks(role: Any) -> None:
    world = role()
    world.servers.disks = Disks(full="no room", read_only="mounted read-only")
    found = look(world)
    assert DISKS in world.log
    assert (found.disk_full, found.disk_read_only) == ("no room", "mounted read-only")
    assert found.stalled == ""
    assert found.peer


def test_a_disk_that_does_not_answer_stalls_writes() -> None:
    world = standby()
    world.servers.disks = Disks(mute="a file system does not answer")
    assert look(world).stalled == "a file system does not answer"
    world = holder()
    world.servers.disks = Disks(mute="a file system does not answer")
    world.b.add(Client("app", "Query", seconds=10, state="Commit"))
    assert look(world).stalled.startswith("1 writing connections wait")


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
    world = standby()
    world.b.datadir, world.b.binlog, world.b.tmpdir = datadir, binlog, tmpdir
    look(world)
    assert [line for line in world.log if line.startswith("disks")] == [f"disks of 4712: {asked}"]


def test_over_tcp_no_disk_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be on another machine; the peer is looked at all the same."""
    world = holder()
    monkeypatch.setattr(world.servers, "process_of", lambda _: None)
    world.servers.disks = Disks(full="no room")
    assert look(world) == FIT._replace(disk_full="")
    assert not [line for line in world.log if line.startswith("disks")]


@pytest.mark.parametrize("statement", ["SHOW PROCESSLIST", "@@global.datadir"])
@pytest.mark.parametrize("trouble", [MUTE, ServerError(1227, "you need PROCESS")])
def test_what_our_server_does_not_tell_is_not_wrong(statement: str, trouble: Exception) -> None:
    world = holder()
    world.b.troubles[statement] = trouble
    world.servers.disks = Disks(full="no room")
    found = look(world)
    assert not found.wrong
    assert found.peer == "closed"
    assert world.time < 1.1


@pytest.mark.parametrize("role", [standby, holder])
def test_no_disk_may_be_touched(role: Any) -> None:
    """An earlier check hangs on one. The peer is asked: is it fit to take over?"""
    world = role()
    world.servers.disks = Disks(full="no room")
    world.b.add(Client("app", "Query", seconds=10, state="Commit"))
    found = look(world, "the check before this one hangs")
    expected = FIT if role is holder else FOLLOWS
    assert found == expected._replace(stalled="the check before this one hangs")
    assert not [line for line in world.log if line.startswith("disks")]


def test_stalled_writes_are_known_even_where_the_directories_are_not() -> None:
    world = holder()
    world.b.troubles["@@global.datadir"] = MUTE
    world.b.add(Client("app", "Query", seconds=10, state="Commit"))
    assert look(world).stalled


def test_disks_cannot_be_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hanging child that cannot be noted: the check says so."""
    world = holder()

    def unusable(*_: object) -> Disks:
        raise StateError("cannot write /run/kachecks/main.disk")

    monkeypatch.setattr(world.servers, "look_at_disks", unusable)
    session: Any = world.servers.connect_local(1.0)
    with pytest.raises(StateError):
        look_closer(world.node, session, probe(session, 1.0), world.vip)


# What is remembered ------------------------------------------------------------------------------


def remembered(world: World, found: Findings, holds: bool = True) -> Look:
    remember(world.node, found, holds)
    assert world.last_look is not None
    return world.last_look


def test_the_look_is_remembered() -> None:
    world = World()
    world.time = 7.0
    assert remembered(world, Findings(peer="closed")) == Look(7.0, alone=False)
    assert remembered(world, Findings(errant="why")) == Look(7.0, wrong=True, alone=False)
    found = Findings(peer="open", wanted="1-1-5", wanted_at=6.5)
    assert remembered(world, found, holds=False) == Look(
        7.0, alone=False, wanted="1-1-5", wanted_at=6.5
    )


def test_since_when_the_peer_is_fit() -> None:
    """At each look since then: one that found it otherwise, or not at all, starts anew."""
    world = World()
    fit = Findings(peer="closed", peer_fit=True)
    since = []
    for found in (fit, fit, Findings(peer="closed"), fit, fit, Findings(peer="mute"), fit):
        world.pass_time(5.0)
        since.append(remembered(world, found).fit_since)
    assert since == [5.0, 5.0, 0.0, 20.0, 20.0, 0.0, 35.0]


TROUBLES = ["stalled", "disk_full", "disk_read_only"]


@pytest.mark.parametrize("what", TROUBLES)
def test_degraded_before_it_was_open(what: str) -> None:
    """Kept from the standby's look until one that finds nothing of the kind."""
    world = World()
    bad = Findings(**{what: "why"})
    assert remembered(world, bad, holds=False).degraded_before
    for _ in range(3):
        assert remembered(world, bad).degraded_before
    assert not remembered(world, Findings()).degraded_before
    assert not remembered(world, bad).degraded_before


@pytest.mark.parametrize("what", TROUBLES)
def test_degraded_since_it_is_open(what: str) -> None:
    world = World()
    for _ in range(3):
        assert not remembered(world, Findings(**{what: "why"})).degraded_before


def test_other_trouble_is_not_the_disks() -> None:
    world = World()
    found = Findings(errant="why", behind="why")
    assert not remembered(world, found, holds=False).degraded_before


def test_looks_in_a_row() -> None:
    world = World()
    both = Findings(peer="open", two_writers="both")
    assert [remembered(world, both).two_writers for _ in range(3)] == [1, 2, 3]
    assert remembered(world, Findings(peer="open")).two_writers == 0
    assert remembered(world, both).two_writers == 1


@pytest.mark.parametrize("peer", ["refusing", "absent"])
@pytest.mark.parametrize("before", [None, Look(0.0, alone=False)])
def test_an_open_holder_whose_peer_cannot_take_over_is_alone(
    before: Look | None, peer: str
) -> None:
    """Its mysqld is down, or nothing of its host is there."""
    world = World()
    world.last_look = before
    for _ in range(3):
        assert remembered(world, Findings(peer=peer)).alone
    assert world.alone
    assert world.log.count("mark alone") == 1  # it is written to a disk
    asked = [line for line in world.log if line.startswith(("on link", "echo"))]
    assert asked == ([] if peer == "refusing" else ["on link?", "echo 10.0.0.1?"])  # and only once
    assert world.time < 0.09 + PING_PATIENCE + 0.01


@pytest.mark.parametrize("what", ["on link", "echo"])
@pytest.mark.parametrize("before", [None, Look(0.0, alone=False)])
def test_a_silent_peer_whose_host_is_there_may_serve(before: Look | None, what: str) -> None:
    """Only SQL is cut: it may be promoted, and have what this node lacks."""
    world = World()
    world.last_look = before
    if what == "on link":
        world.network.on_link = True
    else:
        world.network.echo = {"10.0.0.1"}
    assert not remembered(world, Findings(peer="absent")).alone
    assert not world.alone


def test_the_witness_does_not_answer_for_the_peer() -> None:
    world = World()
    world.network.echo = {"10.0.0.254"}
    assert remembered(world, Findings(peer="absent")).alone


@pytest.mark.parametrize("what", ["on link", "echo"])
def test_a_network_that_cannot_be_looked_at_proves_nothing(what: str) -> None:
    """And what else was found is remembered all the same."""
    world = World()
    world.network.errors[what] = PermissionError("no CAP_NET_RAW")
    look_made = remembered(world, Findings(peer="absent", disk_full="no room"))
    assert (look_made.alone, look_made.wrong) == (None, True)
    assert not world.alone


@pytest.mark.parametrize("peer", ["mute", "open", "closed", ""])
def test_it_is_not_alone_beside_a_peer_that_may_write(peer: str) -> None:
    world = World()
    world.last_look = Look(0.0, alone=False)
    assert not remembered(world, Findings(peer=peer)).alone
    assert not world.alone


@pytest.mark.parametrize("peer", ["refusing", "absent"])
def test_a_standby_is_never_marked_alone(peer: str) -> None:
    world = World()
    assert remembered(world, Findings(peer=peer), holds=False).alone is None  # not known
    assert "mark alone" not in world.log
    world.last_look = Look(0.0, alone=False)
    assert remembered(world, Findings(peer=peer), holds=False).alone is False
    assert "on link?" not in world.log


@pytest.mark.parametrize("holds", [True, False])
@pytest.mark.parametrize("peer", ["open", "closed"])
def test_the_peer_answers_again(peer: str, holds: bool) -> None:
    """From now on it may have what this node lacks."""
    world = World()
    remembered(world, Findings(peer="refusing"))
    assert not remembered(world, Findings(peer=peer), holds).alone
    assert not world.alone
    remembered(world, Findings(peer=peer), holds)
    assert world.log.count("unmark alone") == 1


@pytest.mark.parametrize("peer", ["mute", "absent", "refusing", ""])
def test_an_answer_that_says_nothing_leaves_the_mark(peer: str) -> None:
    world = World()
    remembered(world, Findings(peer="refusing"))
    assert remembered(world, Findings(peer=peer)).alone
    assert world.alone


@pytest.mark.parametrize("peer", ["open", "closed"])
def test_after_a_reboot_the_mark_may_still_be_there(peer: str) -> None:
    """/run is empty then, and what lies on the disk is not known."""
    world = World()
    world.alone = True
    remembered(world, Findings(peer=peer), holds=False)
    assert not world.alone


@pytest.mark.parametrize("first", ["refusing", "absent", "mute"])
def test_after_a_reboot_the_peer_answers_at_the_second_look(first: str) -> None:
    world = World()
    world.alone = True
    remembered(world, Findings(peer=first), holds=False)
    assert world.alone
    remembered(world, Findings(peer="open"), holds=False)
    assert not world.alone
