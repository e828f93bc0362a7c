"""Plays every move on machines of each release, several times, and prints the table as Markdown.

    python -m tests.lab.machines.play bookworm trixie --times 5 --packages DIRECTORY

Each pair is made by the commands of docs/install.md from the package for its Python, which is made
where DIRECTORY has no kachecks_RELEASE.deb. One pair at a time; an hour for all releases.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.lab.error import LabError, NotProvenError
from tests.lab.machines.moves import MOVES, Cost, Play, moved
from tests.lab.machines.package import package
from tests.lab.machines.pair import MachinePair
from tests.lab.machines.tree import RELEASES, Release, tree
from tests.lab.observing.verify import proven

STEADY = 1.0
"""Seconds of writes before each move, and up to one more, as the check runs once a second."""


def main(argv: Sequence[str] | None = None) -> int:
    options = _options(argv)
    options.packages.mkdir(exist_ok=True)
    print("| release | what | outage, median (worst) | lost | both open |")
    print("|---|---|---|---|---|", flush=True)
    failed = [suite for suite in options.releases if not _release(RELEASES[suite], options)]
    return 1 if failed else 0


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parsing = argparse.ArgumentParser(description="Machines: what each move costs.")
    parsing.add_argument("releases", nargs="+", choices=RELEASES, metavar="RELEASE")
    parsing.add_argument("--times", type=int, default=5)
    parsing.add_argument("--packages", type=Path, required=True, metavar="DIRECTORY")
    parsing.add_argument("--moves", nargs="+", choices=MOVES, default=list(MOVES), metavar="MOVE")
    return parsing.parse_args(argv)


def _release(release: Release, options: argparse.Namespace) -> bool:
    """Whether all went as it must."""
    built = options.packages / f"kachecks_{release.suite}.deb"
    if not built.exists():
        built = package(release, options.packages / release.suite).rename(built)
    begin = time.monotonic()
    with MachinePair(release, tree(release)) as pair:
        pair.make(built)
        _say(f"{release}, {pair.versions()}: made in {time.monotonic() - begin:.0f} s")
        went_well = [_move(pair, release, what, options.times) for what in options.moves]
    return all(went_well)


def _move(pair: MachinePair, release: Release, what: str, times: int) -> bool:
    costs = []
    try:
        for number in range(times):
            costs.append(proven(lambda: _once(pair, MOVES[what])))
            _say(f"{release}, {what}, run {number + 1}: {costs[-1]}")
    except (LabError, NotProvenError) as error:
        _say(f"{release}, {what}, run {len(costs) + 1} failed: {error}")
    if costs:
        print(_row(release, what, costs), flush=True)
    return len(costs) == times and not any(cost.lost or cost.both_open for cost in costs)


def _once(pair: MachinePair, play: Play) -> Cost:
    steady = STEADY + random.random()  # noqa: S311 - nobody to hide it from
    return moved(pair, play, steady)


def _row(release: Release, what: str, costs: Sequence[Cost]) -> str:
    outages = [cost.outage for cost in costs]
    outage = f"{statistics.median(outages):.2f} s ({max(outages):.2f} s)"
    both = max(cost.both_open for cost in costs)
    return f"| {release} | {what} | {outage} | {sum(cost.lost for cost in costs)} | {both:.2f} s |"


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
