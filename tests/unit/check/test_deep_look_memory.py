"""What one look leaves for the next: since when, how often, and the alone mark (simulation.py)."""

from __future__ import annotations

import pytest

from kachecks.check.deep_look import PING_PATIENCE, remember
from kachecks.check.verdict import Findings
from kachecks.state.files import StateError
from kachecks.state.marks import Known, Look
from tests.unit.doubles.simulation import WITNESS, World, active

# What is remembered ------------------------------------------------------------------------------


def remembered(world: World, found: Findings, holds: bool = True) -> Look:
    remember(world.node, found, holds)
    assert world.last_look is not None
    return world.last_look


def test_the_look_is_remembered() -> None:
    world = World().but(time=7.0)
    known = {"alone": False, "late": False}
    assert remembered(world, Findings(peer="closed")) == Look(7.0, **known)
    assert remembered(world, Findings(errant="why")) == Look(7.0, wrong=True, **known)
    wanted = Known(6.9, 6.8, 6.5, "1-1-5")
    found = Findings(peer="open", known=wanted)
    assert remembered(world, found, holds=False) == Look(7.0, **known, known=wanted)


def test_since_when_the_peer_is_fit() -> None:
    """At each look since then: one that found it otherwise, or not at all, starts anew."""
    world = World()
    fit = Findings(peer="closed", peer_fit=True)
    since = []
    for found in (fit, fit, Findings(peer="closed"), fit, fit, Findings(peer="mute"), fit):
        world.pass_time(5.0)
        since.append(remembered(world, found).fit_since)
    assert since == [5.0, 5.0, 0.0, 20.0, 20.0, 0.0, 35.0]


TROUBLES = ["stalled", "disk_full", "disk_read_only"]


@pytest.mark.parametrize("what", TROUBLES)
def test_degraded_before_it_was_open(what: str) -> None:
    """Kept from the standby's look until one that finds nothing of the kind."""
    world = World()
    bad = Findings(**{what: "why"})
    looks = [(bad, False), (bad, True), (bad, True), (Findings(), True), (bad, True), (bad, True)]
    before = [remembered(world, found, holds).degraded_before for found, holds in looks]
    assert before == [True, True, True, False, False, False]


def test_other_trouble_is_not_the_disks() -> None:
    world = World()
    found = Findings(errant="why", behind="why")
    assert not remembered(world, found, holds=False).degraded_before


def test_looks_in_a_row() -> None:
    world = World()
    both = Findings(peer="open", two_writers="both")
    assert [remembered(world, both).two_writers for _ in range(3)] == [1, 2, 3]
    assert remembered(world, Findings(peer="open")).two_writers == 0
    assert remembered(world, both).two_writers == 1


@pytest.mark.parametrize("peer", ["refusing", "absent"])
@pytest.mark.parametrize("before", [None, Look(0.0, alone=False)])
def test_an_open_holder_whose_peer_cannot_take_over_is_alone(
    before: Look | None, peer: str
) -> None:
    """Its mysqld is down, or nothing of its host is there."""
    world = World().but(last_look=before)
    for _ in range(3):
        assert remembered(world, Findings(peer=peer)).alone
    assert world.alone
    assert world.log.count("mark alone") == 1  # it is written to a disk
    asked = [line for line in world.log if line.startswith(("on link", "echo"))]
    looks = 0 if peer == "refusing" else 3
    assert asked == ["on link?", "echo 10.0.0.1?"] * looks
    assert world.time < looks * (0.09 + PING_PATIENCE) + 0.01


def test_since_when_the_peer_is_off() -> None:
    """A look that cannot tell changes nothing; a sign of its host, or of its server, ends it."""
    world = World(witness=WITNESS)
    absent = Findings(peer="absent")
    assert remembered(world, Findings(peer="closed")).off_since == 0.0
    since = remembered(world, absent).off_since
    assert 0.0 < since <= world.time
    world.pass_time(9.0)
    assert remembered(world, absent).off_since == since
    world.network.echo = set()
    assert remembered(world, absent).off_since == since
    assert remembered(world, absent, holds=False).off_since == 0.0
    world.network.echo = {WITNESS}
    assert remembered(world, absent).off_since > since
    world.network.on_link = True
    assert remembered(world, absent).off_since == 0.0
    world.network.on_link = False
    remembered(world, absent)
    assert remembered(world, Findings(peer="absent", connected=True)).off_since == 0.0
    for peer in ("refusing", "mute", "open"):
        world.network.on_link = False
        remembered(world, absent)
        assert remembered(world, Findings(peer=peer)).off_since == 0.0


