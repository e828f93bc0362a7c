"""Giving the VIP away and coming back, in a simulated world (simulation.py)."""

from __future__ import annotations

import pytest

from kachecks.mysql.session import DriverError, Lost, ServerError
from kachecks.state.files import StateError
from kachecks.state.marks import GaveWay
from kachecks.transitions.giving_way import (
    ADVERTS_HEARD,
    AGAIN,
    CLOSED_FOR,
    HOLD,
    VIP_PATIENCE,
    ask_peer,
    give_way,
    mark_superseded,
    may_return,
    redirect_clients,
    stays_closed,
)
from tests.unit.doubles.simulation import CLOSED, MAC, MUTE, OPEN, REFUSED, SILENT, WITNESS, World


def test_the_figures() -> None:
    """The manual names them, and keepalived's own times are below them."""
    assert (HOLD, AGAIN, CLOSED_FOR, VIP_PATIENCE) == (10.0, 60.0, 1.0, 1.0)


# Giving it away ----------------------------------------------------------------------------------


def test_the_mark_comes_first() -> None:
    """Killed in between, the next check fails for it; the other way round nothing would."""
    world = World().but(network__holder=MAC)
    give_way(world.node, "the peer is open")
    assert world.gave_way == GaveWay(0.0, "the peer is open")
    assert not world.vip
    world.order("mark gave way: the peer is open", "permit 0", "vip?", "holder?", f"announce {MAC}")
    assert world.time < 0.1


def test_clients_are_redirected_when_the_vip_is_gone() -> None:
    """Before that, this host would tell its neighbours of itself."""
    world = World().but(network__holder=MAC, vip_takes=0.5)
    give_way(world.node, "why")
    assert not world.vip
    assert 0.5 <= world.time < 0.6
    assert f"announce {MAC}" in world.log
    assert world.log[world.index("holder?") - 1] == "vip?"


def test_keepalived_without_a_track_file() -> None:
    """The VIP stays: the next check sees to it, and nobody is told of another host."""
    world = World().but(network__holder=MAC, vip_takes=float("inf"))
    give_way(world.node, "why")
    assert VIP_PATIENCE <= world.time < VIP_PATIENCE + 0.1
    assert "holder?" not in world.log


def test_without_a_run_directory() -> None:
    world = World().but(files__error=StateError("cannot write"))
    with pytest.raises(StateError):
        give_way(world.node, "why")
    assert world.permit


@pytest.mark.parametrize("holder", [MAC, ""])
def test_redirect_only_to_somebody(holder: str) -> None:
    world = World().but(network__holder=holder)
    redirect_clients(world.node)
    announced = [line for line in world.log if line.startswith("announce")]
    assert announced == ([f"announce {MAC}"] if holder else [])


@pytest.mark.parametrize("what", ["holder?", "announce"])
def test_redirecting_may_fail(what: str) -> None:
    told: list[str] = []
    error = PermissionError("no CAP_NET_RAW")
    world = World().but(network__holder=MAC, network__errors={what: error})
    world.but(node__telling__progress=told.append)
    redirect_clients(world.node)
    assert what in world.log[-1]
    assert told == ["the VIP's new holder cannot be announced: no CAP_NET_RAW"]


# Coming back -------------------------------------------------------------------------------------


def given_way(seconds_ago: float, **options: str) -> World:
    """It gave way so long ago; the peer is closed, and nobody answers for the VIP."""
    gave_way = GaveWay(700.0, "why")
    world = World(**options).but(time=700.0, vip=False, a__access=CLOSED, gave_way=gave_way)
    world.pass_time(seconds_ago)
    return world


def test_it_did_not_give_way() -> None:
    assert may_return(World().node) == "it did not give way"


def test_the_election_is_real() -> None:
    """Adverts of the peer are heard: at once, whoever holds the VIP."""
    world = given_way(0.0).but(network__adverts=True, network__holder=MAC, a__access=OPEN)
    assert may_return(world.node) == ADVERTS_HEARD
    assert "holder?" not in world.log
    assert "A: connect" not in world.log


def test_not_before_the_hold_is_over() -> None:
    """Counted when the network has been listened to."""
    assert may_return(given_way(HOLD - 2.2 - 0.1).node) == ""
    said = "nobody else answers for the VIP, and the peer is not open"
    assert may_return(given_way(HOLD - 2.2 + 0.1).node) == said


def test_not_while_another_host_answers_for_the_vip() -> None:
    world = given_way(60.0).but(network__holder=MAC)
    assert may_return(world.node) == ""
    assert "A: connect" not in world.log


@pytest.mark.parametrize("trouble", [None, REFUSED, SILENT, MUTE])
def test_the_service_has_no_holder(trouble: Exception | None) -> None:
    world = given_way(60.0).but(a__trouble=trouble)
    assert may_return(world.node) == "nobody else answers for the VIP, and the peer is not open"
    assert world.sessions_left == []


@pytest.mark.parametrize(
    ("options", "echo", "returns"),
    [
        ({}, {WITNESS}, False),  # none is configured
        ({"witness": WITNESS}, {"10.0.0.1"}, False),
        ({"witness": WITNESS}, {WITNESS}, True),
    ],
)
def test_the_peer_is_open(options: dict, echo: set[str], returns: bool) -> None:
    """Open without the VIP, as far as can be seen here: is it this node that sees nothing?"""
    world = given_way(60.0, **options).but(a__access=OPEN, network__echo=echo)
    said = "nobody answers for the VIP, and a witness answers here"
    begin = world.time
    assert may_return(world.node) == (said if returns else "")
    assert world.time - begin < 2.2 + 0.09 + 0.5 + 0.01
    assert (f"echo {WITNESS}?" in world.log) == bool(options)
    assert "echo ?" not in world.log
    assert world.sessions_left == []


