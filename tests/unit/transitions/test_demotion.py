"""Each branch of a demotion, in a simulated world (simulation.py): node B is closed."""

from __future__ import annotations

import pytest

from kachecks.mysql.session import DriverError, Lost, ServerError
from kachecks.state.files import StateError
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
        Client("kachecks", host="localhost"),
        Client("kachecks_remote", host="10.0.0.1:50001"),
    ]
    world.b.add(*spared, Client("kachecks_web"))
    ended(world, "closed")
    assert all(client in world.b.clients.values() for client in spared)
    assert [line for line in world.log if line.endswith(" cut")] == ["B: kachecks_web cut"]
    assert not [line for line in world.log if "SLAVE" in line or "REPLICA" in line]


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
    world.order("B: SET SESSION lock_wait_timeout = 1, autocommit = 1", STATEMENT[MYSQL])


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
    world = marked(World()).but(b__trouble=REFUSED, servers__dies_after=2.0)
    ended(world, "dead")
    assert 2 <= world.time < 2.1
    assert SIGKILL not in world.log


def test_refused_and_it_does_not_end() -> None:
    world = marked(World()).but(b__trouble=REFUSED)
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


def test_notify_stop_closes_before_it_cuts() -> None:
    """A thousand clients cannot be cut in 0.3 s, but closing needs only one statement."""
    world = crowded(1000)
    assert run(world, patience=0.3).done
    assert world.b.access == CLOSED
    assert SIGKILL not in world.log
    assert world.index(STATEMENT[MYSQL]) < world.index("B: app cut")
    assert world.time < 0.7


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


def test_mute_over_tcp() -> None:
    """No mark can have been set, so nobody knows that it was closed."""
    world = World()
    login = world.node.config.local._replace(socket=None, host="127.0.0.1")
    world.node.config = world.node.config._replace(local=login)
    world.b.trouble = MUTE
    assert "over TCP" in ended(world, "stuck", done=False, patience=1.0).why
