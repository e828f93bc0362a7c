"""Each step of a promotion, and each refusal, in a simulated world (simulation.py)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kachecks.mysql.gtid import Position, of_others
from kachecks.mysql.session import Lost, ServerError
from kachecks.mysqld_process import Process
from kachecks.state.marks import Known, Look
from kachecks.transitions import promotion
from kachecks.transitions.demotion import demote
from kachecks.transitions.promotion import promote
from kachecks.transitions.record import Steps
from kachecks.transitions.refusal import StandAside, VipGone
from kachecks.transitions.sessions import Sessions
from tests.unit.doubles.promotions import GONE, OPENED, refused, run, stands_aside
from tests.unit.doubles.simulated_server import CLOSED, OPEN, UUID, Client
from tests.unit.doubles.simulation import (
    MAC,
    MARIADB,
    MARIADB12,
    MUTE,
    MYSQL,
    REFUSED,
    SERVER,
    SILENT,
    VERSIONS,
    World,
)

# The way through ---------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
def test_peer_open(version: str) -> None:
    """Closed, then counted, then waited for; the mark and the VIP before the opening."""
    world = World(version)
    world.a.add(Client("app"))
    world.a.made, world.b.applies = 5000, 1000.0
    outcome = run(world)
    assert (outcome.outcome, outcome.done, outcome.changed) == ("opened", True, True)
    assert outcome.why == "peer closed; all that was received is applied"
    assert (world.a.access, world.b.access) == (CLOSED, OPEN)
    assert world.b.applied == 5000
    assert "5000" in outcome.position
    world.order(
        "A: lock kachecks.main", "B: lock kachecks.main", "A: app cut", "A: SET GLOBAL",
        "mark open", OPENED, "A: goodbye",
    )  # fmt: skip
    assert world.log[-2:] == ["B: goodbye", "A: goodbye"]
    assert world.sessions_left == []


@pytest.mark.parametrize("version", VERSIONS)
def test_the_vip_is_looked_for_before_and_after_opening(version: str) -> None:
    world = World(version)
    run(world)
    at = world.index(OPENED)
    assert world.log[at - 2 : at + 2] == ["mark open", "vip?", OPENED, "vip?"]


def test_the_target_is_read_after_the_peer_is_closed() -> None:
    """What it commits until the very moment it is closed is waited for, received or not."""
    world = World().but(b__receiver="Connecting")
    world.when("A: SET GLOBAL super_read_only", a__made=600)
    assert run(world).done
    assert world.b.applied == 600


@pytest.mark.parametrize("version", VERSIONS)
def test_peer_closed_already(version: str) -> None:
    world = World(version).but(a__access=CLOSED)
    world.a.add(Client("app"))
    assert run(world).done
    assert "A: app cut" not in world.log  # closing it was another's work
    assert world.b.access == OPEN


def test_a_peer_that_is_closed_for_most_is_closed() -> None:
    """read_only without super_read_only, or ON on MariaDB 12: administrators still write there."""
    world = World(MARIADB12).but(a__read_only="ON", a__access=CLOSED)
    assert run(world).done
    assert world.a.globals()["read_only"] == "NO_LOCK_NO_ADMIN"


@pytest.mark.parametrize(("trouble", "said"), [(REFUSED, "peer down"), (SILENT, "peer silent")])
@pytest.mark.parametrize("version", VERSIONS)
def test_peer_dead(version: str, trouble: Exception, said: str) -> None:
    world = World(version).but(a__trouble=trouble, b__receiver="Connecting")
    outcome = run(world.but(b__received=900, b__applies=500.0))
    assert outcome.done
    assert outcome.why.startswith(said)
    assert world.b.applied == 900  # its relay log is all that is left of A
    assert "A: lock" not in " ".join(world.log)
    world.order("B: lock kachecks.main", "mark open", OPENED)


@pytest.mark.parametrize(("numbers", "order"), [((1, 2), ("A", "B")), ((2, 1), ("B", "A"))])
def test_locks_in_order_of_server_id(numbers: tuple[int, int], order: tuple[str, str]) -> None:
    """The same order on both nodes, or two promotions would wait for each other."""
    world = World(numbers=numbers)
    assert run(world).done
    world.order(*(f"{name}: lock kachecks.main" for name in order))


def test_steps_are_timed() -> None:
    world = World()
    steps = Steps(world.node)
    outcome = promote(world.node, steps)
    steps.record(outcome, "notify_master")
    (entry,) = world.recorded
    assert entry["cause"] == "notify_master"
    assert entry["problem"] is False
    names = [name for name, _ in entry["steps"]]
    assert names == ["connect", "fence peer, 0 connections cut", "peer", "drain", "open"]
    assert sum(spent for _, spent in entry["steps"]) <= entry["milliseconds"] + 1


# Already open ------------------------------------------------------------------------------------


@pytest.mark.parametrize("access", [CLOSED, OPEN])
def test_already_open(access: str) -> None:
    """A second notify_master: nothing changes here, but the peer must not write."""
    world = World().but(b__access=OPEN, a__access=access)
    outcome = run(world)
    assert (outcome.outcome, outcome.done) == ("already open", True)
    assert outcome.changed == (access == OPEN)
    assert (world.a.access, world.b.access) == (CLOSED, OPEN)
    assert world.open_mark == SERVER
    assert OPENED not in world.log


def test_already_open_beside_an_open_peer_without_gtids() -> None:
    """It is closed all the same: nothing has to be applied here first."""
    world = World().but(b__access=OPEN, a__access=OPEN, a__by_file=True)
    assert run(world).done
    assert (world.a.access, world.b.access) == (CLOSED, OPEN)


def test_two_writers_that_stay_two_are_told() -> None:
    world = World().but(b__access=OPEN, a__trouble=ServerError(1045, "Access denied"))
    outcome = run(world)
    assert (outcome.outcome, outcome.done) == ("already open", False)
    assert "1045" in outcome.why


# The VIP -----------------------------------------------------------------------------------------


def test_without_the_vip_nothing_begins() -> None:
    world = World().but(vip=False)
    stands_aside(world, VipGone)
    assert world.log == ["vip?"]


@pytest.mark.parametrize(
    "moment",
    ["A: connect", "A: SET GLOBAL super_read_only", "GET_LOCK", "sleep", "SELECT 1 AS one"],
)
@pytest.mark.parametrize(("change", "kind"), GONE)
def test_it_stands_aside_on_the_way(
    moment: str, change: dict[str, object], kind: type[StandAside]
) -> None:
    """The VIP leaves, or somebody closes this node in order to leave."""
    world = World().but(a__made=900, b__applies=500.0)
    world.when(moment, **change)
    stands_aside(world, kind)
    assert world.b.access == CLOSED
    assert OPENED not in world.log
    assert world.open_mark is None


@pytest.mark.parametrize(("change", "kind"), GONE)
def test_it_stands_aside_in_the_moment_of_opening(
    change: dict[str, object], kind: type[StandAside]
) -> None:
    """After the last look: the caller is told, and closes; the mark says what to close or kill."""
    world = World()
    world.when(OPENED, **change)
    stands_aside(world, kind)
    assert world.open_mark == SERVER
    demote(world.node, Steps(world.node), 5)
    assert world.b.access == CLOSED
    assert world.open_mark is None


# The peer ----------------------------------------------------------------------------------------


def test_peer_lacks_a_privilege() -> None:
    error = ServerError(1227, "you need SUPER")
    world = World().but(a__troubles={"SET GLOBAL super_read_only": error})
    refused(world, "error 1227: you need SUPER")
    assert world.time < 5


def test_a_peer_that_may_not_be_closed_and_closes_itself() -> None:
    """Its hook runs while this node's does: that of a node whose keepalived gave the VIP up."""
    error = ServerError(1227, "you need SUPER")
    world = World().but(a__troubles={"SET GLOBAL super_read_only": error})
    world.when("", after=1.0, a__access=CLOSED)
    assert promote(world.node, Steps(world.node)).outcome == "opened"
    assert len([line for line in world.log if "SET GLOBAL super_read_only" in line]) == 1
    assert len([line for line in world.log if "A: KILL" in line]) <= 1


