"""What one run of the check knows of the network (simulation.py)."""

from __future__ import annotations

import pytest

from kachecks.check.look import LAST_ATTEMPT, SLOW, Isolation
from tests.unit.doubles.simulation import WITNESS, World

PEER = "10.0.0.1"


def cut_off(**options: str) -> World:
    return World(witness=WITNESS, **options).but(network__echo=set())


def test_without_a_witness_nobody_is_asked() -> None:
    world = World().but(network__echo=set())
    assert Isolation(world.node).sentence() == ""
    assert world.log == []


@pytest.mark.parametrize("who", [WITNESS, PEER, "10.0.0.253"])
def test_one_answer_is_enough(who: str) -> None:
    """Of the peer's host, or of any witness; all are asked at once."""
    world = World(witness=f"{WITNESS}, 10.0.0.253").but(network__echo={who})
    assert Isolation(world.node).sentence() == ""
    assert world.log == [f"echo {PEER} {WITNESS} 10.0.0.253?"]


@pytest.mark.parametrize("timeout", ["2", "3"])
def test_nobody_answers(timeout: str) -> None:
    """Patience lies in one run: it asks for the whole isolation_timeout."""
    world = cut_off(isolation_timeout=timeout, peer_grace="9")
    said = Isolation(world.node).sentence()
    assert said == (
        f"neither the peer {PEER} nor a witness ({WITNESS}) has answered for {timeout} s"
    )
    assert world.time == pytest.approx(float(timeout))


def test_the_clock_runs_from_the_last_answer() -> None:
    """The run has looked at a mute server for 1.5 s: half a second is left."""
    world = cut_off().but(network__echo={WITNESS})
    isolation = Isolation(world.node)
    assert isolation.sentence() == ""
    world.network.echo = set()
    answered = world.time
    world.pass_time(1.5)
    assert isolation.sentence() != ""
    assert world.time - answered == pytest.approx(2.0)


def test_asked_once_more_even_when_the_time_is_over() -> None:
    world = cut_off()
    isolation = Isolation(world.node)
    world.pass_time(5.0)
    assert isolation.sentence() != ""
    assert world.time == pytest.approx(5.0 + LAST_ATTEMPT)
    world.network.echo = {PEER}
    assert isolation.sentence() == ""


def test_an_answer_is_fresh_for_a_moment() -> None:
    world = World(witness=WITNESS)
    isolation = Isolation(world.node)
    assert not isolation.stale
    world.pass_time(SLOW + 0.1)
    assert isolation.stale
    isolation.sentence()
    assert not isolation.stale
    world.pass_time(SLOW - 0.1)
    assert not isolation.stale


def test_no_answer_is_not_fresh() -> None:
    world = cut_off()
    isolation = Isolation(world.node)
    isolation.sentence()
    assert isolation.stale


def test_it_may_not_ask() -> None:
    world = World(witness=WITNESS)
    world.network.errors["echo"] = PermissionError("not allowed to ping")
    with pytest.raises(OSError, match="not allowed"):
        Isolation(world.node).sentence()
