"""Each branch of a demotion, in a simulated world (simulation.py): node B is closed."""

from __future__ import annotations

import pytest

from kachecks.mysql.facts import Version
from kachecks.mysql.queries import OUR_SCHEMA, prepare_to_close
from kachecks.mysql.session import DriverError, Lost, ServerError
from kachecks.mysqld_process import Process
from kachecks.state.files import StateError
from kachecks.transitions.closing import QUIET
from tests.unit.doubles.changing import failing
from tests.unit.doubles.demotions import STATEMENT, crowded, ended, marked, opened, run
from tests.unit.doubles.simulated_server import CLOSED, OPEN, Client
from tests.unit.doubles.simulation import MUTE, MYSQL, REFUSED, SERVER, SIGKILL, VERSIONS, World

# Closed ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
def test_already_closed(version: str) -> None:
    world = World(version)
    world.b.add(Client("app"))
    outcome = ended(world, "already closed")
    assert not outcome.changed
    assert "B: app cut" not in world.log
    assert STATEMENT[version] not in world.log


@pytest.mark.parametrize("version", VERSIONS)
def test_closed_but_marked_open(version: str) -> None:
    """A promotion may be about to open it, or a demotion was killed half-way: do it all again."""
    world = marked(World(version))
    world.b.add(Client("app"))
    ended(world, "closed")
    assert world.open_mark is None
    world.order("B: app cut", STATEMENT[version], "unmark")


@pytest.mark.parametrize("version", VERSIONS)
def test_open(version: str) -> None:
    world = opened(version)
    world.b.add(Client("app"), Client("app", "Query"), Client("monitor", host="localhost"))
    outcome = ended(world, "closed")
    assert outcome.changed
    assert outcome.why == "closed for writes, 3 client connections cut"
    assert "7" in outcome.position
    assert world.b.access == CLOSED
    assert world.open_mark is None
    world.order("B: connect", "mark open", "B: app cut", STATEMENT[version], "unmark", "B: goodbye")


@pytest.mark.parametrize("version", VERSIONS)
def test_who_is_never_cut(version: str) -> None:
    """Replication both ways, the server's own threads, and both accounts of this suite."""
    world = opened(version, fence_timeout="5")
    remote = world.node.config.remote._replace(user="kachecks_remote")
    world.node.config = world.node.config._replace(remote=remote)
    spared = [
        Client("system user", "Slave_SQL", ""),
        Client("event_scheduler", "Daemon", "localhost"),
        Client("unauthenticated user", "Connect"),
        Client("repl", "Binlog Dump"),
        Client("repl", "Binlog Dump GTID"),
        Client("kachecks", host="localhost", db=OUR_SCHEMA),
        Client("kachecks_remote", host="10.0.0.1:50001", db=OUR_SCHEMA),
    ]
    world.b.add(*spared, Client("kachecks_web"))
    ended(world, "closed")
    assert all(client in world.b.clients.values() for client in spared)
    assert [line for line in world.log if line.endswith(" cut")] == ["B: kachecks_web cut"]
    assert not [line for line in world.log if "SLAVE" in line or "REPLICA" in line]


@pytest.mark.parametrize("version", VERSIONS)
def test_people_who_use_our_account_are_cut(version: str) -> None:
    """Such as root's: told apart by the connection, not by the name."""
    world = opened(version)
    people = [Client("kachecks", "Query", blocks=True), Client("kachecks", db="shop")]
    world.b.add(*people, Client("app", db=OUR_SCHEMA))
    assert "3 client connections cut" in ended(world, "closed").why
    assert SIGKILL not in world.log


def test_pooled_clients_are_cut_once_more() -> None:
    """They come back at once; cut after closing, they open anew, through the VIP."""
    world = opened()
    world.b.add(Client("app", returns=1))
    ended(world, "closed")
    cuts = [at for at, line in enumerate(world.log) if line == "B: app cut"]
    assert len(cuts) == 2
    assert cuts[0] < world.index(STATEMENT[MYSQL]) < cuts[1]


