"""Configurations made at random, read by us and by keepalived: what differs.

    python -m tests.lab.elections.differential 20000 --on bullseye forky --seed 7     (root)

keepalived is started, not left to run: no election takes place. Exit 0: no difference. Files that
differ are kept, and their differences printed as they are found.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from kachecks.keepalived.keywords import Version
from tests.lab.elections.arena import furnish, seed
from tests.lab.elections.comparison import differences
from tests.lab.elections.conf_dump import LAST_LINK, Dump, dumps
from tests.lab.elections.conf_grammar import Grammar
from tests.lab.elections.conf_noise import Noise
from tests.lab.hosts.namespaces import Namespaces
from tests.lab.hosts.network import Link, Switch, ip
from tests.lab.servers.keepalived import Keepalived
from tests.lab.servers.keepalived_releases import SUITES, keepalived_of

_AT_A_TIME = 500
"""Files on the disk; those without a difference are removed."""


class Answer(NamedTuple):
    """What keepalived makes of one file."""

    conf: Path
    dump: Dump


def version_of(keepalived: Keepalived) -> Version:
    major, minor = keepalived.version.split(".")[:2]
    return int(major), int(minor)


@contextmanager
def host() -> Iterator[Namespaces]:
    """One with the interfaces that the grammar names."""
    switch, node = Switch("br0"), Namespaces()
    try:
        switch.plug(node, Link("p0", "eth0", "br0", "10.0.0.99"))  # nobody's source
        ip(
            node,
            "link add eth1 type veth peer far",
            "link set eth1 up",
            "link set far up",
            f"link add {LAST_LINK} type veth peer {LAST_LINK}0",
        )
        yield node
    finally:
        node.kill()
        switch.kill()


def answers(
    keepalived: Keepalived, count: int, dice: random.Random, directory: Path
) -> Iterator[Answer]:
    """What this keepalived makes of as many new files, each in a directory of its own."""
    with host() as node:
        program = furnish(node, keepalived)
        for first in range(0, count, _AT_A_TIME):
            confs = []
            for number in range(first, min(first + _AT_A_TIME, count)):
                place = directory / str(number)
                place.mkdir()
                confs.append(Noise(dice, place).write(Grammar(dice).contents()))
            for conf, dump in zip(confs, dumps(node, program, confs)):
                yield Answer(conf, dump)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.lab.elections.differential",
        description=__doc__.partition("\n")[0],
    )
    parser.add_argument("count", type=int, help="files for each keepalived")
    parser.add_argument("--on", nargs="+", choices=SUITES, default=list(SUITES))
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    number = seed() if options.seed is None else options.seed
    return max(_compared(suite, options.count, number) for suite in options.on)


def _compared(suite: str, count: int, number: int) -> int:
    """One keepalived; what came of it is printed."""
    keepalived = keepalived_of(suite)
    dice = random.Random(number)  # noqa: S311 no secret
    kept = Path(tempfile.mkdtemp(prefix=f"differential-{suite}-"))
    begun = time.monotonic()
    ended = crashed = different = 0
    for conf, dump in answers(keepalived, count, dice, kept):
        ended += dump.ends
        crashed += dump.crashed
        found = [] if dump.crashed else differences(conf, version_of(keepalived), dump)
        different += bool(found)
        if found:
            print(*found, sep="\n", flush=True)
        else:
            shutil.rmtree(conf.parent, ignore_errors=True)  # its keepalived may just be ending
    print(
        f"keepalived {keepalived.version}: {count} files of seed {number}, {ended} end it,"
        f" {crashed} crashed it, {different} read differently"
        f" ({time.monotonic() - begun:.0f} s; {kept if different else 'none kept'})",
        flush=True,
    )
    if not different:
        shutil.rmtree(kept)
    return min(different, 1)


if __name__ == "__main__":
    sys.exit(main())
