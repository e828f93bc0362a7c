"""One run of the check: what it keeps for the next one, and finishes for a hook (simulation.py)."""

from __future__ import annotations

import pytest

from kachecks.mysql.session import Lost
from kachecks.mysqld_process import Process
from kachecks.state.marks import Look
from kachecks.transitions.giving_way import CLOSED_FOR
from tests.unit.doubles.changing import failing
from tests.unit.doubles.check_runs import (
    CLOSING,
    DENIED,
    NO_ROOM,
    NO_RUN_DIR,
    Role,
    check,
    closed_holder,
    holder,
    result,
    standby,
)
from tests.unit.doubles.simulated_server import CLOSED, OPEN
from tests.unit.doubles.simulation import MARIADB12, MUTE, REFUSED, SERVER, SIGKILL, SILENT, World

# What is kept for the next run -------------------------------------------------------------------


@pytest.mark.parametrize(("channels", "socket"), [(1, "/s.sock"), (0, "")])
def test_the_socket_of_a_server_of_ours_is_remembered(channels: int, socket: str) -> None:
    """Where the option file names none, no other one is tried from then on."""
    world = standby().but(last_server=None, b__channels=channels)
    check(world)
    assert world.node.marks.last_sockets() == (socket, "/bound.sock")


def test_a_good_check_remembers_the_mysqld() -> None:
    world = standby().but(last_server=None)
    check(world)
    assert world.last_server == SERVER


@pytest.mark.parametrize(
    ("changes", "contact", "reason"),
    [
        ({}, True, "OK"),
        ({"received": 4, "applied": 4}, False, "LAG"),  # 0 s behind, says the receiver
        ({"applied": 2, "applies": 0}, True, "OK"),  # the rest is in the relay log
        ({"lag": "31"}, True, "OK"),  # disproved by GTIDs
        ({"lag": "31", "applied": 2, "applies": 0}, True, "LAG"),
        ({"lag": None}, True, "OK"),
        ({"receiver": "Connecting"}, True, "RECEIVER_STOPPED"),
        ({"receiver": "Connecting", "received": 4, "applied": 4}, False, "RECEIVER_STOPPED"),
        ({"channels": 0}, False, "NOT_REPLICATING"),
    ],
)
def test_what_contact_is(changes: dict[str, object], contact: bool, reason: str) -> None:
    """Everything has been received that the peer has, whatever the threads say."""
    world = standby().but(b__deaf=True, had_contact=False, alone=True)
    world.b.but(**changes)
    verdict = check(world)
    assert (verdict.reason, verdict.status == 0) == (reason, reason == "OK")
    assert world.had_contact == contact
    assert world.alone != contact


def test_contact_is_looked_for_at_each_check_until_there_is_one() -> None:
    """And then again after a restart of mysqld."""
    world = standby().but(had_contact=False, b__deaf=True, a__made=40)
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
    world = holder().but(had_contact=False, b__deaf=True, a__made=40)
    assert result(world) == ("OK", 0, "holder")
    assert not world.had_contact


def test_an_open_server_is_marked() -> None:
    """By whomever it was opened."""
    world = holder().but(open_mark=None)
    assert result(world) == ("OK", 0, "holder")
    assert world.open_mark == SERVER


def test_a_closed_server_loses_the_mark() -> None:
    world = standby().but(open_mark=SERVER)
    assert result(world) == ("OK", 0, "standby")
    assert world.open_mark is None
    world.order("flock to check", "unmark", "unlock")
    assert CLOSING not in world.log


@pytest.mark.parametrize(
    "meanwhile",
    [
        {"locked_by": "promote"},  # a promotion writes the mark right before it opens
        {"b__access": OPEN},
        {"b__troubles": {"@@global.read_only": Lost("gone")}},
    ],
)
def test_not_unless_it_is_read_back_under_the_lock(meanwhile: dict[str, object]) -> None:
    world = closed_holder().but(open_mark=SERVER)
    world.when("lock", **meanwhile)
    check(world)
    assert world.open_mark == SERVER