@pytest.mark.parametrize("version", VERSIONS)
def test_clients_that_hold_it_up_are_cut_first(version: str) -> None:
    """LOCK TABLES, a long write, an open transaction: closing would wait for them."""
    world = opened(version)
    world.b.add(Client("app", blocks=True))
    ended(world, "closed")
    assert world.time < 0.7
    assert world.log.count(STATEMENT[version]) == 1


def test_blocked_once() -> None:
    """1205 after a second, then what came in between is cut and it is tried again."""
    world = opened()
    world.when(STATEMENT[MYSQL], lambda: world.b.add(Client("app", blocks=True)))
    ended(world, "closed")
    assert world.log.count(STATEMENT[MYSQL]) == 2
    assert 1 < world.time < 2
    world.order(f"B: {prepare_to_close(Version(False, (9, 7, 0)))}", STATEMENT[MYSQL])


@pytest.mark.parametrize("version", VERSIONS)
def test_it_is_read_back(version: str) -> None:
    """The statement succeeds and the server is open all the same: somebody opens it again."""
    world = opened(version)
    world.when(STATEMENT[version], world.then("B: SELECT @@global.read_only", b__access=OPEN))
    ended(world, "closed")
    assert world.b.access == CLOSED
    assert world.log.count(STATEMENT[version]) == 2


def test_a_client_that_may_not_be_killed_or_is_gone() -> None:
    """1095, or 1094: go on."""
    world = opened()
    world.b.add(Client("admin", unkillable=True), Client("app"))
    gone = world.b.last_id
    world.when(f"B: KILL {gone}", lambda: world.b.clients.pop(gone))
    assert "0 client connections cut" in ended(world, "closed").why


# It cannot be asked ------------------------------------------------------------------------------


@pytest.mark.parametrize("known_by", ["open_mark", "last_server", ""])
def test_refused_and_dead(known_by: str) -> None:
    world = World().but(b__trouble=REFUSED, servers__dead={SERVER}, last_server=None)
    world.but(**({known_by: SERVER} if known_by else {}))
    outcome = ended(world, "dead")
    assert outcome.changed == (known_by == "open_mark")
    assert world.open_mark is None
    assert world.time < 0.1


def test_refused_and_it_ends_in_a_while() -> None:
    """A server that shuts down closes its port first and may commit for seconds."""
    world = marked(World()).but(a__access=CLOSED, b__trouble=REFUSED, servers__dies_after=2.0)
    ended(world, "dead")
    assert 2 <= world.time < 2.1
    assert SIGKILL not in world.log


def test_refused_and_it_does_not_end() -> None:
    world = marked(World()).but(a__access=CLOSED, b__trouble=REFUSED, a__receiver="Connecting")
    outcome = ended(world, "killed")
    assert "has not ended" in outcome.why
    assert world.log.count(SIGKILL) == 1
    assert 4 < world.time < 6
    assert world.open_mark is None


@pytest.mark.parametrize("trouble", [REFUSED, MUTE])
def test_one_that_never_opened_is_left_alone(trouble: Exception) -> None:
    """Nothing to commit, nothing to kill."""
    world = World().but(b__trouble=trouble)
    assert not ended(world, "left alone", patience=1.0).changed
    assert SIGKILL not in world.log


def test_hung() -> None:
    """One fresh look, then SIGKILL to the very process that carries the mark."""
    world = marked(World()).but(b__trouble=MUTE)
    ended(world, "killed", patience=1.0)
    connects = [at for at, line in enumerate(world.log) if line == "B: connect"]
    assert len(connects) == 2
    assert connects[-1] < world.index(SIGKILL)
    assert world.time < 1.3
    assert world.open_mark is None


