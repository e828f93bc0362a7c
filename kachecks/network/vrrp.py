"""VRRP adverts of other hosts, heard independently of keepalived: who is MASTER for one of our
VIPs?

A raw socket on IP protocol 112 gets a copy of each advert that netfilter lets in, whatever our own
VRRP state is, multicast or unicast, on any interface. (With `use_vmac` they arrive only on
keepalived's macvlan.)

    VRRPv2 (RFC 3768, IPv4)                   VRRPv3 (RFC 5798, RFC 9568; IPv4 and IPv6)
     0  version 2 | type 1                     version 3 | type 1
     1  VRID                                   VRID
     2  priority (0: leaves)                   priority (0: leaves)
     3  number of addresses                    number of addresses
     4  authentication type, advert interval   advert interval in 10 ms
     6  checksum                               checksum
     8  addresses, 8 bytes of authentication   addresses

The checksum is ignored: Ethernet has its own, and keepalived has two ways to compute that of VRRPv3
over IPv4. Authentication is ignored too: everybody on the link can read the password of `auth_type
PASS`.
"""

from __future__ import annotations

import contextlib
import errno
import select
import socket
import sys
import time
from collections.abc import Sequence

from kachecks.network import interfaces

_PROTOCOL = 112
_GROUP, _GROUP6 = "224.0.0.18", "ff02::12"


def heard(vips: Sequence[str], interface: str, seconds: float) -> bool:
    """Whether another host advertises one of these VIPs within so many seconds.

    Returns at the first such advert. The multicast group is joined on ``interface``; where that
    does not exist, only what arrives anyway is heard. An advert of priority 0 does not count, as it
    says that its sender leaves.

    Raises:
        PermissionError: CAP_NET_RAW is missing.
    """
    until = time.monotonic() + seconds
    own = interfaces.own_addresses()
    with contextlib.ExitStack() as stack:
        ears = [
            stack.enter_context(ear)
            for ear in (_ear(interface, False), _ear(interface, True))
            if ear is not None
        ]
        while ears and (left := until - time.monotonic()) > 0:
            for ear in select.select(ears, [], [], left)[0]:
                source, packet = _receive(ear)
                if source not in own and set(advertised(packet, ":" in source)) & set(vips):
                    return True
    return False


def advertised(packet: bytes, is_ipv6: bool) -> list[str]:
    """The addresses in an advert (without its IP header) of a host that is MASTER.

    No addresses for anything else: no advert, one cut short, one of priority 0.
    """
    if len(packet) < 8:
        return []
    version, kind, priority, count = packet[0] >> 4, packet[0] & 0x0F, packet[2], packet[3]
    if kind != 1 or priority == 0 or version not in ((3,) if is_ipv6 else (2, 3)):
        return []
    family, size = (socket.AF_INET6, 16) if is_ipv6 else (socket.AF_INET, 4)
    if len(packet) < 8 + count * size + (8 if version == 2 else 0):
        return []
    starts = range(8, 8 + count * size, size)
    return [socket.inet_ntop(family, packet[start : start + size]) for start in starts]


def without_ip_header(packet: bytes) -> tuple[str, bytes]:
    """Source address and payload of an IPv4 packet (RFC 791), "" and nothing if cut short."""
    header = (packet[0] & 0x0F) * 4 if packet else 0
    if not 20 <= header <= len(packet):
        return "", b""
    return socket.inet_ntop(socket.AF_INET, packet[12:16]), packet[header:]


def _ear(interface: str, is_ipv6: bool) -> socket.socket | None:
    """A socket that hears adverts of one family; None where the kernel does not have the family.

    Raises: PermissionError.
    """
    try:
        ear = socket.socket(
            socket.AF_INET6 if is_ipv6 else socket.AF_INET, socket.SOCK_RAW, _PROTOCOL
        )
    except PermissionError:
        raise
    except OSError:
        return None
    ear.setblocking(False)
    with contextlib.suppress(OSError):  # no such interface
        index = socket.if_nametoindex(interface).to_bytes(4, sys.byteorder)
        if is_ipv6:
            group = socket.inet_pton(socket.AF_INET6, _GROUP6)
            ear.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, group + index)
        else:  # struct ip_mreqn: ip(7)
            group = socket.inet_pton(socket.AF_INET, _GROUP)
            ear.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group + bytes(4) + index)
    return ear


def _receive(ear: socket.socket) -> tuple[str, bytes]:
    """Source and payload of the next packet, both empty where there is none after all."""
    try:
        packet, sender = ear.recvfrom(65536)
    except OSError:
        return "", b""
    if ear.family == socket.AF_INET6:  # without the IP header: ipv6(7)
        return sender[0].partition("%")[0], packet
    return without_ip_header(packet)


VRRP = 112
"""Its IP protocol number (RFC 5798)."""

ADVERT = bytes([0x21, 0, 0, 0, 0, 1, 0, 0]) + bytes(12)
"""A packet as long as an advert of version 2 for one address; virtual router 0, priority 0."""

_NOBODY = (errno.ENOPROTOOPT, errno.EPROTO)  # what Linux makes of the two messages


def nobody_listens(address: str, seconds: float) -> bool:
    """The host at this address says within so many seconds that nobody takes VRRP there.

    False where it says nothing: somebody receives it, or a firewall is in between.

    Raises:
        PermissionError: without CAP_NET_RAW.
    """
    import select
    import socket

    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_RAW, VRRP) as knocking:
        try:
            knocking.connect((address, 0))
            knocking.send(ADVERT)
            # Where VRRP is unicast, adverts of that host arrive at this socket too. They would hide
            # the error from a plain read, so the error is asked for by itself.
            poller = select.poll()
            poller.register(knocking, 0)
            poller.poll(seconds * 1000)
            return knocking.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) in _NOBODY
        except OSError as error:
            return error.errno in _NOBODY
