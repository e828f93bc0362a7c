"""One run of the check: whom it asks, and when (simulation.py).

Node B runs it. What each finding means is the verdict's business (test_verdict.py), what is found
a leaf's.
"""

from __future__ import annotations

import pytest

from kachecks.check.one_run import ISOLATED_PATIENCE
from kachecks.mysql.disks import Disks
from kachecks.mysql.session import ServerError
from kachecks.state.files import TROUBLE, StateError
from kachecks.state.marks import GaveWay, Look
from kachecks.transitions.giving_way import HOLD
from tests.unit.doubles.changing import failing
from tests.unit.doubles.check_runs import (
    BOTH,
    BUG,
    CLOSING,
    DENIED,
    NO_ROOM,
    NO_RUN_DIR,
    SUPER,
    Role,
    asked_peer,
    check,
    closed_holder,
    cut_off,
    gave_way,
    holder,
    marked,
    result,
    standby,
)
from tests.unit.doubles.simulated_server import CLOSED, OPEN, Client
from tests.unit.doubles.simulation import (
    MAC,
    MUTE,
    REFUSED,
    SERVER,
    SIGKILL,
    SILENT,
    WITNESS,
    config,
)

# All is well -------------------------------------------------------------------------------------


@BOTH
def test_healthy(role: Role) -> None:
    world = role()
    assert result(world) == ("OK", 0, role.__name__)
    assert marked(world) == []  # nothing is closed, started or said to leave
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


TROUBLED: list[tuple[Role, dict[str, object]]] = [
    (holder, {"last_look": None, "a__access": OPEN}),  # two writers
    (standby, {"b__access": OPEN}),  # open without the VIP
    (closed_holder, {"a__access": OPEN}),  # superseded
    (holder, {"node__config": config(witness=WITNESS), "network__echo": set()}),  # isolated
    (holder, {"b__trouble": MUTE}),
    (standby, {"gave_way": GaveWay(0.0, "why"), "network__adverts": True}),  # may return
    (standby, {"had_contact": False, "alone": True}),  # first contact
]


@pytest.mark.parametrize("act", [True, False])
@pytest.mark.parametrize(("role", "changes"), TROUBLED)
def test_without_act_nothing_is_changed(role: Role, changes: dict[str, object], act: bool) -> None:
    """And with it something is: proof that this test can fail."""
    world = role().but(**changes)
    before = dict(world.files.texts), dict(world.disk.texts), set(world.servers.dead)
    check(world, act)
    assert (marked(world) != []) == act
    assert world.locked_by == ""
    if not act:
        assert before == (world.files.texts, world.disk.texts, world.servers.dead)
        assert world.recorded == []


# Isolated ----------------------------------------------------------------------------------------


def test_an_isolated_holder_closes_itself_first_of_all() -> None:
    world = cut_off(holder(witness=WITNESS))
    assert result(world) == ("ISOLATED", 15, "holder")
    assert world.b.access == CLOSED
    assert world.open_mark is None
    assert world.time < 102.2
    world.order(f"echo 10.0.0.1 {WITNESS}?", "mark leaving", CLOSING)
    assert world.log.count("B: connect") == 1  # by the demotion alone
    assert not asked_peer(world)
    assert world.recorded[0]["cause"] == "check_mysql: ISOLATED"
    assert world.gave_way is None  # when the network is back, VRRP decides


@pytest.mark.parametrize("trouble", [MUTE, DENIED, ServerError(1040, "too many connections")])
def test_an_isolated_server_that_will_not_close_is_killed_in_time(trouble: Exception) -> None:
    """The other node opens by the clock, whatever the reason: a second after isolation_timeout."""
    assert ISOLATED_PATIENCE == 1.0
    world = cut_off(holder(witness=WITNESS)).but(b__trouble=trouble)
    assert result(world) == ("ISOLATED", 15, "holder")
    assert SIGKILL in world.log
    assert world.time <= 102.0 + ISOLATED_PATIENCE + 0.1


@pytest.mark.parametrize(
    ("changes", "role"), [({"locked_by": "promote"}, "holder"), ({"vip": False}, "standby")]
)
def test_isolated_and_open(changes: dict[str, object], role: str) -> None:
    """A hook has the lock, or the VIP is gone: closed all the same."""
    world = cut_off(holder(witness=WITNESS)).but(**changes)
    assert result(world) == ("ISOLATED", 15, role)
    assert world.b.access == CLOSED
    assert world.time <= 102.0 + ISOLATED_PATIENCE + 0.1


def test_an_isolated_standby_has_nothing_to_close() -> None:
    world = cut_off(standby(witness=WITNESS))
    assert result(world) == ("ISOLATED", 15, "standby")
    assert "B: connect" not in world.log


