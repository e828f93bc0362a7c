"""Each step of a promotion, and each refusal, in a simulated world (simulation.py)."""

from __future__ import annotations

import pytest

from kachecks.mysql.gtid import Position, of_others
from kachecks.mysql.session import DriverError, Lost, ServerError
from kachecks.transitions.demotion import demote
from kachecks.transitions.promotion import promote
from kachecks.transitions.record import Outcome, Steps
from kachecks.transitions.refusal import Leaving, StandAside, VipGone
from kachecks.transitions.sessions import PEER_STATEMENT, PING_AFTER, STATEMENT
from tests.unit.doubles.simulated_server import UUID
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
    Session,
    World,
)

VERSIONS = [MYSQL, MARIADB, MARIADB12]
OPENED = "B: SET GLOBAL read_only = 0"


def run(world: World) -> Outcome:
    return promote(world.node, Steps(world.node))


def refused(world: World, words: str) -> None:
    """It ends closed, says why, and lets go of everything."""
    outcome = run(world)
    assert (outcome.outcome, outcome.done, outcome.changed) == ("refused", False, False)
    assert words in outcome.why
    assert world.b.access == CLOSED
    assert OPENED not in world.log
    no_session_is_left(world)


def no_session_is_left(world: World) -> None:
    assert [each for each in world.sessions if not each.ended] == []


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
        "mark open", OPENED, "B: goodbye", "A: goodbye",
    )  # fmt: skip
    no_session_is_left(world)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_vip_is_looked_for_before_and_after_opening(version: str) -> None:
    world = World(version)
    run(world)
    at = world.index(OPENED)
    assert world.log[at - 2 : at + 2] == ["mark open", "vip?", OPENED, "vip?"]


def test_the_target_is_read_after_the_peer_is_closed() -> None:
    """What it commits until the very moment it is closed is waited for, received or not."""
    world = World()
    world.b.receiver = "Connecting"

    def last_commit() -> None:
        world.a.made = 600

    world.when("A: SET GLOBAL super_read_only", last_commit)
    assert run(world).done
    assert world.b.applied == 600


@pytest.mark.parametrize("version", VERSIONS)
def test_peer_closed_already(version: str) -> None:
    world = World(version)
    world.a.access = CLOSED
    if version == MARIADB12:
        world.a.read_only = "NO_LOCK_NO_ADMIN"
    world.a.add(Client("app"))
    assert run(world).done
    assert "A: app cut" not in world.log  # closing it was another's work
    assert world.b.access == OPEN


def test_a_peer_that_is_closed_for_most_is_closed() -> None:
    """read_only without super_read_only, or ON on MariaDB 12: administrators still write there."""
    world = World(MARIADB12)
    world.a.read_only, world.a.access = "ON", CLOSED
    assert run(world).done
    assert world.a.read_only == "NO_LOCK_NO_ADMIN"


@pytest.mark.parametrize(("trouble", "said"), [(REFUSED, "peer down"), (SILENT, "peer silent")])
@pytest.mark.parametrize("version", VERSIONS)
def test_peer_dead(version: str, trouble: Exception, said: str) -> None:
    world = World(version)
    world.a.trouble = trouble
    world.b.receiver, world.b.received, world.b.applies = "Connecting", 900, 500.0
    outcome = run(world)
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


def test_already_open() -> None:
    """A second notify_master: nothing changes here, but the peer must not write."""
    world = World()
    world.b.access, world.a.access = OPEN, CLOSED
    outcome = run(world)
    assert (outcome.outcome, outcome.done, outcome.changed) == ("already open", True, False)
    assert world.open_mark == world.b.process
    assert OPENED not in world.log


def test_two_writers_become_one() -> None:
    world = World()
    world.b.access = OPEN
    outcome = run(world)
    assert (outcome.outcome, outcome.done, outcome.changed) == ("already open", True, True)
    assert (world.a.access, world.b.access) == (CLOSED, OPEN)


def test_two_writers_that_stay_two_are_told() -> None:
    world = World()
    world.b.access = OPEN
    world.a.trouble = ServerError(1045, "Access denied")
    outcome = run(world)
    assert (outcome.outcome, outcome.done) == ("already open", False)
    assert "1045" in outcome.why


# The VIP -----------------------------------------------------------------------------------------


def test_without_the_vip_nothing_begins() -> None:
    world = World()
    world.vip = False
    with pytest.raises(VipGone):
        run(world)
    assert world.log == ["vip?"]