def test_a_closed_peer_that_may_not_be_asked() -> None:
    """That does not pass by itself."""
    error = ServerError(1142, "SELECT command denied")
    world = World().but(a__access=CLOSED, a__troubles={"gtid_executed": error})
    refused(world, "error 1142: SELECT command denied")
    assert world.time < 1


def test_a_peer_that_may_not_be_closed_and_has_the_vip() -> None:
    error = ServerError(1227, "you need SUPER")
    world = World().but(a__troubles={"SET GLOBAL super_read_only": error}, network__holder=MAC)
    refused(world, "error 1227: you need SUPER")
    assert world.time < 1


def test_a_peer_that_does_not_tell_how_it_replicates() -> None:
    """Closing it takes no more than its position: its receiver may be writing to a slow disk."""
    world = World().but(a__troubles={"REPLICA STATUS": MUTE})
    assert promote(world.node, Steps(world.node)).outcome == "opened"
    assert world.a.access == CLOSED


@pytest.mark.parametrize("options", [{}, {"on_hung_peer": "open"}])
def test_peer_that_cannot_be_closed(options: dict) -> None:
    """A lock that nobody may kill. It answers: it is no hung peer, whatever on_hung_peer says."""
    world = World(**options)
    world.a.add(Client("root", blocks=True, unkillable=True))
    refused(world, "the peer is open and cannot be closed")
    assert world.a.access == OPEN
    assert world.time < 20


