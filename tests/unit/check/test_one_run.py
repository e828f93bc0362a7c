"""One run of the check: whom it asks, and when (simulation.py).

Node B runs it. What each finding means is the verdict's business (test_verdict.py), what is found
a leaf's.
"""

from __future__ import annotations

import pytest

from kachecks.check.look import LAST_ATTEMPT
from kachecks.check.one_run import ISOLATED_PATIENCE
from kachecks.mysql.disks import Disks
from kachecks.mysql.session import ServerError
from kachecks.mysqld_process import Process
from kachecks.state.files import TROUBLE
from kachecks.state.marks import GaveWay, Look
from kachecks.state.signs import Sign, Signs
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
    World,
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
    (lambda: cut_off(holder(witness=WITNESS)), {}),  # isolated
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


# The peer's silence ------------------------------------------------------------------------------


def test_when_the_peer_fell_silent_is_remembered() -> None:
    """For whoever is promoted later: from the first look on, until anything answers."""
    world = standby(witness=WITNESS).but(network__echo={WITNESS, "10.0.0.1"})
    check(world)
    assert world.node.marks.peer_silent_since() is None
    world.but(network__echo={WITNESS}, a__trouble=SILENT)
    check(world)
    since = world.node.marks.peer_silent_since()
    assert since == pytest.approx(world.time, abs=0.1)
    world.pass_time(2.0)
    check(world)
    assert world.node.marks.peer_silent_since() == since
    world.but(network__echo={WITNESS, "10.0.0.1"})
    check(world)
    assert world.node.marks.peer_silent_since() is None


@pytest.mark.parametrize("change", [{"network__echo": set()}, {"a__trouble": None}])
def test_what_is_no_silence_of_the_peer(change: dict[str, object]) -> None:
    """It is this node that is cut off, or the peer answers otherwise."""
    world = standby(witness=WITNESS).but(network__echo={WITNESS}, a__trouble=SILENT)
    world.last_look = None
    check(world)
    assert world.node.marks.peer_silent_since() is not None
    world.last_look = None
    check(world.but(**change))
    assert world.node.marks.peer_silent_since() is None


def test_a_standby_remembers_since_when_it_has_lost_its_source() -> None:
    """Only while another host answers for the VIP: then that node has not died."""
    world = standby().but(b__receiver="Connecting")
    check(world)
    assert world.node.marks.lost_since() is None
    check(world.but(network__holder=MAC))
    since = world.node.marks.lost_since()
    assert since == pytest.approx(world.time, abs=0.1)
    world.pass_time(1.0)
    check(world.but(network__holder=""))
    assert world.node.marks.lost_since() == since
    check(world.but(b__receiver="Yes"))
    assert world.node.marks.lost_since() is None


def test_a_look_by_hand_remembers_nothing() -> None:
    world = standby(witness=WITNESS).but(network__echo={WITNESS})
    check(world, act=False)
    assert world.node.marks.peer_silent_since() is None


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


def test_cut_off_while_its_server_hung() -> None:
    """The clock of the cut is the shorter one: there is no second attempt."""
    answering = {WITNESS, "10.0.0.1"}
    world = holder(witness=WITNESS).but(b__trouble=MUTE, network__echo=answering)
    world.when("B: connect", network__echo=set(), a__trouble=SILENT)
    assert result(world) == ("ISOLATED", 15, "holder")
    assert SIGKILL in world.log
    hung_after = 3.0
    assert world.time <= 100.0 + hung_after + LAST_ATTEMPT + ISOLATED_PATIENCE + 0.1


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
def test_adverts_are_listened_for_only_on_a_closed_node_without_the_vip(
    changes: dict[str, object], status: int
) -> None:
    """It takes seconds, in which an open one would go on."""
    world = gave_way(standby(), 60.0).but(network__adverts=True, **changes)
    assert check(world).status == status
    assert "adverts?" not in world.log
    assert world.gave_way is not None
    assert world.b.access == CLOSED


@pytest.mark.parametrize("act", [True, False])
def test_adverts_that_keepalived_does_not_heed_count_once(act: bool) -> None:
    """The nodes would take turns for ever: it returns, takes over, is superseded, returns ..."""
    world = gave_way(standby()).but(network__adverts=True)
    assert check(world, act).status == 0
    world.but(vip=True).pass_time(15)
    verdict = check(world)
    assert (verdict.reason, verdict.status) == ("GAVE_WAY", 16)
    assert ("keepalived does not heed them" in verdict.sentence) == act
    world.but(vip=False, network__holder=MAC).pass_time(HOLD)
    assert check(world).status == (16 if act else 0)


