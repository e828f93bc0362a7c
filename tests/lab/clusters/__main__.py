"""Keeps a cluster up to play with, until Ctrl-C.

python -m tests.lab.clusters --flavour galera
"""

import argparse
import signal
import sys

from tests.lab import prepare
from tests.lab.clusters.cluster import VIP, Cluster
from tests.lab.clusters.engines import ALL_ENGINES
from tests.lab.clusters.member import Member
from tests.lab.clusters.suite import SUITES
from tests.lab.entering import describe, follow
from tests.lab.error import LabError


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.lab.clusters", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--flavour", choices=ALL_ENGINES, default="galera")
    parser.add_argument("--suite", choices=SUITES, default="standin")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        engine = ALL_ENGINES[arguments.flavour]
        prepare.prepare([engine.flavour])
        with Cluster(engine, arguments.suite) as cluster:
            describe(f"{engine}, suite {cluster.suite.name}", cluster, VIP)
            follow(cluster, _words)
    except LabError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


def _words(node: Member) -> str:
    standing = node.standing()
    vip = "VIP " if node.has_vip(VIP) else ""
    if standing is None:
        return f"{vip}down"
    return f"{vip}{standing.state}, {standing.access}, sees {standing.members}"


if __name__ == "__main__":
    sys.exit(main())