def test_isolated_with_a_write_that_cannot_be_cut() -> None:
    """The peer opens by the clock, 3 s after isolation_timeout: there is no second attempt."""
    world = cut_off(holder(witness=WITNESS))
    world.b.add(Client("app", blocks=True, unkillable=True))
    assert result(world) == ("ISOLATED", 15, "holder")
    assert SIGKILL in world.log
    assert world.time <= 102.0 + 2 * ISOLATED_PATIENCE


def test_isolation_leaves_though_fencing_goes_wrong() -> None:
    """The peer opens by the clock: a cut-off node is worse with the VIP than without."""
    world = cut_off(holder(witness=WITNESS)).but(node__lock__try_to_take=BUG)
    assert result(world) == ("ISOLATED", 15, "holder")


def test_cut_off_while_this_run_looked() -> None:
    """The look at the peer has taken a second: the network is asked again before judging."""
    world = holder(witness=WITNESS).but(last_look=None, a__trouble=SILENT)
    world.when("A: connect", network__echo=set())
    assert result(world) == ("ISOLATED", 15, "holder")
    assert world.b.access == CLOSED
    assert world.time < 102.5  # counted from the last answer


@pytest.mark.parametrize(
    ("slow", "looks"), [({}, 1), ({"last_look": None, "a__trouble": SILENT}, 2)]
)
def test_a_slow_run_asks_the_witness_twice(slow: dict[str, object], looks: int) -> None:
    world = holder(witness=WITNESS).but(**slow)
    assert result(world) == ("OK", 0, "holder")
    assert world.log.count(f"echo 10.0.0.1 {WITNESS}?") == looks


def test_without_a_witness_there_is_no_isolation() -> None:
    world = cut_off(holder())
    assert result(world) == ("OK", 0, "holder")


@pytest.mark.parametrize(("role", "status"), [(holder, 0), (standby, 30)])
def test_the_witness_cannot_be_asked(role: Role, status: int) -> None:
    world = role(witness=WITNESS).but(network__errors={"echo": PermissionError("not allowed")})
    said = "the witness cannot be asked: not allowed"
    assert check(world) == ("UNKNOWN", status, said, role.__name__)


# Gave way ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("errors", "said"),
    [
        ({}, ""),
        (
            {"adverts?": PermissionError("no CAP_NET_RAW")},
            "; whether it may return cannot be told: no CAP_NET_RAW",
        ),
    ],
)
def test_a_node_that_gave_way_is_unfit(errors: dict[str, Exception], said: str) -> None:
    world = gave_way(standby()).but(network__errors=errors)
    assert check(world) == ("GAVE_WAY", 16, f"the peer took over{said}", "standby")
    assert not world.permit
    assert "unmark gave way" not in world.log


@pytest.mark.parametrize(
    ("ago", "changes"), [(0.0, {"network__adverts": True}), (HOLD, {"a__access": CLOSED})]
)
def test_it_may_return(ago: float, changes: dict[str, object]) -> None:
    """Adverts are heard, or nobody holds the VIP."""
    world = gave_way(standby(), ago).but(**changes)
    assert result(world) == ("OK", 0, "standby")
    assert world.gave_way is None
    assert world.permit


@pytest.mark.parametrize(
    ("changes", "status"),
    [({"vip": True}, 16), ({"b__access": OPEN}, 16), ({"b__trouble": REFUSED}, 10)],
)
def test_whether_it_may_return_is_asked_only_of_a_closed_node_without_the_vip(
    changes: dict[str, object], status: int
) -> None:
    """It takes seconds, in which an open one would go on."""
    world = gave_way(standby(), 60.0).but(network__adverts=True, **changes)
    assert check(world).status == status
    assert "adverts?" not in world.log
    assert world.gave_way is not None
    assert world.b.access == CLOSED


def test_it_returned_and_that_cannot_be_noted() -> None:
    world = gave_way(standby()).but(network__adverts=True, files__error=NO_RUN_DIR)
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
@BOTH
def test_when_it_is_due(role: Role, last: Look | None, looked: bool) -> None:
    world = role().but(last_look=last)
    assert check(world).reason == "OK"
    assert asked_peer(world) == looked
    if looked:
        assert world.last_look is not None
        assert world.last_look.at >= 100.0
        assert not world.last_look.wrong
    else:
        assert world.last_look == last


@BOTH
def test_a_person_always_gets_a_closer_look(role: Role) -> None:
    """And it is not remembered: the next check of keepalived looks for itself."""
    world = role()
    before = world.last_look
    check(world, act=False)
    assert asked_peer(world)
    assert world.last_look == before


