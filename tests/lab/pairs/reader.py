"""A third server that reads from the pair: replicates from the VIP, and has no part in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.lab.hosts.network import Link
from tests.lab.pairs import contents, datadir, files
from tests.lab.pairs.node import Node
from tests.lab.pairs.pair import ADDRESSES, INTERFACE, VIP, Pair
from tests.lab.servers.accounts import KACHECKS_PASSWORDS

ADDRESS = "10.0.0.3"
NUMBER = 3


@contextmanager
def reading(pair: Pair, source: str = VIP) -> Iterator[Node]:
    """On a host of its own, closed as a standby is; it runs until the context is left."""
    words: dict[str, object] = {
        "NODE1_ADDRESS": ADDRESSES[0],
        "NODE2_ADDRESS": ADDRESSES[1],
        **KACHECKS_PASSWORDS,
    }
    links = [Link("c0", INTERFACE, "br0", ADDRESS)]
    node = Node("c", pair.flavour, pair.workdir / "c", pair.switch, links)
    try:
        node.power_on()
        datadir.copy(datadir.template(pair.flavour, words), node.datadir)
        files.server_options(node, {**words, "SERVER_NUMBER": NUMBER, "NODE_ADDRESS": ADDRESS}, {})
        node.start_mysqld()
        for statement in pair.flavour.replicate_from(source):
            node.sql(statement)
        yield node
    finally:
        node.close()


def has_all(reader: Node, node: Node) -> bool:
    """It has every transaction of this node."""
    return contents.transactions(reader) == contents.transactions(node)
