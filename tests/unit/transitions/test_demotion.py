"""Each branch of a demotion, in a simulated world (simulation.py): node B is closed."""

from __future__ import annotations

import pytest

from kachecks.mysql.session import DriverError, Lost, NoAnswer, ServerError
from kachecks.state.files import StateError
from kachecks.transitions.demotion import demote
from kachecks.transitions.record import Outcome, Steps
from tests.unit.doubles import simulated_server
from tests.unit.doubles.simulation import (
    CLOSED,
    MARIADB,
    MARIADB12,
    MUTE,
    MYSQL,
    OPEN,
    REFUSED,
    Client,
    World,
)

VERSIONS = [MYSQL, MARIADB, MARIADB12]
STATEMENT = {
    MYSQL: "B: SET GLOBAL super_read_only = 1",
    MARIADB: "B: SET GLOBAL read_only = 1",
    MARIADB12: "B: SET GLOBAL read_only = 'NO_LOCK_NO_ADMIN'",
}
SIGKILL = "SIGKILL 4712"


def world_with_b_open(version: str = MYSQL, **options: str) -> World:
    world = World(version, **options)
    world.a.access, world.b.access = CLOSED, OPEN
    if version == MARIADB12:
        world.a.read_only, world.b.read_only = "NO_LOCK_NO_ADMIN", "OFF"
    return world


def run(world: World, patience: float = 5.0) -> Outcome:
    return demote(world.node, Steps(world.node), patience)


def marked(world: World) -> World:
    world.open_mark = world.b.process
    return world


def ended(world: World, outcome: str, done: bool = True, patience: float = 5.0) -> Outcome:
    """It ends this way, within its time, and with no session left."""
    found = run(world, patience)
    assert (found.outcome, found.done) == (outcome, done), found.why
    assert [each for each in world.sessions if not each.ended] == []
    return found


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
    world = world_with_b_open(version)
    for client in (Client("app"), Client("app", "Query"), Client("monitor", host="localhost")):
        world.b.add(client)
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
    world = world_with_b_open(version, fence_timeout="5")
    world.node.config = world.node.config._replace(
        remote=world.node.config.remote._replace(user="kachecks_remote")
    )
    spared = [
        Client("system user", "Slave_SQL", ""),
        Client("event_scheduler", "Daemon", "localhost"),
        Client("unauthenticated user", "Connect"),
        Client("repl", "Binlog Dump"),
        Client("repl", "Binlog Dump GTID"),
        Client("kachecks", host="localhost"),
        Client("kachecks_remote", host="10.0.0.1:50001"),
    ]
    for client in spared:
        world.b.add(client)
    world.b.add(Client("kachecks_web"))
    ended(world, "closed")
    assert all(client in world.b.clients.values() for client in spared)
    assert [line for line in world.log if line.endswith(" cut")] == ["B: kachecks_web cut"]
    assert not [line for line in world.log if "SLAVE" in line or "REPLICA" in line]


def test_pooled_clients_are_cut_once_more() -> None:
    """They come back at once; cut after closing, they open anew, through the VIP."""
    world = world_with_b_open()
    world.b.add(Client("app", returns=1))
    ended(world, "closed")
    cuts = [at for at, line in enumerate(world.log) if line == "B: app cut"]
    assert len(cuts) == 2
    assert cuts[0] < world.index(STATEMENT[MYSQL]) < cuts[1]


@pytest.mark.parametrize("version", VERSIONS)
def test_clients_that_hold_it_up_are_cut_first(version: str) -> None:
    """LOCK TABLES, a long write, an open transaction: closing would wait for them."""
    world = world_with_b_open(version)
    world.b.add(Client("app", blocks=True))
    ended(world, "closed")
    assert world.time < 0.7
    assert world.log.count(STATEMENT[version]) == 1


def test_blocked_once() -> None:
    """1205 after a second, then what came in between is cut and it is tried again."""
    world = world_with_b_open()
    world.when(STATEMENT[MYSQL], lambda: world.b.add(Client("app", blocks=True)))
    ended(world, "closed")
    assert world.log.count(STATEMENT[MYSQL]) == 2
    assert 1 < world.time < 2
    world.order("B: SET SESSION lock_wait_timeout = 1, autocommit = 1", STATEMENT[MYSQL])


