"""The peer comes back while a late standby applies what it has received (simulation.py)."""

from __future__ import annotations

import pytest

from kachecks.mysql.session import ServerError
from kachecks.transitions.peer_return import FIRST_LOOK, JUST_STARTED, LONG, RETURNS
from tests.unit.doubles.promotions import refused, run
from tests.unit.doubles.simulated_server import CLOSED, OPEN
from tests.unit.doubles.simulation import REFUSED, SILENT, VERSIONS, World

BACKLOG = 400


def late(version: str = VERSIONS[0], trouble: Exception = REFUSED, **changes: object) -> World:
    """A has died, B applies for 40 s what it has received of it."""
    world = World(version).but(a__access=CLOSED, a__made=5 + BACKLOG, b__received=5 + BACKLOG)
    world.b.applies = 10.0
    return world.but(a__trouble=trouble, b__receiver="Connecting", **changes)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("trouble", [REFUSED, SILENT])
def test_the_vip_goes_back_to_a_peer_that_has_everything(version: str, trouble: Exception) -> None:
    world = late(version, trouble)
    world.when("sleep", a__trouble=None, after=3.0)
    refused(world, "the peer is back and has everything; this server would need 3")
    assert LONG < world.time < LONG + 2.5


def test_it_says_how_much_is_left() -> None:
    world = late()
    world.when("sleep", a__trouble=None, after=3.0)
    assert run(world).why.endswith(" transactions more")


@pytest.mark.parametrize("after", [0.0, FIRST_LOOK, 3.0])
def test_it_is_not_worth_it_for_a_few_seconds(after: float) -> None:
    world = late(b__applies=BACKLOG / 4)
    world.when("sleep", a__trouble=None, after=after)
    assert run(world).done
    assert world.b.applied == 5 + BACKLOG


def test_a_peer_that_was_there_from_the_beginning() -> None:
    """As after ten seconds of having given way to it in vain: this node goes through with it."""
    world = late().but(a__trouble=None, a__uptime=JUST_STARTED + 1)
    assert run(world).done
    assert world.time > 39


def test_a_peer_that_was_back_before_the_vip_came() -> None:
    """It takes three adverts from a late standby's first good check on."""
    world = late().but(a__trouble=None, a__uptime=3)
    refused(world, "the peer is back and has everything")
    assert LONG < world.time < LONG + 2.5


def test_a_peer_that_lacks_something() -> None:
    """It has lost what it had not synced; this server has received it."""
    world = late()
    world.when("sleep", a__trouble=None, a__made=5 + BACKLOG - 1, after=3.0)
    assert run(world).done
    assert world.b.applied == 5 + BACKLOG


def test_a_peer_that_lacks_what_this_server_has_made() -> None:
    world = late(b__made=8)
    world.when("sleep", a__trouble=None, after=3.0)
    assert run(world).done


def test_a_peer_that_is_back_and_open_is_closed_like_any_other() -> None:
    """And is in no hurry to have the VIP: it was open without it."""
    world = late()
    world.when("sleep", a__trouble=None, a__access=OPEN, after=3.0)
    assert run(world).done
    assert world.a.access == CLOSED
    world.order("A: SET GLOBAL super_read_only", "B: SET GLOBAL read_only = 0")


def test_a_peer_that_stays_away_is_asked_now_and_then() -> None:
    world = late()
    assert run(world).done
    looks = world.log.count("A: connect")
    assert 30 <= looks <= 45


def test_a_short_drain_asks_nobody() -> None:
    world = late(b__applies=BACKLOG / 1.5)
    assert run(world).done
    assert world.log.count("A: connect") == 2  # at first, and right before opening


def test_a_peer_that_answers_with_an_error_is_no_reason() -> None:
    """It is met before opening, as ever."""
    world = late()
    world.when("sleep", a__trouble=ServerError(1040, "too many"), after=3.0)
    refused(world, "1040")
    assert world.time > 40


def test_a_peer_that_comes_and_goes() -> None:
    """Each time it answers a look, and is gone when it is settled with: everything ends."""
    world = late(b__applies=0.0)

    def turn() -> None:
        world.a.trouble = REFUSED if world.a.trouble is None else None
        world.when("A: connect", turn)

    world.when("A: connect", world.then("A: connect", turn))
    refused(world, "no progress for 30 s")
    assert world.log.count("A: connect") == 1 + 2 * RETURNS
    assert world.time < FIRST_LOOK + RETURNS + 31
