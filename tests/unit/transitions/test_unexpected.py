"""An error that nobody has thought of, at each step of a promotion: what it leaves behind.

The server is closed, and the node gives way; or it is open with the VIP, as it was or as it was to
be. Never is it closed with the VIP, and a check with nothing to say against it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest

from kachecks.check.one_run import run_check
from kachecks.mysql.facts import Row
from kachecks.state.files import StateError
from kachecks.transitions.reconcile import reconcile, reopen
from kachecks.transitions.record import Outcome
from tests.unit.doubles.simulation import (
    CLOSED,
    MARIADB,
    MYSQL,
    OPEN,
    REFUSED,
    SERVER,
    SILENT,
    World,
)

BUGS = [ValueError("a bug"), MemoryError(), KeyError("x"), OSError(24, "too many open files")]

Worlds = Callable[[], World]


def open_peer() -> World:
    return World().but(a__made=7, vip_takes=0.01)


def mariadb() -> World:
    return World(MARIADB).but(vip_takes=0.01)


def dead_peer() -> World:
    world = World(MYSQL).but(a__trouble=REFUSED, b__receiver="Connecting", vip_takes=0.01)
    world.b.receive_half()
    return world


def silent_peer() -> World:
    return World().but(a__trouble=SILENT, b__receiver="Connecting", vip_takes=0.01)


def already_open() -> World:
    return World().but(a__access=CLOSED, b__access=OPEN, vip_takes=0.01)


WORLDS = [open_peer, mariadb, dead_peer, silent_peer, already_open]


def promote(world: World) -> Outcome:
    outcome = reconcile(world.node, "a hook", 5.0)
    assert world.locked_by != "us"
    assert world.sessions_left == []
    return outcome


class Statements:
    """All that are sent to both servers, of which one may meet a bug."""

    def __init__(self, world: World, bug: Exception | None = None, at: int = -1) -> None:
        self._bug, self._at = bug, at
        self.sent: list[str] = []
        for server in (world.a, world.b):
            server.spoiled = self.meet

    def meet(self, sql: str, rows: list[Row]) -> list[Row]:
        """After it was done."""
        self.sent.append(sql)
        if len(self.sent) - 1 == self._at and self._bug is not None:
            raise self._bug
        return rows


@pytest.mark.parametrize("bug", BUGS, ids=repr)
@pytest.mark.parametrize("worlds", WORLDS)
def test_at_every_statement(worlds: Worlds, bug: Exception) -> None:
    whole = Statements(undisturbed := worlds())
    promote(undisturbed)
    assert undisturbed.b.access == OPEN
    assert len(whole.sent) >= 5
    for at, sql in enumerate(whole.sent):
        world = worlds()
        before = world.b.access
        Statements(world, bug, at)
        outcome = promote(world)
        serves = world.vip and world.b.access == OPEN and world.a.access == CLOSED
        alone = world.vip and world.b.access == OPEN and world.a.trouble is not None
        gave_way = world.b.access == CLOSED and world.gave_way is not None and not world.permit
        kept = world.b.access == before == OPEN and world.vip
        assert serves or alone or gave_way or kept, (sql, outcome)
        assert gave_way or world.gave_way is None, (sql, outcome)


def test_what_has_happened_is_told() -> None:
    world = open_peer()
    Statements(world, ValueError("a bug"), at=0)
    outcome = promote(world)
    assert (outcome.outcome, outcome.done) == ("failed", False)
    assert outcome.why == "unexpected ValueError: a bug"
    assert world.recorded[-1]["outcome"] == "failed"


def test_a_server_found_open_without_a_mark_keeps_the_vip() -> None:
    """Its own session meets the bug, before it is known what it is."""
    world = already_open()
    assert world.open_mark is None
    Statements(world, ValueError("a bug"), at=0)
    assert promote(world).outcome == "failed"
    assert (world.vip, world.permit, world.gave_way) == (True, True, None)


def test_one_that_cannot_be_read_back_and_is_marked_keeps_the_vip() -> None:
    world = open_peer().but(open_mark=SERVER)

    def dies() -> None:
        world.b.trouble = SILENT
        raise ValueError("a bug")

    world.when("A: SET GLOBAL", dies)
    assert promote(world).outcome == "failed"
    assert (world.vip, world.gave_way) == (True, None)


def test_an_opening_again_that_fails_gives_way() -> None:
    world = open_peer()
    world.b.spoiled = Statements(world, ValueError("a bug"), at=0).meet
    world.node.lock.try_to_take("leave")
    assert reopen(world.node, "switchover", patience=0.0).outcome == "failed"
    assert world.gave_way is not None


def test_a_run_directory_that_cannot_be_used_is_still_told_as_that() -> None:
    world = open_peer().but(files__error=StateError("cannot write /run/kachecks/main.lock"))
    with pytest.raises(StateError):
        reconcile(world.node, "a hook", 5.0)
    assert world.b.access == CLOSED


@pytest.mark.parametrize("bug", [MemoryError(), OSError(24, "too many open files")], ids=repr)
@pytest.mark.parametrize("worlds", WORLDS)
def test_at_everything_that_happens(worlds: Worlds, bug: Exception) -> None:
    """Connections, marks, the lock, the network too. What escapes is told by the hook; the next
    checks see to the rest."""
    whole = Happenings(undisturbed := worlds())
    promote(undisturbed)
    for at, what in enumerate(whole.seen):
        world = worlds()
        Happenings(world, bug, at)
        with suppress(type(bug)):
            reconcile(world.node, "a hook", 5.0)
        alone = world.a.access == CLOSED or world.a.trouble is not None
        assert world.b.access == CLOSED or (world.vip and alone), what
        if world.b.access == CLOSED and world.vip:
            assert seen_to_by_checks(world), what


def seen_to_by_checks(world: World) -> bool:
    """One of the next checks starts a promotion, or lets go of the VIP."""
    for _ in range(8):
        if run_check(world.node, act=True).status or "start promotion" in world.log:
            return True
        world.pass_time(1.0)
    return False


class Happenings:
    """All that happens in a world, at one of which a bug is met."""

    def __init__(self, world: World, bug: Exception | None = None, at: int = -1) -> None:
        self.seen: list[str] = []
        happening = world.happening

        def meet(what: str) -> None:
            self.seen.append(what)
            if len(self.seen) - 1 == at and bug is not None:
                raise bug
            happening(what)

        world.happening = meet  # type: ignore[method-assign]
