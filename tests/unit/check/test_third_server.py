"""A channel from a third server is no business of the pair, if the peer's can be told from it."""

from __future__ import annotations

import pytest

from kachecks.transitions.promotion import promote
from kachecks.transitions.record import Steps
from tests.unit.doubles.check_runs import Role, check, holder, result, standby
from tests.unit.doubles.simulated_server import UUID
from tests.unit.doubles.simulation import MARIADB, MYSQL, SILENT, World

NAME = "node-a.example"


def named(world: World, version: str) -> World:
    """Both channels of this node name their source by host name."""
    for server in (world.a, world.b):
        server.version = version
    return world.but(b__third=True, b__source_host=NAME, last_look=None)


@pytest.mark.parametrize("version", [MYSQL, MARIADB])
@pytest.mark.parametrize("role", [holder, standby])
def test_by_name(role: Role, version: str) -> None:
    """The first closer look learns who the peer is; from then on its channel is known."""
    world = named(role(), version)
    assert world.node.marks.peer_identity() == ""
    assert check(world, act=False).reason == "OK"
    assert world.node.marks.peer_identity() == ""
    assert result(world)[:2] == ("OK", 0)
    assert world.node.marks.peer_identity() == (UUID[1] if version == MYSQL else "1")
    assert result(world)[:2] == ("OK", 0)
    world.a.trouble = SILENT
    assert result(world)[:2] == ("OK", 0), "and is known without the peer"


def test_as_long_as_nobody_knows_who_the_peer_is_both_channels_count() -> None:
    world = named(standby(), MYSQL).but(a__trouble=SILENT)
    assert result(world)[0] == "APPLIER_STOPPED"


@pytest.mark.parametrize("role", [holder, standby])
def test_by_address(role: Role) -> None:
    world = role().but(b__third=True, last_look=None)
    assert result(world)[:2] == ("OK", 0)
    assert world.node.marks.peer_identity() == "", "nobody needs it"


def test_a_peer_with_a_new_identity() -> None:
    """It was rebuilt."""
    world = named(standby(), MYSQL)
    world.node.marks.note_peer(UUID[7])
    assert result(world)[:2] == ("OK", 0)
    assert world.node.marks.peer_identity() == UUID[1]


@pytest.mark.parametrize("trouble", [None, SILENT])
def test_promoted_all_the_same(trouble: Exception | None) -> None:
    """Asked now, or remembered where it does not answer."""
    world = World().but(b__third=True, b__source_host=NAME, a__trouble=trouble)
    if trouble:
        world.node.marks.note_peer(UUID[1])
        world.b.receiver = "Connecting"
    assert promote(world.node, Steps(world.node)).outcome == "opened"
