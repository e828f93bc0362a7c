"""One run of the check: a node is closed before the VIP may leave it (simulation.py)."""

from __future__ import annotations

import pytest

from kachecks.mysql.disks import Disks
from kachecks.mysql.session import DriverError, ServerError
from kachecks.mysqld_process import Process
from kachecks.state.marks import Look
from kachecks.state.signs import Sign, Signs
from kachecks.transitions.demotion import LAST_LOOK_AT_MUTE
from tests.unit.doubles.changing import failing
from tests.unit.doubles.check_runs import (
    BUG,
    CLOSING,
    DENIED,
    NO_ROOM,
    NO_RUN_DIR,
    SUPER,
    Role,
    check,
    closed_holder,
    cut_off,
    gave_way,
    holder,
    marked,
    result,
    standby,
)
from tests.unit.doubles.simulated_server import Client
from tests.unit.doubles.simulation import (
    CLOSED,
    MAC,
    MUTE,
    OPEN,
    REFUSED,
    SERVER,
    SIGKILL,
    SILENT,
    WITNESS,
    World,
    config,
)

# Closing before the VIP may leave ----------------------------------------------------------------


def test_a_hung_holder_is_killed() -> None:
    """It has been mute for hung_after; one more look, then SIGKILL, then the failing verdict."""
    world = holder().but(b__trouble=MUTE)
    assert result(world) == ("MYSQLD_HUNG", 11, "holder")
    marks = [place for place, line in enumerate(world.log) if line == "mark leaving"]
    assert len(marks) == 2  # closing may take longer than it is fresh
    assert marks[0] < world.index(SIGKILL) < marks[1]
    assert world.time < 100 + 3 + LAST_LOOK_AT_MUTE + 0.1
    said = [(entry["outcome"], entry["cause"]) for entry in world.recorded]
    assert said == [
        ("killing", "stuck_mysqld = kill"),  # at once: whoever kills may be killed before the end
        ("killed", "check_mysql: MYSQLD_HUNG"),
    ]


def test_a_hung_standby_is_left_alone() -> None:
    world = standby().but(b__trouble=MUTE)
    assert result(world) == ("MYSQLD_HUNG", 11, "standby")
    assert world.log.count("B: connect") == 1
    assert SIGKILL not in world.log
    assert world.recorded == []


def test_a_dead_holder() -> None:
    world = holder().but(b__trouble=REFUSED, servers__dies_after=101.0)
    assert result(world) == ("MYSQLD_DOWN", 10, "holder")
    assert world.time >= 101.0  # it has ended, and not only closed its port
    assert world.open_mark is None
    assert SIGKILL not in world.log


CHILD = Process(99, 1234)


@pytest.mark.parametrize(
    ("disks", "reason", "status"),
    [
        (NO_ROOM, "DISK_FULL", 13),
        (Disks(read_only="read-only"), "FILESYSTEM_READ_ONLY", 14),
        (Disks(mute=CHILD), "WRITES_STALLED", 12),
    ],
)
def test_a_degraded_holder_gives_way_to_a_fit_peer(disks: Disks, reason: str, status: int) -> None:
    """Closed, and then marked, so that it does not come back the next second."""
    world = holder().but(last_look=None, servers__disks=disks)
    mute_for_long = Sign(f"disk {CHILD.pid} {CHILD.started}", world.time - 10.0, looks=9)
    world.node.marks.remember_signs(Signs((mute_for_long,)))
    verdict = check(world)
    assert (verdict.reason, verdict.status, verdict.role) == (reason, status, "holder")
    assert world.gave_way is not None
    assert world.gave_way.why == f"{reason}: {verdict.sentence}"
    world.order("mark leaving", CLOSING, "mark gave way")
    assert world.b.access == CLOSED


@pytest.mark.parametrize(
    ("since", "applier", "status"),
    [(98.0, "Yes", 0), (96.0, "Yes", 13), (0.0, "Yes", 0), (96.0, "No", 0)],
)
def test_a_degraded_holder_is_kept_until_the_peers_own_check_knows_it_fit(
    since: float, applier: str, status: int
) -> None:
    """Fit as this one sees it: the peer's check needs two good runs to see it too."""
    last = Look(95.0, alone=False, fit_since=since)
    world = holder().but(last_look=last, servers__disks=NO_ROOM, a__applier=applier)
    assert result(world) == ("DISK_FULL", status, "holder")
    assert (world.gave_way is None) == (status == 0)
    assert world.b.access == (CLOSED if status else OPEN)


