"""doctor looks at the link, and asks keepalived for its state only where it may be wrong."""

from __future__ import annotations

from typing import Any

import pytest

from kachecks.commands.doctor.host import look
from kachecks.commands.doctor.host.facts import CheckRun, HostFacts
from kachecks.keepalived import ask_state
from kachecks.keepalived.ask_state import Untold
from kachecks.keepalived.process import NotFound
from kachecks.keepalived.vrrp_state import Vrrp
from kachecks.network import interfaces
from tests.unit.doubles.doctor_world import host_facts, right
from tests.unit.doubles.simulation import World

PASSED, FAILED = (CheckRun("check_mysql", "root", status) for status in (0, 20))


class Asked:
    """A keepalived that answers these states, one after the other."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answers: Any) -> None:
        self.answers = list(answers)
        self.world = World()
        monkeypatch.setattr(ask_state, "ask_keepalived", self._answer)

    def _answer(self, _vips: object) -> Vrrp:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return Vrrp("mysql", answer, 0.0, 249, 249)

    def facts(self, run: CheckRun | None = PASSED, permit: bool | None = True) -> HostFacts:
        """Every answer must have been needed."""
        before = host_facts(right(), None)._replace(passing=run, permit=permit)
        found = look.with_state(self.world.node, before)
        assert self.answers == []
        return found


def test_a_fault_that_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked(monkeypatch, "FAULT", "FAULT")
    began = asked.world.node.clock.now()
    assert asked.facts().keepalived_state == "FAULT"
    assert asked.world.node.clock.now() - began > 3.0  # rise 2, once a second


def test_a_fault_that_ends_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Asked(monkeypatch, "FAULT", "BACKUP").facts().keepalived_state == "BACKUP"


def test_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Asked(monkeypatch, "MASTER").facts().keepalived_state == "MASTER"


def test_what_keepalived_does_not_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    facts = Asked(monkeypatch, Untold("built without JSON")).facts()
    assert (facts.keepalived_state, facts.state_not_told) == ("", "built without JSON")
    facts = Asked(monkeypatch, NotFound("none runs")).facts()
    assert (facts.keepalived_state, facts.state_not_told) == ("", "")


@pytest.mark.parametrize(
    ("run", "permit"), [(FAILED, True), (None, True), (PASSED, False), (PASSED, None)]
)
def test_it_is_not_asked_where_fault_is_right(
    run: CheckRun | None, permit: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Asked(monkeypatch).facts(run, permit).keepalived_state == ""


def test_the_link(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interfaces, "mac_of", lambda _: bytes.fromhex("02000a000001"))
    world = World()
    world.vip, world.network.holder, world.network.on_link = True, "02:00:0a:00:00:77", True
    seen = look.look_at_link(world.node)
    assert seen is not None
    assert (seen.vip_here, seen.own_mac) == (True, "02:00:0a:00:00:01")
    assert (seen.vip_macs, len(seen.peer_macs)) == ({"02:00:0a:00:00:77"}, 1)


def test_a_vip_that_moves_meanwhile_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    world, places = World(), [True, False]
    monkeypatch.setattr(world.network, "vip_here", lambda: places.pop(0))
    assert look.look_at_link(world.node) is None


def test_who_may_not_ask_the_link_sees_none() -> None:
    world = World()
    world.network.errors["holder"] = PermissionError()
    assert look.look_at_link(world.node) is None


@pytest.mark.parametrize("answers", [True, False])
def test_the_peer_is_pinged_where_the_check_pings_it(answers: bool) -> None:
    world = World(witness="10.0.0.254")
    if answers:
        world.network.echo.add(world.node.config.peer)
    assert look.peer_pings(world.node) is answers
    world.network.errors["echo"] = PermissionError()
    assert look.peer_pings(world.node) is None
    assert look.peer_pings(World().node) is None
