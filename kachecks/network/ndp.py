"""Neighbour discovery on one interface: ask who has an IPv6 address, and announce who has it (RFC
4861).

A question comes from our own link-local address. The probe from `::` of RFC 4862 would do harm: a
host that is just assigning itself the address, and sees somebody else probe for it, gives it up.

The packets go through a raw ICMPv6 socket (ipv6(7)): the kernel adds the IPv6 header and the
checksum.
"""

from __future__ import annotations

import socket
import sys

from kachecks.lean import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_SOLICITATION, _ADVERTISEMENT = 135, 136
_SOURCE_OPTION, _TARGET_OPTION = 1, 2
_SOLICITED, _OVERRIDE = 0x40, 0x20
_EVERYBODY = "ff02::1"


class Discovery:
    """Some IPv6 addresses on one interface."""

    def __init__(self, addresses: Sequence[str], interface: str, own_mac: bytes) -> None:
        """Raises: PermissionError without CAP_NET_RAW; OSError, no such interface, no IPv6."""
        self._addresses = [socket.inet_pton(socket.AF_INET6, address) for address in addresses]
        self._own_mac = own_mac
        self._scope = socket.if_nametoindex(interface)
        self._socket = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
        try:
            device, ipv6 = interface.encode(), socket.IPPROTO_IPV6
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device)
            self._socket.setsockopt(ipv6, socket.IPV6_MULTICAST_HOPS, 255)
            self._socket.setsockopt(ipv6, socket.IPV6_MULTICAST_LOOP, 0)
            self._socket.setsockopt(ipv6, socket.IPV6_RECVHOPLIMIT, 1)
            self._socket.setblocking(False)
        except OSError:
            self._socket.close()
            raise

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()

    def probe(self) -> None:
        """Ask who has each address."""
        for address in self._addresses:
            self._send(question(address, self._own_mac), solicited_node(address))

    def announce(self, mac: bytes) -> None:
        """Tell everybody that the addresses are at this MAC address."""
        for address in self._addresses:
            self._send(announcement(address, mac), _EVERYBODY)

    def answer(self) -> str:
        """MAC address of the host that has just answered for one of the addresses, else ""."""
        try:
            packet, ancillary, _, _ = self._socket.recvmsg(2048, socket.CMSG_SPACE(4))
        except OSError:
            return ""
        # Each router lowers the hop limit, so 255 means that it comes from this link (RFC 4861
        # section 7.1.2).
        if [int.from_bytes(hops, sys.byteorder) for _, _, hops in ancillary] != [255]:
            return ""
        address, mac = answerer(packet)
        return mac if address in self._addresses else ""

    def _send(self, packet: bytes, group: str) -> None:
        with suppress(OSError):  # the interface is down, or has no IPv6 address
            self._socket.sendto(packet, (group, 0, 0, self._scope))


def question(address: bytes, own_mac: bytes) -> bytes:
    """Neighbour solicitation: who has this address? RFC 4861 section 4.3."""
    return bytes([_SOLICITATION]) + bytes(7) + address + _option(_SOURCE_OPTION, own_mac)


def announcement(address: bytes, mac: bytes) -> bytes:
    """Unsolicited neighbour advertisement that overrides what was known: RFC 4861 section 7.2.6."""
    head = bytes([_ADVERTISEMENT, 0, 0, 0, _OVERRIDE, 0, 0, 0])
    return head + address + _option(_TARGET_OPTION, mac)


def answerer(packet: bytes) -> tuple[bytes, str]:
    """Address and MAC address (`02:00:…`) in this answer to a solicitation; empty for any other
    packet, an announcement too: somebody may say it for another.

    The answer to a multicast solicitation must carry the option with the MAC address.
    """
    if len(packet) < 24 or packet[:2] != bytes([_ADVERTISEMENT, 0]) or not packet[4] & _SOLICITED:
        return b"", ""
    address, options = packet[8:24], packet[24:]
    while len(options) >= 8 and options[1]:  # kind, length in units of 8 bytes
        if options[:2] == bytes([_TARGET_OPTION, 1]):
            return address, options[2:8].hex(":")
        options = options[options[1] * 8 :]
    return b"", ""


def solicited_node(address: bytes) -> str:
    """The multicast group that the owner of this address listens to: RFC 4291 section 2.7.1."""
    group = socket.inet_pton(socket.AF_INET6, "ff02::1:ff00:0")
    return socket.inet_ntop(socket.AF_INET6, group[:13] + address[13:])


def _option(kind: int, mac: bytes) -> bytes:
    return bytes([kind, 1]) + mac