def test_hung_and_the_mark_is_of_an_earlier_server() -> None:
    earlier = SERVER._replace(started=1)
    world = World().but(b__trouble=MUTE, open_mark=earlier, servers__dead={earlier})
    ended(world, "dead", patience=1.0)
    assert "SIGKILL" not in " ".join(world.log)
    assert world.open_mark is None


@pytest.mark.parametrize(
    ("options", "unkillable", "why"),
    [
        ({"stuck_mysqld": "leave"}, False, "stuck_mysqld = leave"),
        # A process that waits for a dead disk does not end by SIGKILL: not waited for for long.
        ({}, True, "has not ended"),
    ],
)
def test_hung_for_good(options: dict[str, str], unkillable: bool, why: str) -> None:
    world = marked(World(**options)).but(b__trouble=MUTE, servers__unkillable=unkillable)
    assert why in ended(world, "stuck", done=False, patience=1.0).why
    assert (SIGKILL in world.log) == unkillable
    assert world.open_mark == SERVER
    assert world.time < 4


@pytest.mark.parametrize("errno", [0, 1040, 1045, 3032])
def test_hung_and_answers_the_last_look(errno: int) -> None:
    """A stall that is over: it is closed like any other. An error is no reason to kill it."""
    world = marked(opened()).but(b__trouble=MUTE)
    awake = ServerError(errno, "no") if errno else None
    world.when("B: connect", world.then("B: connect", b__trouble=awake))
    outcome = ended(world, "not closed" if errno else "closed", done=not errno, patience=1.0)
    assert not errno or f"error {errno}" in outcome.why
    assert SIGKILL not in world.log
    assert world.b.access == (OPEN if errno else CLOSED)


def test_hung_in_the_middle() -> None:
    """It answers at first and then no more."""
    world = opened()
    world.when(STATEMENT[MYSQL], b__trouble=MUTE)
    ended(world, "killed")
    assert world.log.count(SIGKILL) == 1
    world.order("mark open", STATEMENT[MYSQL], SIGKILL)


def test_it_dies_in_the_middle() -> None:
    """MySQL ends itself when a writer is killed that waits for disk space (mysql.md, finding 6)."""
    world = opened()
    world.b.add(Client("app"))
    world.when("B: KILL", servers__dead={SERVER}, b__trouble=REFUSED)
    ended(world, "dead")
    assert SIGKILL not in world.log
    assert world.open_mark is None


def test_stuck() -> None:
    """A lock that nobody may kill: not closed in time, still open at the last look, SIGKILL."""
    world = opened()
    world.b.add(Client("root", blocks=True, unkillable=True))
    ended(world, "killed")
    assert 4 < world.time < 8
    assert world.log.count(SIGKILL) == 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"b__trouble": ServerError(1045, "no")}, "error 1045: no"),
        ({"b__trouble": ServerError(1130, "no")}, "error 1130: no"),
        ({"b__trouble": ServerError(3032, "no")}, "error 3032: no"),
        ({"b__trouble": DriverError("no file descriptor")}, "no file descriptor"),
        ({"b__troubles": {"SET GLOBAL super_read_only": ServerError(1227, "no")}}, "grants"),
    ],
)
def test_one_that_cannot_be_told_to_close_is_not_killed(
    changes: dict[str, object], words: str
) -> None:
    world = marked(opened()).but(**changes)
    assert words in ended(world, "not closed", done=False).why
    assert SIGKILL not in world.log
    assert world.open_mark == SERVER
    assert world.time < 0.1


@pytest.mark.parametrize(
    ("trouble", "seconds"),
    [
        (ServerError(1040, "too many connections"), 2.0),
        (ServerError(1203, "too many connections"), 2.0),
        (ServerError(1226, "too many connections"), 2.0),
        (Lost("closed the connection"), 0.0),  # let go of at once
    ],
)
def test_no_connection_for_a_while(trouble: Exception, seconds: float) -> None:
    world = opened().but(b__trouble=trouble)
    world.when("sleep", b__trouble=None, after=seconds)
    ended(world, "closed")
    assert world.time > seconds