@pytest.mark.parametrize("version", VERSIONS)
def test_it_is_read_back(version: str) -> None:
    """The statement succeeds and the server is open all the same: somebody opens it again."""
    world = world_with_b_open(version)

    def opened_again() -> None:
        world.b.access, world.b.read_only = OPEN, "OFF" if version == MARIADB12 else ""

    def closed_once() -> None:
        world.when("B: SELECT @@global.read_only", opened_again)

    world.when(STATEMENT[version], closed_once)
    ended(world, "closed")
    assert world.b.access == CLOSED
    assert world.log.count(STATEMENT[version]) == 2


def test_a_client_that_may_not_be_killed_or_is_gone() -> None:
    """1095, or 1094: go on."""
    world = world_with_b_open()
    world.b.add(Client("admin", unkillable=True))
    world.b.add(Client("app"))
    gone = world.b.last_id
    world.when(f"B: KILL {gone}", lambda: world.b.clients.pop(gone))
    outcome = ended(world, "closed")
    assert "0 client connections cut" in outcome.why


# Semi-sync ---------------------------------------------------------------------------------------


def test_semi_sync_is_left_on() -> None:
    world = world_with_b_open()
    world.b.semi_sync = "rpl_semi_sync_source_enabled"
    ended(world, "closed")
    assert "rpl_semi_sync" not in " ".join(world.log)


def test_semi_sync_is_switched_off_only_after_the_cut() -> None:
    """Before, it would acknowledge to clients what the other node does not have."""
    world = world_with_b_open()
    world.b.semi_sync = "rpl_semi_sync_source_enabled"
    world.b.add(Client("app"))

    def commit_waits() -> None:
        world.b.add(Client("app", blocks=True, unkillable=True))
        waiting = world.b.last_id
        world.when("B: SET GLOBAL rpl_semi_sync", lambda: world.b.clients.pop(waiting))

    world.when(STATEMENT[MYSQL], commit_waits)
    ended(world, "closed")
    off = "B: SET GLOBAL rpl_semi_sync_source_enabled = 0"
    world.order(
        "B: app cut", STATEMENT[MYSQL], off, "B: SET GLOBAL rpl_semi_sync_source_enabled = 1"
    )
    assert world.b.semi_sync_on


def test_semi_sync_is_left_on_until_all_are_cut() -> None:
    """Commits that wait for the other node, more of them than can be cut before closing."""
    world = world_with_b_open()
    world.b.semi_sync = "rpl_semi_sync_source_enabled"
    for _ in range(1500):
        world.b.add(Client("app", "Query", blocks=True))
    ended(world, "closed")
    off = world.index("B: SET GLOBAL rpl_semi_sync_source_enabled = 0")
    assert world.log[:off].count(STATEMENT[MYSQL]) == 1
    assert world.log[:off].count("B: app cut") == 1500


def test_semi_sync_is_left_on_where_not_all_can_be_cut() -> None:
    """The server is killed then, and has acknowledged to nobody what only it has."""
    world = world_with_b_open()
    world.b.semi_sync = "rpl_semi_sync_source_enabled"
    for _ in range(6000):
        world.b.add(Client("app", "Query", blocks=True))
    ended(world, "killed")
    assert "rpl_semi_sync" not in " ".join(world.log)


# MariaDB before 12: accounts that write through read_only -----------------------------------------


def test_write_through_account_that_comes_back() -> None:
    """Cut until it has stayed away for half a second."""
    world = world_with_b_open(MARIADB)
    world.b.add(Client("root", returns=8))
    ended(world, "closed")
    assert world.log.count("B: root cut") == 9
    assert 0.8 < world.time < 1.5


def test_write_through_account_that_never_stays_away() -> None:
    """read_only is on, and the manual says what that cannot promise: not killed for it."""
    world = world_with_b_open(MARIADB)
    world.b.add(Client("root", returns=10_000))
    outcome = run(world)
    assert SIGKILL not in world.log
    assert world.b.access == CLOSED
    assert outcome.outcome == "closed"
    assert "keeps coming back" in outcome.why
    assert world.time < 6


@pytest.mark.parametrize("version", [MYSQL, MARIADB12])
def test_nobody_writes_through(version: str) -> None:
    world = world_with_b_open(version)
    world.b.add(Client("root", returns=10_000))
    ended(world, "closed")
    assert world.time < 0.3


@pytest.mark.parametrize("errno", [1142, 1146, 1205, 1449, 4078])
def test_accounts_cannot_be_listed(errno: int) -> None:
    """Then at least root is taken for one; the closing never depends on it."""
    world = world_with_b_open(MARIADB)
    world.b.troubles["read_only_exempt"] = ServerError(errno, "no")
    world.b.add(Client("root", returns=3))
    world.b.add(Client("app"))
    ended(world, "closed")
    assert 0.5 < world.time < 1.2