def test_what_is_wrong_is_looked_at_again_at_the_next_check() -> None:
    world = holder().but(last_look=None, servers__disks=NO_ROOM, a__lag="5")
    assert result(world) == ("DISK_FULL", 0, "holder")
    world.servers.disks = Disks()
    assert result(world) == ("OK", 0, "holder")
    before = len(world.log)
    check(world)
    assert "A: connect" not in world.log[before:]


@pytest.mark.parametrize(("role", "status"), [(holder, 0), (standby, 30)])
def test_a_server_that_lets_us_in_and_tells_nothing(role: Role, status: int) -> None:
    """A privilege is missing: there is a session, and no facts."""
    world = role().but(last_look=None)
    world.b.troubles["SHOW REPLICA STATUS"] = SUPER
    assert check(world).status == status
    assert not asked_peer(world)
    assert marked(world) == ([] if status == 0 else ["mark leaving"])


def test_a_server_that_cannot_be_asked_gets_none() -> None:
    world = standby().but(last_look=None, b__trouble=DENIED)
    assert result(world) == ("UNKNOWN", 30, "standby")
    assert not asked_peer(world)


@pytest.mark.parametrize("elsewhere", [MAC, ""])
def test_a_full_disk_on_a_standby(elsewhere: str) -> None:
    """Unfit while somebody serves, better than nobody otherwise; and no longer than it is full."""
    world = standby().but(last_look=None, servers__disks=NO_ROOM, network__holder=elsewhere)
    assert result(world) == ("DISK_FULL", 13 if elsewhere else 0, "standby")
    assert world.gave_way is None


@pytest.mark.parametrize("disks", [Disks(), Disks(full="x"), Disks(read_only="x"), Disks(mute="x")])
@BOTH
def test_the_vip_is_looked_for_elsewhere_only_where_it_matters(role: Role, disks: Disks) -> None:
    world = role().but(last_look=None, servers__disks=disks)
    check(world)
    assert ("holder?" in world.log) == (role is standby and disks != Disks())


def test_the_vip_cannot_be_looked_for_elsewhere() -> None:
    world = standby().but(last_look=None, servers__disks=NO_ROOM)
    world.network.errors["holder?"] = PermissionError("no CAP_NET_RAW")
    assert check(world) == ("UNKNOWN", 30, "no CAP_NET_RAW", "standby")


@pytest.mark.parametrize("error", [StateError("cannot note"), OSError("no child")])
def test_the_disks_cannot_be_looked_at(error: Exception) -> None:
    world = holder().but(last_look=None, servers__look_at_disks=failing(error))
    assert check(world) == ("UNKNOWN", 0, str(error), "holder")
    assert world.b.access == OPEN


def test_a_promotion_at_work_is_not_alone() -> None:
    """Or the cold start it is about to find would be none: not open, not alone."""
    world = closed_holder().but(last_look=None, a__trouble=SILENT, b__receiver="Connecting")
    assert check(world.but(locked_by="promote")).role == "holder"
    assert not world.alone
    assert world.last_look is not None
    assert not world.last_look.alone


@pytest.mark.parametrize(
    ("changes", "alone"),
    [
        ({}, True),
        ({"vip": False}, False),
        # Where SQL alone is cut the peer may be promoted, and this node's copy be the older one.
        ({"network__echo": {WITNESS, "10.0.0.1"}}, False),
        ({"network__on_link": True}, False),
    ],
)
def test_an_open_holder_is_alone_beside_a_peer_that_is_gone(
    changes: dict[str, object], alone: bool
) -> None:
    world = holder().but(last_look=None, a__trouble=SILENT, **changes)
    check(world)
    assert world.alone == alone


@pytest.mark.parametrize("last", [Look(100.0, alone=False), None])
@pytest.mark.parametrize(
    ("access", "expected"),
    [(OPEN, ("RECEIVER_STOPPED", 23, "standby")), (CLOSED, ("OK", 0, "standby"))],
)
def test_the_peer_is_asked_once_where_the_verdict_hangs_on_it(
    access: str, expected: tuple[str, int, str], last: Look | None
) -> None:
    """By the closer look, or where that is not due, for the verdict."""
    world = standby().but(last_look=last, b__receiver="Connecting", a__access=access)
    assert result(world) == expected
    assert world.log.count("A: connect") == 1


@pytest.mark.parametrize("fit", [True, False])
def test_a_second_copy(fit: bool) -> None:
    """No disk is touched, and the verdict is WRITES_STALLED at least; the peer decides."""
    world = holder().but(servers__disks=NO_ROOM, a__lag="0" if fit else "9")
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
    world = holder().but(b__trouble=REFUSED, servers__dead={SERVER})
    assert check(world, stalled="it hangs").reason == "MYSQLD_DOWN"
