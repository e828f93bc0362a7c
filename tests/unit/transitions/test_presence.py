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
from kachecks.transitions.refusal import Interrupted, Refusal, StandAside
from kachecks.transitions.sessions import Sessions
from tests.unit.doubles.promotions import GONE
from tests.unit.doubles.simulation import MAC, WITNESS, World


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
    world = World().but(network__holder=MAC, network__on_link=on_link)
    assert found(world, answered) is Presence.HOLDER
    assert world.log.count("holder?") == HOLDER_PROBES
    assert (HOLDER_PROBES - 1) * HOLDER_PAUSE <= world.time < 1.0


@pytest.mark.parametrize("probe", [1, 2, 3])
def test_one_that_lets_go_of_the_vip(probe: int) -> None:
    world = World().but(network__holder=MAC, network__on_link=True)
    lets_go = world.network.becomes(holder="")
    for _ in range(probe - 1):
        lets_go = world.then("holder?", lets_go)
    world.when("holder?", lets_go)
    assert found(world) is Presence.ON_LINK
    assert world.log.count("holder?") == probe


@pytest.mark.parametrize(
    ("changes", "answered", "presence"),
    [
        ({"network__on_link": True}, True, Presence.ON_LINK),
        ({}, True, Presence.HOST),  # its kernel has answered already
        ({"network__echo": {"10.0.0.1"}}, False, Presence.HOST),  # behind a router: no ARP
    ],
)
def test_a_host(changes: dict[str, object], answered: bool, presence: Presence) -> None:
    world = World().but(**changes)
    assert found(world, answered) is presence
    assert ("echo 10.0.0.1?" in world.log) != answered


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


@pytest.mark.parametrize(("change", "kind"), GONE)
def test_it_stands_aside_between_the_probes(
    change: dict[str, object], kind: type[StandAside]
) -> None:
    world = World().but(network__holder=MAC)
    world.when("holder?", **change)
    with pytest.raises(kind):
        found(world)


# The witness -------------------------------------------------------------------------------------


def test_none_is_configured() -> None:
    world = World().but(network__echo=set())
    with sessions(world) as made:
        must_see_a_witness(made, "the peer is open")
    assert not [line for line in world.log if line.startswith("echo")]


@pytest.mark.parametrize("who", [WITNESS, "10.0.0.253"])
def test_one_answers(who: str) -> None:
    world = World(witness=f"{WITNESS}, 10.0.0.253").but(network__echo={who})
    with sessions(world) as made:
        must_see_a_witness(made, "the peer is open")
    assert f"echo {WITNESS} 10.0.0.253?" in world.log


def test_none_answers() -> None:
    """The peer's own answer says nothing about this node's clients."""
    world = World(witness=WITNESS).but(network__echo={"10.0.0.1"})
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