@pytest.mark.parametrize("mark", [SERVER, None])
def test_closed_for_most_is_not_closed(mark: Process | None) -> None:
    """Administrators may write: the mark stays, and the node is closed to all."""
    world = World(MARIADB12).but(vip=False, b__read_only="ON", open_mark=mark)
    assert check(world.but(last_look=Look(0.0, alone=False))).status == 0
    assert world.b.globals()["read_only"] == "NO_LOCK_NO_ADMIN"
    assert world.open_mark is None


def test_an_opening_that_nobody_told() -> None:
    """Its hook was killed right after it."""
    world = holder().but(opening_told=False)
    check(world)
    (entry,) = world.recorded
    assert (entry["outcome"], entry["cause"], entry["problem"]) == ("opened", "check_mysql", False)
    check(world)
    assert len(world.recorded) == 1


@pytest.mark.parametrize("changes", [{"locked_by": "promote"}, {"vip": False}])
def test_an_opening_that_somebody_else_tells_of(changes: dict[str, object]) -> None:
    world = holder().but(opening_told=False, **changes)
    check(world)
    assert "opened" not in [entry["outcome"] for entry in world.recorded]


@pytest.mark.parametrize(
    ("role", "trouble", "expected"),
    [
        (holder, None, ("UNKNOWN", 0)),
        (standby, None, ("UNKNOWN", 30)),
        (closed_holder, None, ("UNKNOWN", 30)),
        (holder, REFUSED, ("MYSQLD_DOWN", 10)),
        (standby, MUTE, ("MYSQLD_HUNG", 11)),
    ],
)
def test_without_a_run_directory(
    role: Role, trouble: Exception | None, expected: tuple[str, int]
) -> None:
    """It could neither fence nor promote: people are told, and a dead server still gives way."""
    world = role().but(b__trouble=trouble, servers__dead={SERVER})
    world.but(files__texts={}, files__error=NO_RUN_DIR)
    verdict = check(world)
    assert (verdict.reason, verdict.status) == expected
    assert (str(NO_RUN_DIR) in verdict.sentence) == (trouble is None)
    assert "start promotion" not in world.log


@pytest.mark.parametrize(
    ("role", "expected"), [(holder, ("DISK_FULL", 0)), (closed_holder, ("UNKNOWN", 30))]
)
def test_what_keeps_a_node_does_not_hide_that_it_cannot_promote(
    role: Role, expected: tuple[str, int]
) -> None:
    """Its disk is full as well: an open node keeps the VIP, of a closed one nobody has anything."""
    world = role().but(servers__disks=NO_ROOM, last_look=None, a__receiver="No")
    world.but(
        node__marks__note_unopened=failing(NO_RUN_DIR), node__marks__mark_open=failing(NO_RUN_DIR)
    )
    verdict = check(world)
    assert (verdict.reason, verdict.status) == expected
    assert "start promotion" not in world.log


# What a hook has left undone ---------------------------------------------------------------------


@pytest.mark.parametrize("trouble", [None, REFUSED, SILENT, MUTE, DENIED])
def test_a_promotion_that_was_cut_short_is_started_again(trouble: Exception | None) -> None:
    world = closed_holder().but(a__trouble=trouble, b__receiver="Connecting" if trouble else "Yes")
    verdict = check(world)
    assert (verdict.reason, verdict.status) == ("OK", 0)
    assert world.log.count("start promotion") == 1
    assert world.time >= 100.0 + CLOSED_FOR
    assert world.gave_way is None


def test_superseded() -> None:
    """The peer is open: it took over. Closed already, so there is nothing more to close."""
    world = closed_holder().but(a__access=OPEN)
    why = "the VIP is here, but this server is closed and the peer is open: it took over"
    assert check(world) == ("GAVE_WAY", 16, why, "standby")
    assert world.gave_way is not None
    assert world.gave_way.why == why
    assert "start promotion" not in world.log
    assert "mark leaving" in world.log
    assert world.time >= 100.0 + CLOSED_FOR


