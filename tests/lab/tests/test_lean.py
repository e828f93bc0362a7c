"""What the healthy check costs on real servers: modules, memory, connections."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.lab.pairs.commands import BIN
from tests.lab.pairs.node import Node
from tests.lab.pairs.pair import Pair
from tests.lab.servers.flavour import Flavour
from tests.unit.check.test_lean import HASHES, HEALTHY, LOADED, OF_PYTHON, PIPE

PYTHON = f"{BIN}/python3"
CHECK = [f"{BIN}/check_mysql", "--fence"]
OURS = {"kachecks", *(f"kachecks.{name}" for name in HEALTHY.split())}
ALLOWED = OURS | OF_PYTHON | HASHES | PIPE

MEMORY = 2.5
"""Of bare Python."""

PEAK = """
import posix, sys
pid = posix.posix_spawn(sys.argv[1], sys.argv[1:], posix.environ)
print(posix.wait4(pid, 0)[2].ru_maxrss)
"""
"""Starts a program and tells its peak in KiB. A process begins with the peak of the one that made
it, so this one is as small as Python can be."""

ATTEMPTS = 10
"""keepalived's own check may be at work, or a closer look at the peer may be due."""


@pytest.fixture
def pair(flavour: Flavour) -> Iterator[Pair]:
    """Without `watch`, which costs time and nothing else."""
    with Pair(flavour, suite="kachecks", option_overrides={"watch": 0, "peer_check": 60}) as pair:
        yield pair


def loaded(node: Node, *command: str) -> tuple[str, set[str]]:
    """What a program says, and the modules it has loaded."""
    result = node.run([PYTHON, "-X", "importtime", *command])
    return result.stdout, set(LOADED.findall(result.stderr))


def lean(node: Node) -> set[str]:
    """The modules of a check that only asks whether all is still well."""
    _, bare = loaded(node, "-c", "pass")
    for _ in range(ATTEMPTS):
        said, found = loaded(node, *CHECK)
        if said.startswith("OK: ") and "kachecks.check.deep_look" not in found:
            return found - bare
        time.sleep(0.3)
    raise AssertionError(f"each of {ATTEMPTS} checks on {node.name} looked closer")


def peak(node: Node, *command: str) -> int:
    """KiB."""
    return int(node.run([PYTHON, "-I", "-S", "-c", PEAK, *command]).stdout.split()[-1])


def test_the_healthy_check(pair: Pair) -> None:
    for node in pair.nodes:
        assert lean(node) - ALLOWED == set()
        bare = peak(node, PYTHON, "-c", "pass")
        assert min(peak(node, *CHECK) for _ in range(ATTEMPTS)) < MEMORY * bare


def test_watching_mysqld(flavour: Flavour) -> None:
    """The process behind the socket is found, and no connection is left for the server to abort."""
    with Pair(flavour, suite="kachecks") as pair:
        pair.wait_until(lambda: is_watched(pair.a) and is_watched(pair.b), 20, "both are watched")
        before = [aborted(node) for node in pair.nodes]
        time.sleep(3)  # checks of keepalived
        assert [aborted(node) for node in pair.nodes] == before


def is_watched(node: Node) -> bool:
    said = node.run([*CHECK, "-v"], check=False).stdout
    return f"mysqld (pid {node.mysqld_pid()}) was watched for another 0." in said


def aborted(node: Node) -> int:
    row = node.sql("SHOW GLOBAL STATUS LIKE 'Aborted_clients'")[0]
    return int(row["Value"])
