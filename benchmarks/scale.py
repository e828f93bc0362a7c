"""How a demotion and a promotion grow with what they have to handle.

    python -m benchmarks.scale [connections] [relay-log] [vips] [--sizes N …] [--times N] …

Client connections to cut, transactions of relay log to apply, virtual addresses to move: ours
and the common shell recipe's. Each run is a fresh pair of nodes. Needs root.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from benchmarks import command
from benchmarks.failover_runs import SUITES
from benchmarks.scale_runs import GROWTHS, Growth, Point
from benchmarks.summary import ratio, seconds, summary
from tests.lab.pictures.figures import table
from tests.lab.servers.flavour import Flavour

Points = dict[str, dict[int, list[Point]]]
"""By suite and size."""


def measured(
    flavour: Flavour, growth: Growth, sizes: Sequence[int], suites: Sequence[str], times: int
) -> Points:
    """Smallest first, ours and the recipe's in turn."""
    points: Points = {suite: {size: [] for size in sizes} for suite in suites}
    for size in sizes:
        for number in range(times):
            for suite in suites:
                point = growth.play(flavour, suite, size)
                points[suite][size].append(point)
                words = f"{flavour.name} {size:,} {growth.what}, {suite} {number + 1}:"
                command.progress([words, f"{point.outage:.2f} s"])
    return points


def rows(growth: Growth, points: Points) -> list[list[str]]:
    """A heading, and a row for each suite and size."""
    heading = [growth.what, "suite", "runs", "outage", "worst", "of recipe", "of fewest"]
    lines = [[*heading, growth.work, "worst", growth.left, "ended"]]
    for suite, by_size in points.items():
        fewest = summary(each.outage for each in next(iter(by_size.values())))
        for size, found in by_size.items():
            outage = summary(each.outage for each in found)
            recipe = summary(each.outage for each in points.get("recipe", {}).get(size, []))
            lines.append(
                [
                    f"{size:,}",
                    suite,
                    str(len(found)),
                    *seconds(outage),
                    ratio(outage, recipe),
                    ratio(outage, fewest),
                    *seconds(summary(each.work for each in found)),
                    f"{max(each.left for each in found):,}",
                    ", ".join(sorted({each.ended or "-" for each in found})),
                ]
            )
    return lines


def results(points: Points) -> dict[str, Any]:
    """For programs: seconds and counts, every run."""
    return {
        suite: {str(size): [each._asdict() for each in found] for size, found in by_size.items()}
        for suite, by_size in points.items()
    }


def main(argv: list[str] | None = None) -> int:
    """Print a table per server and kind."""
    parsing = command.parser("scale", "How failovers grow with what they have to handle.")
    parsing.add_argument("kinds", nargs="*", metavar="KIND", help=f"of {', '.join(GROWTHS)}; all")
    parsing.add_argument("--sizes", nargs="+", type=int, help="instead of those of the table")
    parsing.add_argument("--suites", nargs="+", choices=SUITES, default=list(SUITES))
    parsing.add_argument("--times", type=command.positive, default=3, help="runs of each size")
    options = parsing.parse_args(argv)
    unknown = sorted(set(options.kinds) - set(GROWTHS))
    if unknown:
        parsing.error(f"{unknown[0]}: expected one of {', '.join(GROWTHS)}")

    def one(flavour: Flavour) -> tuple[str, dict[str, Any]]:
        told, found = [], {}
        for kind in options.kinds or GROWTHS:
            growth = GROWTHS[kind]
            sizes = options.sizes or growth.sizes
            points = measured(flavour, growth, sizes, options.suites, options.times)
            title = f"{flavour.name} {flavour.version}. {growth.title}"
            told.append(f"{title}\n{table(rows(growth, points))}")
            found[kind] = results(points)
        return "\n\n".join(told), {"growth": found}

    return command.run("scale", options, one)


if __name__ == "__main__":
    sys.exit(main())
