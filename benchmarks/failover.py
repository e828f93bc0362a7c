"""Failovers, ours and the common shell recipe's, as a client sees them.

    python -m benchmarks.failover [--flavour …] [--faults kill …] [--times N] [--json FILE]
                                  [--pictures DIR]

Each run is a fresh pair of nodes with a client that writes through the virtual IP. Needs root.
A run takes some 15 s: the default takes four hours, or with `--jobs 3` less than two.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks import command
from benchmarks.failover_runs import FAULTS, SUITES, Run, Story, play, plays
from benchmarks.summary import nearest_to_median, ratio, seconds, summary
from tests.lab.pictures.figures import table
from tests.lab.pictures.timeline_svg import Panel, picture
from tests.lab.servers.flavour import Flavour
from tests.lab.servers.flavours import ALL_FLAVOURS

Runs = dict[str, dict[str, list[Run]]]
"""By fault and suite."""

_MANY = 5
"""SIGKILL is what people judge by, and its worst case: played so many times as often."""

_LONGEST = 8.0
"""Seconds after the fault that a picture shows at most."""


def times_of(fault: str, times: int) -> int:
    return times * _MANY if fault == "kill" else times


def rows(title: str, runs: Runs) -> list[list[str]]:
    """A heading, and a row for each fault and suite."""
    heading = ["", "runs", "outage", "worst", "of recipe", "missing on B", "lost", "differ"]
    lines = [[title, *heading, "two writers", "two VIPs"]]
    for fault, by_suite in runs.items():
        recipe = summary(run.outage for run in by_suite.get("recipe", []))
        for suite, found in by_suite.items():
            outage = summary(run.outage for run in found)
            lines.append(
                [
                    FAULTS[fault].text,
                    suite,
                    str(len(found)),
                    *seconds(outage),
                    ratio(outage, recipe),
                    _most([run.missing for run in found]),
                    _most([run.lost for run in found]),
                    _most([run.differing for run in found]),
                    _share(found, [run.two_writers for run in found]),
                    _share(found, [run.two_vips for run in found]),
                ]
            )
    return lines


def _most(counts: Sequence[int | None]) -> str:
    """The worst of them; a node that could not be asked is worse."""
    known = [count for count in counts if count is not None]
    return f"{max(known):,}" if len(known) == len(counts) else "no answer"


def _share(runs: Sequence[Run], spans: Sequence[float]) -> str:
    """The longest, with how long was watched; in full where it is nothing."""
    worst = max(range(len(runs)), key=lambda at: spans[at])
    if not spans[worst]:
        return "0 s"
    return f"{spans[worst]:.2f} of {runs[worst].watched:.0f} s"


def notes(runs: Runs) -> list[str]:
    """What a reader must know besides."""
    several = [run for by_suite in runs.values() for found in by_suite.values() for run in found]
    doubtful = sum(not run.proven for run in several)
    said = [
        "outage: median and worst, from the last write acknowledged before to the first one after;",
        "missing on B: acknowledged writes that it had not received when A was gone; lost: still",
        "missing on the active node, and differ: rows on one node only, once A was back; each the",
        "worst of the runs.",
    ]
    if any("recipe" not in by_suite for by_suite in runs.values()):
        said.append(
            "The recipe has no switchover (its users stop keepalived), no witness, no VRRPv3."
        )
    if doubtful:
        said.append(f"{doubtful} runs prove nothing of two writers: the machine was too busy.")
    return said


def results(runs: Runs) -> dict[str, Any]:
    """For programs: every run, and the figures of the table."""
    return {
        fault: {
            suite: {
                "outage_seconds": _figures(run.outage for run in found),
                "takeover_seconds": _figures(run.takeover for run in found),
                "runs": [run._asdict() for run in found],
            }
            for suite, found in by_suite.items()
        }
        for fault, by_suite in runs.items()
    }


def _figures(values: Any) -> dict[str, float] | None:
    found = summary(values)
    return found and found._asdict()


def draw(server: str, fault: str, stories: dict[str, Story]) -> str:
    """The run of each suite that stands for all, on the same scale."""
    panels = [
        Panel(
            f"{suite}, {server}: {FAULTS[fault].text}",
            story.record,
            story.transitions,
        )
        for suite, story in stories.items()
    ]
    longest = max(story.run.outage for story in stories.values())
    title = f"{FAULTS[fault].text}: {' and '.join(stories)}"
    return picture(panels, title, before=0.5, after=min(longest + 0.7, _LONGEST))


def measured(
    flavour: Flavour,
    faults: Sequence[str],
    suites: Sequence[str],
    times: int,
    pictures: Path | None,
    cpu: float,
    jobs: int,
) -> Runs:
    """Play them all, ours and the recipe's in turn; a picture of each fault.

    Args:
        jobs: pairs at a time, each in a process of its own.
    """
    runs: Runs = {}
    for fault in faults:
        stories: dict[str, list[Story]] = {suite: [] for suite in suites if plays(suite, fault)}
        turns = [suite for _ in range(times_of(fault, times)) for suite in stories]
        with ProcessPoolExecutor(jobs) as pool:
            played = pool.map(_play, [(flavour.name, suite, fault, cpu) for suite in turns])
            for suite, story in zip(turns, played):
                stories[suite].append(story)
                number, outage = len(stories[suite]), story.run.outage
                command.progress([f"{flavour.name} {fault} {suite} {number}: {outage:.2f} s"])
        runs[fault] = {suite: [each.run for each in found] for suite, found in stories.items()}
        if pictures and stories:
            typical = {
                suite: found[nearest_to_median([each.run.outage for each in found])]
                for suite, found in stories.items()
            }
            file = pictures / f"failover-{fault}-{flavour.name}.svg"
            file.write_text(draw(f"{flavour.name} {flavour.version}", fault, typical))
            command.progress([file])
    return runs


def _play(what: tuple[str, str, str, float]) -> Story:
    flavour, suite, fault, cpu = what
    return play(ALL_FLAVOURS[flavour], suite, fault, cpu)


def main(argv: list[str] | None = None) -> int:
    """Print a table per server."""
    parsing = command.parser("failover", "Failovers beside those of the common shell recipe.")
    parsing.add_argument("--faults", nargs="+", choices=FAULTS, default=list(FAULTS))
    parsing.add_argument("--suites", nargs="+", choices=SUITES, default=list(SUITES))
    parsing.add_argument(
        "--times",
        type=command.positive,
        default=20,
        help="runs of each fault, five times as many of SIGKILL (default 20)",
    )
    parsing.add_argument("--pictures", type=Path, metavar="DIR", help="draw the typical runs there")
    parsing.add_argument(
        "--cpu", type=float, default=0.0, metavar="SHARE", help="of one CPU that each node has"
    )
    parsing.add_argument("--jobs", type=command.positive, default=1, help="pairs at a time")
    options = parsing.parse_args(argv)
    if options.pictures:
        options.pictures.mkdir(parents=True, exist_ok=True)

    def one(flavour: Flavour) -> tuple[str, dict[str, Any]]:
        given = (options.faults, options.suites, options.times, options.pictures, options.cpu)
        runs = measured(flavour, *given, options.jobs)
        busy = f", {options.cpu:g} of a CPU each" if options.cpu else ""
        told = table(rows(f"{flavour.name} {flavour.version}{busy}", runs))
        return "\n".join([told, *notes(runs)]), {"failovers": results(runs)}

    return command.run("failover", options, one)


if __name__ == "__main__":
    sys.exit(main())
