"""How kachecks reaches this node's mysqld: not always by a socket that names its process."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping

from tests.lab.matrix.scenario import Scenario, playing
from tests.lab.pairs.commands import check
from tests.lab.pairs.node import Node
from tests.lab.servers.accounts import LOCAL_PASSWORD
from tests.lab.servers.flavour import Flavour

Reach = Callable[
    [Flavour, Mapping[str, "object | None"]], "contextlib.AbstractContextManager[Scenario]"
]
"""Plays on such a pair, with these options: see `playing`."""

CHILD_NAMESPACE = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")

BY_TCP = "kachecks_by_tcp"


def as_usual(
    flavour: Flavour, options: Mapping[str, object | None]
) -> contextlib.AbstractContextManager[Scenario]:
    """By the unix socket, in one pid namespace."""
    return playing(flavour, options)


@contextlib.contextmanager
def by_tcp(flavour: Flavour, options: Mapping[str, object | None]) -> Iterator[Scenario]:
    """By TCP, at the node's own address, where the account that may do all needs another name: the
    peer's comes from there, too."""
    with playing(flavour, options) as scenario:
        _copy_local_account(scenario.a)
        for node in scenario.pair.nodes:
            own = {"socket": None, "host": node.address, "user": BY_TCP}
            scenario.pair.set_options(node, {f"client.{key}": own[key] for key in own})
        _wait_until_known_by_start(scenario)
        yield scenario


@contextlib.contextmanager
def from_another_namespace(
    flavour: Flavour, options: Mapping[str, object | None]
) -> Iterator[Scenario]:
    """By the unix socket, with keepalived in a pid namespace in which mysqld is not."""
    with playing(flavour, options, keepalived_under=CHILD_NAMESPACE) as scenario:
        _wait_until_known_by_start(scenario)
        yield scenario


def _copy_local_account(node: Node) -> None:
    """With the rights of the one for the unix socket; the other node replicates it."""
    grants = [
        text for row in node.sql("SHOW GRANTS FOR kachecks@localhost") for text in row.values()
    ]
    node.sql(f"CREATE USER {BY_TCP}@'10.0.0.%' IDENTIFIED BY '{LOCAL_PASSWORD}'")
    for grant in grants:
        rights = str(grant).partition(" TO ")[0]
        node.sql(f"{rights} TO {BY_TCP}@'10.0.0.%'")


def _wait_until_known_by_start(scenario: Scenario) -> None:
    """The checks of both nodes have gone by it: else the row would prove nothing."""
    for node in scenario.pair.nodes:
        scenario.wait_until(
            lambda node=node: _pid(node, "mysqld") == "0", 10, f"{node.name} to know no pid"
        )
        assert check(node)["exit"] == 0, check(node)
    assert _pid(scenario.a, "open") == "0", "A is not known to be open"


def _pid(node: Node, kind: str) -> str:
    file = node.path(f"/run/kachecks/main.{kind}")
    return file.read_text().split()[0] if file.exists() else ""