@pytest.mark.parametrize("options", [{}, {"on_hung_peer": "open"}])
def test_peer_closes_at_the_last_moment(options: dict) -> None:
    """The statement is given up and takes effect all the same: its set is still the target."""
    world = World(hung_after="3", fence_timeout="6", **options).but(a__made=30, b__applies=1.0)
    world.a.add(Client("root", blocks=True, unkillable=True))
    world.when("A: connect", lambda: world.a.clients.clear(), a__access=CLOSED, after=5.5)
    outcome = run(world)
    assert outcome.done, outcome.why
    assert world.b.applied == 30


def test_peer_that_is_mute_with_on_hung_peer_open() -> None:
    world = World(on_hung_peer="open").but(a__trouble=MUTE, b__receiver="Connecting", b__received=9)
    outcome = run(world)
    assert outcome.done
    assert "on_hung_peer = open" in outcome.why
    assert world.b.applied == 9
    assert 8 <= world.time < 12


@pytest.mark.parametrize(
    ("world", "why"),
    [
        (lambda: World().but(b__source_id=9), "a different cluster's data"),
        (lambda: World(MARIADB).but(b__source_id=9), "a different cluster's data"),
        (lambda: World().but(a__version=MARIADB), "cannot replicate both ways"),
        (lambda: World(numbers=(2, 2)), "has this server's server_id, 2"),
    ],
)
def test_not_our_pair(world: Callable[[], World], why: str) -> None:
    found = world()
    refused(found, why)
    assert found.a.access == OPEN


def test_thousands_of_clients_of_the_peer() -> None:
    """Our own session, and with it the lock, is used all the while (wait_timeout is 3 s)."""
    world = World()
    for _ in range(6000):
        world.a.add(Client("app"))
    used: list[float] = []
    real = world.happening

    def happening(what: str) -> None:
        if what.startswith("B: "):
            used.append(world.time)
        real(what)

    world.happening = happening  # type: ignore[method-assign]
    assert run(world).outcome == "opened"
    assert world.a.access == CLOSED
    assert max(later - sooner for sooner, later in zip(used, used[1:])) < 1.0
    assert world.time < 3.0


def test_a_copied_datadir() -> None:
    """The server_uuid of both is the same: nothing can tell whose a transaction is."""
    world = World()
    real = world.a.globals
    world.a.globals = lambda: {**real(), **world.b.globals(), "server_id": "1"}  # type: ignore[method-assign]
    assert "has this server's server_uuid" in run(world).why
    assert (world.a.access, world.b.access) == (OPEN, CLOSED)


@pytest.mark.parametrize("trouble", [REFUSED, SILENT])
def test_the_peer_comes_back_during_the_drain(trouble: Exception) -> None:
    """It is asked once more before opening: it may have been restarted, and be open."""
    world = World().but(a__trouble=trouble, a__made=40, b__receiver="Connecting")
    world.but(b__received=30, b__applies=10.0)
    world.when("sleep", a__trouble=None, b__receiver="Yes")
    assert run(world).done
    assert world.a.access == CLOSED
    assert world.b.applied == 40
    world.order("A: connect", "A: lock", OPENED)


# Cold start --------------------------------------------------------------------------------------


def cold(trouble: Exception | None, **options: str) -> World:
    """B has not been up to date with A since its own mysqld started."""
    receiver = "Connecting" if trouble else "Yes"
    return World(**options).but(a__trouble=trouble, b__receiver=receiver, had_contact=False)


@pytest.mark.parametrize(
    ("trouble", "options", "said"),
    [
        (REFUSED, {}, "peer down: "),
        (SILENT, {}, "peer silent: "),
        (SILENT, {"witness": "10.0.0.254"}, "peer silent: "),
        (MUTE, {"on_hung_peer": "open"}, "peer mute, its host is alive "),
    ],
)
def test_a_cold_start(trouble: Exception, options: dict, said: str) -> None:
    world = cold(trouble, **options)
    refused(world, "cold_start = refuse: start the peer")
    assert run(world).why.startswith(said)


