"""ARP on one interface: ask who has an IPv4 address, and announce who has it (RFC 826, packet(7)).

A question has the sender address 0.0.0.0, like the probes of RFC 5227. Nobody makes or changes a
cache entry for such a probe, and Linux answers it with arp_ignore 0 to 3, whatever subnet the VIP
is in. A probe from our own address would not be answered with arp_ignore = 2 if the VIP were in
another subnet.
"""

from __future__ import annotations

import socket

from kachecks.lean import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_ETHERNET = 1  # ARPHRD_ETHER
_ARP, _IPV4 = 0x0806, 0x0800
_REQUEST, _REPLY = 1, 2
_BROADCAST = b"\xff" * 6


class Arp:
    """Some IPv4 addresses on one interface."""

    def __init__(self, addresses: Sequence[str], interface: str, own_mac: bytes) -> None:
        """Raises: PermissionError without CAP_NET_RAW; OSError, no such interface."""
        self._addresses = [socket.inet_aton(address) for address in addresses]
        self._own_mac = own_mac
        self._everybody = (interface, _ARP, 0, _ETHERNET, _BROADCAST)
        # The kernel adds the Ethernet header. Protocol 0: deaf until it is bound to the interface.
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
        try:
            self._socket.bind((interface, _ARP))
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
            self._send(question(address, self._own_mac))

    def announce(self, mac: bytes) -> None:
        """Tell everybody that the addresses are at this MAC address."""
        for address in self._addresses:
            self._send(announcement(address, mac))

    def answer(self) -> str:
        """MAC address of the host that has just answered for one of the addresses, else ""."""
        try:
            packet = self._socket.recv(2048)
        except OSError:
            return ""
        address, mac = answerer(packet, self._own_mac)
        return mac if address in self._addresses else ""

    def _send(self, packet: bytes) -> None:
        with suppress(OSError):  # the interface is down or gone
            self._socket.sendto(packet, self._everybody)


def question(address: bytes, own_mac: bytes) -> bytes:
    """Ask who has this address, from no sender address: RFC 5227 section 2.1.1."""
    return _packet(_REQUEST, own_mac, bytes(4), address)


def announcement(address: bytes, mac: bytes) -> bytes:
    """Announce that this address is there. RFC 5227 section 3 tells why that is a request, not a
    reply."""
    return _packet(_REQUEST, mac, address, address)


def answerer(packet: bytes, own_mac: bytes) -> tuple[bytes, str]:
    """Address and MAC address (`02:00:…`) of the host that sent us this reply; empty for any other
    packet, such as a reply that nobody has asked for and everybody gets."""
    if len(packet) < 28 or packet[:8] != _head(_REPLY) or packet[18:24] != own_mac:
        return b"", ""
    return packet[14:18], packet[8:14].hex(":")


def _packet(kind: int, sender_mac: bytes, sender: bytes, target: bytes) -> bytes:
    return _head(kind) + sender_mac + sender + bytes(6) + target


def _head(kind: int) -> bytes:
    """Up to the addresses: IPv4 over Ethernet, their lengths, request or reply."""
    return b"".join(word.to_bytes(2, "big") for word in (_ETHERNET, _IPV4, 0x0604, kind))