def test_two_full_nodes_do_not_take_turns() -> None:
    """Its disk was full before it got the VIP: the other one is no better for looking fit."""
    world = standby().but(last_look=None, servers__disks=NO_ROOM)
    assert result(world) == ("DISK_FULL", 0, "standby")
    world.but(vip=True, b__access=OPEN, a__access=CLOSED, open_mark=SERVER, opening_told=True)
    for _ in range(20):
        assert result(world) == ("DISK_FULL", 0, "holder")
        world.pass_time(1.0)
    assert result(world.but(servers__disks=Disks())) == ("OK", 0, "holder")
    world.pass_time(5.0)
    assert result(world.but(servers__disks=NO_ROOM)) == ("DISK_FULL", 13, "holder")


def test_two_writers() -> None:
    world = holder().but(last_look=None, a__access=OPEN)
    assert result(world) == ("TWO_WRITERS", 17, "holder")
    assert world.b.access == CLOSED
    assert world.gave_way is not None


def test_two_writers_where_the_other_one_gives_way() -> None:
    world = holder().but(a__number=2, b__number=1, last_look=None, a__access=OPEN)
    assert result(world) == ("TWO_WRITERS", 0, "holder")
    assert world.b.access == OPEN
    assert world.gave_way is None
    check(world)
    assert result(world) == ("TWO_WRITERS", 17, "holder")
    assert world.b.access == CLOSED


@pytest.mark.parametrize("trouble", [REFUSED, MUTE])
def test_who_does_not_give_way(trouble: Exception) -> None:
    """A dead server gives the VIP away without the mark: restarted, it is as good as another."""
    world = holder().but(b__trouble=trouble, servers__dead={SERVER})
    assert check(world).status
    assert world.gave_way is None


def test_nothing_is_closed_where_nothing_was_open() -> None:
    world = closed_holder().but(b__applier="No")
    assert result(world) == ("APPLIER_STOPPED", 20, "standby")
    world.order("mark leaving")
    assert "flock to demote" not in world.log
    assert world.recorded == []


def test_a_mark_that_could_not_be_removed_is_something_to_close() -> None:
    """A hook has the lock, so it is not known whether it was opened since it was read as closed."""
    world = closed_holder().but(b__applier="No", open_mark=SERVER, locked_by="demote")
    assert result(world) == ("APPLIER_STOPPED", 20, "standby")
    assert CLOSING in world.log
    assert world.open_mark is None


@pytest.mark.parametrize("role", [closed_holder, standby])
def test_a_failing_node_leaves(role: Role) -> None:
    """On a standby too: the VIP may come at this very moment."""
    world = role().but(b__applier="No")
    check(world)
    assert world.leaving


def test_a_promotion_at_work_on_a_failing_node() -> None:
    """Nothing is open yet; waited for, and seen that it has not opened, before this run ends."""
    world = closed_holder().but(b__trouble=MUTE, locked_by="promote")
    leaving: list[bool] = []  # for which it stands aside
    world.when("lock", lambda: leaving.append(world.leaving), locked_by="")
    assert result(world) == ("MYSQLD_HUNG", 11, "holder")
    assert leaving == [True]
    world.order("mark leaving", "flock to demote", "unlock")


def test_a_promotion_has_opened_it_meanwhile() -> None:
    """Mute when it was asked, then it woke up and was opened: closed again before failing."""
    world = closed_holder().but(b__trouble=MUTE, locked_by="promote")
    world.when("lock", **OPENED, locked_by="")
    assert check(world).status == 11
    assert world.b.access == CLOSED


OPENED = {"b__trouble": None, "b__access": OPEN, "open_mark": SERVER}


@pytest.mark.parametrize("trouble", [MUTE, REFUSED])
def test_the_vip_came_while_this_run_looked(trouble: Exception) -> None:
    """As a standby it would fail, and the VIP would leave a server that is open by now."""
    world = standby().but(b__trouble=trouble)
    comes = world.then("vip?", **OPENED, vip=True, opening_told=True, a__access=CLOSED)
    world.when("B: connect", comes)
    assert result(world) == ("OK", 0, "holder")
    assert world.b.access == OPEN


def test_the_first_looks_session_is_ended() -> None:
    """It had one, and fails for what was seen by it; the second look is a holder's."""
    world = standby().but(b__applier="No")
    world.when("B: connect", world.then("vip?", vip=True, b__access=OPEN, a__access=CLOSED))
    assert result(world) == ("APPLIER_STOPPED", 0, "holder")
    assert world.log.count("B: connect") == 2


def test_a_good_standby_is_not_looked_at_twice() -> None:
    """The VIP comes: its hook sees to it."""
    world = standby()
    world.when("B: SELECT", vip=True)
    assert result(world) == ("OK", 0, "standby")
    assert world.log.count("B: connect") == 1


