"""Giving the VIP away and coming back, in a simulated world (simulation.py)."""

from __future__ import annotations

import pytest

from kachecks.mysql.session import DriverError, Lost, ServerError
from kachecks.state.files import StateError
from kachecks.state.marks import GaveWay
from kachecks.transitions.giving_way import (
    CLOSED_FOR,
    HOLD,
    VIP_PATIENCE,
    ask_peer,
    give_way,
    may_return,
    redirect_clients,
    stays_closed,
)
from tests.unit.doubles.simulation import CLOSED, MUTE, OPEN, REFUSED, SILENT, World

MAC = "02:00:00:00:00:01"
WITNESS = "10.0.0.254"


def test_the_figures() -> None:
    """The manual names them, and keepalived's own times are below them."""
    assert (HOLD, CLOSED_FOR, VIP_PATIENCE) == (10.0, 1.0, 1.0)


def no_session_is_left(world: World) -> bool:
    return [each for each in world.sessions if not each.ended] == []


# Giving it away ----------------------------------------------------------------------------------


def test_the_mark_comes_first() -> None:
    """Killed in between, the next check fails for it; the other way round nothing would."""
    world = World()
    world.network.holder = MAC
    give_way(world.node, "the peer is open")
    assert world.gave_way == GaveWay(0.0, "the peer is open")
    assert not world.vip
    world.order("mark gave way: the peer is open", "permit 0", "vip?", "holder?", f"announce {MAC}")
    assert world.time < 0.1


def test_clients_are_redirected_when_the_vip_is_gone() -> None:
    """Before that, this host would tell its neighbours of itself."""
    world = World()
    world.network.holder = MAC
    world.vip_takes = 0.5
    give_way(world.node, "why")
    assert not world.vip
    assert 0.5 <= world.time < 0.6
    assert f"announce {MAC}" in world.log
    assert world.log[world.index("holder?") - 1] == "vip?"


def test_keepalived_without_a_track_file() -> None:
    """The VIP stays: the next check sees to it, and nobody is told of another host."""
    world = World()
    world.network.holder = MAC
    world.vip_takes = float("inf")
    give_way(world.node, "why")
    assert VIP_PATIENCE <= world.time < VIP_PATIENCE + 0.1
    assert "holder?" not in world.log


def test_without_a_run_directory() -> None:
    world = World()
    world.files.error = StateError("cannot write")
    with pytest.raises(StateError):
        give_way(world.node, "why")
    assert world.permit


@pytest.mark.parametrize("holder", [MAC, ""])
def test_redirect_only_to_somebody(holder: str) -> None:
    world = World()
    world.network.holder = holder
    redirect_clients(world.node)
    assert (f"announce {MAC}" in world.log) == bool(holder)
    assert [line for line in world.log if line.startswith("announce")] == [
        f"announce {each}" for each in [holder] if each
    ]


@pytest.mark.parametrize("what", ["holder?", "announce"])
def test_redirecting_may_fail(what: str) -> None:
    world = World()
    world.network.holder = MAC
    world.network.errors[what] = PermissionError("no CAP_NET_RAW")
    told: list[str] = []
    world.node.telling.progress = told.append  # type: ignore[method-assign]
    redirect_clients(world.node)
    assert what in world.log[-1]
    assert told == ["the VIP's new holder cannot be announced: no CAP_NET_RAW"]


# Coming back -------------------------------------------------------------------------------------


def given_way(seconds_ago: float, **options: str) -> World:
    """It gave way so long ago; the peer is closed, and nobody answers for the VIP."""
    world = World(**options)
    world.vip, world.a.access = False, CLOSED
    world.time = 700.0
    world.gave_way = GaveWay(world.time, "why")
    world.pass_time(seconds_ago)
    return world


def test_it_did_not_give_way() -> None:
    assert may_return(World().node) == "it did not give way"


def test_the_election_is_real() -> None:
    """Adverts of the peer are heard: at once, whoever holds the VIP."""
    world = given_way(0.0)
    world.network.adverts, world.network.holder, world.a.access = True, MAC, OPEN
    assert may_return(world.node) == "adverts of the peer are heard again"
    assert "holder?" not in world.log
    assert "A: connect" not in world.log


def test_not_before_the_hold_is_over() -> None:
    """Counted when the network has been listened to."""
    assert may_return(given_way(HOLD - 2.2 - 0.1).node) == ""
    world = given_way(HOLD - 2.2 + 0.1)
    assert may_return(world.node) == "nobody answers for the VIP, and the peer is not open"


