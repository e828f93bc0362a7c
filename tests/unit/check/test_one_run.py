"""One run of the check: what it sees, what it closes, what it finishes (simulation.py).

Node B runs it. What each finding means is the verdict's business (test_verdict.py), what is found
a leaf's; here is which of them are asked, when, and what is done about it.
"""

from __future__ import annotations

import pytest

from kachecks.check.one_run import ISOLATED_PATIENCE, run_check
from kachecks.check.verdict import Verdict
from kachecks.mysql.disks import Disks
from kachecks.mysql.session import DriverError, Lost, ServerError
from kachecks.mysqld_process import Process
from kachecks.state.files import TROUBLE, StateError
from kachecks.state.marks import GaveWay, Look
from kachecks.transitions.demotion import FRESH_LOOK
from kachecks.transitions.giving_way import CLOSED_FOR, HOLD
from tests.unit.doubles.simulation import (
    CLOSED,
    MARIADB12,
    MUTE,
    OPEN,
    REFUSED,
    SILENT,
    Client,
    World,
)

WITNESS = "10.0.0.254"
MAC = "02:00:00:00:00:01"
CLOSING = "B: SET GLOBAL super_read_only = 1"
SIGKILL = "SIGKILL 4712"
DENIED = ServerError(1045, "denied")
NO_RUN_DIR = StateError("cannot write /run/kachecks/main.look")


def holder(**options: str) -> World:
    """B is active: open with the VIP, as it was at the last check; the peer stands by."""
    world = World(**options)
    world.a.access, world.b.access = CLOSED, OPEN
    world.open_mark, world.opening_told = world.b.process, True
    world.time = 100.0
    world.last_look = Look(world.time, alone=False, fit_since=world.time - 60)
    return world


def standby(**options: str) -> World:
    """B stands by beside an open peer."""
    world = World(**options)
    world.vip = False
    world.time = 100.0
    world.last_look = Look(world.time, alone=False)
    return world


def closed_holder(**options: str) -> World:
    """The VIP is here and the server closed: no hook has come, or one did not end its work."""
    world = standby(**options)
    world.vip, world.a.access = True, CLOSED
    return world


def check(world: World, act: bool = True, stalled: str = "") -> Verdict:
    verdict = run_check(world.node, act, stalled)
    assert [each for each in world.sessions if not each.ended] == []
    assert world.locked_by != "us"
    return verdict


def result(world: World, act: bool = True) -> tuple[str, int, str]:
    verdict = check(world, act)
    return verdict.reason, verdict.status, verdict.role


def asked_peer(world: World) -> bool:
    return "A: connect" in world.log


def marked(world: World) -> list[str]:
    words = ("mark", "unmark", "permit", "flock", "start promotion", "SIGKILL", "B: SET", "B: KILL")
    return [line for line in world.log if line.startswith(words)]


# All is well -------------------------------------------------------------------------------------


def test_a_healthy_holder() -> None:
    world = holder()
    assert result(world) == ("OK", 0, "holder")
    assert marked(world) == []
    assert not asked_peer(world)
    assert world.time < 100.1


def test_a_healthy_standby() -> None:
    world = standby()
    assert result(world) == ("OK", 0, "standby")
    assert marked(world) == []
    assert not asked_peer(world)
    assert world.time < 100.1


@pytest.mark.parametrize("act", [True, False])
def test_trouble_is_over(act: bool) -> None:
    world = holder()
    assert world.node.marks.trouble_changed("could not close it")
    world.permit = False
    check(world, act)
    assert world.files.read(world.path(TROUBLE)) == ("" if act else "could not close it")
    assert world.permit == act  # restored where nothing is said against it


def troubled() -> list[World]:
    """Each would make a run that may act do something."""
    worlds = [holder(), standby(), closed_holder(), closed_holder(witness=WITNESS), holder()]
    worlds[0].a.access = OPEN  # two writers
    worlds[0].last_look = None
    worlds[1].b.access = OPEN  # open without the VIP
    worlds[2].a.access = OPEN  # superseded
    worlds[3].network.echo = set()  # isolated
    worlds[3].open_mark = worlds[3].b.process
    worlds[4].b.trouble = MUTE
    gave_way = standby()
    gave_way.gave_way = GaveWay(0.0, "why")
    gave_way.network.adverts = True
    contact = standby()
    contact.had_contact, contact.alone = False, True
    return [*worlds, gave_way, contact]


@pytest.mark.parametrize("number", range(7))
def test_without_act_nothing_is_changed(number: int) -> None:
    world = troubled()[number]
    before = dict(world.files.texts), dict(world.disk.texts), set(world.servers.dead)
    check(world, act=False)
    assert marked(world) == []
    assert before == (world.files.texts, world.disk.texts, world.servers.dead)
    assert world.locked_by == ""
    assert world.recorded == []


@pytest.mark.parametrize("number", range(7))
def test_with_act_something_is(number: int) -> None:
    """Proof that the test above can fail."""
    world = troubled()[number]
    check(world)
    assert marked(world) != []


# Isolated ----------------------------------------------------------------------------------------


def cut_off(world: World) -> World:
    world.network.echo = set()
    world.a.trouble = SILENT
    return world


def test_an_isolated_holder_closes_itself_first_of_all() -> None:
    world = cut_off(holder(witness=WITNESS))
    verdict = check(world)
    assert (verdict.reason, verdict.status, verdict.role) == ("ISOLATED", 15, "holder")
    assert world.b.access == CLOSED
    assert world.open_mark is None
    assert world.time < 102.2
    world.order(f"echo 10.0.0.1 {WITNESS}?", "mark leaving", CLOSING)
    assert world.log.count("B: connect") == 1  # by the demotion alone
    assert not asked_peer(world)
    assert world.recorded[0]["cause"] == "check_mysql: ISOLATED"