@pytest.mark.parametrize("denied", [False, True])
def test_events(denied: bool) -> None:
    """Events of privileged definers write through: off, where our account may."""
    world = world_with_b_open(MARIADB)
    world.b.events = "ON"
    if denied:
        world.b.troubles["SET GLOBAL event_scheduler"] = ServerError(1227, "you need SUPER")
    ended(world, "closed")
    assert world.b.events == ("ON" if denied else "OFF")
    assert world.node.marks.take_events_note(world.b.process) != denied
    world.order(STATEMENT[MARIADB], "B: SET GLOBAL event_scheduler = 0")


@pytest.mark.parametrize("version", [MYSQL, MARIADB12])
def test_events_that_cannot_write_are_left_on(version: str) -> None:
    world = world_with_b_open(version)
    world.b.events = "ON"
    ended(world, "closed")
    assert world.b.events == "ON"


# It cannot be asked ------------------------------------------------------------------------------


@pytest.mark.parametrize("known_by", ["mark", "last check", "nothing"])
def test_refused_and_dead(known_by: str) -> None:
    world = World()
    world.b.trouble = REFUSED
    world.servers.dead.add(world.b.process)
    world.open_mark = world.b.process if known_by == "mark" else None
    world.last_server = world.b.process if known_by == "last check" else None
    outcome = ended(world, "dead")
    assert outcome.changed == (known_by == "mark")
    assert world.open_mark is None
    assert world.time < 0.1


def test_refused_and_it_ends_in_a_while() -> None:
    """A server that shuts down closes its port first and may commit for seconds."""
    world = marked(World())
    world.b.trouble = REFUSED
    world.servers.dies_after = 2.0
    ended(world, "dead")
    assert 2 <= world.time < 2.1
    assert SIGKILL not in world.log


def test_refused_and_it_does_not_end() -> None:
    world = marked(World())
    world.b.trouble = REFUSED
    outcome = ended(world, "killed")
    assert "has not ended" in outcome.why
    assert world.log.count(SIGKILL) == 1
    assert 4 < world.time < 6
    assert world.open_mark is None


def test_refused_does_not_end_and_was_never_open() -> None:
    world = World()
    world.b.trouble = REFUSED
    ended(world, "left alone")
    assert SIGKILL not in world.log


def test_hung() -> None:
    """One fresh look, then SIGKILL to the very process that carries the mark."""
    world = marked(World())
    world.b.trouble = MUTE
    ended(world, "killed", patience=1.0)
    connects = [at for at, line in enumerate(world.log) if line == "B: connect"]
    assert len(connects) == 2
    assert connects[-1] < world.index(SIGKILL)
    assert world.time < 1.3
    assert world.open_mark is None


def test_hung_without_the_mark() -> None:
    """It never opened: nothing to commit, nothing to kill."""
    world = World()
    world.b.trouble = MUTE
    outcome = ended(world, "left alone", patience=1.0)
    assert not outcome.changed
    assert SIGKILL not in world.log


def test_hung_and_the_mark_is_of_an_earlier_server() -> None:
    world = World()
    world.b.trouble = MUTE
    world.open_mark = world.b.process._replace(started=1)
    world.servers.dead.add(world.open_mark)
    ended(world, "dead", patience=1.0)
    assert "SIGKILL" not in " ".join(world.log)
    assert world.open_mark is None


def test_hung_and_leave() -> None:
    world = marked(World(stuck_mysqld="leave"))
    world.b.trouble = MUTE
    outcome = ended(world, "stuck", done=False, patience=1.0)
    assert "stuck_mysqld = leave" in outcome.why
    assert "SIGKILL" not in " ".join(world.log)
    assert world.open_mark == world.b.process


def test_hung_in_a_disk() -> None:
    """SIGKILL does not end a process that waits for a dead disk: nobody waits for it for long."""
    world = marked(World())
    world.b.trouble = MUTE
    world.servers.unkillable = True
    outcome = ended(world, "stuck", done=False, patience=1.0)
    assert "has not ended" in outcome.why
    assert world.open_mark == world.b.process
    assert world.time < 4


def test_hung_and_answers_the_last_look() -> None:
    """A stall that is over: it is closed like any other."""
    world = marked(world_with_b_open())
    world.b.trouble = MUTE
    world.when("B: connect", lambda: world.when("B: connect", awake))

    def awake() -> None:
        world.b.trouble = None

    ended(world, "closed", patience=1.0)
    assert SIGKILL not in world.log
    assert world.b.access == CLOSED


