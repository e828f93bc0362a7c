"""Closing a server, and cutting its clients: few of them or thousands (simulation.py)."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import pytest

from kachecks.bounded import Budget, GivenUp
from kachecks.mysql.queries import OUR_SCHEMA
from kachecks.mysql.session import Lost, NoAnswer, ServerError, Session, SessionError
from kachecks.transitions.closing import Closed, Closing
from kachecks.transitions.dry_run import DrySession
from kachecks.transitions.first_cut import Silence
from kachecks.transitions.promotion import promote
from kachecks.transitions.record import Steps
from tests.unit.doubles import simulated_server
from tests.unit.doubles.check_runs import check
from tests.unit.doubles.demotions import FIRST_PORT, STATEMENT, crowded, ended, marked, opened, run
from tests.unit.doubles.simulated_outside import Clock
from tests.unit.doubles.simulated_server import CLOSED, OPEN, Client
from tests.unit.doubles.simulation import (
    MARIADB,
    MARIADB12,
    MUTE,
    MYSQL,
    SERVER,
    SIGKILL,
    VERSIONS,
    World,
)

# Semi-sync ---------------------------------------------------------------------------------------


SEMI_SYNC = "rpl_semi_sync_source_enabled"
WAITS = "Waiting for semi-sync ACK from replica"


def a_commit() -> Client:
    """It waits for the other node, whoever kills it (9.7)."""
    return Client("app", "Query", blocks=True, commits=True, state=WAITS)


@pytest.mark.parametrize(("busy", "outcome"), [(0, "closed"), (6000, "killed")])
def test_semi_sync_is_left_on(busy: int, outcome: str) -> None:
    """Where not all can be cut, the server is killed: it acknowledges nothing that only it has."""
    world = opened().but(b__semi_sync=SEMI_SYNC)
    world.b.add(*(Client("app", "Query", blocks=True, state=WAITS) for _ in range(busy)))
    ended(world, outcome)
    assert "rpl_semi_sync" not in " ".join(world.log)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("may_take", [True, False])
def test_who_waits_for_semi_sync_is_told_nothing(version: str, may_take: bool) -> None:
    """MariaDB answers OK to a commit whose wait is ended by KILL: no client hears it any more, not
    even one whose commit begins meanwhile: the closing is under way before anybody is cut.
    Replication goes on, and who may not take sockets cuts as ever."""
    world = opened(version).but(servers__may_take=may_take, b__semi_sync=SEMI_SYNC)
    world.b.add(
        Client("app", "Query", "localhost", blocks=True, state=WAITS),
        Client("app", "Sleep", "web1.example:40001"),
        Client("repl", "Binlog Dump", "10.0.0.1:40002"),
        Client("kachecks", "Sleep", "10.0.0.1:40003", db=OUR_SCHEMA),
    )
    ended(world, "closed")
    if "MariaDB" in version:
        closing = STATEMENT[version]
        silence = "end clients ['localhost', 'web1.example:40001']"
        world.order(silence, "B: app cut", closing)
    else:
        assert "end clients" not in " ".join(world.log)


@pytest.mark.parametrize("patience", [0.5, 1.0, 5.0])
@pytest.mark.parametrize("trouble", [ServerError(1040, "Too many connections"), MUTE])
def test_no_second_session_to_be_had(
    trouble: SessionError, patience: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then it is closed as any other server, and as soon."""
    world = opened(MARIADB).but(b__semi_sync=SEMI_SYNC)
    world.b.add(Client("app", "Query", "localhost", blocks=True, state=WAITS))
    sessions = [world.servers.connect_local(5.0)]

    def connect(timeout: float) -> object:
        if sessions:
            return sessions.pop()
        if trouble is MUTE:
            world.pass_time(timeout)
        raise trouble

    monkeypatch.setattr(world.servers, "connect_local", connect)
    ended(world, "closed", patience=patience)
    assert world.time < 0.5
    world.order("end clients ['localhost']", "B: app cut", STATEMENT[MARIADB])


@pytest.mark.parametrize("patience", [0.5, 1.0, 5.0])
@pytest.mark.parametrize("trouble", [MUTE, Lost("killed"), ServerError(1227, "you need PROCESS")])
def test_the_first_session_cannot_look(trouble: SessionError, patience: float) -> None:
    """What it goes on with is another one, before anybody is cut."""
    world = opened(MARIADB).but(b__semi_sync=SEMI_SYNC)
    world.b.add(
        *(
            replace(a_commit(), host=f"10.0.0.9:{port}", commits=False)
            for port in range(40000, 40003)
        )
    )
    world.b.troubles["SELECT STATE"] = trouble
    ended(world, "closed", patience=patience)