def test_not_while_another_host_answers_for_the_vip() -> None:
    world = given_way(60.0)
    world.network.holder = MAC
    assert may_return(world.node) == ""
    assert "A: connect" not in world.log


@pytest.mark.parametrize("trouble", [None, REFUSED, SILENT, MUTE])
def test_the_service_has_no_holder(trouble: Exception | None) -> None:
    world = given_way(60.0)
    world.a.trouble = trouble
    assert may_return(world.node) == "nobody answers for the VIP, and the peer is not open"
    assert no_session_is_left(world)


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
    world = given_way(60.0, **options)
    world.a.access = OPEN
    world.network.echo = echo
    said = "nobody answers for the VIP, and a witness answers here"
    begin = world.time
    assert may_return(world.node) == (said if returns else "")
    assert world.time - begin < 2.2 + 0.09 + 0.5 + 0.01
    assert (f"echo {WITNESS}?" in world.log) == bool(options)
    assert "echo ?" not in world.log
    assert no_session_is_left(world)


@pytest.mark.parametrize("what", ["adverts?", "holder?", "echo"])
def test_the_network_cannot_be_looked_at(what: str) -> None:
    world = given_way(60.0, witness=WITNESS)
    world.a.access = OPEN
    world.network.errors[what] = PermissionError("no CAP_NET_RAW")
    with pytest.raises(PermissionError):
        may_return(world.node)


# The peer ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        (REFUSED, "refusing"),
        (SILENT, "absent"),
        (MUTE, "mute"),
        (Lost("gone"), "mute"),
        (ServerError(1045, "denied"), "unaskable"),
        (DriverError("no driver"), "unknown"),
    ],
)
def test_a_peer_that_cannot_be_asked(trouble: Exception, said: str) -> None:
    world = World()
    world.a.trouble = trouble
    assert ask_peer(world.node) == said
    assert world.time < 1.1


@pytest.mark.parametrize("access", [OPEN, CLOSED])
def test_a_peer_that_answers(access: str) -> None:
    world = World()
    world.a.access = access
    assert ask_peer(world.node) == access
    assert no_session_is_left(world)


@pytest.mark.parametrize(
    ("trouble", "said"), [(MUTE, "mute"), (ServerError(1227, "you need SUPER"), "unaskable")]
)
def test_a_peer_that_falls_silent(trouble: Exception, said: str) -> None:
    world = World()
    world.a.troubles["@@global.read_only"] = trouble
    assert ask_peer(world.node) == said
    assert no_session_is_left(world)


# A holder that stays closed ----------------------------------------------------------------------


def test_it_stays_closed() -> None:
    world = World()
    assert stays_closed(world.node)
    assert CLOSED_FOR <= world.time < CLOSED_FOR + 0.1
    assert world.log.count("vip?") > 10  # looked at all the time
    assert no_session_is_left(world)


def late(world: World, act: str) -> None:
    """It happens near the end of that second."""

    def change() -> None:
        if world.time < CLOSED_FOR * 0.8:
            world.when("sleep", change)
        elif act == "vip":
            world.vip = False
        elif act == "hook":
            world.locked_by = "promote"
        elif act == "leaving":
            world.node.marks.mark_leaving()
        elif act == "open":
            world.b.access = OPEN

    world.when("sleep", change)


@pytest.mark.parametrize("act", ["vip", "hook", "leaving", "open"])
def test_what_ends_it(act: str) -> None:
    """The VIP leaves, a hook gets to work, somebody leaves, or it was opened."""
    world = World()
    late(world, act)
    assert not stays_closed(world.node)


@pytest.mark.parametrize("purpose", ["promote", "demote", "check"])
def test_any_hook_at_work(purpose: str) -> None:
    world = World()
    world.locked_by = purpose
    assert not stays_closed(world.node)
    assert world.time < 0.1


@pytest.mark.parametrize("trouble", [REFUSED, MUTE, ServerError(1040, "too many")])
def test_a_server_that_cannot_be_asked_is_not_closed(trouble: Exception) -> None:
    world = World()
    world.b.trouble = trouble
    assert not stays_closed(world.node)
    assert world.time < CLOSED_FOR + 1.1


def test_a_server_that_falls_silent_is_not_closed() -> None:
    world = World()
    world.b.troubles["@@global.read_only"] = MUTE
    assert not stays_closed(world.node)
    assert no_session_is_left(world)
