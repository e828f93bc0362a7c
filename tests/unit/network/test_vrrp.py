"""VRRP adverts: those of keepalived 2.2.7, captured from the wire, and garbage.

The sender is 10.0.0.2, priority 250, virtual router 51. Captured by a raw socket, so with the IP
header for IPv4 and without one for IPv6.
"""

import os
import select
import socket
import struct
import subprocess
import sys
from pathlib import Path

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
    source, hops, advert = without_ip_header(packet)
    assert (source, hops) == ("10.0.0.2", 255)
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
    assert without_ip_header(options + V3[20:]) == ("10.0.0.2", 255, V3[20:])


@pytest.mark.parametrize("packet", [b"", V3[:19], b"\x44" + V3[1:], b"\x4f" + V3[1:]])
def test_an_ip_header_that_cannot_be(packet: bytes) -> None:
    assert without_ip_header(packet) == ("", 0, b"")


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
    monkeypatch.setattr(interfaces, "own_addresses", lambda: own)
    assert hears(V2, vip, monkeypatch) == expected


def hears(packet: bytes, vip: str, monkeypatch: pytest.MonkeyPatch) -> bool:
    near, far = socket.socketpair(type=socket.SOCK_DGRAM)
    far.send(packet)
    monkeypatch.setattr(vrrp, "_ear", lambda _interface, is_ipv6: None if is_ipv6 else near)
    with far:
        return heard([vip], "eth0", 0.05)


@pytest.mark.parametrize("hops", [0, 1, 64, 254])
@pytest.mark.parametrize("packet", [V2, V3, V3_UNICAST], ids=["v2", "v3", "v3 unicast"])
def test_what_a_router_has_passed_on_does_not_count(
    monkeypatch: pytest.MonkeyPatch, packet: bytes, hops: int
) -> None:
    monkeypatch.setattr(interfaces, "own_addresses", lambda: {"10.0.0.1"})
    assert hears(packet, "10.0.0.100", monkeypatch)
    assert not hears(packet[:8] + bytes([hops]) + packet[9:], "10.0.0.100", monkeypatch)


IN_NAMESPACE = """
import socket, struct, subprocess, threading
from kachecks.network import interfaces, vrrp
def ip(command): subprocess.run(["ip", *command.split()], check=True)
ip("link set lo up"); ip("link add eth0 type veth peer name peer0")
ip("link set eth0 up"); ip("link set peer0 up")
ip("-6 addr add fd00::1/64 dev eth0 nodad"); ip("-6 route add default via fd00::9 dev eth0")
ip("addr add 10.0.0.1/24 dev eth0")
"""

IPV6 = (
    IN_NAMESPACE
    + """
interfaces.own_addresses = set
advert = bytes.fromhex(ADVERT)
def packet(source, hops):
    both = socket.inet_pton(10, source) + socket.inet_pton(10, "fd00::1")
    return struct.pack(">IHBB", 6 << 28, len(advert), 112, hops) + both + advert
def heard(source, hops):
    with socket.socket(10, socket.SOCK_RAW, socket.IPPROTO_RAW) as out:
        def send():
            while not done.wait(0.01): out.sendto(packet(source, hops), ("fd00::1", 0))
        done = threading.Event(); sending = threading.Thread(target=send); sending.start()
        try: return vrrp.heard(["fd00::100"], "eth0", 10.0 if (source, hops) in GOOD else 0.3)
        finally: done.set(); sending.join()
GOOD = [("fd00::2", 255), ("fd00::2", 64), ("2001:db8::66", 255)]
for each in (*GOOD, ("2001:db8::66", 64), ("2001:db8::66", 254)): print(*each, heard(*each))
"""
)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root for a network namespace")
def test_an_advert_over_ipv6_is_from_this_link() -> None:
    """keepalived sends to a unicast_peer with 64 hops."""
    assert in_namespace(IPV6.replace("ADVERT", repr(V3_IPV6_UNICAST.hex()))) == [
        "fd00::2 255 True",
        "fd00::2 64 True",
        "2001:db8::66 255 True",
        "2001:db8::66 64 False",
        "2001:db8::66 254 False",
    ]


