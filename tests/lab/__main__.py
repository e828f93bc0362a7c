"""Keeps a pair up to play with, until Ctrl-C: `python -m tests.lab --flavour mysql`."""

import argparse
import signal
import sys
import time
from typing import NoReturn

from tests.lab import prepare
from tests.lab.error import LabError
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
            describe(pair)
            follow(pair)
    except LabError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


def describe(pair: Pair) -> None:
    """How to get in, and where things are."""
    spent = ", ".join(f"{phase} {seconds} s" for phase, seconds in pair.phases.items())
    print(f"{pair.flavour}, suite {pair.suite.name}; up: {spent}")
    for node in pair.nodes:
        print(f"\n{node.name} ({node.address}), logs in {node.logs}")
        print("  shell:", " ".join(node.inside.enter(["bash"])))
        print("  SQL:  ", " ".join(node.inside.enter(pair.flavour.client_command())))
    print("\nclient shell:", " ".join(pair.client.enter(["bash"])))
    print(f"VIP {VIP}; Ctrl-C ends it all.\n")


def follow(pair: Pair) -> NoReturn:
    """Say who has the VIP and who takes writes, each time that changes."""
    last = ""
    while True:
        words = [
            f"{node.name}:{' VIP' if node.has_vip(VIP) else ''}"
            f"{' open' if pair.is_open(node) else ' closed'}"
            for node in pair.nodes
        ]
        if ", ".join(words) != last:
            last = ", ".join(words)
            print(time.strftime("%H:%M:%S"), last, flush=True)
        time.sleep(0.5)


if __name__ == "__main__":
    sys.exit(main())
