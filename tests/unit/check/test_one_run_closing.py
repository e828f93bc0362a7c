"""One run of the check: a node is closed before the VIP may leave it (simulation.py)."""

from __future__ import annotations

import pytest

from kachecks.mysql.disks import Disks
from kachecks.mysql.session import DriverError, ServerError
from kachecks.mysqld_process import Process
from kachecks.state.marks import Look
from kachecks.transitions.demotion import FRESH_LOOK
from tests.unit.doubles.check_runs import (
    BUG,
    CLOSING,
    DENIED,
    NO_ROOM,
    SUPER,
    Role,
    check,
    closed_holder,
    gave_way,
    holder,
    marked,
    result,
    standby,
)
from tests.unit.doubles.simulation import CLOSED, MUTE, OPEN, REFUSED, SERVER, SIGKILL, World

# Closing before the VIP may leave ----------------------------------------------------------------


def test_a_hung_holder_is_killed() -> None:
    """It has been mute for hung_after; one more look, then SIGKILL, then the failing verdict."""
    world = holder().but(b__trouble=MUTE)
    assert result(world) == ("MYSQLD_HUNG", 11, "holder")
    marks = [place for place, line in enumerate(world.log) if line == "mark leaving"]
    assert len(marks) == 2  # closing may take longer than it is fresh
    assert marks[0] < world.index(SIGKILL) < marks[1]
    assert world.time < 100 + 3 + FRESH_LOOK + 0.1
    assert world.recorded[0]["cause"] == "check_mysql: MYSQLD_HUNG"


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


@pytest.mark.parametrize(
    ("disks", "reason", "status"),
    [
        (NO_ROOM, "DISK_FULL", 13),
        (Disks(read_only="read-only"), "FILESYSTEM_READ_ONLY", 14),
        (Disks(mute="mute"), "WRITES_STALLED", 12),
    ],
)
def test_a_degraded_holder_gives_way_to_a_fit_peer(disks: Disks, reason: str, status: int) -> None:
    """Closed, and then marked, so that it does not come back the next second."""
    world = holder().but(last_look=None, servers__disks=disks)
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
    world = holder().but(vip=False)
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
