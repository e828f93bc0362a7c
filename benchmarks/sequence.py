"""The articles' own sequence with kachecks and with the common shell recipe, side by side.

    python -m benchmarks.sequence [--flavour mariadb|mysql|both] [--lag SECONDS] [--json FILE]

A's mysqld stops, comes back, B's mysqld stops, comes back, with a client writing through the
virtual IP all the time (tests/lab/matrix/sequence.py). The recipe's servers have the default, equal
auto_increment settings, as the articles' have; kachecks' have those of its snippets. Needs root.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from benchmarks import command
from benchmarks.failover_runs import SERVER_OPTIONS, SUITES
from tests.lab.matrix import sequence
from tests.lab.observing.observer import Observer
from tests.lab.pairs.pair import Pair
from tests.lab.pictures.figures import table
from tests.lab.pictures.timeline import bars_for, picture
from tests.lab.records import evidence
from tests.lab.servers.flavour import Flavour


def play(flavour: Flavour, suite: str, lag: int) -> sequence.Played:
    """One run on a fresh pair. `lag`: seconds that each standby applies late."""
    with Pair(flavour, suite, server_options=SERVER_OPTIONS[suite]) as pair:
        for node in pair.nodes if lag else ():
            pair.delay_replica(node, lag)
        with Observer.of(pair) as observer:
            return sequence.play(pair, observer)


def results(played: sequence.Played) -> dict[str, Any]:
    """The figures of a run, for programs."""
    record = played.record
    return {
        "switches": [
            {
                "fault": switch.text,
                "outage_seconds": round(switch.outage.seconds, 3),
                "wanted": switch.wanted,
                "next_writes_on": switch.outage.after,
            }
            for switch in played.switches
        ],
        "stayed_on_b_when_a_came_back": played.stayed,
        "seconds": round(record.end - record.start, 1),
        "both_writable_seconds": round(evidence.both_open(record), 3),
        "two_vips_seconds": round(evidence.both_holding(record), 3),
        "acknowledged_writes": len(evidence.acknowledged(record.writes)),
        "acknowledged_writes_lost": played.lost,
        "rows_differing": played.differing,
        "applier_errors": {node: errno for node, (errno, _) in played.applier_errors.items()},
        "client_errors": dict(sorted(evidence.errors(record.writes).items())),
        "longest_sample_gap_seconds": round(evidence.longest_gap(record), 3),
    }


def rows(runs: Sequence[dict[str, Any]]) -> list[list[str]]:
    """The figures as rows of a table, a column per run."""
    first, second = (
        [
            f"{switch['outage_seconds']:.2f} s"
            + ("" if switch["next_writes_on"] == switch["wanted"] else ", not taken over")
            for switch in pair
        ]
        for pair in zip(*(run["switches"] for run in runs))
    )
    return [
        ["A's mysqld stops: outage", *first],
        [
            "A comes back: VIP and writes stay",
            *(_yes(run["stayed_on_b_when_a_came_back"]) for run in runs),
        ],
        ["B's mysqld stops: outage", *second],
        ["both servers writable", *(_of(run, "both_writable_seconds") for run in runs)],
        ["VIP on both nodes", *(_of(run, "two_vips_seconds") for run in runs)],
        ["writes acknowledged", *(f"{run['acknowledged_writes']:,}" for run in runs)],
        [
            "  and missing on the active node",
            *(_count(run["acknowledged_writes_lost"]) for run in runs),
        ],
        ["rows that differ between the nodes", *(_count(run["rows_differing"]) for run in runs)],
        ["replication stopped by", *(_errors(run["applier_errors"]) for run in runs)],
    ]


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _of(run: dict[str, Any], key: str) -> str:
    return f"{run[key]:.1f} of {run['seconds']:.0f} s"


def _count(value: int | None) -> str:
    return "a node does not answer" if value is None else f"{value:,}"


def _errors(errors: dict[str, int]) -> str:
    said = [f"{errno} on {node.upper()}" for node, errno in sorted(errors.items())]
    return ", ".join(said) or "nothing"


def main(argv: list[str] | None = None) -> int:
    """Print a table per server, a column per suite."""
    parsing = command.parser("sequence", "The articles' sequence, beside the shell recipe.")
    parsing.set_defaults(flavour="mariadb")
    parsing.add_argument("--suites", nargs="+", choices=SUITES, default=list(SUITES))
    parsing.add_argument("--lag", type=int, default=0, help="seconds that standbys apply late")
    parsing.add_argument("--pictures", action="store_true", help="print each run's timeline too")
    options = parsing.parse_args(argv)

    def one(flavour: Flavour) -> tuple[str, dict[str, Any]]:
        told, runs = [], {}
        for suite in options.suites:
            played = play(flavour, suite, options.lag)
            runs[suite] = results(played)
            if options.pictures:
                length = played.record.written_until - played.record.start
                told += [suite, picture(played.record, after=length, bars=bars_for(sys.stdout)), ""]
        title = f"{flavour.name} {flavour.version}"
        if options.lag:
            title += f", {options.lag} s late"
        told.append(table([[title, *runs], *rows(list(runs.values()))]))
        return "\n".join(told), {"lag_seconds": options.lag, "runs": runs}

    return command.run("sequence", options, one)


if __name__ == "__main__":
    sys.exit(main())