@pytest.mark.parametrize(
    "moment",
    ["A: connect", "A: SET GLOBAL super_read_only", "GET_LOCK", "sleep", "SELECT 1 AS one"],
)
def test_the_vip_leaves_on_the_way(moment: str) -> None:
    world = World()
    world.a.made, world.b.applies = 900, 500.0
    world.when(moment, world.lose_vip)
    with pytest.raises(VipGone):
        run(world)
    assert world.b.access == CLOSED
    assert OPENED not in world.log
    no_session_is_left(world)


def test_the_vip_leaves_in_the_moment_of_opening() -> None:
    """After the last look: the caller is told, and closes; the mark says what to close or kill."""
    world = World()
    world.when(OPENED, world.lose_vip)
    with pytest.raises(VipGone):
        run(world)
    assert world.open_mark == world.b.process
    demote(world.node, Steps(world.node), 5)
    assert world.b.access == CLOSED
    assert world.open_mark is None


# The peer ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "trouble",
    [
        ServerError(1040, "Too many connections"),
        ServerError(1045, "Access denied"),
        ServerError(1130, "Host is not allowed"),
        ServerError(3032, "offline mode"),
        DriverError("no driver"),
    ],
)
@pytest.mark.parametrize("options", [{}, {"on_hung_peer": "open"}])
def test_peer_answers_with_an_error(trouble: Exception, options: dict) -> None:
    """Alive, maybe open, and cannot be closed: whatever the options say."""
    world = World(**options)
    world.a.trouble = trouble
    refused(world, f"cannot be asked or closed: {trouble}")
    assert world.time < 1


@pytest.mark.parametrize(
    ("statement", "errno"), [("SHOW REPLICA STATUS", 1227), ("SET GLOBAL super_read_only", 1227)]
)
def test_peer_lacks_a_privilege(statement: str, errno: int) -> None:
    world = World()
    world.a.troubles[statement] = ServerError(errno, "you need SUPER")
    refused(world, "error 1227: you need SUPER")


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
    world = World(hung_after="3", fence_timeout="6", **options)
    number = world.a.last_id + 1
    world.a.add(Client("root", blocks=True, unkillable=True))
    world.a.made, world.b.applies = 30, 1.0

    def let_go() -> None:
        if world.time > 5.5:
            world.a.clients.pop(number, None)
            world.a.access = CLOSED
        else:
            world.when("A: connect", let_go)

    world.when("A: connect", let_go)
    outcome = run(world)
    assert outcome.done, outcome.why
    assert world.b.applied == 30


def test_peer_that_is_mute() -> None:
    world = World()
    world.a.trouble = MUTE
    refused(world, "on_hung_peer = refuse")
    assert 8 <= world.time < 11  # hung_after + fence_timeout: its own check kills it meanwhile


def test_peer_that_is_mute_with_on_hung_peer_open() -> None:
    world = World(on_hung_peer="open")
    world.a.trouble = MUTE
    world.b.receiver, world.b.received = "Connecting", 9
    outcome = run(world)
    assert outcome.done
    assert "on_hung_peer = open" in outcome.why
    assert world.b.applied == 9
    assert 8 <= world.time < 12


@pytest.mark.parametrize("then", [REFUSED, SILENT, None])
def test_a_mute_peer_is_looked_at_until_it_is_dead_or_answers(then: Exception | None) -> None:
    world = World()
    world.a.trouble = MUTE

    def changes() -> None:
        if world.time > 3:
            world.a.trouble = then
            world.b.receiver = "Connecting" if then else "Yes"
        else:
            world.when("A: connect", changes)

    world.when("A: connect", changes)
    assert run(world).done
    assert world.a.access == (OPEN if then else CLOSED)


@pytest.mark.parametrize("ours", [True, False])
def test_refused_is_not_dead(ours: bool) -> None:
    """A server that shuts down closes its port first: its replication connections tell."""
    world = World()
    world.a.trouble = REFUSED
    if ours:
        world.b.receiver = "Yes"  # our receiver still has its connection
    else:
        world.b.receiver = "Connecting"
        world.servers.ports_from_peer = {50000}  # its receiver still has one to us
    refused(world, "after 8 s its replication connections to this server are still up")
    assert 8 <= world.time < 10


