"""Plays scenarios on clusters and prints what the clients saw.

    python -m tests.lab.clusters.rows kill planned --flavour galera --times 5

Without a scenario: all of them. Each flavour's cluster is formed once, and made whole after each.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys

from tests.lab import prepare
from tests.lab.clusters.cluster import Cluster
from tests.lab.clusters.engine import Engine
from tests.lab.clusters.engines import ALL_ENGINES, ENGINES
from tests.lab.clusters.ledger import Ledger
from tests.lab.clusters.plays import PLAYS, STEADY, Play, perform
from tests.lab.clusters.suite import SUITES
from tests.lab.clusters.watching import watched
from tests.lab.error import LabError


def main() -> int:
    listed = "\n".join(f"  {name:<18}{play.what}" for name, play in PLAYS.items())
    parser = argparse.ArgumentParser(
        prog="python -m tests.lab.clusters.rows",
        description=__doc__.partition("\n")[0],
        epilog=f"scenarios:\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("plays", nargs="*", metavar="SCENARIO", help="as listed below")
    parser.add_argument("--flavour", choices=[*ALL_ENGINES, "both"], default="both")
    parser.add_argument("--suite", choices=SUITES, default="kachecks")
    parser.add_argument("--times", type=int, default=1)
    options = parser.parse_args()
    if unknown := set(options.plays) - set(PLAYS):
        parser.error(f"no such scenario: {', '.join(sorted(unknown))}")
    engines = ENGINES if options.flavour == "both" else {"": ALL_ENGINES[options.flavour]}
    names = options.plays or list(PLAYS)
    results = [run(each, options.suite, names, options.times) for each in engines.values()]
    return 0 if all(results) else 1


def run(engine: Engine, suite: str, names: list[str], times: int) -> bool:
    """All of these on one cluster, which is formed anew after a failure; whether none failed.

    Those that the engine does not have are left out.
    """
    prepare.prepare([engine.flavour])
    names = [name for name in names if not (PLAYS[name].galera and engine.one_writer)]
    left = [name for name in names for _ in range(times)]
    outages: dict[str, list[float]] = {name: [] for name in names}
    failed = 0
    while left:
        try:
            with Cluster(engine, suite) as cluster:
                while left:
                    name = left.pop(0)
                    seen = play(cluster, PLAYS[name])
                    outages[name].append(seen.outage)
                    print(f"{name:<16} {engine.name:<18} {seen.line()}", flush=True)
        except (LabError, ValueError) as error:
            failed += 1
            print(f"{name:<16} {engine.name:<18} FAILED: {error}", flush=True)
    for name, seconds in outages.items():
        if len(seconds) > 1:
            median = f"median of {len(seconds)}: {statistics.median(seconds):.2f} s"
            print(f"{name:<16} {engine.name:<18} {median}, worst {max(seconds):.2f} s")
    return not failed


def play(cluster: Cluster, what: Play) -> Ledger:
    """Steady writes, the fault, the repair, until all are whole again.

    Raises LabError where that does not come about, ValueError where nothing can be said.
    """
    cluster.begin_anew()
    with watched(cluster, STEADY + random.random()) as watch:  # noqa: S311 - nobody to hide it from
        perform(what, watch)
        watch.stop_writing()
        return watch.ledger()


if __name__ == "__main__":
    sys.exit(main())
