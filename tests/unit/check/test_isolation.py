"""What one run of the check knows of the network (simulation.py)."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from kachecks.check.look import LAST_ATTEMPT, SLOW, WITHOUT_WITNESS, Isolation
from kachecks.state.marks import Look
from tests.unit.doubles.check_runs import holder, result
from tests.unit.doubles.simulation import REFUSED, SILENT, WITNESS, World

PEER = "10.0.0.1"


def cut_off(**options: str) -> World:
    return World(witness=WITNESS, **options).but(network__echo=set(), a__trouble=SILENT)


def test_without_a_witness_nobody_is_asked() -> None:
    world = World().but(network__echo=set())
    assert Isolation(world.node).sentence() == ""
    assert world.log == []


@pytest.mark.parametrize("who", [WITNESS, PEER, "10.0.0.253"])
def test_one_answer_is_enough(who: str) -> None:
    """Of the peer's host, or of any witness; all are asked at once."""
    world = World(witness=f"{WITNESS}, 10.0.0.253").but(network__echo={who})
    isolation = Isolation(world.node)
    assert isolation.sentence() == ""
    assert world.log == [f"echo {PEER} {WITNESS} 10.0.0.253?", f"echo {PEER}?"]
    assert isolation.peer_answered is (who == PEER)


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
    world = cut_off().but(network__echo={PEER})
    isolation = Isolation(world.node)
    assert isolation.sentence() == ""
    world.but(network__echo=set(), a__trouble=SILENT)
    answered = world.time
    world.pass_time(1.5)
    assert isolation.sentence() != ""
    assert world.time - answered == pytest.approx(2.0, abs=0.01)


def test_asked_once_more_even_when_the_time_is_over() -> None:
    world = cut_off()
    isolation = Isolation(world.node)
    world.pass_time(5.0)
    assert isolation.sentence() != ""
    assert world.time == pytest.approx(5.0 + LAST_ATTEMPT)
    world.network.echo = {PEER}
    assert isolation.sentence() == ""


def test_an_answer_is_fresh_for_a_moment() -> None:
    world = World(witness=WITNESS).but(network__echo={PEER})
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


@pytest.mark.parametrize(
    ("changes", "lives"),
    [
        ({"network__on_link": True}, True),
        # A refusal may be that of a firewall, on this host even: no sign of the peer.
        ({"a__trouble": REFUSED, "network__blind": True}, False),
        ({"a__trouble": SILENT}, False),
        # Behind a router ARP tells nothing of it.
        ({"network__on_link": True, "network__shares_link": False}, False),
    ],
)
def test_ping_is_filtered_between_the_nodes(changes: dict[str, object], lives: bool) -> None:
    """Then the witness alone would decide: an answer to ARP proves the host."""
    world = cut_off().but(**changes)
    isolation = Isolation(world.node)
    assert (isolation.sentence() == "") is lives
    assert isolation.peer_answered is (True if lives else None)
    assert world.time <= 2.0 + 0.01


@pytest.mark.parametrize(("timeout", "after"), [("1", 0.9), ("2", 1.9), ("0.1", 0.04)])
def test_a_witness_that_is_back_at_the_end(timeout: str, after: float) -> None:
    world = cut_off(isolation_timeout=timeout, peer_grace="9")
    asked = world.network.answers

    def back(addresses: Sequence[str], seconds: float) -> bool:
        if world.time + seconds < after:
            return asked(addresses, seconds)
        world.pass_time(after)
        return True

    world.network.answers = back
    assert Isolation(world.node).sentence() == ""


def test_a_link_that_may_not_be_asked_keeps_nobody_open() -> None:
    """No CAP_NET_RAW: this node is cut off all the same, and the other one opens by the clock."""
    world = cut_off()
    world.network.errors["on link?"] = PermissionError("no CAP_NET_RAW")
    assert Isolation(world.node).sentence() != ""


def test_where_a_ping_is_answered_the_link_is_not_asked() -> None:
    world = World(witness=WITNESS)
    assert Isolation(world.node).sentence() == ""
    assert "on link?" not in world.log


def test_it_may_not_ask() -> None:
    world = World(witness=WITNESS)
    world.network.errors["echo"] = PermissionError("not allowed to ping")
    with pytest.raises(OSError, match="not allowed"):
        Isolation(world.node).sentence()


# Alone for long ----------------------------------------------------------------------------------

OUTDATED = 30.0 + 3.0 + 5.0 + 2 * 5.0  # max_lag, hung_after, fence_timeout, two looks at the peer


def alone(seconds: float, **options: str) -> World:
    """This open node's peer has been off for so long, and now nobody answers."""
    world = cut_off(**options).but(time=1000.0)
    world.last_look = Look(999.0, alone=True, off_since=world.time - seconds)
    return world


@pytest.mark.parametrize("seconds", [OUTDATED - 3.0, OUTDATED + 0.1])
def test_a_node_whose_peer_has_long_been_off_goes_on(seconds: float) -> None:
    """Its peer, if it came back now, would not open: a cold start, or stale."""
    isolation = Isolation(alone(seconds).node)
    assert (isolation.sentence() == "") == isolation.holds_out == (seconds > OUTDATED)


@pytest.mark.parametrize("option", ["cold_start", "on_stale_replica"])
def test_a_peer_that_would_open(option: str) -> None:
    assert Isolation(alone(600.0, **{option: "open"}).node).sentence()


def test_each_answer_of_a_witness_begins_it_anew() -> None:
    world = holder(witness=WITNESS).but(network__echo=set(), a__trouble=SILENT)
    world.b.receiver = "Connecting"
    world.last_look = Look(world.time, alone=True, off_since=1.0)
    for run in range(40):
        world.network.echo = {WITNESS} if run % 4 == 0 else set()
        assert result(world) == ("OK", 0, "holder")
        world.pass_time(1.0)


def test_not_for_ever() -> None:
    world = alone(600.0)
    begun = world.time
    while Isolation(world.node).sentence() == "":
        world.node.marks.note_cut_off()
        world.pass_time(1.0)
    assert WITHOUT_WITNESS <= world.time - begun < WITHOUT_WITNESS + 6.0
    world.pass_time(60.0)  # an answer, and much later nobody again
    assert Isolation(world.node).sentence() == ""