def test_nobody_is_silenced_twice_nor_when_it_is_closed() -> None:
    world = opened(MARIADB).but(b__semi_sync=SEMI_SYNC)
    world.b.add(Client("app", "Query", "10.0.0.9:40000", blocks=True, state=WAITS))
    world.when("read_only_exempt", lambda: world.b.add(Client("app", host="10.0.0.9:40001")))
    ended(world, "closed")
    assert "B: app cut" in world.log[-12:]
    assert [line for line in world.log if "end clients" in line] == [
        "end clients ['10.0.0.9:40000']"
    ]


@pytest.mark.parametrize("error", [GivenUp(), MUTE])
def test_what_is_left_of_the_second_session_is_ended(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the closing fails."""

    def within(_self: Clock, _seconds: float, _work: object, _meanwhile: object) -> None:
        raise error

    monkeypatch.setattr(Clock, "within", within)
    world = opened(MARIADB).but(b__semi_sync=SEMI_SYNC)
    world.b.add(Client("root", "Query", blocks=True, unkillable=True))
    run(world, 5.0)
    assert f"B: KILL {world.sessions[1].connection_id}" in world.log


def test_no_thread_for_the_second_session(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it would do is done at once, and fails as somebody blocks it."""
    monkeypatch.setattr(Clock, "within", lambda _self, _seconds, work, _meanwhile: work())
    world = opened(MARIADB).but(b__semi_sync=SEMI_SYNC)
    world.b.add(Client("app", "Query", "localhost", blocks=True, state=WAITS))
    ended(world, "closed")


def test_a_dry_run_closes_a_semi_sync_source() -> None:
    world = opened(MARIADB).but(b__semi_sync=SEMI_SYNC)
    world.b.add(Client("app", "Query", "localhost", blocks=True, state=WAITS))

    def connect(seconds: float) -> Session:
        return cast("Session", DrySession(world.servers.connect_local(seconds), "this node"))

    budget = Budget(world.node.clock, 5.0)
    closing = Closing(connect(1.0), world.node.clock, budget, (), connect)
    closing.close(told=Silence(connect, lambda _: None))
    assert world.b.access == OPEN


def test_semi_sync_is_switched_off_only_after_the_cut() -> None:
    """Before, it would acknowledge to clients what the other node does not have."""
    world = opened().but(b__semi_sync=SEMI_SYNC)
    world.b.add(Client("app"))

    def commit_waits() -> None:
        world.b.add(a_commit())
        waiting = world.b.last_id
        world.when("B: SET GLOBAL rpl_semi_sync", lambda: world.b.clients.pop(waiting))

    world.when(STATEMENT[MYSQL], commit_waits)
    ended(world, "closed")
    off, on = (f"B: SET GLOBAL {SEMI_SYNC} = {value}" for value in (0, 1))
    world.order("B: app cut", STATEMENT[MYSQL], off, on)
    assert world.b.semi_sync_on


def test_semi_sync_is_left_on_until_all_are_cut() -> None:
    """Commits that wait for the other node, more of them than can be cut before closing."""
    world = opened().but(b__semi_sync=SEMI_SYNC)
    world.b.add(*(Client("app", "Query", blocks=True, state=WAITS) for _ in range(1500)))
    ended(world, "closed")
    off = world.index(f"B: SET GLOBAL {SEMI_SYNC} = 0")
    assert world.log[:off].count(STATEMENT[MYSQL]) == 1
    assert world.log[:off].count("B: app cut") == 1500


class Killed(BaseException):
    """As SIGKILL: nothing that comes after it is done."""


def killed_while_off(version: str = MYSQL) -> World:
    """Its closing was killed when it had switched semi-sync off."""
    world = opened(version).but(b__semi_sync=SEMI_SYNC)

    def commit_waits() -> None:
        world.b.add(a_commit())

    def die() -> None:
        world.b.clients = {key: one for key, one in world.b.clients.items() if one.user != "app"}
        raise Killed

    world.when(STATEMENT[version], commit_waits)
    world.when(f"B: SET GLOBAL {SEMI_SYNC} = 1", die)
    with pytest.raises(Killed):
        run(world)
    assert not world.b.semi_sync_on
    return world


def test_a_closing_that_is_killed_leaves_a_note() -> None:
    """The next closing switches semi-sync on again, of a server that is closed or open."""
    for access in (CLOSED, OPEN):
        for mark in (SERVER, None):
            world = killed_while_off().but(b__access=access, open_mark=mark)
            run(world)
            assert world.b.access == CLOSED
            assert world.b.semi_sync_on
            assert not world.node.marks.semi_sync_noted()


def test_it_is_noted_before_it_is_switched_off() -> None:
    world = opened().but(b__semi_sync=SEMI_SYNC)
    world.when(STATEMENT[MYSQL], lambda: world.b.add(a_commit()))
    noted = []

    def look() -> None:
        noted.append(world.node.marks.semi_sync_off(world.b.process))
        world.b.clients = {key: one for key, one in world.b.clients.items() if one.user != "app"}

    world.when(f"B: SET GLOBAL {SEMI_SYNC} = 0", look)
    ended(world, "closed")
    assert noted == [[SEMI_SYNC]]
    assert not world.node.marks.semi_sync_noted()


def test_a_promotion_switches_it_on_before_it_opens() -> None:
    world = killed_while_off().but(b__access=CLOSED, open_mark=None)
    outcome = promote(world.node, Steps(world.node))
    assert outcome.outcome == "opened"
    assert "semi-sync, which a closing had left off, is on again" in outcome.why
    assert world.b.semi_sync_on
    world.order(f"B: SET GLOBAL {SEMI_SYNC} = 1", "B: SET GLOBAL read_only = 0")
    assert not world.node.marks.semi_sync_noted()


def test_a_promotion_of_a_server_that_has_stayed_open() -> None:
    world = killed_while_off()
    assert promote(world.node, Steps(world.node)).outcome == "already open"
    assert world.b.semi_sync_on


def test_semi_sync_that_cannot_be_switched_on_is_told() -> None:
    world = killed_while_off().but(b__access=CLOSED, open_mark=None)
    world.b.troubles = {f"{SEMI_SYNC} = 1": ServerError(1193, "no such variable")}
    outcome = promote(world.node, Steps(world.node))
    assert outcome.outcome == "opened"
    assert "semi-sync could not be switched on again: error 1193" in outcome.why
    assert not world.node.marks.semi_sync_noted()  # the plugin is gone


@pytest.mark.parametrize("error", [Lost("killed"), NoAnswer("no answer")])
def test_semi_sync_that_hangs_does_not_stop_the_opening(error: SessionError) -> None:
    world = killed_while_off().but(b__access=CLOSED, open_mark=None)
    world.b.troubles = {f"{SEMI_SYNC} = 1": error}
    outcome = promote(world.node, Steps(world.node))
    assert outcome.outcome == "opened"
    assert "semi-sync could not be switched on again" in outcome.why
    assert world.node.marks.semi_sync_noted()


def test_a_restarted_server_has_read_its_my_cnf() -> None:
    world = killed_while_off().but(b__access=CLOSED, open_mark=None)
    world.b.pid += 1
    assert promote(world.node, Steps(world.node)).outcome == "opened"
    assert not world.b.semi_sync_on
    assert not world.node.marks.semi_sync_noted()


@pytest.mark.parametrize("busy", [False, True])
def test_a_check_switches_it_on(busy: bool) -> None:
    """Where the server has stayed open; not while a closing is at work."""
    world = killed_while_off().but(vip=True, b__access=OPEN, leaving=busy)
    world.node.lock.release()
    check(world)
    assert world.b.semi_sync_on is not busy
    assert world.node.marks.semi_sync_noted() is busy


# MariaDB before 12: accounts that write through read_only -----------------------------------------


def test_write_through_account_that_comes_back() -> None:
    """Cut until it has stayed away for half a second."""
    world = opened(MARIADB)
    world.b.add(Client("root", returns=8))
    ended(world, "closed")
    assert world.log.count("B: root cut") == 9
    assert 0.8 < world.time < 1.5


def test_write_through_account_that_never_stays_away() -> None:
    """read_only is on, and the manual says what that cannot promise: not killed for it."""
    world = opened(MARIADB)
    world.b.add(Client("root", returns=10_000))
    outcome = run(world)
    assert SIGKILL not in world.log
    assert world.b.access == CLOSED
    assert outcome.outcome == "closed"
    assert "keeps coming back" in outcome.why
    assert world.time < 6


@pytest.mark.parametrize("version", [MYSQL, MARIADB12])
def test_nobody_writes_through(version: str) -> None:
    world = opened(version)
    world.b.add(Client("root", returns=10_000))
    ended(world, "closed")
    assert world.time < 0.3


NO_VIEW = [1142, 1146]


def closed(world: World) -> Closed:
    """B, closed within five seconds."""
    clock, connect = world.node.clock, world.node.servers.connect_local
    budget = Budget(clock, 5.0)
    closing = Closing(connect(1.0), clock, budget, {"kachecks"}, lambda: connect(1.0))
    found = closing.close()
    assert world.b.access == CLOSED
    return found


@pytest.mark.parametrize("errno", [*NO_VIEW, 1045, 1205, 1290, 1449, 1969, 4078])
def test_accounts_cannot_be_listed(errno: int) -> None:
    """Then at least root is taken for one, and that is told; the closing never depends on it.

    Where there is no view, doctor tells of it. A view that fails is another matter.
    """
    world = opened(MARIADB).but(b__troubles={"read_only_exempt": ServerError(errno, "no")})
    world.b.add(Client("root", returns=3), Client("app"))
    found = closed(world)
    assert f"who else than root may write through read_only is not known: error {errno}" in (
        found.remark
    )
    assert found.quiet == (errno in NO_VIEW)
    assert 0.5 < world.time < 1.3


def test_a_client_keeps_the_accounts_from_being_listed() -> None:
    """It has locked a table below the view, and is cut: so they are asked for again."""
    world = opened(MARIADB).but(b__troubles={"read_only_exempt": ServerError(1205, "locked")})
    world.when(STATEMENT[MARIADB], lambda: world.b.add(Client("locker")))
    world.when("B: KILL", lambda: world.b.troubles.clear())
    assert closed(world)[1:] == ("", True, True)
    world.order("B: locker cut")


@pytest.mark.parametrize("version", [MYSQL, MARIADB12])
def test_who_nobody_writes_through_is_not_asked_for(version: str) -> None:
    world = opened(version).but(b__troubles={"read_only_exempt": ServerError(1969, "no")})
    assert closed(world)[1:] == ("", True, True)


# Connections that the process list lacks ----------------------------------------------------------


def hidden(version: str, **of_client: bool) -> World:
    """B lists all its connections but one."""
    world = opened(version)
    world.b.add(Client("app"), Client("other", **of_client))
    world.b.hides = {world.b.last_id}
    return world


@pytest.mark.parametrize("version", [MYSQL, MARIADB, MARIADB12])
def test_who_cannot_be_seen_is_told_of(version: str) -> None:
    """Without PROCESS; or performance_schema does not have them. Nobody writes through
    super_read_only, but on MariaDB before 12 it may be root."""
    found = closed(hidden(version))
    assert "not everybody can be seen: the process list lacks 1 of its connections" in found.remark
    assert found.quiet == (version != MARIADB)
    assert found.answers


def test_who_comes_and_goes_is_counted_before_it_is_listed() -> None:
    world = hidden(MARIADB)
    world.when("SHOW GLOBAL STATUS", world.then("SHOW GLOBAL STATUS", b__hides=set()))
    found = closed(world)
    assert (found.remark, found.quiet) == ("", True)


def test_connections_that_are_not_counted() -> None:
    world = opened(MARIADB).but(b__troubles={"Threads_connected": ServerError(1290, "no")})
    found = closed(world)
    assert "whether everybody can be seen is not known: error 1290" in found.remark
    assert not found.quiet


def test_semi_sync_is_left_on_where_not_everybody_is_seen() -> None:
    """Who cannot be seen cannot be cut, and would be acknowledged what the other node lacks."""
    world = hidden(MYSQL, blocks=True).but(b__semi_sync=SEMI_SYNC, open_mark=SERVER)
    ended(world, "killed")
    assert "rpl_semi_sync" not in " ".join(world.log)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_process_list_that_is_refused(version: str) -> None:
    """What can be closed is closed."""
    world = opened(version).but(b__troubles={"SHOW PROCESSLIST": ServerError(1104, "too many")})
    found = closed(world)
    assert found.remark == "; but not everybody could be cut: error 1104: too many"
    assert found.quiet == (version != MARIADB)


@pytest.mark.parametrize("denied", [False, True])
def test_events(denied: bool) -> None:
    """Events of privileged definers write through: off, where our account may."""
    world = opened(MARIADB).but(b__events="ON")
    if denied:
        world.b.troubles["SET GLOBAL event_scheduler"] = ServerError(1227, "you need SUPER")
    ended(world, "closed")
    assert world.b.events == ("ON" if denied else "OFF")
    assert world.node.marks.take_events_note(world.b.process) != denied
    world.order(STATEMENT[MARIADB], "B: SET GLOBAL event_scheduler = 0")


@pytest.mark.parametrize("version", [MYSQL, MARIADB12])
def test_events_that_cannot_write_are_left_on(version: str) -> None:
    world = opened(version).but(b__events="ON")
    ended(world, "closed")
    assert world.b.events == "ON"


# Thousands of clients ----------------------------------------------------------------------------


def app_sessions(world: World) -> int:
    return [row["User"] for row in world.b.processlist()].count("app")


def test_it_is_closed_before_thousands_are_cut() -> None:
    world = crowded(3000)
    outcome = ended(world, "closed")
    before = [line for line in world.log[: world.index(STATEMENT[MYSQL])] if line == "B: app cut"]
    assert 400 <= len(before) <= 600
    assert "3000 client connections cut" in outcome.why
    assert app_sessions(world) == 0


def through_vip(count: int, version: str = MYSQL) -> World:
    """All of the crowd came through the VIP."""
    ports = set(range(FIRST_PORT, FIRST_PORT + count))
    return marked(crowded(count, version)).but(servers__ports_through_vip=ports)


@pytest.mark.parametrize("version", VERSIONS)
def test_thousands_that_sleep_do_not_keep_the_vip(version: str) -> None:
    """Their sockets are shut when the server is closed, and no KILL is waited for."""
    world = through_vip(5000, version)
    assert "5000 client connections cut" in ended(world, "closed").why
    assert world.time < 1.5
    world.pass_time(1.0)
    assert app_sessions(world) == 0
    shut = world.index("end sessions through the VIP")
    assert world.index(STATEMENT[version]) < shut
    assert "B: app cut" not in world.log[shut:]


def test_without_the_right_to_take_sockets_all_are_cut_one_by_one() -> None:
    world = through_vip(3000).but(servers__may_take=False)
    assert "3000 client connections cut" in ended(world, "closed").why
    assert app_sessions(world) == 0


def test_who_is_busy_or_may_write_is_cut_by_kill() -> None:
    """A shut socket ends a session only when it next reads from it."""
    world = through_vip(2000, MARIADB)
    ports = world.servers.ports_through_vip | {50001, 50002}
    world.b.add(
        Client("app", "Query", host="10.0.0.10:50001"), Client("root", host="10.0.0.10:50002")
    )
    world.but(servers__ports_through_vip=ports)
    ended(world, "closed")
    assert [each.user for each in world.b.clients.values() if each.command == "Query"] == []
    assert "B: root cut" in world.log


def test_who_came_by_another_way_is_cut_by_kill() -> None:
    """An idle transaction of theirs holds its row locks, for which the applier would wait."""
    world = through_vip(3000)
    world.b.add(Client("batch", host="10.0.0.2:40001", transaction=100))
    ended(world, "closed")
    assert "batch" not in [row["User"] for row in world.b.processlist()]


def test_a_session_keeps_the_rights_that_its_account_had_when_it_came() -> None:
    """MariaDB before 12 looks at an account's rights when it logs in. Who had SUPER then writes
    through read_only, and the view does not name that account."""
    world = through_vip(3000, MARIADB)
    world.b.add(Client("was_super"))
    ended(world, "closed")
    assert "was_super" not in [row["User"] for row in world.b.processlist()]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("count", "patience"), [(9000, 5.0), (3000, 1.0)])
def test_more_than_there_is_time_for(count: int, patience: float, version: str) -> None:
    """An isolated node has a second in all."""
    world = marked(crowded(count, version))
    outcome = ended(world, "closed", patience=patience)
    assert world.b.access == CLOSED
    assert SIGKILL not in world.log
    left = [row["User"] for row in world.b.processlist()].count("app")
    assert f"; but there was no time to cut another {left:,}" in outcome.why
    assert outcome.position
    assert world.time < patience


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
    world.b.add(*(Client("app", "Killed") for _ in range(5)))
    outcome = ended(world, "closed")
    assert "10 client connections cut" in outcome.why
    assert "no time" not in outcome.why


def test_the_busy_are_cut_first() -> None:
    world = crowded(3000)
    world.b.add(Client("report", "Query", blocks=True))
    ended(world, "closed")
    assert world.log.count(STATEMENT[MYSQL]) == 1
