"""Keeps a pair up to play with, until Ctrl-C: `python -m tests.lab --flavour mysql`."""

import argparse
import signal
import sys

from tests.lab import prepare
from tests.lab.entering import describe, follow
from tests.lab.error import LabError
from tests.lab.pairs.node import Node
from tests.lab.pairs.pair import VIP, WITNESS, Pair
from tests.lab.pairs.suite import SUITES
from tests.lab.servers.flavours import ALL_FLAVOURS


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.lab", description=__doc__)
    parser.add_argument("--flavour", choices=ALL_FLAVOURS, default="mariadb")
    parser.add_argument("--suite", choices=SUITES, default="none")
    parser.add_argument("--witness", action="store_true", help=f"watch {WITNESS} as a witness")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    options = {"witness": WITNESS} if arguments.witness else {}
    try:
        flavour = ALL_FLAVOURS[arguments.flavour]
        prepare.prepare([flavour])
        with Pair(flavour, arguments.suite, options) as pair:
            describe(f"{pair.flavour}, suite {pair.suite.name}", pair, VIP)
            follow(pair, lambda node: _words(pair, node))
    except LabError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


def _words(pair: Pair, node: Node) -> str:
    return f"{'VIP ' if node.has_vip(VIP) else ''}{'open' if pair.is_open(node) else 'closed'}"


if __name__ == "__main__":
    sys.exit(main())
