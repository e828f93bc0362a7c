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

What comes from behind a router does not count, as everybody can send it. A packet that left with
255 hops and still has them has met no router: VRRP's own rule (RFC 5798, section 5.1.1.3), which
keepalived keeps when it sends, but for IPv6 to a `unicast_peer`: that leaves with 64 (measured,
2.2.7). So such an advert counts if its source is an address of this link. It need not be that of
the peer's server, as VRRP may run on another interface; over IPv6 it is a link-local one.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import sys
import time
from collections.abc import Sequence

from kachecks.network import interfaces

_PROTOCOL = 112  # VRRP's (RFC 5798)
_ALL_HOPS = 255
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
                source, hops, packet = _receive(ear)
                named = set(advertised(packet, ":" in source)) & set(vips)
                if named and source.partition("%")[0] not in own and _from_link(source, hops):
                    return True
    return False


def _from_link(source: str, hops: int) -> bool:
    """No router has passed this advert on."""
    return hops == _ALL_HOPS or (":" in source and interfaces.route_to(source)[1])


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


def without_ip_header(packet: bytes) -> tuple[str, int, bytes]:
    """Source address, hops left (TTL) and payload of an IPv4 packet (RFC 791); all empty if it is
    cut short."""
    header = (packet[0] & 0x0F) * 4 if packet else 0
    if not 20 <= header <= len(packet):
        return "", 0, b""
    return socket.inet_ntop(socket.AF_INET, packet[12:16]), packet[8], packet[header:]


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
    if is_ipv6:
        ear.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVHOPLIMIT, 1)
    with contextlib.suppress(OSError):  # no such interface
        index = socket.if_nametoindex(interface).to_bytes(4, sys.byteorder)
        if is_ipv6:
            group = socket.inet_pton(socket.AF_INET6, _GROUP6)
            ear.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, group + index)
        else:  # struct ip_mreqn: ip(7)
            group = socket.inet_pton(socket.AF_INET, _GROUP)
            ear.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group + bytes(4) + index)
    return ear


def _receive(ear: socket.socket) -> tuple[str, int, bytes]:
    """Source, hops left and payload of the next packet, all empty where there is none after all."""
    try:
        packet, ancillary, _, sender = ear.recvmsg(65536, socket.CMSG_SPACE(4))
    except OSError:
        return "", 0, b""
    if ear.family == socket.AF_INET6:  # without the IP header: ipv6(7)
        hops = [int.from_bytes(content, sys.byteorder) for _, _, content in ancillary]
        return sender[0], hops[0] if hops else 0, packet
    return without_ip_header(packet)


_ADVERT = bytes([0x21, 0, 0, 0, 0, 1, 0, 0]) + bytes(4)
"""The beginning of a packet as long as an advert of version 2 for one address; virtual router 0,
priority 0. In the place of the authentication comes what nobody can guess."""

_RECVERR, _RECVERR6 = 11, 25  # ip(7), ipv6(7): keep the errors, and what they are about
_UNREACHABLE = bytes([2, 3, 2])  # ICMP: protocol unreachable (RFC 792)
_UNREACHABLE6 = bytes([3, 4, 1])  # ICMPv6: next header not known (RFC 4443)


def nobody_listens(address: str, seconds: float) -> bool:
    """The host at this address says within so many seconds that nobody takes VRRP there.

    False where it says nothing: somebody receives it, or a firewall is in between. What others say
    of it, or of packets that we have not sent, does not count: the addresses in such an error are
    easily guessed, and it could say that a living peer has no keepalived.

    Raises:
        PermissionError: without CAP_NET_RAW.
    """
    is_ipv6 = ":" in address
    family = socket.AF_INET6 if is_ipv6 else socket.AF_INET
    sent, until = _ADVERT + os.urandom(8), time.monotonic() + seconds
    with socket.socket(family, socket.SOCK_RAW, _PROTOCOL) as knocking:
        try:
            if is_ipv6:
                knocking.setsockopt(socket.IPPROTO_IPV6, _RECVERR6, 1)
            else:
                knocking.setsockopt(socket.IPPROTO_IP, _RECVERR, 1)
            knocking.connect((address, 0))
            knocking.send(sent)
        except OSError:
            return False
        # Where VRRP is unicast, adverts of that host arrive at this socket too; only errors are
        # waited for.
        poller = select.poll()
        poller.register(knocking, 0)
        while (left := until - time.monotonic()) > 0:
            if poller.poll(left * 1000) and refuses(*_next_error(knocking), sent, address):
                return True
        return False


def _next_error(sender: socket.socket) -> tuple[bytes, bytes]:
    """What the next error is about, without its IP header, and the error itself: a struct
    sock_extended_err and the address of who has sent it (ip(7), IP_RECVERR). Empty without one."""
    try:
        about, ancillary, _, _ = sender.recvmsg(2048, 256, socket.MSG_ERRQUEUE)
    except OSError:
        sender.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)  # or poll would not wait again
        return b"", b""
    return about, ancillary[0][2] if ancillary else b""


def refuses(about: bytes, error: bytes, sent: bytes, address: str) -> bool:
    """Whether this error, as above, says of the very packet ``sent``, and is from ``address``, that
    nobody takes VRRP there. Linux quotes the whole of so short a packet."""
    is_ipv6 = ":" in address
    family, at = (socket.AF_INET6, 24) if is_ipv6 else (socket.AF_INET, 20)
    said_by = error[at : at + (16 if is_ipv6 else 4)]
    return (
        about == sent
        and error[4:7] == (_UNREACHABLE6 if is_ipv6 else _UNREACHABLE)
        and error[16:18] == family.to_bytes(2, sys.byteorder)
        and said_by == socket.inet_pton(family, address)
    )