@pytest.mark.parametrize("trouble", [REFUSED, SILENT])
@pytest.mark.parametrize(
    ("options", "changes"),
    [({}, {"had_contact": True}), ({}, {"alone": True}), ({"cold_start": "open"}, {})],
)
def test_what_a_cold_start_is_not(
    trouble: Exception, options: dict[str, str], changes: dict[str, object]
) -> None:
    outcome = run(cold(trouble, **options).but(**changes))
    assert outcome.done, outcome.why


@pytest.mark.parametrize("version", [MYSQL, MARIADB])
def test_a_peer_that_has_lived_since_this_node_was_alone(version: str) -> None:
    """It came back unseen; one transaction more of it was received here, and not applied yet."""
    world = World(version).but(a__trouble=REFUSED, b__receiver="Connecting", had_contact=False)
    facts = Position(world.b.executed(), "")
    world.node.served_alone.mark(of_others(facts, "2" if version == MARIADB else UUID[2]))
    assert run(world).done
    world.b.access = CLOSED
    world.log.clear()
    world.b.received += 1
    refused(world, "cold_start = refuse")
    assert world.b.applied == world.b.received


@pytest.mark.parametrize("access", [OPEN, CLOSED])
def test_a_peer_that_answers_makes_no_cold_start(access: str) -> None:
    """What it has is counted, and waited for."""
    world = cold(None).but(a__access=access, a__made=40)
    assert run(world).done
    assert world.b.applied == 40


def test_a_peer_that_comes_back_makes_it_none() -> None:
    world = cold(SILENT, witness="10.0.0.254", peer_grace="9")
    world.when("sleep", a__trouble=None, b__receiver="Yes")
    assert run(world).done


def test_a_cold_start_where_the_process_cannot_be_told() -> None:
    """Another mysqld's contact is not this one's."""
    world = cold(SILENT).but(had_contact=True, servers__process_known=False)
    refused(world, "cold_start = refuse")


# Stale -------------------------------------------------------------------------------------------


def stale(trouble: Exception | None, wanted: int = 40, **options: str) -> World:
    """B has 5 of A's; at the last look it had wanted more for 100 s, and A was open."""
    world = World(**options).but(a__trouble=trouble, b__receiver="Connecting", time=1000.0)
    gtids = f"{UUID[1]}:1-{wanted}"
    world.last_look = Look(995.0, known=Known(995.0, 995.0, 895.0, gtids))
    return world


@pytest.mark.parametrize("trouble", [REFUSED, SILENT])
def test_a_standby_that_was_known_to_be_late(trouble: Exception) -> None:
    refused(stale(trouble), "which the peer had 100 s before it was last known to serve")


@pytest.mark.parametrize(
    ("options", "wanted", "changes"),
    [
        ({"on_stale_replica": "open"}, 40, {}),
        ({}, 5, {}),  # it has come since
        ({}, 9, {"b__received": 9, "b__applies": 1}),  # it waits in the relay log
        ({"max_lag": "120"}, 40, {}),
    ],
)
def test_what_is_not_late(options: dict, wanted: int, changes: dict[str, object]) -> None:
    world = stale(SILENT, wanted, **options).but(**changes)
    assert run(world).outcome == "opened"


def test_a_peer_that_answers_makes_nobody_stale() -> None:
    """All that it has is the target, and comes before this node opens."""
    world = stale(None).but(a__made=40, b__receiver="Yes")
    assert run(world).outcome == "opened"


def test_late_before_the_last_reboot() -> None:
    """With cold_start = open, which would open."""
    world = stale(SILENT, cold_start="open")
    world.node.known_late.mark(Known(0.0, 0.0, -100.0, f"{UUID[1]}:1-40"))
    world.last_look = None
    refused(world, "which the peer had 100 s before")


def test_an_open_server_is_not_asked_for_a_cold_start() -> None:
    world = cold(SILENT).but(b__access=OPEN)
    assert run(world).outcome == "already open"


# The mark and the opening ------------------------------------------------------------------------


