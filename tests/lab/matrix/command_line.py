"""What the commands that play scenarios have in common: options, repetition, lines of figures."""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable, Mapping
from functools import partial

from tests.lab.error import LabError
from tests.lab.matrix.figures import Figures
from tests.lab.observing.verify import proven
from tests.lab.servers.flavour import Flavour
from tests.lab.servers.flavours import ALL_FLAVOURS, FLAVOURS, PLAYABLE

SEVERAL = {"both": FLAVOURS, "all": ALL_FLAVOURS}


def add_options(parser: argparse.ArgumentParser, times: int) -> None:
    """`times`: the default of --times."""
    parser.add_argument("--flavour", choices=[*PLAYABLE, *SEVERAL], default="both")
    parser.add_argument("--times", type=int, default=times)


def flavours(options: argparse.Namespace) -> list[Flavour]:
    """Those that --flavour names."""
    names = SEVERAL.get(options.flavour, [options.flavour])
    return [PLAYABLE[name] for name in names]


def play(
    plays: Mapping[str, Callable[[Flavour], Figures]], on: list[Flavour], times: int = 1
) -> int:
    """Play each so many times on each flavour; the exit status: 1 where one has failed."""
    failed = 0
    for title, scenario in plays.items():
        for flavour in on:
            outages = []
            for _ in range(times):
                try:
                    figures = proven(partial(scenario, flavour))
                except (AssertionError, LabError) as error:
                    failed += 1
                    print(f"{title:<15} {flavour.name:<12} FAILED: {error}", flush=True)
                    continue
                outages.append(figures.outage)
                print(figures.line(title, flavour), flush=True)
            if len(outages) > 1:
                median, worst = statistics.median(outages), max(outages)
                print(
                    f"{title:<15} {flavour.name:<12} median of {len(outages)}: {median:.2f} s,"
                    f" worst {worst:.2f} s",
                    flush=True,
                )
    return 1 if failed else 0