def test_refused_and_its_connections_end() -> None:
    world = World()
    world.a.trouble = REFUSED
    world.servers.ports_from_peer = {50000}

    def ends() -> None:
        if world.time > 2:
            world.servers.ports_from_peer = set()
            world.b.receiver = "Connecting"
        else:
            world.when("sleep", ends)

    world.when("sleep", ends)
    assert run(world).done
    assert 2 < world.time < 3


def test_connections_of_others_do_not_count() -> None:
    """Somebody reads our binary log through the socket, or from another host."""
    world = World()
    world.a.trouble = REFUSED
    world.b.receiver = "Connecting"
    world.b.add(Client("backup", "Binlog Dump", "localhost"))
    world.b.add(Client("backup", "Binlog Dump", "10.0.0.77:51111"))
    world.servers.ports_from_peer = {33333}
    assert run(world).done


@pytest.mark.parametrize("version", [MYSQL, MARIADB])
def test_a_different_cluster(version: str) -> None:
    world = World(version)
    world.b.source_id = 9
    assert "a different cluster's data" in run(world).why
    assert (world.a.access, world.b.access) == (OPEN, CLOSED)


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


def test_two_families() -> None:
    world = World()
    world.a.version = MARIADB
    assert "cannot replicate both ways" in run(world).why
    assert (world.a.access, world.b.access) == (OPEN, CLOSED)


def test_the_same_server_id() -> None:
    world = World(numbers=(2, 2))
    assert "has this server's server_id, 2" in run(world).why
    assert (world.a.access, world.b.access) == (OPEN, CLOSED)


def test_goodbye_is_said_to_a_wrong_peer() -> None:
    world = World(numbers=(2, 2))
    run(world)
    no_session_is_left(world)


@pytest.mark.parametrize("trouble", [REFUSED, SILENT])
def test_the_peer_comes_back_during_the_drain(trouble: Exception) -> None:
    """It is asked once more before opening: it may have been restarted, and be open."""
    world = World()
    world.a.trouble, world.a.made = trouble, 40
    world.b.receiver, world.b.received, world.b.applies = "Connecting", 30, 10.0

    def back() -> None:
        world.a.trouble = None
        world.b.receiver = "Yes"

    world.when("sleep", back)
    assert run(world).done
    assert world.a.access == CLOSED
    assert world.b.applied == 40
    world.order("A: connect", "A: lock", OPENED)


# The witness -------------------------------------------------------------------------------------


def test_an_open_peer_while_no_witness_answers() -> None:
    """It is this node that is cut off from the clients."""
    world = World(witness="10.0.0.254")
    world.network.echo = set()
    refused(world, "the peer is open, and no witness (10.0.0.254) answers")
    assert world.a.access == OPEN
    assert world.b.held_by is None or world.b.held_by.ended


def test_a_silent_peer_while_no_witness_answers() -> None:
    world = World(witness="10.0.0.254")
    world.network.echo = set()
    world.a.trouble = SILENT
    refused(world, "it is this node that is cut off")


@pytest.mark.parametrize("version", [MYSQL, MARIADB])
def test_a_person_is_told_how_far_the_drain_is(version: str) -> None:
    world = World(version)
    world.a.made, world.a.access, world.b.applies = 40, CLOSED, 10.0
    said: list[str] = []
    world.node.telling.progress = said.append  # type: ignore[method-assign]
    world.node.telling.verbose = True
    assert run(world).done
    left = [int(line.split()[0]) for line in said if "transactions left" in line]
    assert len(left) >= 2
    assert left == sorted(left, reverse=True)


# Cold start --------------------------------------------------------------------------------------


def cold(trouble: Exception | None, **options: str) -> World:
    """B has not been up to date with A since its own mysqld started."""
    world = World(**options)
    world.a.trouble = trouble
    world.b.receiver = "Connecting" if trouble else "Yes"
    world.had_contact = False
    return world


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
    outcome = run(world)
    assert (outcome.outcome, outcome.done) == ("refused", False)
    assert outcome.why.startswith(said)
    assert "cold_start = refuse: start the peer" in outcome.why
    assert OPENED not in world.log
    no_session_is_left(world)


@pytest.mark.parametrize("trouble", [REFUSED, SILENT])
@pytest.mark.parametrize("reason", ["contact", "alone", "option"])
def test_what_a_cold_start_is_not(trouble: Exception, reason: str) -> None:
    world = cold(trouble, **({"cold_start": "open"} if reason == "option" else {}))
    world.had_contact = reason == "contact"
    world.alone = reason == "alone"
    outcome = run(world)
    assert outcome.done, outcome.why