def superseded_after(seconds: float) -> tuple[World, str]:
    """It returned on the strength of adverts, and is superseded so many seconds later."""
    world = World().but(time=700.0, network__adverts=True, network__holder=MAC, a__access=OPEN)
    world.node.marks.note_heard()
    world.pass_time(seconds)
    return world, mark_superseded(world.node)


def test_superseded_again() -> None:
    """keepalived drops the adverts that are heard: they differ in version, interval, id ..."""
    world, why = superseded_after(AGAIN - 1)
    assert "took over again, 59 s after" in why
    assert "doctor --peer-config" in why
    assert world.gave_way == GaveWay(700.0 + AGAIN - 1, why, unheeded=True)
    world.but(vip=False).pass_time(HOLD + 1)
    assert may_return(world.node) == ""
    assert "adverts?" not in world.log
    world.but(network__holder="", a__trouble=REFUSED)
    assert may_return(world.node) == "nobody else answers for the VIP, and the peer is not open"


def test_superseded_again_much_later() -> None:
    """That is another cut between the nodes, mended since."""
    world, why = superseded_after(AGAIN + 1)
    assert why.endswith("it took over")
    assert may_return(world.but(vip=False).node) == ADVERTS_HEARD


@pytest.mark.parametrize(
    ("ago", "changes", "returns"),
    [
        (HOLD + 0.1, {}, True),
        (HOLD + 0.1, {"a__trouble": REFUSED}, True),
        (HOLD - 1.0, {}, False),
        (60.0, {"network__holder": MAC}, False),  # the VIP is on both nodes
        (60.0, {"a__access": OPEN}, False),
    ],
)
def test_the_vip_has_not_left(ago: float, changes: dict[str, object], returns: bool) -> None:
    """Somebody has added it by hand. Adverts then say that the peer has it, too."""
    world = given_way(ago, witness=WITNESS).but(vip=True, network__adverts=True, **changes)
    said = "nobody else answers for the VIP, and the peer is not open"
    assert may_return(world.node, vip_here=True) == (said if returns else "")
    assert "adverts?" not in world.log


@pytest.mark.parametrize("what", ["adverts?", "holder?", "echo"])
def test_the_network_cannot_be_looked_at(what: str) -> None:
    error = PermissionError("no CAP_NET_RAW")
    world = given_way(60.0, witness=WITNESS).but(a__access=OPEN, network__errors={what: error})
    with pytest.raises(PermissionError):
        may_return(world.node)


# The peer ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"a__access": OPEN}, "open"),
        ({"a__access": CLOSED}, "closed"),
        ({"a__trouble": REFUSED}, "refusing"),
        ({"a__trouble": SILENT}, "absent"),
        ({"a__trouble": MUTE}, "mute"),
        ({"a__trouble": Lost("gone")}, "mute"),
        ({"a__trouble": ServerError(1045, "denied")}, "unaskable"),
        ({"a__trouble": DriverError("no driver")}, "unknown"),
        ({"a__troubles": {"@@global.read_only": MUTE}}, "mute"),
        ({"a__troubles": {"@@global.read_only": ServerError(1227, "no")}}, "unaskable"),
    ],
)
def test_what_the_peer_is(changes: dict[str, object], said: str) -> None:
    world = World().but(**changes)
    assert ask_peer(world.node) == said
    assert world.time < 1.1
    assert world.sessions_left == []


# A holder that stays closed ----------------------------------------------------------------------


def test_it_stays_closed() -> None:
    world = World()
    assert stays_closed(world.node)
    assert CLOSED_FOR <= world.time < CLOSED_FOR + 0.1
    assert world.log.count("vip?") > 10  # looked at all the time
    assert world.sessions_left == []


@pytest.mark.parametrize(
    "change", [{"vip": False}, {"locked_by": "promote"}, {"leaving": True}, {"b__access": OPEN}]
)
def test_what_ends_it(change: dict[str, object]) -> None:
    """The VIP leaves, a hook gets to work, somebody leaves, or it was opened: to the very end."""
    world = World()
    world.when("sleep", **change, after=CLOSED_FOR * 0.8)
    assert not stays_closed(world.node)


@pytest.mark.parametrize("purpose", ["promote", "demote", "check"])
def test_any_hook_at_work(purpose: str) -> None:
    world = World().but(locked_by=purpose)
    assert not stays_closed(world.node)
    assert world.time < 0.1


@pytest.mark.parametrize(
    "changes",
    [
        {"b__trouble": REFUSED},
        {"b__trouble": MUTE},
        {"b__trouble": ServerError(1040, "too many")},
        {"b__troubles": {"@@global.read_only": MUTE}},
    ],
)
def test_a_server_that_cannot_be_asked_is_not_closed(changes: dict[str, object]) -> None:
    world = World().but(**changes)
    assert not stays_closed(world.node)
    assert world.time < CLOSED_FOR + 1.1
    assert world.sessions_left == []