def test_an_isolated_server_that_will_not_close_is_killed_in_time() -> None:
    """The two clocks: a second after isolation_timeout, and hardly more."""
    assert ISOLATED_PATIENCE == 1.0
    world = cut_off(holder(witness=WITNESS))
    world.b.trouble = MUTE
    assert result(world) == ("ISOLATED", 15, "holder")
    assert SIGKILL in world.log
    assert world.time <= 102.0 + ISOLATED_PATIENCE + 0.1


@pytest.mark.parametrize("trouble", [DENIED, ServerError(1040, "too many connections")])
def test_an_isolated_server_that_answers_with_an_error_is_killed(trouble: Exception) -> None:
    """The other node opens when its time is over, whatever the reason."""
    world = cut_off(holder(witness=WITNESS))
    world.b.trouble = trouble
    assert result(world) == ("ISOLATED", 15, "holder")
    assert SIGKILL in world.log
    assert world.time <= 102.0 + ISOLATED_PATIENCE + 0.1


def test_isolated_and_blocked_by_a_hook() -> None:
    world = cut_off(holder(witness=WITNESS))
    world.locked_by = "promote"
    result(world)
    assert world.b.access == CLOSED
    assert world.time <= 102.0 + ISOLATED_PATIENCE + 0.1


def test_an_isolated_standby_has_nothing_to_close() -> None:
    world = cut_off(standby(witness=WITNESS))
    assert result(world) == ("ISOLATED", 15, "standby")
    assert "B: connect" not in world.log


def test_isolated_and_open_without_the_vip() -> None:
    world = cut_off(holder(witness=WITNESS))
    world.vip = False
    assert result(world) == ("ISOLATED", 15, "standby")
    assert world.b.access == CLOSED


def test_isolated_with_a_write_that_cannot_be_cut() -> None:
    """The peer opens by the clock, 3 s after isolation_timeout: there is no second attempt."""
    world = cut_off(holder(witness=WITNESS))
    world.b.add(Client("app", blocks=True, unkillable=True))
    assert result(world) == ("ISOLATED", 15, "holder")
    assert SIGKILL in world.log
    assert world.time <= 102.0 + 2 * ISOLATED_PATIENCE


def test_isolation_does_not_give_way() -> None:
    """When the network is back, VRRP decides."""
    world = cut_off(holder(witness=WITNESS))
    check(world)
    assert world.gave_way is None


def test_isolation_leaves_though_fencing_goes_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """The peer opens by the clock: a cut-off node is worse with the VIP than without."""
    world = cut_off(holder(witness=WITNESS))

    def fails(*_: object) -> bool:
        raise RuntimeError("a bug")

    monkeypatch.setattr(world.node.lock, "try_to_take", fails)
    assert result(world) == ("ISOLATED", 15, "holder")


def test_cut_off_while_this_run_looked() -> None:
    """The look at the peer has taken a second: the network is asked again before judging."""
    world = holder(witness=WITNESS)
    world.last_look = None
    world.when("A: connect", lambda: cut_off(world) and None)
    world.a.trouble = SILENT
    assert result(world) == ("ISOLATED", 15, "holder")
    assert world.b.access == CLOSED
    assert world.time < 102.5  # counted from the last answer


def test_a_fast_run_asks_once() -> None:
    world = holder(witness=WITNESS)
    check(world)
    assert world.log.count(f"echo 10.0.0.1 {WITNESS}?") == 1


def test_a_slow_run_asks_twice() -> None:
    world = holder(witness=WITNESS)
    world.last_look, world.a.trouble = None, SILENT
    assert result(world) == ("OK", 0, "holder")
    assert world.log.count(f"echo 10.0.0.1 {WITNESS}?") == 2


def test_without_a_witness_there_is_no_isolation() -> None:
    world = cut_off(holder())
    assert result(world) == ("OK", 0, "holder")


@pytest.mark.parametrize(("role", "status"), [(holder, 0), (standby, 30)])
def test_the_witness_cannot_be_asked(role: object, status: int) -> None:
    world = role(witness=WITNESS)  # type: ignore[operator]
    world.network.errors["echo"] = PermissionError("not allowed to ping")
    verdict = check(world)
    assert (verdict.reason, verdict.status) == ("UNKNOWN", status)
    assert verdict.sentence == "the witness cannot be asked: not allowed to ping"


# Gave way ----------------------------------------------------------------------------------------


def gave_way(world: World, seconds_ago: float = 0.0) -> World:
    world.gave_way = GaveWay(world.time - seconds_ago, "the peer took over")
    world.permit = False
    return world


def test_a_node_that_gave_way_is_unfit() -> None:
    world = gave_way(standby())
    verdict = check(world)
    assert (verdict.reason, verdict.status) == ("GAVE_WAY", 16)
    assert verdict.sentence == "the peer took over"
    assert not world.permit
    assert "unmark gave way" not in world.log


def test_it_may_return_when_adverts_are_heard() -> None:
    world = gave_way(standby())
    world.network.adverts = True
    assert result(world) == ("OK", 0, "standby")
    assert world.gave_way is None
    assert world.permit


def test_it_may_return_when_nobody_holds_the_vip() -> None:
    world = gave_way(standby(), HOLD)
    world.a.access = CLOSED
    assert result(world) == ("OK", 0, "standby")
    assert world.gave_way is None


def test_whether_it_may_return_cannot_be_told() -> None:
    world = gave_way(standby())
    world.network.errors["adverts?"] = PermissionError("no CAP_NET_RAW")
    verdict = check(world)
    assert (verdict.reason, verdict.status) == ("GAVE_WAY", 16)
    assert verdict.sentence == (
        "the peer took over; whether it may return cannot be told: no CAP_NET_RAW"
    )


