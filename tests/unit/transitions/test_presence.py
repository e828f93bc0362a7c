"""What is found of a peer that does not answer, and the witness (simulation.py)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from kachecks.transitions.presence import (
    HOLDER_PAUSE,
    HOLDER_PROBES,
    Presence,
    must_see_a_witness,
    presence_of_peer,
)
from kachecks.transitions.record import Steps
from kachecks.transitions.refusal import Interrupted, Leaving, Refusal, VipGone
from kachecks.transitions.sessions import Sessions
from tests.unit.doubles.simulation import World

MAC = "02:00:00:00:00:01"
WITNESS = "10.0.0.254"


@contextmanager
def sessions(world: World) -> Iterator[Sessions]:
    made = Sessions(world.node, Steps(world.node))
    try:
        yield made
    finally:
        made.close()


def found(world: World, host_answered: bool = False) -> Presence:
    with sessions(world) as made:
        return presence_of_peer(made, host_answered)


@pytest.mark.parametrize("on_link", [True, False])
@pytest.mark.parametrize("answered", [True, False])
def test_a_holder(on_link: bool, answered: bool) -> None:
    """The strongest sign: three probes, so that one who is just letting go is not taken for it."""
    world = World()
    world.network.holder, world.network.on_link = MAC, on_link
    assert found(world, answered) is Presence.HOLDER
    assert world.log.count("holder?") == HOLDER_PROBES
    assert (HOLDER_PROBES - 1) * HOLDER_PAUSE <= world.time < 1.0


@pytest.mark.parametrize("probe", [1, 2, 3])
def test_one_that_lets_go_of_the_vip(probe: int) -> None:
    world = World()
    network = world.network
    network.holder, network.on_link = MAC, True

    def lets_go(number: int) -> None:
        if number == probe:
            network.holder = ""
        else:
            world.when("holder?", lambda: lets_go(number + 1))

    world.when("holder?", lambda: lets_go(1))
    assert found(world) is Presence.ON_LINK
    assert world.log.count("holder?") == probe


def test_on_the_link() -> None:
    world = World()
    world.network.on_link = True
    assert found(world, host_answered=True) is Presence.ON_LINK
    assert "echo 10.0.0.1?" not in world.log


def test_its_kernel_has_answered_already() -> None:
    world = World()
    assert found(world, host_answered=True) is Presence.HOST
    assert "echo 10.0.0.1?" not in world.log


def test_it_answers_pings() -> None:
    """Behind a router: no ARP."""
    world = World()
    world.network.echo = {"10.0.0.1"}
    assert found(world) is Presence.HOST


@pytest.mark.parametrize("options", [{}, {"witness": WITNESS}])
def test_nothing(options: dict) -> None:
    """The witness's echo is not the peer's."""
    world = World(**options)
    begin = world.time
    assert found(world) is Presence.NONE
    world.order("holder?", "on link?", "echo 10.0.0.1?")
    assert world.time - begin < 0.09 + 0.09 + 0.3 + 0.02


@pytest.mark.parametrize("what", ["holder?", "on link?", "echo"])
def test_it_cannot_be_looked_for(what: str) -> None:
    """What is not known to be away may be there."""
    world = World()
    world.network.errors[what] = PermissionError("no CAP_NET_RAW")
    with pytest.raises(Refusal, match=r"alive cannot be told: no CAP_NET_RAW") as caught:
        found(world)
    assert not isinstance(caught.value, Interrupted)


def test_the_vip_leaves_between_the_probes() -> None:
    world = World()
    world.network.holder = MAC
    world.when("holder?", world.lose_vip)
    with pytest.raises(VipGone):
        found(world)


def test_somebody_leaves_between_the_probes() -> None:
    world = World()
    world.network.holder = MAC
    world.when("holder?", world.node.marks.mark_leaving)
    with pytest.raises(Leaving):
        found(world)


# The witness -------------------------------------------------------------------------------------


def test_none_is_configured() -> None:
    world = World()
    world.network.echo = set()
    with sessions(world) as made:
        must_see_a_witness(made, "the peer is open")
    assert not [line for line in world.log if line.startswith("echo")]


@pytest.mark.parametrize("who", [WITNESS, "10.0.0.253"])
def test_one_answers(who: str) -> None:
    world = World(witness=f"{WITNESS}, 10.0.0.253")
    world.network.echo = {who}
    with sessions(world) as made:
        must_see_a_witness(made, "the peer is open")
    assert f"echo {WITNESS} 10.0.0.253?" in world.log


def test_none_answers() -> None:
    """The peer's own answer says nothing about this node's clients."""
    world = World(witness=WITNESS)
    world.network.echo = {"10.0.0.1"}
    with sessions(world) as made:
        begin = world.time
        with pytest.raises(Refusal) as caught:
            must_see_a_witness(made, "the peer is open")
    assert str(caught.value) == (
        f"the peer is open, and no witness ({WITNESS}) answers: it is this node that is cut off"
    )
    assert world.time - begin < 0.5 + 0.01


def test_none_can_be_asked() -> None:
    world = World(witness=WITNESS)
    world.network.errors["echo"] = PermissionError("not allowed to ping")
    words = "the peer is open, and the witness cannot be asked: not allowed to ping"
    with sessions(world) as made, pytest.raises(Refusal, match=words):
        must_see_a_witness(made, "the peer is open")
