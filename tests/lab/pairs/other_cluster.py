"""A server of another cluster on a node, at another port: own identity, own data."""

from __future__ import annotations

from tests.lab.pairs import datadir
from tests.lab.pairs.node import Node
from tests.lab.pairs.pair import ADDRESSES
from tests.lab.servers import sql
from tests.lab.servers.accounts import KACHECKS_PASSWORDS

PORT = 3307
SERVER_ID = 77
_DIRECTORY = "/run/stranger"


def start(node: Node) -> None:
    """With the accounts of the pair, so that kachecks can log in; it answers when this returns."""
    words = {
        "NODE1_ADDRESS": ADDRESSES[0],
        "NODE2_ADDRESS": ADDRESSES[1],
        **KACHECKS_PASSWORDS,
    }
    target = node.path(_DIRECTORY)
    target.mkdir()
    datadir.copy(datadir.template(node.flavour, words), target)
    extra = {
        "datadir": _DIRECTORY,
        "socket": f"{_DIRECTORY}/socket",
        "pid-file": f"{_DIRECTORY}/pid",
        "port": PORT,
        "server-id": SERVER_ID,
    }
    options = [f"--{name}={value}" for name, value in extra.items()]
    node.spawn(node.flavour.server_command(options), "stranger.log")
    node.wait(lambda: sql.answers(target / "socket"), 30, "the stranger to answer")