@pytest.mark.parametrize("vip", [True, False])
def test_a_promotion_that_began_after_the_verdict(vip: bool) -> None:
    """It stands aside for the leaving mark; without the VIP it is none of this run's business."""
    world = standby().but(b__applier="No")
    ends = world.then("lock", locked_by="")
    world.when("mark leaving", ends, vip=vip, locked_by="promote")
    assert check(world).status == 20
    assert ("flock to demote" in world.log) == vip


def test_the_vip_came_after_the_verdict() -> None:
    """In the last moment: closed before this run ends, for keepalived will act on it."""
    world = standby().but(b__trouble=DENIED, last_look=Look(100.0, alone=False))
    world.when("mark leaving", **OPENED, vip=True)
    assert check(world).status == 30
    assert world.b.access == CLOSED


# Closing because the VIP has left ----------------------------------------------------------------


def test_an_open_server_without_the_vip_is_closed() -> None:
    """notify_backup was killed, or never came."""
    world = holder().but(vip=False, network__holder=MAC)
    assert result(world) == ("OK", 0, "standby")
    assert world.b.access == CLOSED
    assert world.recorded[0]["cause"] == "check_mysql: OK"


def test_not_if_the_vip_is_just_coming() -> None:
    world = holder().but(vip=False)
    world.when("lock", vip=True)
    assert check(world).status == 0
    assert world.b.access == OPEN


def test_not_while_a_hook_sees_to_it() -> None:
    world = holder().but(vip=False, locked_by="demote")
    assert check(world).status == 0
    assert CLOSING not in world.log
    assert world.recorded == []


TWO_VIPS = "10.0.0.100, 10.0.0.101"


def some_of_two(role: Role) -> World:
    world = role().but(vip=False, network__missing=("10.0.0.101",))
    return world.but(node__config=config(vip=TWO_VIPS))


def test_some_of_the_vips_are_here() -> None:
    """The option file names one more than keepalived has: nothing is closed for that."""
    world = some_of_two(holder)
    verdict = check(world)
    assert (verdict.reason, verdict.status, verdict.role) == ("UNKNOWN", 0, "holder")
    assert "10.0.0.101 is not on this host" in verdict.sentence
    assert "virtual_ipaddress" in verdict.sentence
    assert world.b.access == OPEN
    assert world.recorded == []


def test_some_of_the_vips_are_here_and_its_server_has_died() -> None:
    """It holds what there is of them."""
    world = some_of_two(holder).but(b__trouble=REFUSED, servers__dead={SERVER})
    assert result(world) == ("MYSQLD_DOWN", 10, "holder")


def test_some_of_the_vips_are_on_a_closed_node() -> None:
    """No promotion opens it: keepalived is to let go of them."""
    assert result(some_of_two(standby)) == ("UNKNOWN", 30, "standby")


@pytest.mark.parametrize("left", [(), ("10.0.0.100", "10.0.0.101")])
def test_the_vips_are_just_coming_or_leaving(left: tuple[str, ...]) -> None:
    """One after another: one look proves nothing."""
    world = some_of_two(holder).but(a__access=OPEN)
    world.when("sleep", network__missing=left, vip=not left)
    assert check(world).reason == "OK"
    assert world.b.access == (CLOSED if left else OPEN)


def test_with_the_vip_here_or_only_one_of_it_nobody_looks_twice() -> None:
    for world in (holder(), holder(vip=TWO_VIPS), standby()):
        assert check(world).reason == "OK"
        assert "missing?" not in world.log


def test_closed_for_a_vip_that_is_nowhere() -> None:
    """The option file names another VIP than keepalived has: the other node takes over."""
    world = holder().but(vip=False)
    verdict = check(world)
    assert (verdict.reason, verdict.status) == ("GAVE_WAY", 16)
    assert "is vip in k.cnf the address in keepalived.conf?" in verdict.sentence
    assert world.b.access == CLOSED
    assert world.gave_way is not None
    world.pass_time(1.0)
    assert result(world) == ("GAVE_WAY", 16, "standby")


@pytest.mark.parametrize(
    "changes",
    [
        {"network__holder": MAC},
        {"a__access": OPEN},
        {"a__trouble": SILENT},
        {"opening_told": False},  # it came up open, and has never served
    ],
)
def test_no_reason_to_give_way(changes: dict[str, object]) -> None:
    world = holder().but(vip=False, **changes)
    assert result(world) == ("OK", 0, "standby")
    assert world.b.access == CLOSED
    assert world.gave_way is None


