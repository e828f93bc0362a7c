"""ICMP and ICMPv6 echo: does any of these hosts answer? (RFC 792, RFC 4443)

check_mysql pings once a second where a witness is configured, so little is imported: `_socket` and
`select` are C, whereas `socket` alone would take 10 ms.

A raw socket needs CAP_NET_RAW. Without it Linux has ping sockets (SOCK_DGRAM) for the groups in
net.ipv4.ping_group_range, for both families: icmp(7).
"""

from __future__ import annotations

import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_RESEND_SECONDS = 0.1
EAFNOSUPPORT = 97


def answers(addresses: Sequence[str], seconds: float) -> bool:
    """Whether any of these addresses answers within so many seconds; returns at the first answer.

    All are asked at once, and again every 0.1 s. No route, a network that is down, and a packet
    that our own firewall rejects count as no answer. False for no addresses.

    Raises:
        OSError: neither raw nor ping sockets are allowed, or none can be made now.
    """
    from select import POLLIN, poll

    pingers: dict[int, _Pinger] = {}
    poller = poll()
    try:
        for is_ipv6 in (False, True):
            asked = [address for address in addresses if (":" in address) is is_ipv6]
            pinger = _pinger(asked, is_ipv6) if asked else None
            if pinger:
                pingers[pinger.fileno()] = pinger
                poller.register(pinger.fileno(), POLLIN)
        now = send_at = time.monotonic()
        until = now + seconds  # from here on: whoever comes late sends one all the same
        while pingers and now < until:
            if now >= send_at:
                for pinger in pingers.values():
                    pinger.send()
                send_at = now + _RESEND_SECONDS
            # Whole milliseconds, rounded up: otherwise it would poll without waiting during the
            # last one.
            for ready, _ in poller.poll(int((min(send_at, until) - now) * 1000) + 1):
                if pingers[ready].answered():
                    return True
            now = time.monotonic()
        return False
    finally:
        for pinger in pingers.values():
            pinger.close()


class _Pinger:
    """One socket for all addresses of one family."""

    def __init__(self, addresses: Sequence[str], is_ipv6: bool) -> None:
        """Raises: PermissionError; OSError where the family is switched off."""
        import _socket

        self._addresses = addresses
        self._is_ipv6 = is_ipv6
        family = _socket.AF_INET6 if is_ipv6 else _socket.AF_INET
        protocol = _socket.IPPROTO_ICMPV6 if is_ipv6 else _socket.IPPROTO_ICMP
        identifier = os.urandom(2)
        try:
            self._socket = _socket.socket(family, _socket.SOCK_RAW, protocol)
            self._has_ip_header = not is_ipv6  # raw(7)
        except PermissionError:
            self._socket = _socket.socket(family, _socket.SOCK_DGRAM, protocol)
            self._has_ip_header = False
            # The kernel writes the identifier of the socket, its "port", into what it sends.
            self._socket.bind(("", 0))
            identifier = self._socket.getsockname()[1].to_bytes(2, "big")
        self._socket.setblocking(False)
        self._request = request(identifier, os.urandom(8), is_ipv6)

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()

    def send(self) -> None:
        for address in self._addresses:
            try:
                self._socket.sendto(self._request, (address, 0))
            except OSError:
                continue  # no route, network down, rejected by netfilter (EPERM), buffer full

    def answered(self) -> bool:
        """Whether the packet that has just come in is an answer to what we sent, from one of those
        to whom we sent it."""
        try:
            packet, sender = self._socket.recvfrom(2048)
        except OSError:
            return False
        if sender[0].partition("%")[0] not in self._addresses:
            return False
        if self._has_ip_header:
            packet = packet[(packet[0] & 0x0F) * 4 :]
        return is_answer(packet, self._request, self._is_ipv6)


def _pinger(addresses: Sequence[str], is_ipv6: bool) -> _Pinger | None:
    """None where this kernel does not have the family: nobody can answer then.

    Raises OSError: not allowed; or no descriptor or memory is left for a socket, which says nothing
    of the network.
    """
    try:
        return _Pinger(addresses, is_ipv6)
    except OSError as error:
        if error.errno != EAFNOSUPPORT:
            raise
        return None


def request(identifier: bytes, token: bytes, is_ipv6: bool) -> bytes:
    """An echo request: identifier (2 bytes), sequence number 1, token (an even number of bytes).

    The kernel computes the checksum of ICMPv6, and on ping sockets that of ICMP too, but not on raw
    sockets.
    """
    kind, rest = (128 if is_ipv6 else 8), identifier + b"\0\1" + token
    # The one's complement sum of 16-bit words (RFC 1071) is the remainder by 0xffff.
    checksum = 0xFFFF - int.from_bytes(bytes([kind, 0]) + rest, "big") % 0xFFFF
    return bytes([kind, 0]) + checksum.to_bytes(2, "big") + rest


def is_answer(packet: bytes, request: bytes, is_ipv6: bool) -> bool:
    """Whether this ICMP packet is the echo reply to that very request.

    A raw socket receives the replies to everybody's pings. A reply repeats the request's
    identifier, sequence number and data. Our data are 64 random bits, so nobody else's reply looks
    the same.
    """
    kind = 129 if is_ipv6 else 0
    return packet[:2] == bytes([kind, 0]) and packet[4:] == request[4:]