@pytest.mark.parametrize("what", ["vip", "open", "down"])
def test_whether_it_may_return_is_asked_only_of_a_closed_node_without_the_vip(what: str) -> None:
    """It takes seconds, in which an open one would go on."""
    world = gave_way(standby(), 60.0)
    world.network.adverts = True
    if what == "vip":
        world.vip = True
    elif what == "open":
        world.b.access = OPEN
    else:
        world.b.trouble = REFUSED
    assert check(world).status == (10 if what == "down" else 16)
    assert "adverts?" not in world.log
    assert world.gave_way is not None
    assert world.b.access == CLOSED


def test_it_returned_and_that_cannot_be_noted() -> None:
    world = gave_way(standby())
    world.network.adverts = True
    world.files.error = NO_RUN_DIR
    verdict = check(world)
    assert (verdict.reason, verdict.status) == ("UNKNOWN", 30)
    assert str(NO_RUN_DIR) in verdict.sentence


# The closer look ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("last", "looked"),
    [
        (None, True),
        (Look(100.0, alone=False), False),
        (Look(100.0, wrong=True, alone=False), True),
        (Look(95.0, alone=False), True),
    ],
)
@pytest.mark.parametrize("role", [holder, standby])
def test_when_it_is_due(role: object, last: Look | None, looked: bool) -> None:
    world = role()  # type: ignore[operator]
    world.last_look = last
    assert check(world).reason == "OK"
    assert asked_peer(world) == looked
    if looked:
        assert world.last_look is not None
        assert world.last_look.at >= 100.0
        assert not world.last_look.wrong
    else:
        assert world.last_look == last


@pytest.mark.parametrize("role", [holder, standby])
def test_a_person_always_gets_a_closer_look(role: object) -> None:
    """And it is not remembered: the next check of keepalived looks for itself."""
    world = role()  # type: ignore[operator]
    before = world.last_look
    check(world, act=False)
    assert asked_peer(world)
    assert world.last_look == before


def test_what_is_wrong_is_looked_at_again_at_the_next_check() -> None:
    world = holder()
    world.last_look, world.servers.disks = None, Disks(full="no room")
    world.a.lag = "5"
    assert result(world) == ("DISK_FULL", 0, "holder")
    world.servers.disks = Disks()
    assert result(world) == ("OK", 0, "holder")
    before = len(world.log)
    check(world)
    assert "A: connect" not in world.log[before:]


@pytest.mark.parametrize(("role", "status"), [(holder, 0), (standby, 30)])
def test_a_server_that_lets_us_in_and_tells_nothing(role: object, status: int) -> None:
    """A privilege is missing: there is a session, and no facts."""
    world = role()  # type: ignore[operator]
    world.last_look = None
    world.b.troubles["SHOW REPLICA STATUS"] = ServerError(1227, "you need SUPER")
    assert check(world).status == status
    assert not asked_peer(world)
    assert marked(world) == ([] if status == 0 else ["mark leaving"])


def test_a_server_that_cannot_be_asked_gets_none() -> None:
    world = standby()
    world.last_look, world.b.trouble = None, DENIED
    assert result(world) == ("UNKNOWN", 30, "standby")
    assert not asked_peer(world)


@pytest.mark.parametrize("elsewhere", [MAC, ""])
def test_a_full_disk_on_a_standby(elsewhere: str) -> None:
    """Unfit while somebody serves, better than nobody otherwise."""
    world = standby()
    world.last_look, world.servers.disks = None, Disks(full="no room")
    world.network.holder = elsewhere
    assert result(world) == ("DISK_FULL", 13 if elsewhere else 0, "standby")


@pytest.mark.parametrize("disks", [Disks(), Disks(full="x"), Disks(read_only="x"), Disks(mute="x")])
@pytest.mark.parametrize("role", [holder, standby])
def test_the_vip_is_looked_for_elsewhere_only_where_it_matters(role: object, disks: Disks) -> None:
    world = role()  # type: ignore[operator]
    world.last_look, world.servers.disks = None, disks
    check(world)
    assert ("holder?" in world.log) == (role is standby and disks != Disks())


def test_the_vip_cannot_be_looked_for_elsewhere() -> None:
    world = standby()
    world.last_look, world.servers.disks = None, Disks(full="no room")
    world.network.errors["holder?"] = PermissionError("no CAP_NET_RAW")
    verdict = check(world)
    assert (verdict.reason, verdict.status) == ("UNKNOWN", 30)
    assert verdict.sentence == "no CAP_NET_RAW"


