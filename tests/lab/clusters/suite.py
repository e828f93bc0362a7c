"""What moves with the VIP of a cluster."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from tests.lab.clusters.engine import SIZE, Engine
from tests.lab.pairs import snippets
from tests.lab.pairs import suite as pairs
from tests.lab.pairs.snippets import SNIPPETS
from tests.lab.pairs.suite import CHECKS_AND_HOOKS, Suite, owned_by_root


def none(_engine: Engine) -> Suite:
    """keepalived alone, without check and hooks."""
    return Suite("none", confs(*CHECKS_AND_HOOKS))


def standin(engine: Engine) -> Suite:
    """A check of a few lines, and for Group Replication a hook that pulls: see ./standin."""
    family = "group-replication" if engine.one_writer else "galera"
    left_out = ["track_file", "notify_backup", "notify_fault", "notify_stop"]
    if not engine.one_writer:
        left_out.append("notify_master")
    directory = owned_by_root(Path(__file__).with_name("standin") / family)
    return Suite("standin", confs(*left_out), directory=directory)


def kachecks(_engine: Engine) -> Suite:
    """The package, as for a pair, with an option file of a member."""
    return replace(
        pairs.kachecks(),
        keepalived_conf=confs(),
        option_file=Path(__file__).with_name("kachecks.cnf"),
    )


SUITES: Mapping[str, Callable[[Engine], Suite]] = {
    "none": none,
    "standin": standin,
    "kachecks": kachecks,
}


def confs(*left_out: str) -> tuple[str, ...]:
    """keepalived.conf of each node: that of a pair's first, with a priority of its own."""
    pair = (SNIPPETS / "keepalived.conf.node1").read_text()
    first = snippets.without_blocks(pair, *left_out)
    return tuple(
        first.replace("kachecks-node1", f"kachecks-node{number}").replace(
            "priority 250", f"priority {251 - number}"
        )
        for number in range(1, SIZE + 1)
    )
