"""The interfaces of this host and their addresses, as the kernel has them."""

from __future__ import annotations

import fcntl
import socket
import struct
import sys

from kachecks.lean import suppress
from kachecks.network import vip

_RTA_OIF, _RTA_GATEWAY, _RTA_VIA = 4, 5, 18
_SIOCGIFHWADDR, _ARPHRD_ETHER = 0x8927, 1


def own_address(peer: str) -> str:
    """This host's address on the way to the peer, "" without a route.

    Nothing is sent: connecting a UDP socket only asks the kernel (udp(7)).
    """
    family = socket.AF_INET6 if ":" in peer else socket.AF_INET
    with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as asked:
        asked.connect((peer, 9))
        return str(asked.getsockname()[0])
    return ""


def towards(peer: str) -> str:
    """The interface by which a packet would leave for that address, "" where there is none.

    As `ip route get` shows it: rtnetlink(7), RTM_GETROUTE.
    """
    return route_to(peer)[0]


def route_to(peer: str) -> tuple[str, bool]:
    """The same, and whether that address is on the very link of the interface: no router between.

    ("", False) without a route.
    """
    address, _, scope = peer.partition("%")
    if scope:
        return scope, True
    with suppress(OSError):
        number, router = outgoing(vip.ask_kernel(vip.route_question(address)))
        return (socket.if_indextoname(number), not router) if number else ("", False)
    return "", False


def outgoing(answer: bytes) -> tuple[int, bool]:
    """The number of the interface in an answer to RTM_GETROUTE, 0 in any other message; and whether
    a router is on the way.

    After the header (16 bytes) and struct rtmsg (12) come attributes: length, kind, content, each
    padded to 4 bytes.
    """
    attributes, interface, router = answer[28:], 0, False
    if int.from_bytes(answer[4:6], sys.byteorder) != vip.RTM_NEWROUTE:
        return 0, False
    while len(attributes) >= 8:
        length, kind = struct.unpack_from("=HH", attributes)
        if kind == _RTA_OIF and length == 8:
            interface = int.from_bytes(attributes[4:8], sys.byteorder)
        router |= kind in (_RTA_GATEWAY, _RTA_VIA)
        attributes = attributes[max(length + 3 & ~3, 4) :]
    return interface, router


def exists(interface: str) -> bool:
    """This host has an interface of that name, up or down."""
    return any(name == interface for _, name in socket.if_nameindex())


def own_addresses() -> set[str]:
    """Every IP address of this host, without the scope of link-local ones; MAC addresses too."""
    import psutil  # the manual is built where it may be missing

    entries = (entry for entries in psutil.net_if_addrs().values() for entry in entries)
    return {entry.address.partition("%")[0] for entry in entries}


def own_macs() -> set[str]:
    """The MAC address of each Ethernet interface, as `02:00:…`."""
    return {mac_of(name).hex(":") for _, name in socket.if_nameindex()} - {""}


def mac_of(interface: str) -> bytes:
    """Empty unless the interface exists and is an Ethernet.

    netdevice(7): SIOCGIFHWADDR fills a struct ifreq, 16 bytes of name and then a sockaddr with the
    kind of the hardware and its address. psutil knows them as well, but takes 40 ms to import in
    the middle of a takeover.
    """
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        request = struct.pack("16s24x", interface.encode()[:15])
        answer = fcntl.ioctl(asked, _SIOCGIFHWADDR, request)
        (hardware,) = struct.unpack_from("=H", answer, 16)
        return answer[18:24] if hardware == _ARPHRD_ETHER else b""
    return b""