def test_no_connection_left() -> None:
    world = marked(opened()).but(b__trouble=ServerError(1040, "too many connections"))
    ended(world, "not closed", done=False)
    assert 4 < world.time < 6
    assert SIGKILL not in world.log


# After it is closed ------------------------------------------------------------------------------


def test_an_unusable_run_directory_stops_nothing() -> None:
    world = opened().but(files__error=StateError("cannot write /run/kachecks/main.open"))
    ended(world, "closed")
    assert world.b.access == CLOSED


# Hurry -------------------------------------------------------------------------------------------


def test_notify_stop_closes_before_it_has_cut_all() -> None:
    """A thousand clients cannot be cut in 0.3 s; the busy ones come first."""
    world = crowded(1000)
    world.b.add(Client("busy", "Query"))
    assert run(world, patience=0.3).done
    assert world.b.access == CLOSED
    assert SIGKILL not in world.log
    world.order("B: busy cut", STATEMENT[MYSQL])
    assert world.log[: world.index(STATEMENT[MYSQL])].count("B: app cut") < 100
    assert world.time < 0.7


@pytest.mark.parametrize("version", VERSIONS)
def test_notify_stop_cuts_a_statement_that_runs(version: str) -> None:
    """Closing would wait for it, longer than there is time for; then the server was killed."""
    world = marked(opened(version))
    world.b.add(Client("app", "Query", blocks=True))
    ended(world, "closed", patience=0.3)
    assert world.log.count(STATEMENT[version]) == 1
    assert SIGKILL not in world.log
    assert world.time < 0.3 + QUIET


def test_notify_stop_goes_on_with_a_server_that_is_slow() -> None:
    """A busy host: half of the time is over when it has let us in and is to be closed."""
    world = marked(opened(MYSQL))
    world.when("B: connect", lambda: world.pass_time(0.14))
    world.when("B: SET SESSION", lambda: world.pass_time(0.1))
    ended(world, "closed", patience=0.3)
    assert world.log.count("B: connect") == 1
    assert SIGKILL not in world.log


def test_notify_stop_kills_what_is_hung() -> None:
    """keepalived ends the hook after a second."""
    world = marked(World()).but(b__trouble=MUTE)
    ended(world, "killed", patience=0.3)
    assert world.time < 0.6


# A process that cannot be told --------------------------------------------------------------------


def test_open_and_blocked_without_a_process_to_kill() -> None:
    """Over TCP, or in another pid namespace: it stays open, and must not be called done."""
    world = opened().but(servers__process_known=False)
    world.b.add(Client("app", blocks=True, unkillable=True))
    outcome = ended(world, "not closed", done=False)
    assert "which process it is cannot be told" in outcome.why
    assert world.b.access == OPEN


# Readers of the binary log ------------------------------------------------------------------------

THROUGH_VIP, BY_ADDRESS = 40001, 40002


def read(world: World, vip: bool) -> World:
    """By change data capture through the VIP, and by another replica at this node's own address."""
    for port in (THROUGH_VIP, BY_ADDRESS):
        world.b.add(Client("cdc", "Binlog Dump GTID", f"10.0.0.10:{port}"))
    world.servers.ports_through_vip = {THROUGH_VIP, 40003}
    return world.but(vip=vip)


def readers(world: World) -> list[str]:
    return [each.host for each in world.b.clients.values() if each.user == "cdc"]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_reader_through_the_vip_does_not_stay_behind(version: str) -> None:
    """It only listens, so it would never find out that the VIP has moved."""
    world = read(marked(World(version).but(b__access=OPEN)), vip=True)
    ended(world, "closed")
    assert readers(world) == [f"10.0.0.10:{BY_ADDRESS}"]
    assert world.b.clients[102].command == "Binlog Dump GTID", "the peer reads on"