def fenced() -> World:
    """It was open at the last look; the peer has closed it over SQL, and opened."""
    return holder().but(b__access=CLOSED, a__access=OPEN)


def test_fenced() -> None:
    """It is watched as long as any other: what was seen open may be a holder's of long ago, whose
    VIP has just come back, with a notify_master about to start."""
    world = fenced()
    assert result(world) == ("GAVE_WAY", 16, "standby")
    assert 100.0 + CLOSED_FOR <= world.time < 100.0 + CLOSED_FOR + 0.2
    assert world.open_mark is None
    assert world.gave_way is not None
    assert SIGKILL not in world.log


@pytest.mark.parametrize(("purpose", "role"), [("promote", "holder"), ("demote", "standby")])
@pytest.mark.parametrize("access", [OPEN, CLOSED])
def test_a_hook_is_at_work(purpose: str, role: str, access: str) -> None:
    world = closed_holder().but(locked_by=purpose, a__access=access)
    verdict = check(world)
    assert (verdict.status, verdict.role) == (0, role)
    assert "start promotion" not in world.log
    assert world.gave_way is None


@pytest.mark.parametrize(
    "change",
    [
        {"locked_by": "promote"},  # notify_master of a fresh holder needs a moment
        {"locked_by": "demote"},
        {"leaving": True},  # notify_down is on its way out
        {"b__access": OPEN},
        {"vip": False},
    ],
)
@pytest.mark.parametrize("at", [0.0, 0.1, 0.9])
@pytest.mark.parametrize("access", [OPEN, CLOSED])
@pytest.mark.parametrize("role", [closed_holder, fenced])
def test_one_that_gets_to_work_before_the_second_is_over(
    role: Role, access: str, at: float, change: dict[str, object]
) -> None:
    world = role().but(a__access=access)
    world.when("sleep", **change, after=100.0 + at)
    assert check(world).status == 0
    assert "start promotion" not in world.log
    assert world.gave_way is None


@pytest.mark.parametrize("trouble", [None, SILENT, REFUSED, MUTE])
def test_closed_by_whomever_beside_a_peer_that_is_not_open(trouble: Exception | None) -> None:
    """mysqld was restarted in place, say: watched for a second, then promoted again."""
    world = fenced().but(a__access=CLOSED, a__trouble=trouble)
    assert check(world).status == 0
    assert "start promotion" in world.log
    assert world.gave_way is None
    assert world.time >= 100.0 + CLOSED_FOR


def test_superseded_and_that_cannot_be_noted() -> None:
    """It gives way all the same, and looks anew at the next check."""
    world = closed_holder().but(a__access=OPEN, node__marks__mark_gave_way=failing(NO_RUN_DIR))
    assert check(world).status == 16


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"b__applier": "No", "b__applier_errno": 1062}, ("APPLIER_STOPPED", 20, "standby")),
        ({"b__trouble": DENIED}, ("UNKNOWN", 0, "holder")),
    ],
)
def test_who_is_not_promoted(changes: dict[str, object], expected: tuple[str, int, str]) -> None:
    world = closed_holder().but(**changes)
    assert result(world) == expected
    assert "start promotion" not in world.log
    assert world.time < 100.5


@pytest.mark.parametrize(
    ("peer", "status"),
    [({"a__trouble": None}, 20), ({"a__access": CLOSED}, 0), ({"a__trouble": SILENT}, 0)],
)
def test_an_applier_that_waited_for_a_lock_too_long(peer: dict[str, object], status: int) -> None:
    """The peer is asked whether it is open, although nothing of the closer look is due."""
    world = standby().but(b__applier="No", b__applier_errno=1205, **peer)
    assert result(world)[:2] == ("APPLIER_STOPPED", status)