@pytest.mark.parametrize("before", [SERVER, SERVER._replace(started=1), None])
@pytest.mark.parametrize(("change", "kind"), GONE)
def test_stood_aside_before_opening(
    before: Process | None, change: dict[str, object], kind: type[StandAside]
) -> None:
    """Nothing was opened, so nothing may be killed for it; a mark of this very mysqld stays."""
    world = World().but(a__access=CLOSED, open_mark=before)
    looks = world.node.marks.mark_open  # the last look before the opening comes right after it
    world.but(node__marks__mark_open=lambda process: (looks(process), world.but(**change)))
    stands_aside(world, kind)
    assert OPENED not in world.log
    assert world.open_mark == (SERVER if before else None)


NOT_ALLOWED = ServerError(1227, "Access denied; you need SUPER")


@pytest.mark.parametrize("before", [SERVER, None])
@pytest.mark.parametrize("version", [MYSQL, MARIADB])
@pytest.mark.parametrize("errno", [1227, 1238, 1290])
def test_a_server_that_does_not_let_itself_be_opened(
    errno: int, version: str, before: Process | None
) -> None:
    """It has been read back as closed, so no mark of an opening is left to keep the VIP here."""
    error = ServerError(errno, "it may not")
    world = World(version).but(a__access=CLOSED, open_mark=before)
    world.b.troubles = {"SET GLOBAL read_only = 0": error}
    outcome = run(world)
    assert (outcome.outcome, outcome.done, outcome.changed) == ("refused", False, False)
    assert f"this node's own server does not let itself be opened: error {errno}" in outcome.why
    assert "grants" in outcome.why if errno == 1227 else "grants" not in outcome.why
    assert world.open_mark is None
    assert world.sessions_left == []


def test_an_error_after_which_the_server_is_open_all_the_same() -> None:
    """What it says when it is read back counts."""
    world = World().but(a__access=CLOSED)
    world.b.troubles = {"SET GLOBAL read_only = 0": NOT_ALLOWED}
    world.when("SET GLOBAL read_only = 0", b__access=OPEN)
    outcome = run(world)
    assert (outcome.outcome, outcome.done) == ("opened", True)
    assert "although it said: error 1227" in outcome.why
    assert world.open_mark == SERVER


def test_a_connection_that_is_lost_while_it_opens_proves_nothing() -> None:
    """It may be open: the mark stays, and the promotion is tried again."""
    world = World().but(a__access=CLOSED)
    world.b.troubles = {"SET GLOBAL read_only = 0": Lost("gone")}
    assert run(world).outcome == "interrupted"
    assert world.open_mark == SERVER


def test_events_that_cannot_be_switched_on_are_told() -> None:
    """The server is open, so this is no failure of the promotion."""
    world = World(MARIADB).but(a__access=CLOSED)
    world.node.marks.note_events_off(world.b.process)
    world.b.troubles = {"event_scheduler = 1": NOT_ALLOWED}
    outcome = run(world)
    assert (outcome.outcome, outcome.done) == ("opened", True)
    assert "the event scheduler could not be switched on: error 1227" in outcome.why


def test_a_leaving_mark_that_is_old() -> None:
    world = World()
    with world.earlier(world.time - 2.01) as node:
        node.marks.mark_leaving()
    assert run(world).done


# Events of MariaDB -------------------------------------------------------------------------------


def test_events_that_a_demotion_switched_off_are_switched_on() -> None:
    world = World(MARIADB).but(b__events="ON", b__access=OPEN, a__access=CLOSED)
    demote(world.node, Steps(world.node), 5)
    assert world.b.events == "OFF"
    assert run(world).done
    assert world.b.events == "ON"
    world.order(OPENED, "B: SET GLOBAL event_scheduler = 1")


def test_events_of_a_server_that_was_restarted_are_left_alone() -> None:
    world = World(MARIADB).but(a__access=CLOSED)
    world.node.marks.note_events_off(world.b.process._replace(started=1))
    assert run(world).done
    assert world.b.events == "OFF"


def test_what_a_check_finds_out_meanwhile_is_not_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It has kept its look while the promotion read what was received; that look says how late
    this server is."""
    world = World()
    now = world.node.clock.now()
    world.last_look = Look(now, known=Known(now, now, now))
    late = Known(now, now, now - 60.0, "wanted:1-9")

    def with_received(_session: object, _facts: object, _channels: object, known: Known) -> Known:
        world.last_look = Look(now, known=late)
        return known._replace(received="received:1")

    monkeypatch.setattr(promotion, "with_received", with_received)
    promotion._remember_received(Sessions(world.node, Steps(world.node)))
    assert world.last_look == Look(now, known=late._replace(received="received:1"))
