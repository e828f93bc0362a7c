"""What makes a node's files its own: each value, what is asked for it, how it is checked."""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple

from kachecks.commands.setup.distribution import DISTRIBUTIONS, Distribution
from kachecks.config.kinds import (
    ADDRESS,
    ADDRESSES,
    INTERFACE,
    SOCKET,
    VIPS,
    Kind,
    integer,
    one_of,
)

ROUTER_ID = 51
"""The virtual_router_id of the snippets."""


class Answers(NamedTuple):
    """All that is to be known. Addresses are spelt as the kernel does."""

    distribution: str
    server: str
    vip: str  # with its prefix length
    node1_address: str
    node2_address: str
    node: int
    interface: str
    witness: str  # a comma list, "" none
    unit: str
    socket: str
    router_id: int = ROUTER_ID
    unicast: bool = False

    @property
    def address(self) -> str:
        """This node's own."""
        return self.node1_address if self.node == 1 else self.node2_address

    @property
    def peer(self) -> str:
        """The other node's own address."""
        return self.node2_address if self.node == 1 else self.node1_address

    @property
    def places(self) -> Distribution:
        """Where this distribution has things."""
        return DISTRIBUTIONS[self.distribution]


class Question(NamedTuple):
    """One value: an option of the command line, and a question where that lacks."""

    name: str  # the field of Answers
    metavar: str
    kind: Kind
    meaning: str
    choices: tuple[str, ...] | None = None

    @property
    def option(self) -> str:
        """``--node1-address``."""
        return f"--{self.name.replace('_', '-')}"


_UNIT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9:_.\\@-]*")
_PLAIN = re.compile(r"[A-Za-z0-9:_.,+@/-]+")
"""Means itself in an option file and in keepalived.conf."""


def _to_vip(text: str) -> str:
    address, *others = VIPS.convert(text)  # knows what an address and a prefix are
    if others:
        raise ValueError("it is more than one")
    if "/" not in text:
        raise ValueError("it has no prefix length")
    return f"{address}/{int(text.partition('/')[2])}"


def _to_list(text: str) -> str:
    return ",".join(ADDRESSES.convert(text)) if text else ""


def _plain(kind: Kind) -> Kind:
    """The same, of plain letters only: no quotes, blanks, backslashes, marks of a comment."""

    def convert(text: str) -> str:
        if not _PLAIN.fullmatch(text):
            raise ValueError("letters, digits and :_.,+@/- only")
        return str(kind.convert(text))

    return Kind(kind.expected, convert)


def _to_unit(text: str) -> str:
    if not _UNIT.fullmatch(text):
        raise ValueError
    return text if text.endswith(".service") else f"{text}.service"


SERVERS = ("mariadb", "mysql")
VIP = Kind("one IPv4 or IPv6 address with its prefix length, such as 10.0.0.100/24", _to_vip)
WITNESS = Kind(ADDRESSES.expected, _to_list)
UNIT = Kind("the name of a systemd service, such as mariadb.service", _to_unit)
NODE = integer(1, 2)
ROUTER = integer(1, 255)

QUESTIONS = (
    Question(
        "server",
        "SERVER",
        one_of(*SERVERS),
        "mariadb (10.5.9 and later), or mysql (8.0.26 and later)",
        SERVERS,
    ),
    Question("vip", "ADDRESS/PREFIX", VIP, "the virtual address with its prefix length"),
    Question("node1_address", "ADDRESS", ADDRESS, "node 1's own address, never the virtual one"),
    Question("node2_address", "ADDRESS", ADDRESS, "node 2's own address"),
    Question("node", "NUMBER", NODE, "which of the two this node is, 1 or 2"),
    Question("interface", "NAME", _plain(INTERFACE), "the interface that carries the VIP and VRRP"),
    Question(
        "witness",
        "ADDRESSES",
        WITNESS,
        "hosts outside both nodes that answer ping, best the clients' gateway",
    ),
    Question("unit", "NAME", UNIT, "the systemd unit of the server"),
    Question("socket", "FILE", _plain(SOCKET), "the server's unix socket"),
)
"""In the order in which they are asked: a default may depend on what came before."""


def disagreement(answers: Answers) -> str:
    """What does not fit together, as a sentence; "" if all does."""
    vip = answers.vip.partition("/")[0]
    nodes = (answers.node1_address, answers.node2_address)
    if nodes[0] == nodes[1]:
        return f"both nodes have the address {nodes[0]}, expected two"
    if vip in nodes:
        return f"{vip} is the virtual address and a node's own, expected three different ones"
    if _family(nodes[0]) != _family(nodes[1]):
        return f"{nodes[0]} and {nodes[1]} are not of one family, expected both IPv4 or both IPv6"
    for witness in answers.witness.split(",") if answers.witness else ():
        if witness in (vip, *nodes):
            return f"the witness {witness} is one of the pair's, expected a host outside both nodes"
    if answers.unicast and _family(vip) != _family(nodes[0]):
        return "with --unicast the virtual address must be of the family of the nodes' own"
    return ""


def _family(address: str) -> int:
    return ipaddress.ip_address(address).version