@pytest.mark.parametrize("error", [StateError("cannot note"), OSError("no child")])
def test_the_disks_cannot_be_looked_at(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    world = holder()
    world.last_look = None

    def fails(*_: object) -> Disks:
        raise error

    monkeypatch.setattr(world.servers, "look_at_disks", fails)
    verdict = check(world)
    assert (verdict.reason, verdict.status) == ("UNKNOWN", 0)
    assert str(error) in verdict.sentence
    assert world.b.access == OPEN


def test_a_promotion_at_work_is_not_alone() -> None:
    """Or the cold start it is about to find would be none: not open, not alone."""
    world = closed_holder()
    world.last_look, world.a.trouble, world.b.receiver = None, SILENT, "Connecting"
    world.locked_by = "promote"
    assert check(world).role == "holder"
    assert not world.alone
    assert world.last_look is not None
    assert not world.last_look.alone


def test_an_open_server_without_the_vip_is_not_alone() -> None:
    world = holder()
    world.vip, world.last_look, world.a.trouble = False, None, SILENT
    check(world)
    assert not world.alone


def test_an_open_holder_is_alone_beside_a_peer_that_is_gone() -> None:
    world = holder()
    world.last_look, world.a.trouble = None, SILENT
    check(world)
    assert world.alone


@pytest.mark.parametrize("what", ["echo", "link"])
def test_where_sql_alone_is_cut_it_is_not_alone(what: str) -> None:
    """The peer may be promoted and serve, and this node's copy be the older one."""
    world = holder()
    world.last_look, world.a.trouble = None, SILENT
    if what == "echo":
        world.network.echo.add("10.0.0.1")
    else:
        world.network.on_link = True
    check(world)
    assert not world.alone


def test_what_was_found_of_the_peer_is_not_asked_again() -> None:
    """RECEIVER_STOPPED hangs on whether the peer is open."""
    world = standby()
    world.last_look, world.b.receiver = None, "Connecting"
    assert result(world) == ("RECEIVER_STOPPED", 23, "standby")
    assert world.log.count("A: connect") == 1


def test_the_peer_is_asked_where_the_verdict_hangs_on_it() -> None:
    world = standby()
    world.b.receiver = "Connecting"
    assert result(world) == ("RECEIVER_STOPPED", 23, "standby")
    world = standby()
    world.b.receiver, world.a.access = "Connecting", CLOSED
    assert result(world) == ("OK", 0, "standby")
    assert asked_peer(world)


@pytest.mark.parametrize("fit", [True, False])
def test_a_second_copy(fit: bool) -> None:
    """No disk is touched, and the verdict is WRITES_STALLED at least; the peer decides."""
    world = holder()
    world.servers.disks = Disks(full="no room")
    world.a.lag = "0" if fit else "9"
    verdict = check(world, stalled="the check before this one hangs")
    assert (verdict.reason, verdict.status) == ("WRITES_STALLED", 12 if fit else 0)
    assert verdict.sentence.startswith("the check before this one hangs")
    assert not [line for line in world.log if line.startswith("disks")]


def test_a_second_copy_on_a_standby() -> None:
    world = standby()
    assert check(world, stalled="it hangs") == ("WRITES_STALLED", 0, "it hangs", "standby")
    world.network.holder = MAC
    assert check(world, stalled="it hangs").status == 12


def test_a_second_copy_finds_a_dead_server() -> None:
    world = holder()
    world.b.trouble = REFUSED
    world.servers.dead = {world.b.process}
    assert check(world, stalled="it hangs").reason == "MYSQLD_DOWN"


# What is kept for the next run -------------------------------------------------------------------


def test_a_good_check_remembers_the_mysqld() -> None:
    world = standby()
    world.last_server = None
    check(world)
    assert world.last_server == world.b.process


def test_first_contact_ends_being_alone() -> None:
    world = standby()
    world.had_contact, world.alone = False, True
    check(world)
    assert world.had_contact
    assert not world.alone


@pytest.mark.parametrize(
    ("changes", "contact", "reason"),
    [
        ({}, True, "OK"),
        ({"received": 4, "applied": 4}, False, "LAG"),  # 0 s behind, says the receiver
        ({"applied": 2, "applies": 0}, True, "OK"),  # the rest is in the relay log
        ({"lag": "31"}, True, "LAG"),
        ({"lag": None}, True, "OK"),
        ({"receiver": "Connecting"}, True, "RECEIVER_STOPPED"),
        ({"receiver": "Connecting", "received": 4, "applied": 4}, False, "RECEIVER_STOPPED"),
        ({"channels": 0}, False, "NOT_REPLICATING"),
    ],
)
def test_what_contact_is(changes: dict[str, object], contact: bool, reason: str) -> None:
    """Everything has been received that the peer has, whatever the threads say."""
    world = standby()
    world.b.deaf = True
    world.had_contact, world.alone = False, True
    for name, value in changes.items():
        setattr(world.b, name, value)
    verdict = check(world)
    assert (verdict.reason, verdict.status == 0) == (reason, reason == "OK")
    assert world.had_contact == contact
    assert world.alone != contact


def test_contact_is_looked_for_at_each_check_until_there_is_one() -> None:
    """And then again after a restart of mysqld."""
    world = standby()
    world.had_contact, world.b.deaf, world.a.made = False, True, 40
    for looks in (1, 2, 3):
        assert result(world) == ("LAG", 24, "standby")
        assert world.log.count("A: connect") == looks
    world.b.deaf = False
    for _ in range(3):
        assert result(world) == ("OK", 0, "standby")
    assert world.had_contact
    assert world.log.count("A: connect") == 4
    world.b.pid += 1
    assert result(world) == ("OK", 0, "standby")
    assert world.log.count("A: connect") == 5


def test_a_holder_needs_no_contact() -> None:
    """Its mysqld has restarted and lacks what the closed peer has: said to nobody, it serves."""
    world = holder()
    world.had_contact, world.b.deaf, world.a.made = False, True, 40
    assert result(world) == ("OK", 0, "holder")
    assert not world.had_contact


def test_an_open_server_is_marked() -> None:
    """By whomever it was opened."""
    world = holder()
    world.open_mark = None
    assert result(world) == ("OK", 0, "holder")
    assert world.open_mark == world.b.process


def test_a_closed_server_loses_the_mark() -> None:
    world = standby()
    world.open_mark = world.b.process
    assert result(world) == ("OK", 0, "standby")
    assert world.open_mark is None
    world.order("flock to check", "unmark", "unlock")
    assert CLOSING not in world.log


def test_not_while_a_hook_is_at_work() -> None:
    """A promotion writes the mark right before it opens."""
    world = closed_holder()
    world.open_mark, world.locked_by = world.b.process, "promote"
    check(world)
    assert world.open_mark == world.b.process


def test_not_if_it_was_opened_meanwhile() -> None:
    world = closed_holder()
    world.open_mark = world.b.process

    def opens() -> None:
        world.b.access = OPEN

    world.when("lock", opens)
    check(world)
    assert world.open_mark == world.b.process


def test_not_if_it_cannot_be_read_back() -> None:
    world = standby()
    world.open_mark = world.b.process

    def mute() -> None:
        world.b.troubles["@@global.read_only"] = Lost("gone")

    world.when("lock", mute)
    check(world)
    assert world.locked_by == ""


@pytest.mark.parametrize("marked", [True, False])
def test_closed_for_most_is_not_closed(marked: bool) -> None:
    """Administrators may write: the mark stays, and the node is closed to all."""
    world = World(MARIADB12)
    world.vip, world.b.read_only = False, "ON"
    world.open_mark = world.b.process if marked else None
    world.last_look = Look(0.0, alone=False)
    assert check(world).status == 0
    assert world.b.read_only == "NO_LOCK_NO_ADMIN"
    assert world.open_mark is None


def test_an_opening_that_nobody_told() -> None:
    """Its hook was killed right after it."""
    world = holder()
    world.opening_told = False
    check(world)
    (entry,) = world.recorded
    assert (entry["outcome"], entry["cause"], entry["problem"]) == ("opened", "check_mysql", False)
    check(world)
    assert len(world.recorded) == 1


@pytest.mark.parametrize("what", ["hook", "vip"])
def test_an_opening_that_somebody_else_tells_of(what: str) -> None:
    world = holder()
    world.opening_told = False
    if what == "hook":
        world.locked_by = "promote"
    else:
        world.vip = False
    check(world)
    assert "opened" not in [entry["outcome"] for entry in world.recorded]


def without_run_directory(world: World) -> None:
    world.files.texts.clear()
    world.files.error = NO_RUN_DIR


@pytest.mark.parametrize(
    ("role", "trouble", "expected"),
    [
        (holder, None, ("UNKNOWN", 0)),
        (standby, None, ("UNKNOWN", 30)),
        (holder, REFUSED, ("MYSQLD_DOWN", 10)),
        (standby, MUTE, ("MYSQLD_HUNG", 11)),
    ],
)
def test_without_a_run_directory(
    role: object, trouble: Exception | None, expected: tuple[str, int]
) -> None:
    """It could neither fence nor promote: people are told, and a dead server still gives way."""
    world = role()  # type: ignore[operator]
    without_run_directory(world)
    world.b.trouble = trouble
    world.servers.dead = {world.b.process}
    verdict = check(world)
    assert (verdict.reason, verdict.status) == expected
    assert (str(NO_RUN_DIR) in verdict.sentence) == (trouble is None)


def test_without_a_run_directory_no_promotion_is_started() -> None:
    world = closed_holder()
    without_run_directory(world)
    check(world)
    assert "start promotion" not in world.log


# What a hook has left undone ---------------------------------------------------------------------


@pytest.mark.parametrize("trouble", [None, REFUSED, SILENT, MUTE, DENIED])
def test_a_promotion_that_was_cut_short_is_started_again(trouble: Exception | None) -> None:
    world = closed_holder()
    world.a.trouble = trouble
    world.b.receiver = "Connecting" if trouble else "Yes"
    verdict = check(world)
    assert (verdict.reason, verdict.status) == ("OK", 0)
    assert world.log.count("start promotion") == 1
    assert world.time >= 100.0 + CLOSED_FOR
    assert world.gave_way is None


def test_superseded() -> None:
    """The peer is open: it took over. Closed already, so there is nothing more to close."""
    world = closed_holder()
    world.a.access = OPEN
    verdict = check(world)
    why = "the VIP is here, but this server is closed and the peer is open: it took over"
    assert verdict == ("GAVE_WAY", 16, why, "standby")
    assert world.gave_way is not None
    assert world.gave_way.why == why
    assert "start promotion" not in world.log
    assert "mark leaving" in world.log
    assert world.time >= 100.0 + CLOSED_FOR


def fenced(world: World) -> World:
    """It was open at the last look; the peer has closed it over SQL, and opened."""
    world.b.access, world.a.access = CLOSED, OPEN
    return world


def test_fenced() -> None:
    """It is watched as long as any other: what was seen open may be a holder's of long ago, whose
    VIP has just come back, with a notify_master about to start."""
    world = fenced(holder())
    assert result(world) == ("GAVE_WAY", 16, "standby")
    assert 100.0 + CLOSED_FOR <= world.time < 100.0 + CLOSED_FOR + 0.2
    assert world.open_mark is None
    assert world.gave_way is not None
    assert SIGKILL not in world.log


@pytest.mark.parametrize("what", ["hook", "leaving"])
def test_closed_by_somebody_here(what: str) -> None:
    world = fenced(holder())
    if what == "hook":
        world.locked_by = "demote"
    else:
        world.node.marks.mark_leaving()
    assert check(world).status == 0
    assert world.gave_way is None
    assert "start promotion" not in world.log


@pytest.mark.parametrize("at", [0.1, 0.9])
def test_a_fresh_holder_with_a_stale_open_mark(at: float) -> None:
    """Its notify_master gets to work within the second, and fences the peer itself."""
    world = fenced(holder())

    def starts() -> None:
        if world.time < 100.0 + at:
            world.when("sleep", starts)
        else:
            world.locked_by = "promote"

    world.when("sleep", starts)
    assert check(world).status == 0
    assert world.gave_way is None
    assert "start promotion" not in world.log


@pytest.mark.parametrize("trouble", [None, SILENT, REFUSED, MUTE])
def test_closed_by_whomever_beside_a_peer_that_is_not_open(trouble: Exception | None) -> None:
    """mysqld was restarted in place, say: watched for a second, then promoted again."""
    world = fenced(holder())
    world.a.access, world.a.trouble = CLOSED, trouble
    assert check(world).status == 0
    assert "start promotion" in world.log
    assert world.gave_way is None
    assert world.time >= 100.0 + CLOSED_FOR


def test_superseded_and_that_cannot_be_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    """It gives way all the same, and looks anew at the next check."""
    world = closed_holder()
    world.a.access = OPEN

    def fails(*_: object) -> None:
        raise NO_RUN_DIR

    monkeypatch.setattr(world.node.marks, "mark_gave_way", fails)
    assert check(world).status == 16


@pytest.mark.parametrize("purpose", ["promote", "demote"])
@pytest.mark.parametrize("access", [OPEN, CLOSED])
def test_a_hook_is_at_work(purpose: str, access: str) -> None:
    world = closed_holder()
    world.locked_by, world.a.access = purpose, access
    verdict = check(world)
    assert verdict.status == 0
    assert verdict.role == ("holder" if purpose == "promote" else "standby")
    assert "start promotion" not in world.log
    assert world.gave_way is None


@pytest.mark.parametrize("what", ["hook", "leaving", "opened", "vip"])
@pytest.mark.parametrize("access", [OPEN, CLOSED])
def test_one_that_gets_to_work_meanwhile(what: str, access: str) -> None:
    """notify_master of a fresh holder needs a moment; notify_down is on its way out."""
    world = closed_holder()
    world.a.access = access

    def changes() -> None:
        if world.time < 100.5:
            world.when("sleep", changes)
        elif what == "hook":
            world.locked_by = "promote"
        elif what == "leaving":
            world.node.marks.mark_leaving()
        elif what == "opened":
            world.b.access = OPEN
        else:
            world.vip = False

    world.when("sleep", changes)
    assert check(world).status == 0
    assert "start promotion" not in world.log
    assert world.gave_way is None


@pytest.mark.parametrize("role", [holder, standby])
def test_nothing_was_left_undone(role: object) -> None:
    world = role()  # type: ignore[operator]
    check(world)
    assert "start promotion" not in world.log


def test_a_closed_holder_that_fails_is_not_promoted() -> None:
    world = closed_holder()
    world.b.applier, world.b.applier_errno = "No", 1062
    assert result(world) == ("APPLIER_STOPPED", 20, "standby")
    assert "start promotion" not in world.log


def test_a_server_that_cannot_be_asked_is_not_promoted() -> None:
    world = closed_holder()
    world.b.trouble = DENIED
    assert result(world) == ("UNKNOWN", 0, "holder")
    assert "start promotion" not in world.log
    assert world.time < 100.5


# Closing before the VIP may leave ----------------------------------------------------------------


def test_a_hung_holder_is_killed() -> None:
    """It has been mute for hung_after; one more look, then SIGKILL, then the failing verdict."""
    world = holder()
    world.b.trouble = MUTE
    assert result(world) == ("MYSQLD_HUNG", 11, "holder")
    world.order("mark leaving", SIGKILL)
    assert world.time < 100 + 3 + FRESH_LOOK + 0.1
    assert world.recorded[0]["cause"] == "check_mysql: MYSQLD_HUNG"


def test_a_hung_standby_is_left_alone() -> None:
    world = standby()
    world.b.trouble = MUTE
    assert result(world) == ("MYSQLD_HUNG", 11, "standby")
    assert world.log.count("B: connect") == 1
    assert SIGKILL not in world.log
    assert world.recorded == []


def test_a_dead_holder() -> None:
    world = holder()
    world.b.trouble = REFUSED
    world.servers.dies_after = 101.0
    assert result(world) == ("MYSQLD_DOWN", 10, "holder")
    assert world.time >= 101.0  # it has ended, and not only closed its port
    assert world.open_mark is None
    assert SIGKILL not in world.log


@pytest.mark.parametrize(
    ("disks", "reason", "status"),
    [
        (Disks(full="no room"), "DISK_FULL", 13),
        (Disks(read_only="read-only"), "FILESYSTEM_READ_ONLY", 14),
        (Disks(mute="mute"), "WRITES_STALLED", 12),
    ],
)
def test_a_degraded_holder_gives_way_to_a_fit_peer(disks: Disks, reason: str, status: int) -> None:
    """Closed, and then marked, so that it does not come back the next second."""
    world = holder()
    world.last_look, world.servers.disks = None, disks
    verdict = check(world)
    assert (verdict.reason, verdict.status, verdict.role) == (reason, status, "holder")
    assert world.gave_way is not None
    assert world.gave_way.why == f"{reason}: {verdict.sentence}"
    world.order("mark leaving", CLOSING, "mark gave way")
    assert world.b.access == CLOSED


def test_a_degraded_holder_without_a_fit_peer_is_kept() -> None:
    world = holder()
    world.last_look, world.servers.disks, world.a.applier = None, Disks(full="no room"), "No"
    assert result(world) == ("DISK_FULL", 0, "holder")
    assert world.gave_way is None
    assert world.b.access == OPEN


@pytest.mark.parametrize(("since", "status"), [(98.0, 0), (96.0, 13), (0.0, 0)])
def test_a_degraded_holder_waits_for_the_peers_own_check(since: float, status: int) -> None:
    """Fit as this one sees it: the peer's check needs two good runs to see it too."""
    world = holder()
    world.last_look = Look(95.0, alone=False, fit_since=since)
    world.servers.disks = Disks(full="no room")
    assert result(world) == ("DISK_FULL", status, "holder")
    assert (world.gave_way is None) == (status == 0)
    assert world.b.access == (CLOSED if status else OPEN)


def test_two_full_nodes_do_not_take_turns() -> None:
    """Its disk was full before it got the VIP: the other one is no better for looking fit."""
    world = standby()
    world.last_look, world.servers.disks = None, Disks(full="no room")
    assert result(world) == ("DISK_FULL", 0, "standby")
    world.vip, world.b.access, world.a.access = True, OPEN, CLOSED
    world.open_mark, world.opening_told = world.b.process, True
    for _ in range(20):
        assert result(world) == ("DISK_FULL", 0, "holder")
        world.pass_time(1.0)
    world.servers.disks = Disks()
    assert result(world) == ("OK", 0, "holder")
    world.pass_time(5.0)
    world.servers.disks = Disks(full="no room again")
    assert result(world) == ("DISK_FULL", 13, "holder")


def test_a_degraded_standby_is_not_marked() -> None:
    """It fails as long as it is degraded, and no longer."""
    world = standby()
    world.last_look, world.servers.disks = None, Disks(full="no room")
    world.network.holder = MAC
    assert result(world) == ("DISK_FULL", 13, "standby")
    assert world.gave_way is None


def test_two_writers() -> None:
    world = holder()
    world.last_look, world.a.access = None, OPEN
    assert result(world) == ("TWO_WRITERS", 17, "holder")
    assert world.b.access == CLOSED
    assert world.gave_way is not None


def test_two_writers_where_the_other_one_gives_way() -> None:
    world = holder()
    world.a.number, world.b.number = 2, 1
    world.last_look, world.a.access = None, OPEN
    assert result(world) == ("TWO_WRITERS", 0, "holder")
    assert world.b.access == OPEN
    assert world.gave_way is None
    check(world)
    assert result(world) == ("TWO_WRITERS", 17, "holder")
    assert world.b.access == CLOSED


@pytest.mark.parametrize("trouble", [REFUSED, MUTE])
def test_who_does_not_give_way(trouble: Exception) -> None:
    """A dead server gives the VIP away without the mark: restarted, it is as good as another."""
    world = holder()
    world.b.trouble = trouble
    world.servers.dead = {world.b.process}
    assert check(world).status
    assert world.gave_way is None


def test_nothing_is_closed_where_nothing_was_open() -> None:
    world = closed_holder()
    world.b.applier = "No"
    assert result(world) == ("APPLIER_STOPPED", 20, "standby")
    world.order("mark leaving")
    assert "flock to demote" not in world.log
    assert world.recorded == []


def test_a_mark_that_could_not_be_removed_is_something_to_close() -> None:
    """A hook has the lock, so it is not known whether it was opened since it was read as closed."""
    world = closed_holder()
    world.b.applier, world.open_mark, world.locked_by = "No", world.b.process, "demote"
    assert result(world) == ("APPLIER_STOPPED", 20, "standby")
    assert CLOSING in world.log
    assert world.open_mark is None


@pytest.mark.parametrize("role", [closed_holder, standby])
def test_a_failing_node_leaves(role: object) -> None:
    """On a standby too: the VIP may come at this very moment."""
    world = role()  # type: ignore[operator]
    world.b.applier = "No"
    check(world)
    assert world.node.marks.is_leaving()


@pytest.mark.parametrize("role", [holder, standby])
def test_a_good_node_does_not(role: object) -> None:
    world = role()  # type: ignore[operator]
    check(world)
    assert not world.node.marks.is_leaving()


def test_the_leaving_mark_is_renewed_after_closing() -> None:
    """Closing may take longer than the mark is fresh."""
    world = holder()
    world.b.trouble = MUTE
    world.node.config = world.node.config._replace(stuck_mysqld="kill")
    check(world)
    at = [place for place, line in enumerate(world.log) if line == "mark leaving"]
    assert len(at) == 2
    assert at[0] < world.index(SIGKILL) < at[1]


def test_a_promotion_at_work_on_a_failing_node() -> None:
    """Nothing is open yet; waited for, and seen that it has not opened, before this run ends."""
    world = closed_holder()
    world.b.trouble, world.locked_by = MUTE, "promote"

    def stands_aside() -> None:
        assert world.node.marks.is_leaving()
        world.locked_by = ""

    world.when("lock", stands_aside)
    assert result(world) == ("MYSQLD_HUNG", 11, "holder")
    world.order("mark leaving", "flock to demote", "unlock")


def test_a_promotion_has_opened_it_meanwhile() -> None:
    """Mute when it was asked, then it woke up and was opened: closed again before failing."""
    world = closed_holder()
    world.b.trouble, world.locked_by = MUTE, "promote"

    def opened() -> None:
        world.b.trouble, world.b.access = None, OPEN
        world.open_mark = world.b.process
        world.locked_by = ""

    world.when("lock", opened)
    assert check(world).status == 11
    assert world.b.access == CLOSED


@pytest.mark.parametrize("trouble", [MUTE, REFUSED])
def test_the_vip_came_while_this_run_looked(trouble: Exception) -> None:
    """As a standby it would fail, and the VIP would leave a server that is open by now."""
    world = standby()
    world.b.trouble = trouble

    def comes() -> None:
        world.vip, world.b.trouble, world.b.access, world.a.access = True, None, OPEN, CLOSED
        world.open_mark, world.opening_told = world.b.process, True

    world.when("B: connect", lambda: world.when("vip?", comes))
    assert result(world) == ("OK", 0, "holder")
    assert world.b.access == OPEN


def test_the_first_looks_session_is_ended() -> None:
    """It had one, and fails for what was seen by it; the second look is a holder's."""
    world = standby()
    world.b.applier = "No"

    def comes() -> None:
        world.vip, world.b.access, world.a.access = True, OPEN, CLOSED

    world.when("B: connect", lambda: world.when("vip?", comes))
    assert result(world) == ("APPLIER_STOPPED", 0, "holder")
    assert world.log.count("B: connect") == 2


def test_a_good_standby_is_not_looked_at_twice() -> None:
    """The VIP comes: its hook sees to it."""
    world = standby()
    world.when("B: SELECT", lambda: setattr(world, "vip", True))
    assert result(world) == ("OK", 0, "standby")
    assert world.log.count("B: connect") == 1


@pytest.mark.parametrize("vip", [True, False])
def test_a_promotion_that_began_after_the_verdict(vip: bool) -> None:
    """It stands aside for the leaving mark; without the VIP it is none of this run's business."""
    world = standby()
    world.b.applier = "No"
    real = world.node.marks.mark_failing

    def leaving() -> None:
        real()
        if not world.left_at or "flock to demote" in world.log:
            return
        world.vip = vip
        world.locked_by = "promote"
        world.when("lock", lambda: setattr(world, "locked_by", ""))

    world.node.marks.mark_failing = leaving  # type: ignore[method-assign]
    assert check(world).status == 20
    assert ("flock to demote" in world.log) == vip


def test_the_vip_came_after_the_verdict() -> None:
    """In the last moment: closed before this run ends, for keepalived will act on it."""
    world = standby()
    world.b.trouble = DENIED
    world.last_look = Look(100.0, alone=False)

    def comes() -> None:
        world.vip, world.b.trouble, world.b.access = True, None, OPEN
        world.open_mark = world.b.process

    marks: list[int] = []
    real = world.node.marks.mark_failing

    def leaving() -> None:
        real()
        if not marks:
            comes()
        marks.append(1)

    world.node.marks.mark_failing = leaving  # type: ignore[method-assign]
    assert check(world).status == 30
    assert world.b.access == CLOSED


# Closing because the VIP has left ----------------------------------------------------------------


def test_an_open_server_without_the_vip_is_closed() -> None:
    """notify_backup was killed, or never came."""
    world = holder()
    world.vip = False
    assert result(world) == ("OK", 0, "standby")
    assert world.b.access == CLOSED
    assert world.recorded[0]["cause"] == "check_mysql: OK"


def test_not_if_the_vip_is_just_coming() -> None:
    world = holder()
    world.vip = False

    def comes() -> None:
        world.vip = True

    world.when("lock", comes)
    assert check(world).status == 0
    assert world.b.access == OPEN


def test_not_while_a_hook_sees_to_it() -> None:
    world = holder()
    world.vip, world.locked_by = False, "demote"
    assert check(world).status == 0
    assert CLOSING not in world.log
    assert world.recorded == []


# What cannot be closed ---------------------------------------------------------------------------


def uncloseable(world: World) -> World:
    world.b.troubles["SET GLOBAL super_read_only"] = ServerError(1227, "you need SUPER")
    return world


def test_a_holder_that_cannot_be_closed_is_kept() -> None:
    """The other node could only open beside it."""
    world = uncloseable(gave_way(holder()))
    verdict = check(world)
    assert (verdict.reason, verdict.status, verdict.role) == ("GAVE_WAY", 0, "holder")
    assert "; kept, because the server cannot be closed: error 1227" in verdict.sentence
    assert world.vip
    check(world)
    assert len(world.recorded) == 1  # one alert for each reason


def test_a_standby_that_cannot_be_closed_still_fails() -> None:
    world = uncloseable(gave_way(holder()))
    world.vip = False
    assert result(world) == ("GAVE_WAY", 16, "standby")


def test_the_vip_comes_back_while_it_cannot_be_closed() -> None:
    """Without the VIP it may fail; with it, keepalived would take it from an open server."""
    world = uncloseable(holder())
    world.vip, world.b.applier = False, "No"

    def back() -> None:
        world.vip = True

    world.when(CLOSING, back)
    verdict = check(world)
    assert (verdict.reason, verdict.status) == ("APPLIER_STOPPED", 0)
    assert "; kept, because " in verdict.sentence


def test_one_that_is_stuck_gives_way() -> None:
    """stuck_mysqld = leave: the operator has chosen."""
    world = holder(stuck_mysqld="leave")
    world.b.trouble = MUTE
    assert result(world) == ("MYSQLD_HUNG", 11, "holder")
    assert world.recorded[0]["outcome"] == "stuck"


@pytest.mark.parametrize(
    ("trouble", "vip", "expected"),
    [
        (MUTE, True, 11),
        (REFUSED, True, 10),
        (None, True, 0),  # alive: kept
        (None, False, 16),
    ],
)
def test_fencing_itself_goes_wrong(
    monkeypatch: pytest.MonkeyPatch, trouble: Exception | None, vip: bool, expected: int
) -> None:
    """A dead server gives way all the same, no other does."""
    world = gave_way(holder())
    world.b.trouble, world.vip = trouble, vip

    def fails(*_: object) -> bool:
        raise RuntimeError("a bug")

    monkeypatch.setattr(world.node.lock, "try_to_take", fails)
    verdict = check(world)
    assert verdict.status == expected
    assert verdict.sentence.endswith("; unexpected RuntimeError: a bug")


@pytest.mark.parametrize("trouble", [DENIED, ServerError(1040, "too many"), DriverError("none")])
def test_unknown_stays(trouble: Exception) -> None:
    world = holder()
    world.b.trouble = trouble
    assert check(world).status == 0
    assert marked(world) == []
    assert world.b.access == OPEN


def test_a_process_of_before_is_not_killed() -> None:
    """The mark names the mysqld that was open; another one has taken its place and hangs."""
    world = holder()
    world.open_mark = Process(4712, 1)
    world.servers.dead = {Process(4712, 1)}
    world.b.trouble = MUTE
    assert result(world) == ("MYSQLD_HUNG", 11, "holder")
    assert SIGKILL not in world.log


def test_a_permit_withdrawn_just_now_is_not_given_back() -> None:
    """A switchover has withdrawn it; keepalived may not have read it yet."""
    world = holder()
    world.permit = False
    world.node.marks.mark_leaving()
    check(world)
    assert not world.permit
    world.pass_time(2.1)  # it was killed: what it withdrew has expired
    check(world)
    assert world.permit