@pytest.mark.parametrize("errno", [1040, 1045, 3032])
def test_hung_and_answers_the_last_look_with_an_error(errno: int) -> None:
    """An error that a server sends is no reason to kill it."""
    world = marked(world_with_b_open())
    world.b.trouble = MUTE

    def awake() -> None:
        world.b.trouble = ServerError(errno, "no")

    world.when("B: connect", lambda: world.when("B: connect", awake))
    outcome = ended(world, "not closed", done=False, patience=1.0)
    assert f"error {errno}" in outcome.why
    assert SIGKILL not in world.log


def test_hung_in_the_middle() -> None:
    """It answers at first and then no more."""
    world = world_with_b_open()

    def hangs() -> None:
        world.b.trouble = MUTE

    world.when(STATEMENT[MYSQL], hangs)
    ended(world, "killed")
    assert world.log.count(SIGKILL) == 1
    world.order("mark open", STATEMENT[MYSQL], SIGKILL)


def test_it_dies_in_the_middle() -> None:
    """MySQL ends itself when a writer is killed that waits for disk space (mysql.md, finding 6)."""
    world = world_with_b_open()
    world.b.add(Client("app"))

    def dies() -> None:
        world.b.trouble = REFUSED
        world.servers.dead.add(world.b.process)

    world.when("B: KILL", dies)
    ended(world, "dead")
    assert SIGKILL not in world.log
    assert world.open_mark is None


def test_stuck() -> None:
    """A lock that nobody may kill: not closed in time, still open at the last look, SIGKILL."""
    world = world_with_b_open()
    world.b.add(Client("root", blocks=True, unkillable=True))
    ended(world, "killed")
    assert 4 < world.time < 8
    assert world.log.count(SIGKILL) == 1


@pytest.mark.parametrize("errno", [1045, 1130, 3032])
def test_login_denied(errno: int) -> None:
    world = marked(world_with_b_open())
    world.b.trouble = ServerError(errno, "no")
    outcome = ended(world, "not closed", done=False)
    assert f"error {errno}: no" in outcome.why
    assert SIGKILL not in world.log
    assert world.open_mark == world.b.process
    assert world.time < 0.1


def test_this_host_cannot_ask() -> None:
    world = marked(world_with_b_open())
    world.b.trouble = DriverError("no file descriptor")
    ended(world, "not closed", done=False)
    assert SIGKILL not in world.log


def test_privilege_missing() -> None:
    world = marked(world_with_b_open())
    world.b.troubles["SET GLOBAL super_read_only"] = ServerError(1227, "you need SUPER")
    outcome = ended(world, "not closed", done=False)
    assert "grants" in outcome.why
    assert SIGKILL not in world.log


@pytest.mark.parametrize("errno", [1040, 1203, 1226])
def test_no_connection_left_for_a_while(errno: int) -> None:
    world = world_with_b_open()
    world.b.trouble = ServerError(errno, "too many connections")

    def free() -> None:
        if world.time > 2:
            world.b.trouble = None
        else:
            world.when("sleep", free)

    world.when("sleep", free)
    ended(world, "closed")
    assert world.time > 2


def test_no_connection_left() -> None:
    world = marked(world_with_b_open())
    world.b.trouble = ServerError(1040, "too many connections")
    ended(world, "not closed", done=False)
    assert 4 < world.time < 6
    assert SIGKILL not in world.log


def test_just_let_go() -> None:
    """The server closed our connection at once: asked again."""
    world = world_with_b_open()
    world.b.trouble = Lost("closed the connection")

    def lets_in() -> None:
        world.b.trouble = None

    world.when("sleep", lets_in)
    ended(world, "closed")


# After it is closed ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "trouble", [ServerError(1227, "you need REPLICATION CLIENT"), NoAnswer("disk full")]
)
def test_its_position_is_only_for_the_record(trouble: Exception) -> None:
    world = world_with_b_open()
    world.b.by_file = True
    world.b.troubles["SHOW BINARY LOG STATUS"] = trouble
    outcome = ended(world, "closed")
    assert outcome.position == ""
    assert SIGKILL not in world.log


def test_an_unusable_run_directory_stops_nothing() -> None:
    world = world_with_b_open()
    world.files.error = StateError("cannot write /run/kachecks/main.open")
    ended(world, "closed")
    assert world.b.access == CLOSED


