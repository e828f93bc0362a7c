"""The interfaces of this host and their addresses, as psutil and the routes have them."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    Entries = Mapping[str, Sequence[Any]]


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
    """The interface of the route to that address, "" where there is none.

    It is the interface that has the source address which the kernel chooses for the route. That is
    the wrong one where the route names a source address of another interface (`ip route … src`):
    such a host needs `interface` in the option file.
    """
    source = own_address(peer)
    for name, entries in _by_interface().items():
        if source and source in (entry.address for entry in entries):
            return name
    return ""


def own_addresses() -> set[str]:
    """Every IP address of this host, without the scope of link-local ones; MAC addresses too."""
    entries = (entry for entries in _by_interface().values() for entry in entries)
    return {entry.address.partition("%")[0] for entry in entries}


def own_macs() -> set[str]:
    """The MAC address of each interface, in lower case."""
    entries = (entry for entries in _by_interface().values() for entry in entries)
    return {entry.address.lower() for entry in entries if entry.family == socket.AF_PACKET}


def mac_of(interface: str) -> bytes:
    """Empty unless the interface exists and is an Ethernet."""
    for entry in _by_interface().get(interface, ()):
        if entry.family == socket.AF_PACKET:
            mac = bytes.fromhex(entry.address.replace(":", ""))
            return mac if len(mac) == 6 else b""
    return b""


def _by_interface() -> Entries:
    import psutil  # the manual is built where it may be missing

    return psutil.net_if_addrs()
