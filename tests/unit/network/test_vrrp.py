"""VRRP adverts: those of keepalived 2.2.7, captured from the wire, and garbage.

The sender is 10.0.0.2, priority 250, virtual router 51. Captured by a raw socket, so with the IP
header for IPv4 and without one for IPv6.
"""

import socket

import pytest

from kachecks.network import interfaces, vrrp
from kachecks.network.vrrp import advertised, heard, without_ip_header

# `version 2`: two VIPs, no authentication
V2 = bytes.fromhex(
    "45c0002c00010000ff70d08c0a000002e00000122133fa020001cfff0a0000640a0000650000000000000000"
)
# `authentication { auth_type PASS auth_pass secret12 }`
V2_PASS = bytes.fromhex(
    "45c0002800010000ff70d0900a000002e00000122133fa0101016be70a0000647365637265743132"
)
# keepalived was stopped with SIGTERM
V2_LEAVES = bytes.fromhex(
    "45c0002800030000ff70d08e0a000002e0000012213300010001d4660a0000640000000000000000"
)
# `version 3`, multicast and to `unicast_peer { 10.0.0.1 }`
V3 = bytes.fromhex("45c0002000010000ff70d0980a000002e00000123133fa010064df710a000064")
V3_UNICAST = bytes.fromhex("45c0002000010000ff70a6aa0a0000020a0000013133fa010064b5830a000064")
# IPv6: VIPs fe80::100 and fd00::100; to one unicast peer; leaving
V3_IPV6 = bytes.fromhex(
    "3133fa020064cfb3fe800000000000000000000000000100fd000000000000000000000000000100"
)
V3_IPV6_UNICAST = bytes.fromhex("3133fa010064dbd8fd000000000000000000000000000100")
V3_IPV6_LEAVES = bytes.fromhex(
    "313300020064c9b4fe800000000000000000000000000100fd000000000000000000000000000100"
)

PAYLOADS = [(packet[20:], False) for packet in (V2, V2_PASS, V3)] + [(V3_IPV6, True)]


@pytest.mark.parametrize(
    ("packet", "vips"),
    [
        (V2, ["10.0.0.100", "10.0.0.101"]),
        (V2_PASS, ["10.0.0.100"]),
        (V3, ["10.0.0.100"]),
        (V3_UNICAST, ["10.0.0.100"]),
    ],
    ids=["v2", "v2 with password", "v3", "v3 unicast"],
)
def test_an_advert_over_ipv4(packet: bytes, vips: list[str]) -> None:
    source, advert = without_ip_header(packet)
    assert source == "10.0.0.2"
    assert advertised(advert, is_ipv6=False) == vips


@pytest.mark.parametrize(
    ("advert", "is_ipv6", "vips"),
    [
        (V3_IPV6, True, ["fe80::100", "fd00::100"]),
        (V3_IPV6_UNICAST, True, ["fd00::100"]),
        (V2_LEAVES[20:], False, []),
        (V3_IPV6_LEAVES, True, []),
        (bytes([0x21]) + V3_IPV6[1:] + bytes(8), True, []),  # version 2 knows no IPv6
        (V3[20:23] + b"\xff" + V3[24:], False, []),  # a count of addresses that are not there
        (V3[20:23] + b"\0" + V3[24:28], False, []),  # none
    ],
    ids=["IPv6", "unicast", "leaves", "leaves, IPv6", "version", "count", "no address"],
)
def test_what_is_advertised(advert: bytes, is_ipv6: bool, vips: list[str]) -> None:
    assert advertised(advert, is_ipv6) == vips


def test_ip_options_are_skipped() -> None:
    options = bytes([0x46]) + V3[1:20] + bytes([148, 4, 0, 0])  # router alert, RFC 2113
    assert without_ip_header(options + V3[20:]) == ("10.0.0.2", V3[20:])


@pytest.mark.parametrize("packet", [b"", V3[:19], b"\x44" + V3[1:], b"\x4f" + V3[1:]])
def test_an_ip_header_that_cannot_be(packet: bytes) -> None:
    assert without_ip_header(packet) == ("", b"")


@pytest.mark.parametrize(("advert", "is_ipv6"), PAYLOADS)
def test_an_advert_that_is_cut_short_anywhere_is_ignored(advert: bytes, is_ipv6: bool) -> None:
    assert advertised(advert, is_ipv6)
    for length in range(len(advert)):
        assert advertised(advert[:length], is_ipv6) == []


@pytest.mark.parametrize(("advert", "is_ipv6"), PAYLOADS)
def test_other_versions_and_types_are_ignored(advert: bytes, is_ipv6: bool) -> None:
    right = advert[0]
    for first in set(range(256)) - {0x21, 0x31}:
        assert advertised(bytes([first]) + advert[1:], is_ipv6) == []
    assert advertised(bytes([right]) + advert[1:], is_ipv6)


@pytest.mark.parametrize(
    ("own", "vip", "expected"),
    [
        ({"10.0.0.1"}, "10.0.0.100", True),
        ({"10.0.0.1", "10.0.0.2"}, "10.0.0.100", False),  # our own advert, heard by ourselves
        ({"10.0.0.1"}, "10.0.0.99", False),
    ],
)
def test_only_another_host_is_heard(
    monkeypatch: pytest.MonkeyPatch, own: set[str], vip: str, expected: bool
) -> None:
    near, far = socket.socketpair(type=socket.SOCK_DGRAM)
    far.send(V2)
    monkeypatch.setattr(interfaces, "own_addresses", lambda: own)
    monkeypatch.setattr(vrrp, "_ear", lambda _interface, is_ipv6: None if is_ipv6 else near)
    with far:
        assert heard([vip], "eth0", 0.05) == expected