@pytest.mark.parametrize("vip", [True, False])
def test_one_that_came_back_before_the_vip_had_left(vip: bool) -> None:
    """The hook that comes when the VIP is gone cuts it again."""
    world = read(World(), vip)
    ended(world, "already closed")
    assert (len(readers(world)) == 2) == vip


def test_the_kernel_does_not_tell_where_the_vip_is() -> None:
    """Closed is closed."""
    world = read(World(), vip=False)
    world.but(node__network__vip_here=failing(OSError(5, "I/O error")))
    ended(world, "already closed")
    assert len(readers(world)) == 2


@pytest.mark.parametrize("error", [OSError(13, "denied"), Lost("gone")])
def test_readers_that_cannot_be_cut_do_no_harm(error: Exception) -> None:
    world = read(marked(World().but(b__access=OPEN)), vip=True)
    if isinstance(error, OSError):
        world.servers.connections_through_vip = failing(error)  # type: ignore[method-assign]
    else:
        cut = world.b.troubles
        world.when("B: SET GLOBAL super_read_only", b__troubles={**cut, "SHOW PROCESSLIST": error})
    outcome = ended(world, "closed")
    assert outcome.done


def test_mute_without_a_process_to_kill() -> None:
    world = World().but(b__trouble=MUTE, open_mark=Process(0, 7))
    assert "cannot be told" in ended(world, "stuck", done=False, patience=1.0).why
    assert "SIGKILL" not in " ".join(world.log)


def test_it_answers_after_all_without_a_process_to_kill() -> None:
    world = opened().but(open_mark=Process(0, 7), b__trouble=MUTE)
    world.when("B: connect", world.then("B: connect", b__trouble=None))
    ended(world, "closed")
    assert world.b.access == CLOSED
    assert world.open_mark is None


def test_refused_without_a_process_to_wait_for() -> None:
    world = World().but(b__trouble=REFUSED, open_mark=Process(0, 7), last_server=Process(0, 7))
    assert ended(world, "dead").changed
    assert world.open_mark is None


# One that listens, and cannot be reached ----------------------------------------------------------


def test_a_server_whose_socket_file_is_gone_is_not_killed() -> None:
    """It listens, so it does not shut down: nobody has hung."""
    world = marked(World()).but(b__trouble=REFUSED, servers__listening="/bound.sock")
    why = ended(world, "not closed", done=False).why
    assert "pid 4712) lives and listens on /bound.sock" in why
    assert world.time < 0.2


def test_one_that_has_just_begun_to_shut_down_still_listens() -> None:
    """For milliseconds, on one of its sockets."""
    world = marked(World()).but(
        a__access=CLOSED, b__trouble=REFUSED, servers__listening="/bound.sock"
    )
    world.but(servers__dies_after=2.0).when("sleep", servers__listening="")
    ended(world, "dead")
    assert world.time >= 2.0


# A process that may not be killed -----------------------------------------------------------------


def hardened(world: World) -> World:
    """keepalived's unit lacks CAP_KILL."""
    return marked(world).but(servers__may_kill=False, a__receiver="Connecting")


@pytest.mark.parametrize("trouble", [REFUSED, MUTE])
def test_a_server_that_may_not_be_killed(trouble: Exception) -> None:
    world = hardened(World()).but(b__trouble=trouble)
    assert "CAP_KILL" in ended(world, "not closed", done=False).why
    assert world.open_mark == SERVER


def test_one_that_ends_before_it_can_be_killed() -> None:
    world = marked(World()).but(b__trouble=MUTE)
    world.servers.kill = lambda _: False  # type: ignore[method-assign]
    assert ended(world, "dead").changed
    assert world.open_mark is None


def test_one_that_ends_while_it_may_not_be_killed() -> None:
    world = hardened(World()).but(a__access=CLOSED, b__trouble=REFUSED, servers__dies_after=5.5)
    ended(world, "dead")
    assert world.open_mark is None
    assert 5.5 <= world.time < 5.6
