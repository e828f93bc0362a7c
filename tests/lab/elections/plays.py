"""Pairs of configurations made at random, played: who holds the VIP, beside what is predicted.

    python -m tests.lab.elections.plays 200 --seed 7     (root)

What is predicted is predicted from the very files that keepalived reads, for each event of a
history. Exit 0: all of it came true.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from tests.lab.elections.arena import Arena, Contest, seed
from tests.lab.elections.plan import Plan, conf, varied
from tests.lab.elections.prediction import EVENTS, Prediction
from tests.lab.servers.keepalived import Keepalived
from tests.lab.servers.keepalived_releases import SUITES, SYSTEM, keepalived_of

AT_ONCE = 25
"""Pairs: more of them would be a test of the machine."""
#: Seconds. Longer than the longest wait for the next thing to happen: a check each second, then
#: three adverts and the skew (0.8 s).
QUIET = 2.2
ACTS: dict[str, Callable[[Contest], object]] = {
    "A starts": lambda contest: contest.nodes["A"].start("A"),
    "B starts": lambda contest: contest.nodes["B"].start("B"),
    "A's check fails": lambda contest: contest.fail_check("A", True),
    "A recovers": lambda contest: contest.fail_check("A", False),
    "A ends": lambda contest: contest.nodes["A"].stop(),
    "A is back": lambda contest: contest.nodes["A"].start("A"),
    "B's check fails": lambda contest: contest.fail_check("B", True),
    "B recovers": lambda contest: contest.fail_check("B", False),
    "adverts are lost": lambda contest: contest.nodes["A"].set_cut(True),
    "adverts are heard again": lambda contest: contest.nodes["A"].set_cut(False),
    "A is deaf": lambda contest: contest.nodes["A"].set_deaf(True),
    "A hears again": lambda contest: contest.nodes["A"].set_deaf(False),
}


class Play(NamedTuple):
    """What came of the pairs of an arena."""

    wrong: list[str]  # a line for each prediction that did not come true
    moved: dict[str, set[bool]]  # whether the VIP moved at an event, in any of the pairs
    record: list[dict[str, Any]]  # files and histories


def played(arena: Arena) -> Play:
    """Write the files of every pair and let all events happen to it."""
    for contest in arena.contests:
        for name, node in contest.nodes.items():
            node.conf.write_text(conf(contest.plan, name, node.directory))
            if contest.plan.side(name).tracker == "file":
                contest.fail_check(name, False)
    stories = [story(contest) for contest in arena.contests]
    play = Play([], {}, [_recorded(contest) for contest in arena.contests])
    for event in EVENTS:
        observed = arena.after(ACTS[event], QUIET)
        for contest, told, entry, seen in zip(arena.contests, stories, play.record, observed):
            before = told.masters
            expected = told.happen(event)
            play.moved.setdefault(event, set()).add(before != expected)
            entry["history"].append([event, sorted(seen)])
            if seen != expected:
                play.wrong.append(
                    f"{contest.plan.words}: after {event!r} (before it {said(before)})"
                    f" {said(seen)} held the VIP, predicted {said(expected)}"
                )
                told.masters = seen  # one mistake is one line
    return play


def story(contest: Contest) -> Prediction:
    nodes = contest.nodes
    addresses = [contest.plan.source(name) for name in "AB"]
    return Prediction(nodes["A"].conf, nodes["B"].conf, addresses[0], addresses[1])


def _recorded(contest: Contest) -> dict[str, Any]:
    """The files as they are, but for the directory."""
    files = {
        name: node.conf.read_text().replace(str(node.directory), "/run/election")
        for name, node in contest.nodes.items()
    }
    addresses = {name: contest.plan.source(name) for name in "AB"}
    return {"files": files, "addresses": addresses, "history": []}


def said(holders: frozenset[str]) -> str:
    return " and ".join(sorted(holders)) or "nobody"


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.lab.elections.plays", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("count", type=int, help="pairs")
    parser.add_argument("--on", choices=SUITES, default=SYSTEM, help="whose keepalived")
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    number = seed() if options.seed is None else options.seed
    dice = random.Random(number)  # noqa: S311 no secret
    plans = [varied(dice, (-1, 0, 1)[i % 3]) for i in range(options.count)]
    keepalived = keepalived_of(options.on)
    wrong = 0
    for first in range(0, len(plans), AT_ONCE):
        for line in _played(plans[first : first + AT_ONCE], keepalived):
            print(line, flush=True)
            wrong += 1
    print(
        f"keepalived {keepalived.version}: {len(plans)} pairs of seed {number},"
        f" {len(EVENTS)} events each, {wrong} not as predicted"
    )
    return 1 if wrong else 0


def _played(plans: list[Plan], keepalived: Keepalived) -> list[str]:
    directory = Path(tempfile.mkdtemp(prefix="plays-"))
    arena = Arena(directory, plans, keepalived)
    try:
        return played(arena).wrong
    finally:
        arena.close()
        shutil.rmtree(directory)


if __name__ == "__main__":
    sys.exit(main())