@pytest.mark.parametrize(
    "changes",
    [{"vip": True}, {"network__holder": MAC}, {"a__access": OPEN}, {"leaving": True}],
)
def test_the_vip_is_somewhere_a_moment_later(changes: dict[str, object]) -> None:
    world = holder().but(vip=False)
    world.when("holder?", world.then("sleep", **changes))
    assert check(world).status == 0
    assert world.gave_way is None


def test_the_vip_comes_as_it_gives_way() -> None:
    world = holder().but(vip=False)
    world.when("mark gave way", vip=True)
    assert check(world).status == 0
    assert world.gave_way is None
    assert not world.leaving


def test_who_has_the_vip_cannot_be_told() -> None:
    world = holder().but(vip=False)
    world.network.errors["holder?"] = PermissionError("not allowed")
    assert result(world) == ("OK", 0, "standby")


# What cannot be closed ---------------------------------------------------------------------------


def uncloseable(world: World) -> World:
    return world.but(b__troubles={"SET GLOBAL super_read_only": SUPER})


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
    world = uncloseable(gave_way(holder())).but(vip=False)
    assert result(world) == ("GAVE_WAY", 16, "standby")


def test_the_vip_comes_back_while_it_cannot_be_closed() -> None:
    """Without the VIP it may fail; with it, keepalived would take it from an open server."""
    world = uncloseable(holder()).but(vip=False, b__applier="No")
    world.when(CLOSING, vip=True)
    verdict = check(world)
    assert (verdict.reason, verdict.status) == ("APPLIER_STOPPED", 0)
    assert "; kept, because " in verdict.sentence


def test_one_that_is_stuck_gives_way() -> None:
    """stuck_mysqld = leave: the operator has chosen."""
    world = holder(stuck_mysqld="leave").but(b__trouble=MUTE)
    assert result(world) == ("MYSQLD_HUNG", 11, "holder")
    assert world.recorded[0]["outcome"] == "stuck"


@pytest.mark.parametrize(
    ("trouble", "vip", "expected"),
    [(MUTE, True, 11), (REFUSED, True, 10), (None, True, 0), (None, False, 16)],
)
def test_fencing_itself_goes_wrong(trouble: Exception | None, vip: bool, expected: int) -> None:
    """A dead server gives way all the same; one that is alive keeps the VIP."""
    world = gave_way(holder()).but(b__trouble=trouble, vip=vip, node__lock__try_to_take=BUG)
    verdict = check(world)
    assert verdict.status == expected
    assert verdict.sentence.endswith("; unexpected RuntimeError: a bug")


@pytest.mark.parametrize("trouble", [DENIED, ServerError(1040, "too many"), DriverError("none")])
def test_unknown_stays(trouble: Exception) -> None:
    world = holder().but(b__trouble=trouble)
    assert check(world).status == 0
    assert marked(world) == []
    assert world.b.access == OPEN


def test_a_process_of_before_is_not_killed() -> None:
    """The mark names the mysqld that was open; another one has taken its place and hangs."""
    before = Process(4712, 1)
    world = holder().but(open_mark=before, servers__dead={before}, b__trouble=MUTE)
    assert result(world) == ("MYSQLD_HUNG", 11, "holder")
    assert SIGKILL not in world.log


def test_a_permit_withdrawn_just_now_is_not_given_back() -> None:
    """A switchover has withdrawn it; keepalived may not have read it yet."""
    world = holder().but(permit=False)
    world.node.marks.mark_leaving()
    check(world)
    assert not world.permit
    world.pass_time(2.1)  # it was killed: what it withdrew has expired
    check(world)
    assert world.permit


# Which process it is cannot be told ---------------------------------------------------------------


def by_tcp(**options: str) -> World:
    """An active node as its last check has seen it, over TCP or from another pid namespace."""
    world = holder(**options).but(servers__process_known=False, open_mark=None, last_server=None)
    assert check(world).status == 0
    return world


def test_isolated_and_its_process_unknown() -> None:
    world = cut_off(by_tcp(witness=WITNESS))
    assert result(world) == ("ISOLATED", 15, "holder")
    assert world.b.access == CLOSED


def test_no_connection_is_left_and_its_process_unknown() -> None:
    """It cannot be closed, so it is kept."""
    world = by_tcp(too_many_connections="fail").but(b__trouble=ServerError(1040, "too many"))
    assert result(world) == ("TOO_MANY_CONNECTIONS", 0, "holder")
    world.when("mark leaving", world.then("lock", b__trouble=None))
    assert result(world) == ("TOO_MANY_CONNECTIONS", 25, "holder")
    assert world.b.access == CLOSED