def test_the_vip_was_added_by_hand_and_the_active_node_has_died() -> None:
    """It stays unfit while the peer serves, and no longer."""
    world = gave_way(standby(), 60.0).but(vip=True, network__holder=MAC)
    assert result(world) == ("GAVE_WAY", 16, "standby")
    assert "start promotion" not in world.log
    world.but(a__trouble=REFUSED, network__holder="", b__receiver="Connecting")
    for _ in range(2):  # what the failing check has marked has to fade
        world.pass_time(1.0)
        check(world)
    assert world.gave_way is None
    assert world.permit
    assert "start promotion" in world.log


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
    world = holder().but(last_look=None, servers__disks=NO_ROOM, a__receiver="No")
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


@pytest.mark.parametrize("disks", [Disks(), Disks(full="x"), Disks(read_only="x")])
@BOTH
def test_the_vip_is_looked_for_elsewhere_only_where_it_matters(role: Role, disks: Disks) -> None:
    world = role().but(last_look=None, servers__disks=disks)
    check(world)
    assert ("holder?" in world.log) == (role is standby and disks != Disks())


def test_the_vip_cannot_be_looked_for_elsewhere() -> None:
    world = standby().but(last_look=None, servers__disks=NO_ROOM)
    world.network.errors["holder?"] = PermissionError("no CAP_NET_RAW")
    assert check(world) == ("UNKNOWN", 30, "no CAP_NET_RAW", "standby")


def test_the_disks_cannot_be_looked_at() -> None:
    world = holder().but(last_look=None, servers__look_at_disks=failing(OSError("no child")))
    assert check(world) == ("UNKNOWN", 0, "no child", "holder")
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


def hanging(world: World) -> Sign:
    """An earlier copy of the check that has hung for long, at every look since."""
    sign = Sign("the check before this one hangs", world.time - 11.0)
    world.node.marks.remember_signs(Signs((sign._replace(looks=9),)))
    return sign


@pytest.mark.parametrize("fit", [True, False])
def test_a_second_copy(fit: bool) -> None:
    """No disk is touched, and the verdict is WRITES_STALLED at least; the peer decides."""
    world = holder().but(servers__disks=NO_ROOM, a__receiver="Yes" if fit else "No")
    verdict = check(world, hanging=hanging(world))
    assert (verdict.reason, verdict.status) == ("WRITES_STALLED", 12 if fit else 0)
    assert verdict.sentence.startswith("the check before this one hangs, for 11 s")
    assert not [line for line in world.log if line.startswith("disks")]


def test_a_second_copy_on_a_standby() -> None:
    world = standby()
    verdict = check(world, hanging=hanging(world))
    assert (verdict.reason, verdict.status, verdict.role) == ("WRITES_STALLED", 0, "standby")
    world.network.holder = MAC
    assert check(world, hanging=hanging(world)).status == 12


def test_a_second_copy_that_sees_the_first_one_hang_for_the_first_time() -> None:
    world = holder()
    first = hanging(world)
    world.node.marks.remember_signs(Signs())
    assert check(world, hanging=first).reason == "OK"
    assert world.node.marks.signs().seen == (first,)


@pytest.mark.parametrize("remembered", [True, False])
def test_who_only_looks_leaves_no_sign(remembered: bool) -> None:
    """Neither a new one nor one more look at it; the verdict hangs on what --fence has seen."""
    world = holder().but(servers__disks=Disks(mute=Process(99, 1234)))
    world.b.add(Client("app", "Query", seconds=60, state="Commit"))
    if remembered:
        mute_for_long = Sign("disk 99 1234", world.time - 10.0, looks=9)
        world.node.marks.remember_signs(Signs((mute_for_long,)))
    before = dict(world.files.texts)
    for _ in range(20):
        reason = check(world, act=False).reason
        world.pass_time(1.0)
        assert reason == ("WRITES_STALLED" if remembered else "OK")
    assert world.files.texts == before


def test_a_second_copy_finds_a_dead_server() -> None:
    world = holder().but(b__trouble=REFUSED, servers__dead={SERVER})
    assert check(world, hanging=hanging(world)).reason == "MYSQLD_DOWN"