# Hurry -------------------------------------------------------------------------------------------


def test_notify_stop_closes_before_it_cuts() -> None:
    """A thousand clients cannot be cut in 0.3 s, but closing needs only one statement."""
    world = world_with_b_open()
    for _ in range(1000):
        world.b.add(Client("app"))
    outcome = run(world, patience=0.3)
    assert world.b.access == CLOSED
    assert SIGKILL not in world.log
    assert outcome.done
    assert world.index(STATEMENT[MYSQL]) < world.index("B: app cut")
    assert world.time < 0.7


def test_notify_stop_kills_what_is_hung() -> None:
    """keepalived ends the hook after a second."""
    world = marked(World())
    world.b.trouble = MUTE
    ended(world, "killed", patience=0.3)
    assert world.time < 0.6


# Thousands of clients ----------------------------------------------------------------------------


def crowded(count: int, version: str = MYSQL) -> World:
    """Each KILL takes the simulated server a millisecond."""
    world = world_with_b_open(version)
    for _ in range(count):
        world.b.add(Client("app"))
    return world


def test_it_is_closed_before_thousands_are_cut() -> None:
    world = crowded(3000)
    outcome = ended(world, "closed")
    before = [line for line in world.log[: world.index(STATEMENT[MYSQL])] if line == "B: app cut"]
    assert 400 <= len(before) <= 600
    assert "3000 client connections cut" in outcome.why
    assert "app" not in [row["User"] for row in world.b.processlist()]


@pytest.mark.parametrize("version", VERSIONS)
def test_more_than_there_is_time_for(version: str) -> None:
    world = marked(crowded(9000, version))
    outcome = ended(world, "closed")
    assert world.b.access == CLOSED
    assert SIGKILL not in world.log
    left = [row["User"] for row in world.b.processlist()].count("app")
    assert f"; but there was no time to cut another {left:,}" in outcome.why
    assert outcome.position
    assert world.time < 5.0


def test_who_holds_it_up_among_thousands() -> None:
    """A client asleep in LOCK TABLES: it is found by cutting all, after the first attempt."""
    world = crowded(2500)
    world.b.add(Client("app", blocks=True))
    ended(world, "closed")
    assert world.log.count(STATEMENT[MYSQL]) > 1
    assert SIGKILL not in world.log


@pytest.mark.parametrize("patience", [1.0, 5.0])
def test_slow_kills(monkeypatch: pytest.MonkeyPatch, patience: float) -> None:
    """A saturated server: each statement takes it 25 ms. It answers, so it is not killed."""
    world = marked(crowded(300))
    monkeypatch.setattr(simulated_server, "ONE_MILLISECOND", 0.025)
    outcome = ended(world, "closed", patience=patience)
    assert SIGKILL not in world.log
    assert "no time to cut" in outcome.why


@pytest.mark.parametrize("version", VERSIONS)
def test_an_isolated_node_with_thousands(version: str) -> None:
    """It has a second in all."""
    world = marked(crowded(3000, version))
    ended(world, "closed", patience=1.0)
    assert SIGKILL not in world.log
    assert world.time < 1.0


def test_who_may_write_all_the_same_is_not_among_those_left() -> None:
    """On MariaDB before 12, however many others there are."""
    world = crowded(9000, MARIADB)
    world.b.add(Client("root"))
    outcome = ended(world, "closed")
    assert "no time to cut" in outcome.why
    closed = world.index(STATEMENT[MARIADB])
    assert next(line for line in world.log[closed:] if line.endswith(" cut")) == "B: root cut"
    users = [row["User"] for row in world.b.processlist()]
    assert "root" not in users
    assert "app" in users


def test_those_that_are_ending_are_neither_cut_nor_counted_again() -> None:
    """They roll back, or have not been tidied up yet."""
    world = crowded(10)
    for _ in range(5):
        world.b.add(Client("app", "Killed"))
    outcome = ended(world, "closed")
    assert "10 client connections cut" in outcome.why
    assert "no time" not in outcome.why


def test_the_busy_are_cut_first() -> None:
    world = crowded(3000)
    world.b.add(Client("report", "Query", blocks=True))
    ended(world, "closed")
    assert world.log.count(STATEMENT[MYSQL]) == 1


# A process that cannot be told --------------------------------------------------------------------


def test_open_and_blocked_without_a_process_to_kill(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over TCP, or in another pid namespace: it stays open, and must not be called done."""
    world = world_with_b_open()
    monkeypatch.setattr(world.servers, "process_of", lambda _: None)
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