def in_namespace(code: str) -> list[str]:
    ran = subprocess.run(
        ["unshare", "--net", sys.executable, "-c", code], cwd=Path(__file__).parents[3],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert not ran.returncode, ran.stderr
    return ran.stdout.splitlines()


# Whether the peer takes VRRP at all --------------------------------------------------------------

SENT = bytes.fromhex("210000000001000000000000" + "0123456789abcdef")
NO, NO6 = bytes([92, 0, 0, 0, 2, 3, 2, 0]) + bytes(8), bytes([71, 0, 0, 0, 3, 4, 1, 0]) + bytes(8)
"""struct sock_extended_err of the two errors, as Linux 6.18 fills it."""
PEER, PEER6 = "10.0.0.2", "fd00::2"


def by(address: str) -> bytes:
    """struct sockaddr_in, or sockaddr_in6."""
    if ":" in address:
        return struct.pack("=HHI", 10, 0, 0) + socket.inet_pton(10, address) + bytes(4)
    return struct.pack("=HH", 2, 0) + socket.inet_aton(address) + bytes(8)


@pytest.mark.parametrize(("peer", "error"), [(PEER, NO), (PEER6, NO6)])
def test_the_peer_says_that_nobody_takes_vrrp(peer: str, error: bytes) -> None:
    assert vrrp.refuses(SENT, error + by(peer), SENT, peer)
    guessed = SENT[:12] + bytes(8)
    for about in (b"", SENT[:8], guessed, SENT + b"\0"):
        assert not vrrp.refuses(about, error + by(peer), SENT, peer)
    for other in ("10.0.0.66", "fd00::66", "10.0.0.20"):
        assert not vrrp.refuses(SENT, error + by(other), SENT, peer)
    for at, value in ((4, 1), (5, 1), (6, 3)):  # from this host; another message; another code
        changed = error[:at] + bytes([value]) + error[at + 1 :]
        assert not vrrp.refuses(SENT, changed + by(peer), SENT, peer)
    for length in range(16 + 20):
        assert not vrrp.refuses(SENT, (error + by(peer))[:length], SENT, peer) or length > 19


KNOCK = (
    IN_NAMESPACE
    + """
sleeping = subprocess.Popen(
    ["unshare", "--net", "sh", "-c", "echo; exec sleep 60 >&-"], stdout=subprocess.PIPE
)
sleeping.stdout.readline()
def there(command):
    subprocess.run(["nsenter", f"--net=/proc/{sleeping.pid}/ns/net", *command.split()], check=True)
seen, refuses = [], vrrp.refuses
def guessed():
    ip("neigh replace 10.0.0.3 lladdr 02:00:00:00:00:03 dev eth0")  # nobody
    both = socket.inet_aton("10.0.0.1") + socket.inet_aton("10.0.0.3")
    head = struct.pack(">BBHHHBBH", 0x45, 0, 40, 1, 0, 64, 112, 0) + both
    error = bytes([3, 2, 0, 0]) + bytes(4) + head + vrrp._ADVERT + bytes(8)
    total = 0xffff - int.from_bytes(error, "big") % 0xffff
    error = error[:2] + total.to_bytes(2, "big") + error[4:]
    vrrp.refuses = lambda *said: seen.append(said) or refuses(*said)
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as out:
        def send():
            while not done.wait(0.002): out.sendto(error, ("10.0.0.1", 0))
        done = threading.Event(); sending = threading.Thread(target=send); sending.start()
        try: return vrrp.nobody_listens("10.0.0.3", 0.5)
        finally: done.set(); sending.join()
try:  # eth0 goes with the namespace at its other end
    ip(f"link set peer0 netns {sleeping.pid}"); there("ip link set peer0 up")
    there("ip addr add 10.0.0.2/24 dev peer0"); there("ip -6 addr add fd00::2/64 dev peer0 nodad")
    print("alone", *(vrrp.nobody_listens(each, 10.0) for each in ("10.0.0.2", "fd00::2")))
    print("guessed", guessed(), any(each[0] for each in seen))
finally:
    sleeping.kill(); sleeping.wait()
"""
)
"""The second error is what anybody may send: it names both addresses."""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root for a network namespace")
def test_errors_as_the_kernel_gives_them() -> None:
    assert in_namespace(KNOCK) == ["alone True True", "guessed False True"]


def test_an_error_that_is_not_explained_is_waited_for_no_more() -> None:
    """Or the rest of the time would be spent at full speed."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nobody:
            nobody.bind(("127.0.0.1", 0))
            asking.connect(nobody.getsockname())
        asking.send(b"x")
        poller = select.poll()
        poller.register(asking, 0)
        assert poller.poll(10_000)
        assert vrrp._next_error(asking) == (b"", b"")
        assert not poller.poll(0)