@pytest.mark.parametrize("version", [MYSQL, MARIADB])
def test_a_peer_that_has_lived_since_this_node_was_alone(version: str) -> None:
    """It came back unseen; one transaction more of it was received here, and not applied yet."""
    world = World(version)
    world.a.trouble, world.b.receiver = REFUSED, "Connecting"
    world.had_contact = False
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
    world = cold(None)
    world.a.access, world.a.made = access, 40
    assert run(world).done
    assert world.b.applied == 40


def test_a_peer_that_comes_back_makes_it_none() -> None:
    world = cold(SILENT, witness="10.0.0.254", peer_grace="9")

    def back() -> None:
        world.a.trouble, world.b.receiver = None, "Yes"

    world.when("sleep", back)
    assert run(world).done


def test_a_cold_start_where_the_process_cannot_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another mysqld's contact is not this one's."""
    world = cold(SILENT)
    world.had_contact = True
    monkeypatch.setattr(world.servers, "process_of", lambda _: None)
    refused(world, "cold_start = refuse")


def test_an_open_server_is_not_asked_for_a_cold_start() -> None:
    world = cold(SILENT)
    world.b.access = OPEN
    assert run(world).outcome == "already open"


# The mark and the opening ------------------------------------------------------------------------


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("what", ["vip", "leaving"])
def test_stood_aside_before_opening(before: bool, what: str) -> None:
    """Nothing was opened, so nothing may be killed for it; a mark of before stays."""
    world = World()
    world.a.access = CLOSED
    world.open_mark = world.b.process if before else None
    # the last look before the opening is the one right after the mark
    seen: list[str] = []
    real = world.node.marks.mark_open

    def then_gone(process: object) -> None:
        real(process)  # type: ignore[arg-type]
        seen.append("mark")
        if what == "vip":
            world.lose_vip()
        else:
            world.node.marks.mark_leaving()

    world.node.marks.mark_open = then_gone  # type: ignore[method-assign,assignment]
    with pytest.raises(StandAside):
        run(world)
    assert seen == ["mark"]
    assert OPENED not in world.log
    assert world.open_mark == (world.b.process if before else None)


@pytest.mark.parametrize("moment", [OPENED, "B: connect", "A: SET GLOBAL", "sleep"])
def test_somebody_leaves(moment: str) -> None:
    """Nothing opens while the leaving mark is fresh; opened in that moment, the caller closes."""
    world = World()
    world.a.made, world.b.applies = 900, 500.0
    world.when(moment, world.node.marks.mark_leaving)
    with pytest.raises(Leaving):
        run(world)
    assert (OPENED in world.log) == (moment == OPENED)
    assert (world.open_mark is not None) == (moment == OPENED)
    no_session_is_left(world)


def test_a_leaving_mark_that_is_old() -> None:
    world = World()
    with world.earlier(world.time - 2.01) as node:
        node.marks.mark_leaving()
    assert run(world).done


# The lock ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["a", "b"])
def test_the_other_nodes_promotion_is_waited_for(where: str) -> None:
    world = World()
    server = getattr(world, where)
    other = server.held_by = Session(world, server)
    outcome = run(world)
    assert outcome.why == "the other node's promotion has not ended in time"
    assert world.b.access == CLOSED
    assert [each for each in world.sessions if not each.ended] == [other]
    assert 8 <= world.time < 12


def test_the_other_node_was_promoted_meanwhile() -> None:
    world = World()
    world.a.access = CLOSED
    other = world.a.held_by = Session(world, world.a)

    def opens() -> None:
        world.a.access = OPEN
        other.close()

    world.when("SELECT 1 AS one", opens)
    refused(world, "the other node was promoted while this one waited for it")
    assert world.a.access == OPEN


def test_the_other_node_gave_up_meanwhile() -> None:
    """It held the lock and did not open: then this node may."""
    world = World()
    world.a.access = CLOSED
    other = world.a.held_by = Session(world, world.a)
    world.when("SELECT 1 AS one", other.close)
    assert run(world).done


@pytest.mark.parametrize("server", ["a", "b"])
@pytest.mark.parametrize("moment", ["A: SET GLOBAL super_read_only", "A: SELECT 1 AS one"])
def test_a_session_that_ends(server: str, moment: str) -> None:
    """With it the lock is gone. This node's is never made anew; nor the peer's, once counted."""
    world = World()
    world.a.made, world.b.applies = 900, 100.0

    def end() -> None:
        clients = getattr(world, server).clients
        for number in [number for number, one in clients.items() if one.user == "kachecks"]:
            del clients[number]

    world.when(moment, end)
    outcome = run(world)
    if server == "a" and "SET" in moment:  # lost while it was being closed: asked anew
        assert outcome.done
        assert world.log.count("A: lock kachecks.main") == 2
    else:
        assert outcome.outcome == "interrupted"
        assert world.b.access == CLOSED
        assert OPENED not in world.log
    assert world.a.access == CLOSED


@pytest.mark.parametrize("server", ["a", "b"])
def test_both_sessions_are_looked_at_right_before_opening(server: str) -> None:
    """There was nothing to wait for, and no reason to use them."""
    world = World()
    world.a.access = CLOSED

    def end() -> None:
        clients = getattr(world, server).clients
        for number in [number for number, one in clients.items() if one.user == "kachecks"]:
            del clients[number]

    asked = "B: SELECT @@global.gtid_executed"  # for the second time
    world.when(asked, lambda: world.when(asked, end))
    assert run(world).outcome == "interrupted"
    assert OPENED not in world.log


@pytest.mark.parametrize("trouble", [REFUSED, MUTE, Lost("gone"), ServerError(1040, "too many")])
def test_our_own_server_is_never_taken_for_the_peer(trouble: Exception) -> None:
    world = World()
    world.b.trouble = trouble
    outcome = run(world)
    assert outcome.outcome == "interrupted"
    assert outcome.why.startswith("this node's own server: ")
    assert "A: connect" not in world.log


def test_sessions_are_used_before_the_server_ends_them() -> None:
    """wait_timeout is 3 s: two pauses, and a statement that is just in time."""
    assert 2 * PING_AFTER + max(STATEMENT, PEER_STATEMENT) <= 3
    world = World()
    run(world)
    world.order("B: SET SESSION wait_timeout = 3, autocommit = 1", "B: lock kachecks.main")


@pytest.mark.parametrize("what", ["vip", "leaving"])
@pytest.mark.parametrize("server", ["a", "b"])
def test_it_stands_aside_while_it_waits_for_the_lock(server: str, what: str) -> None:
    world = World()
    held = getattr(world, server)
    held.held_by = Session(world, held)

    def goes() -> None:
        if world.time < 2:
            world.when("GET_LOCK", goes)
        elif what == "vip":
            world.lose_vip()
        else:
            world.node.marks.mark_leaving()

    world.when("GET_LOCK", goes)
    with pytest.raises(VipGone if what == "vip" else Leaving):
        run(world)
    assert world.time < 4


@pytest.mark.parametrize("what", ["vip", "leaving"])
def test_it_stands_aside_during_a_long_drain(what: str) -> None:
    world = World()
    world.a.made, world.b.applies = 5000, 100.0

    def goes() -> None:
        if world.time < 2:
            world.when("sleep", goes)
        elif what == "vip":
            world.lose_vip()
        else:
            world.node.marks.mark_leaving()

    world.when("sleep", goes)
    with pytest.raises(VipGone if what == "vip" else Leaving):
        run(world)
    assert world.time < 2.2


@pytest.mark.parametrize("trouble", [MUTE, ServerError(1227, "you need SUPER")])
@pytest.mark.parametrize("statement", ["SHOW REPLICA STATUS", "wait_timeout = 3"])
def test_our_own_server_lets_us_in_and_tells_nothing(statement: str, trouble: Exception) -> None:
    world = World()
    world.b.troubles[statement] = trouble
    assert run(world).outcome == "interrupted"
    assert "A: connect" not in world.log
    assert world.time < 2.1
    no_session_is_left(world)


# The drain ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("peer", ["alive", "dead"])
def test_it_waits_for_the_relay_log(version: str, peer: str) -> None:
    """For as long as it takes, as long as there is progress: here 50 s, drain_timeout is 30."""
    world = World(version)
    world.b.received, world.b.applies = 505, 10.0
    world.a.made = 505
    if peer == "dead":
        world.a.trouble = SILENT
        world.b.receiver = "Connecting"
    assert run(world).done
    assert world.b.applied == 505
    assert 50 <= world.time < 55


@pytest.mark.parametrize("version", VERSIONS)
def test_no_progress(version: str) -> None:
    world = World(version, drain_timeout="4")
    world.a.trouble = SILENT
    world.b.receiver, world.b.received, world.b.applies = "Connecting", 9, 0.0
    refused(world, "no progress for 4 s in applying ")
    assert 4 <= world.time < 7


@pytest.mark.parametrize("policy", ["refuse", "open"])
@pytest.mark.parametrize("peer", ["alive", "dead"])
def test_replication_by_file_is_refused(peer: str, policy: str) -> None:
    """Whatever on_broken_replica says: nothing is broken, but nobody can tell what is missing."""
    world = World(MARIADB, on_broken_replica=policy)
    world.b.by_file = True
    if peer == "dead":
        world.a.trouble = SILENT
    refused(world, "replication from 10.0.0.1 goes by file and offset, and only GTIDs tell")


@pytest.mark.parametrize(
    ("server", "words"),
    [("a", "the peer 10.0.0.1: gtid_mode is OFF"), ("b", "own server: gtid_mode is OFF")],
)
def test_gtids_switched_off(server: str, words: str) -> None:
    """Found out before the peer, which serves, is closed for it."""
    world = World()
    getattr(world, server).by_file = True
    refused(world, words)
    assert world.a.access == OPEN


@pytest.mark.parametrize(("arrives", "done"), [(10.0, True), (0.0, False)])
def test_a_large_transaction_that_arrives_is_progress(arrives: float, done: bool) -> None:
    """The GTIDs stand still until all of it is here (16 s for 32 MB at 2 MB/s, MariaDB 10.11)."""
    world = World(MARIADB, drain_timeout="4")
    world.a.made = 6
    world.b.arriving_until, world.b.deaf = arrives, not done
    assert run(world).done == done
    assert (world.b.applied == 6) == done


def test_on_drain_timeout_open() -> None:
    world = World(drain_timeout="4", on_drain_timeout="open")
    world.a.trouble = SILENT
    world.b.receiver, world.b.received, world.b.applies = "Connecting", 9, 0.0
    assert run(world).done
    assert world.b.applied == 5


def full_disk(version: str = MARIADB, **options: str) -> World:
    """A has made 9 transactions, as it says; the last two are in no binary log, and never come."""
    world = World(version, **options)
    world.a.made, world.a.unwritten = 9, 2
    return world


@pytest.mark.parametrize("version", [MARIADB, MARIADB12])
def test_two_heartbeats_prove_the_end(version: str) -> None:
    """MariaDB uses up GTIDs for what its full disk did not take."""
    world = full_disk(version)
    steps = Steps(world.node)
    outcome = promote(world.node, steps)
    assert outcome.done
    assert world.b.applied == 7
    assert 1 < world.time < 2.5  # the first one was nearly due
    steps.record(outcome, "notify_master")
    names = [name for name, _ in world.recorded[0]["steps"]]  # type: ignore[attr-defined]
    assert names[-3:] == ["the peer's binary log ends before 1-1-9", "drain", "open"]


def test_two_heartbeats_are_not_waited_for_where_nothing_is_missing() -> None:
    world = World(MARIADB)
    world.a.made = 9
    assert run(world).done
    assert world.b.applied == 9
    assert world.time < 0.5


def test_one_heartbeat_proves_nothing() -> None:
    """It may have been on its way before the peer was closed."""
    world = full_disk(drain_timeout="4")
    world.b.heartbeat_period = 3.0
    refused(world, "no progress for 4 s in applying 1-1-9")


def test_heartbeats_of_before_prove_nothing() -> None:
    world = full_disk(drain_timeout="4")
    world.b.heartbeats, world.b.heartbeat_period = 104711, 600.0
    refused(world, "no progress for 4 s in applying 1-1-9")


def test_mysql_has_no_such_proof() -> None:
    """Its GTIDs are made when the binary log is written."""
    refused(full_disk(MYSQL, drain_timeout="4"), "no progress for 4 s in applying ")


@pytest.mark.parametrize("what", ["a transaction", "a new connection"])
def test_what_comes_between_two_heartbeats(what: str) -> None:
    """Two more are needed after it."""
    world = full_disk()

    def comes() -> None:
        if world.time < 1.5:
            world.when("sleep", comes)
        elif what == "a transaction":
            world.a.unwritten = 1
        else:
            world.b.receiver = "Connecting"

    world.when("sleep", comes)
    assert run(world).done
    assert world.time > 3.5
    assert world.b.applied == (8 if what == "a transaction" else 7)


def test_what_was_received_is_applied_first() -> None:
    """However long the peer has been silent by then."""
    world = full_disk()
    world.a.made, world.b.applies = 107, 10.0
    assert run(world).done
    assert world.b.applied == 105
    assert world.time > 10


@pytest.mark.parametrize("trouble", [None, SILENT])
def test_broken_replica(trouble: Exception | None) -> None:
    world = World()
    world.a.trouble = trouble
    world.b.applier, world.b.applier_errno, world.b.received = "No", 1062, 9
    refused(world, "stopped with error 1062: Duplicate entry '25'; on_broken_replica = refuse")


def test_on_broken_replica_open() -> None:
    world = World(on_broken_replica="open")
    world.a.trouble = SILENT
    world.b.applier, world.b.applier_errno, world.b.received = "No", 1062, 9
    assert run(world).done


def test_it_breaks_during_the_drain() -> None:
    world = World()
    world.a.trouble = SILENT
    world.b.receiver, world.b.received, world.b.applies = "Connecting", 900, 500.0
    world.b.breaks_at = 300
    refused(world, "error 1062")
    assert world.b.applied == 299


def test_not_a_replica() -> None:
    world = World()
    world.b.channels = 0
    refused(world, "does not replicate from the peer; on_broken_replica = refuse")


@pytest.mark.parametrize("version", [MYSQL, MARIADB])
@pytest.mark.parametrize("trouble", [None, SILENT])
def test_a_stopped_applier_is_started(version: str, trouble: Exception | None) -> None:
    world = World(version)
    world.a.trouble = trouble
    world.b.receiver = "Connecting" if trouble else "Yes"
    world.b.applier, world.b.received = "No", 9
    world.a.made = 9
    assert run(world).done
    assert world.b.applied == 9
    noun = "SLAVE" if version == MARIADB else "REPLICA"
    assert f"B: START {noun} SQL_THREAD" in world.log


def test_a_receiver_that_waits_is_restarted_now() -> None:
    """Not in connect_retry seconds. Once."""
    world = World()
    world.a.made = 40
    world.b.receiver = "Connecting"
    assert run(world).done
    world.order("A: SET GLOBAL", "B: STOP REPLICA IO_THREAD", "B: START REPLICA IO_THREAD", OPENED)
    assert world.log.count("B: START REPLICA IO_THREAD") == 1
    assert world.b.applied == 40


def test_a_receiver_is_left_alone_while_the_peer_is_dead() -> None:
    world = World()
    world.a.trouble = SILENT
    world.b.receiver, world.b.received, world.b.applies = "Connecting", 40, 10.0
    assert run(world).done
    assert "IO_THREAD" not in " ".join(world.log)


def test_mariadb_with_both_threads_stopped_and_a_dead_peer() -> None:
    """To start one would throw the relay log away (mysql.md, finding 2)."""
    world = World(MARIADB)
    world.a.trouble = REFUSED
    world.b.receiver = world.b.applier = "No"
    world.b.received = 9
    refused(world, "both replication threads are stopped")
    assert world.b.received == 9


@pytest.mark.parametrize("version", [MYSQL, MARIADB])
def test_both_threads_stopped_and_the_peer_there(version: str) -> None:
    world = World(version)
    world.b.receiver = world.b.applier = "No"
    world.a.made = world.b.received = 9
    assert run(world).done
    assert world.b.applied == 9


@pytest.mark.parametrize("version", [MYSQL, MARIADB])
def test_transactions_of_our_own_that_we_lost(version: str) -> None:
    """The peer has more of ours than we have: they can never come."""
    world = World(version)
    world.b.made = 6
    refused(world, "transactions of this server that it no longer has")


# Events of MariaDB -------------------------------------------------------------------------------


def test_events_that_a_demotion_switched_off_are_switched_on() -> None:
    world = World(MARIADB)
    world.b.events, world.b.access, world.a.access = "ON", OPEN, CLOSED
    demote(world.node, Steps(world.node), 5)
    assert world.b.events == "OFF"
    assert run(world).done
    assert world.b.events == "ON"
    world.order(OPENED, "B: SET GLOBAL event_scheduler = 1")


def test_events_of_a_server_that_was_restarted_are_left_alone() -> None:
    world = World(MARIADB)
    world.a.access = CLOSED
    world.node.marks.note_events_off(world.b.process._replace(started=1))
    assert run(world).done
    assert world.b.events == "OFF"