def test_hung_and_its_process_unknown() -> None:
    """Nothing can be done for it: failures.md says so."""
    world = by_tcp().but(b__trouble=MUTE)
    assert result(world) == ("MYSQLD_HUNG", 11, "holder")
    assert world.recorded[-1]["outcome"] == "stuck"


def test_marks_that_cannot_be_used_tell_nothing() -> None:
    """Without them it is not known whether this node was open: closed before the VIP leaves."""
    world = cut_off(holder(witness=WITNESS)).but(open_mark=None, files__error=NO_RUN_DIR)
    assert result(world) == ("ISOLATED", 15, "holder")
    assert world.b.access == CLOSED


# It lives, and cannot be reached ------------------------------------------------------------------


@pytest.mark.parametrize(("role", "status"), [(holder, 0), (standby, 30)])
def test_a_missing_socket_file_is_not_death(role: Role, status: int) -> None:
    world = role().but(last_server=SERVER, b__trouble=REFUSED, servers__listening="/bound.sock")
    verdict = check(world)
    assert (verdict.reason, verdict.status) == ("UNKNOWN", status)
    assert "lives and listens on /bound.sock" in verdict.sentence
    assert SIGKILL not in world.log


def test_one_that_shuts_down_listens_for_a_moment() -> None:
    world = holder().but(last_server=SERVER, b__trouble=REFUSED, servers__listening="/bound.sock")
    world.but(servers__dies_after=102.0).when("sleep", servers__listening="")
    assert result(world) == ("MYSQLD_DOWN", 10, "holder")
    assert world.time >= 102.0


# It may not be killed -----------------------------------------------------------------------------


@pytest.mark.parametrize("trouble", [REFUSED, MUTE])
def test_the_vip_stays_until_a_server_that_may_not_be_killed_has_ended(trouble: Exception) -> None:
    """keepalived's unit lacks CAP_KILL."""
    world = holder().but(last_server=SERVER, b__trouble=trouble, servers__may_kill=False)
    verdict = check(world.but(a__receiver="Connecting"))
    assert verdict.status == 0
    assert "CAP_KILL" in verdict.sentence
    world.but(b__trouble=REFUSED, servers__dead={SERVER})
    assert result(world) == ("MYSQLD_DOWN", 10, "holder")


def test_a_cut_off_node_leaves_though_it_may_not_kill() -> None:
    """Its peer opens by the clock."""
    world = cut_off(holder(witness=WITNESS)).but(b__trouble=MUTE, servers__may_kill=False)
    assert result(world) == ("ISOLATED", 15, "holder")


def test_closing_waits_for_no_peer() -> None:
    """While the VIP is elsewhere: whatever it says, and however long that takes."""
    world = standby().but(b__access=OPEN, last_look=None)
    world.servers.connect_peer = failing(AssertionError("asked"))  # type: ignore[method-assign]
    verdict = check(world)
    assert world.b.access == CLOSED
    assert (verdict.status, "asked" in verdict.sentence) == (30, False)
    world.servers.connect_peer = failing(ValueError("1-1-x"))  # type: ignore[method-assign]
    assert "unexpected ValueError: 1-1-x" in check(world).sentence  # the next run looks closer


@pytest.mark.parametrize(
    "part", ["node__marks__gave_way", "node__current_maintenance", "node__marks__remember_server"]
)
def test_what_nobody_has_thought_of_does_not_either(part: str) -> None:
    """In what is looked at besides the server, and in what is remembered of it."""
    world = holder().but(vip=False, **{part: BUG})
    verdict = check(world)
    assert verdict.reason == "UNKNOWN"
    assert "unexpected RuntimeError: a bug" in verdict.sentence
    assert world.b.access == CLOSED


def test_who_only_looks_gets_the_error_itself() -> None:
    """With -v it shows where it has come from."""
    with pytest.raises(RuntimeError, match="a bug"):
        check(holder().but(node__marks__gave_way=BUG), act=False)


def test_one_that_comes_while_a_promotion_is_finished() -> None:
    world = closed_holder()
    world.when("sleep", servers__connect_peer=failing(ValueError("1-1-x")))
    assert "unexpected ValueError: 1-1-x" in check(world).sentence


def test_a_standby_that_cannot_be_closed_is_not_well() -> None:
    """The VIP is elsewhere, and the server is open: that is all that this run has looked at."""
    world = standby(stuck_mysqld="leave").but(b__access=OPEN)
    world.b.add(Client("app", blocks=True, unkillable=True))
    verdict = check(world)
    assert (world.b.access, verdict.status) == (OPEN, 30)
