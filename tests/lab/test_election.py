"""The election rules against real keepalived: who holds the VIP after each event of a history.

Pairs of configurations made at random run at once, each in two namespaces on a bridge. What is
predicted is predicted from the very files that keepalived reads.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from kachecks.election import NOBODY, higher_address
from kachecks.election_table import WELL, Sides
from kachecks.keepalived_conf import read
from kachecks.vrrp_instance import instances
from tests.lab.election_lab import Arena, Contest, seed
from tests.lab.election_plan import conf, plan

PAIRS = 42
#: Longer than the longest wait for the next thing to happen: a check each second, then
#: 3 adverts and skew (0.8 s), or a restart's first check.
QUIET = 2.2


class Story:
    """What is predicted for one contest."""

    def __init__(self, contest: Contest) -> None:
        paths = [contest.nodes[name].conf for name in "AB"]
        a, b = (instances(read(str(path), name))[0] for path, name in zip(paths, "AB"))
        addresses = [contest.plan.address(name) for name in "AB"]
        self.sides = Sides(a, b, higher_address(*addresses))
        self.failed: dict[str, frozenset[str] | None] = {"A": None, "B": None}  # None: down
        self.hearing = {"A": True, "B": True}
        self.masters = NOBODY

    def start(self, name: str) -> None:
        self.failed[name] = WELL

    def stop(self, name: str) -> None:
        self.failed[name] = None

    def fail_check(self, name: str, fails: bool) -> None:
        labels = [tracker.label for tracker in self.sides.instance(name).trackers]
        assert len(labels) == 1, labels
        self.failed[name] = frozenset(labels) if fails else WELL

    def settle(self) -> frozenset[str]:
        """The holders from now on."""
        pair = self.sides.pair(self.failed["A"], self.failed["B"])
        pair = pair._replace(
            a=pair.a._replace(hears=pair.a.hears and self.hearing["A"]),
            b=pair.b._replace(hears=pair.b.hears and self.hearing["B"]),
        )
        held = pair.settle(self.masters)
        assert held is not None
        self.masters = held
        return held


class Event(NamedTuple):
    """Something that happens to every pair at once."""

    name: str
    act: Callable[[Contest], object]
    predict: Callable[[Story], object]


def _hear(a: bool, b: bool) -> Callable[[Story], None]:
    return lambda story: story.hearing.update({"A": a, "B": b})


EVENTS = (
    Event("A starts", lambda c: c.nodes["A"].start("A"), lambda s: s.start("A")),
    Event("B starts", lambda c: c.nodes["B"].start("B"), lambda s: s.start("B")),
    Event("A's check fails", lambda c: c.fail_check("A", True), lambda s: s.fail_check("A", True)),
    Event("A recovers", lambda c: c.fail_check("A", False), lambda s: s.fail_check("A", False)),
    Event("A ends", lambda c: c.nodes["A"].stop(), lambda s: s.stop("A")),
    Event("A is back", lambda c: c.nodes["A"].start("A"), lambda s: s.start("A")),
    Event("B's check fails", lambda c: c.fail_check("B", True), lambda s: s.fail_check("B", True)),
    Event("B recovers", lambda c: c.fail_check("B", False), lambda s: s.fail_check("B", False)),
    Event("adverts lost", lambda c: c.nodes["A"].set_cut(True), _hear(False, False)),
    Event("adverts again", lambda c: c.nodes["A"].set_cut(False), _hear(True, True)),
    Event("A is deaf", lambda c: c.nodes["A"].set_deaf(True), _hear(False, True)),
    Event("A hears again", lambda c: c.nodes["A"].set_deaf(False), _hear(True, True)),
)


@pytest.fixture
def arena(tmp_path: Path) -> Iterator[Arena]:
    number = seed()
    print(f"LAB_SEED={number}")
    dice = random.Random(number)  # noqa: S311 no secret
    made = Arena(tmp_path, [plan(dice, (-1, 0, 1)[i % 3]) for i in range(PAIRS)])
    try:
        yield made
    finally:
        made.close()


def test_holders_are_as_predicted_through_a_history(arena: Arena) -> None:
    for contest in arena.contests:
        for name, node in contest.nodes.items():
            node.conf.write_text(conf(contest.plan, name, node.directory))
            if contest.plan.side(name).tracker == "file":
                contest.fail_check(name, False)
    stories = [Story(contest) for contest in arena.contests]
    wrong = []
    outcomes = set()
    for event in EVENTS:
        observed = arena.after(event.act, QUIET)
        for contest, story, seen in zip(arena.contests, stories, observed):
            before = story.masters
            event.predict(story)
            expected = story.settle()
            outcomes.add((event.name, before, expected))
            if seen != expected:
                words = f"{contest.plan.words}: after {event.name!r}"
                held = f"{_said(seen)} held the VIP, predicted {_said(expected)}"
                wrong.append(f"{words} (from {_said(before)}) {held}")
                story.masters = seen  # one mistake is one line
    # Each event both moves a VIP and leaves one, in some pair: else it would try nothing.
    for name in ("B starts", "A's check fails", "A recovers", "A is back", "B recovers"):
        moved = {before != after for event, before, after in outcomes if event == name}
        assert moved == {True, False}, f"{name}: another seed, please"
    assert not wrong, "\n".join(wrong)


def _said(holders: frozenset[str]) -> str:
    return " and ".join(sorted(holders)) or "nobody"