@pytest.mark.parametrize("sign", [{"network__on_link": True}, {"network__echo": {"10.0.0.1"}}])
@pytest.mark.parametrize("before", [None, Look(0.0, alone=False)])
def test_a_silent_peer_whose_host_is_there_may_serve(
    before: Look | None, sign: dict[str, object]
) -> None:
    """Only SQL is cut: it may be promoted, and have what this node lacks."""
    world = World().but(last_look=before, **sign)
    assert not remembered(world, Findings(peer="absent")).alone
    assert not world.alone


@pytest.mark.parametrize(("echo", "alone"), [({WITNESS}, True), (set(), None)])
def test_the_witness_does_not_answer_for_the_peer(echo: set[str], alone: bool | None) -> None:
    """Where not even the witness answers it is this node that is cut off."""
    world = World(witness=WITNESS).but(network__echo=echo)
    assert remembered(world, Findings(peer="absent")).alone is alone
    assert world.alone == bool(alone)


@pytest.mark.parametrize("what", ["on link", "echo"])
def test_a_network_that_cannot_be_looked_at_proves_nothing(what: str) -> None:
    """And what else was found is remembered all the same."""
    world = World().but(network__errors={what: PermissionError("no CAP_NET_RAW")})
    look_made = remembered(world, Findings(peer="absent", disk_full="no room"))
    assert (look_made.alone, look_made.wrong) == (None, True)
    assert not world.alone


def test_a_peer_that_refuses_and_still_replicates_is_there() -> None:
    """It is a firewall that refuses."""
    world = World()
    assert not remembered(world, Findings(peer="refusing", connected=True)).alone
    assert not world.alone


@pytest.mark.parametrize("peer", ["mute", "open", "closed", ""])
def test_it_is_not_alone_beside_a_peer_that_may_write(peer: str) -> None:
    world = World().but(last_look=Look(0.0, alone=False))
    assert not remembered(world, Findings(peer=peer)).alone
    assert not world.alone


@pytest.mark.parametrize("peer", ["refusing", "absent"])
def test_a_standby_is_never_marked_alone(peer: str) -> None:
    world = World()
    assert remembered(world, Findings(peer=peer), holds=False).alone is None  # not known
    assert "mark alone" not in world.log
    world.last_look = Look(0.0, alone=False)
    assert remembered(world, Findings(peer=peer), holds=False).alone is False
    assert "on link?" not in world.log


@pytest.mark.parametrize("holds", [True, False])
@pytest.mark.parametrize("peer", ["open", "closed"])
def test_the_peer_answers_again(peer: str, holds: bool) -> None:
    """From now on it may have what this node lacks."""
    world = World()
    remembered(world, Findings(peer="refusing"))
    assert not remembered(world, Findings(peer=peer), holds).alone
    assert not world.alone
    remembered(world, Findings(peer=peer), holds)
    assert world.log.count("unmark alone") == 1


@pytest.mark.parametrize("peer", ["mute", "absent", "refusing", ""])
def test_an_answer_that_says_nothing_leaves_the_mark(peer: str) -> None:
    world = World()
    remembered(world, Findings(peer="refusing"))
    assert remembered(world, Findings(peer=peer)).alone
    assert world.alone


@pytest.mark.parametrize("first", ["refusing", "absent", "mute", ""])
@pytest.mark.parametrize("then", ["open", "closed"])
def test_after_a_reboot_the_mark_may_still_be_there(first: str, then: str) -> None:
    """/run is empty then, and what lies on the disk is not known: until the peer answers."""
    world = World().but(alone=True)
    if first:
        remembered(world, Findings(peer=first), holds=False)
        assert world.alone
    remembered(world, Findings(peer=then), holds=False)
    assert not world.alone


def test_a_check_that_is_killed_while_it_marks() -> None:
    """What was remembered must not say that there is no mark."""
    world = active().but(last_look=Look(0.0, alone=False))
    seen: list[bool | None] = []
    world.when("mark alone", lambda: seen.append(world.last_look.alone))
    remembered(world, Findings(peer="refusing"))
    assert seen == [None]


def test_a_mark_that_cannot_be_removed_is_tried_again() -> None:
    world = active().but(last_look=Look(0.0, alone=True))
    world.disk.error = StateError("cannot remove main.alone")
    assert remembered(world, Findings(peer="closed")).alone is True
