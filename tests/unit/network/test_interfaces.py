"""The interfaces of this host, as its kernel tells them."""

import socket
import struct

import psutil
import pytest

from kachecks.network import interfaces
from kachecks.network.link import Network
from tests.unit.doubles.simulation import config


def test_the_interface_of_a_route() -> None:
    assert interfaces.towards("127.0.0.1") == "lo"
    assert interfaces.route_to("127.0.0.1") == ("lo", True)


@pytest.mark.parametrize("address", ["", "db2", "10.0.0.300", "255.255.255.255.1"])
def test_no_route_to_what_is_no_address(address: str) -> None:
    assert interfaces.towards(address) == ""


@pytest.mark.parametrize("near", [True, False])
@pytest.mark.parametrize(
    ("named", "same"), [({}, True), ({"interface": "eth0"}, True), ({"interface": "eth9"}, False)]
)
def test_the_peer_is_a_neighbour(
    named: dict[str, str], same: bool, near: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the interface of the VIP, which is that of the route where none is named."""
    monkeypatch.setattr(interfaces, "route_to", lambda _peer: ("eth0", near))
    assert Network(config(**named)).peer_is_neighbour() == (same and near)


def test_an_interface_that_is_not_there_answers_nothing() -> None:
    """Not: nobody has the VIP."""
    with pytest.raises(OSError, match="there is no interface eth99"):
        Network(config(interface="eth99")).holder_elsewhere()


def test_a_link_local_address_names_its_interface() -> None:
    assert interfaces.towards("fe80::1%eth1") == "eth1"


def attribute(kind: int, content: bytes) -> bytes:
    """struct rtattr, padded."""
    return struct.pack("=HH", 4 + len(content), kind) + content + bytes(-len(content) % 4)


def answer(*attributes: bytes, kind: int = 24) -> bytes:
    """A message of rtnetlink: header, struct rtmsg, attributes."""
    content = bytes(12) + b"".join(attributes)
    return struct.pack("=LHHLL", 16 + len(content), kind, 0, 0, 0) + content


TABLE, TO = attribute(15, struct.pack("=L", 254)), attribute(1, socket.inet_aton("10.0.0.2"))
OUT = attribute(4, struct.pack("=L", 7))


def test_the_outgoing_interface_is_found_among_other_attributes() -> None:
    assert interfaces.outgoing(answer(TABLE, attribute(22, b"odd"), TO, OUT)) == (7, False)


@pytest.mark.parametrize("kind", [5, 18])  # RTA_GATEWAY; RTA_VIA: one of the other family
def test_a_router_on_the_way(kind: int) -> None:
    router = attribute(kind, socket.inet_aton("10.0.0.254"))
    assert interfaces.outgoing(answer(TABLE, router, OUT)) == (7, True)
    assert interfaces.outgoing(answer(TABLE, OUT, router)) == (7, True)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\0",
        answer(TABLE, TO),
        answer(OUT, kind=2),  # NLMSG_ERROR: no route
        answer(TABLE + bytes(8)),  # a length of 0 does not go round for ever
        answer(TABLE + OUT[:6]),
        answer(attribute(4, b"\7")),
    ],
)
def test_an_answer_without_one(message: bytes) -> None:
    assert interfaces.outgoing(message)[0] == 0


def test_the_mac_addresses_are_those_that_psutil_tells() -> None:
    told = {
        name: entry.address
        for name, entries in psutil.net_if_addrs().items()
        for entry in entries
        if entry.family == psutil.AF_LINK and name != "lo"
    }
    for name, mac in told.items():
        if len(mac) == 17:  # an Ethernet
            assert interfaces.mac_of(name) in (bytes.fromhex(mac.replace(":", "")), b"")
    assert interfaces.own_macs() <= set(told.values())


@pytest.mark.parametrize("name", ["lo", "", "absent0", "a-name-that-is-much-too-long"])
def test_what_is_no_ethernet_has_no_mac_address(name: str) -> None:
    assert interfaces.mac_of(name) == b""
