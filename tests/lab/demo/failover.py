"""See it happen: two nodes, a client that writes through the virtual IP, and a fault.

    python -m tests.lab.demo.failover [--flavour mariadb|mysql] [--fault kill|…]
        [--suite kachecks|recipe]
    python -m tests.lab.demo.failover --flavour galera|group-replication [--fault kill|…]

The latter are clusters of three nodes. Needs root, and nothing but this machine: the nodes are
namespaces.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from pathlib import Path

from tests.lab.clusters.engines import ALL_ENGINES
from tests.lab.clusters.plays import PLAYS
from tests.lab.clusters.suite import SUITES as SUITES_OF_CLUSTERS
from tests.lab.demo.live import live_lines
from tests.lab.demo.of_cluster import show
from tests.lab.error import LabError
from tests.lab.faults.catalogue import FAULTS, Fault
from tests.lab.observing.observer import Observer
from tests.lab.observing.verify import rows_by_node
from tests.lab.pairs.pair import VIP, Pair
from tests.lab.pairs.suite import SUITES
from tests.lab.pictures import timeline_svg
from tests.lab.pictures.figures import figures, table
from tests.lab.pictures.timeline import bars_for, picture
from tests.lab.records import transitions
from tests.lab.servers.accounts import SAMPLER_USER
from tests.lab.servers.flavours import FLAVOURS

_STEADY = 2.0
_DOWN_MARGIN = 30.0


def play(pair: Pair, observer: Observer, fault: Fault) -> None:
    """Steady writes, the fault, the takeover, the return of A."""
    observer.wait_for_write(pair.a.name)
    time.sleep(_STEADY)
    mark = observer.mark(fault.text, fault=True)
    fault.play(pair)
    observer.wait_for_write(pair.b.name, after=mark.time, timeout=_DOWN_MARGIN)
    time.sleep(_STEADY)
    observer.mark(fault.repair_text)
    fault.repair(pair)
    pair.give_time_to_return(pair.a, 5)
    time.sleep(_STEADY)


def _let_sampler_see_replication(pair: Pair) -> None:
    """For the timeline's sake; what it watches for the tests needs no privilege."""
    mariadb = "mariadb" in pair.flavour.version.lower()
    privilege = "SLAVE MONITOR" if mariadb else "REPLICATION CLIENT"
    pair.a.sql(f"GRANT {privilege} ON *.* TO {SAMPLER_USER}@localhost")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.lab.demo.failover", description="Play a failover and watch it."
    )
    parser.add_argument("--flavour", choices=[*FLAVOURS, *ALL_ENGINES], default="mariadb")
    parser.add_argument("--suite", choices=("kachecks", "recipe", "standin"), default="kachecks")
    parser.add_argument("--fault", choices=list({**FAULTS, **PLAYS}), default="kill")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="draw it there too, as SVG")
    options = parser.parse_args(argv)
    of_cluster = options.flavour in ALL_ENGINES
    suites, faults = (SUITES_OF_CLUSTERS, PLAYS) if of_cluster else (SUITES, FAULTS)
    if options.suite not in suites or options.fault not in faults:
        parser.error(f"{options.flavour} has no {options.suite}, or no {options.fault}")
    try:
        if of_cluster:
            engine = ALL_ENGINES[options.flavour]
            show(engine, options.suite, PLAYS[options.fault], options.picture)
        else:
            _show(options)
    except LabError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _show(options: argparse.Namespace) -> None:
    """A failover of a pair."""
    flavour, fault = FLAVOURS[options.flavour], FAULTS[options.fault]
    print(f"Starting two nodes with {flavour.name} {flavour.version} and {options.suite} …")
    with Pair(flavour, options.suite) as pair:
        print(
            f"A holds {VIP} and takes writes, B stands by. A client writes through the"
            f"\nvirtual IP. In {_STEADY:g} s: {fault.text}.\n"
        )
        _let_sampler_see_replication(pair)
        observer = Observer.of(pair)
        with observer, live_lines(observer):
            play(pair, observer, fault)
        with contextlib.suppress(LabError):
            pair.wait_replication_caught_up(5)
        record = observer.record()
        print(f"\n{picture(record, bars=bars_for(sys.stdout))}")
        print(f"\n{table(figures(record, rows_by_node(pair)))}")
        if options.picture:
            title = f"{pair.suite.name}, {flavour.name} {flavour.version}: {fault.text}"
            panel = timeline_svg.Panel(title, record, transitions.of_nodes(pair.nodes))
            options.picture.write_text(timeline_svg.picture([panel], title))
            print(f"\ntimeline: {options.picture}")


if __name__ == "__main__":
    sys.exit(main())
