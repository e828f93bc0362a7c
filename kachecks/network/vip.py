"""Whether the virtual IP is on this host now, as the kernel knows it, asked afresh each time.

First by one question (rtnetlink(7), RTM_GETROUTE with RTM_F_FIB_MATCH): how would this host route a
packet to that address? If a route of type local that is for this address alone is what fits, it is
here. That is one look at one route under RCU: it takes 5 µs however many routes there are, waits
for no lock of the kernel (RTM_GETADDR does, before Linux 6.9), and changes of other routes do not
disturb it. It does not see an address that rules of the host route otherwise (a VRF, a rule before
the one for the table local), or a tentative one of IPv6. So its yes counts, and its no does not.

Then by the tables. /proc/net/fib_trie lists every IPv4 route of every table as a tree; an address
of this host is a leaf with a `/32 host LOCAL` line below it:

    |-- 10.0.0.100
       /32 host LOCAL

The same leaf may stand in several tables, and leaves of other kinds (`/32 link BROADCAST`,
`/32 link UNICAST` for a host route, `/8 host LOCAL` for a network) are not addresses. Any table
counts, because an interface in a VRF has its addresses in the table of the VRF. The file keeps the
addresses of an interface that is down, and it cannot tell an address from a local route made by
hand (`ip route add local 10.0.0.100`): in both cases the kernel does answer as the VIP's owner.

/proc/net/if_inet6 has one line per IPv6 address: 32 hexadecimal digits first. A tentative address
or one that failed duplicate address detection is there too and counts as here: keepalived holds it.
Addresses of an interface that is down are not.

The kernel writes these tables page by page and counts its way back to where it was, so a route that
goes meanwhile hides the one after it: with 200 addresses, while other routes came and went, one in
80 looks missed an address that was there (Linux 6.18; none of 550,000 looks at a table of less than
a page). So a table that is longer is read again before its no counts.

They are read by /proc/self/net, which is what /proc/net leads to: a unit with ProcSubset=pid has
only that, and a check that cannot tell leaves a server open whose VIP has gone.

check_mysql calls this every second, so nothing is imported that it has not loaded already.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

PAGE = 4096
"""Bytes that the kernel writes in one go, at least."""

LOOKS = 3
"""Looks at a table of more than a page before an address counts as not here."""


def here(vips: Sequence[str], proc: str = "/proc/self") -> bool:
    """Whether all of these addresses, spelled as `config` spells them, are on this host.

    False for no addresses at all. Raises: OSError with the path of a table that cannot be read.
    """
    return bool(vips) and all(routed_here(vip) or _in_table(vip, proc) for vip in vips)


def routed_here(vip: str) -> bool:
    """The kernel would deliver a packet for that address to this host, by a route for it alone.

    False also where the kernel cannot be asked.
    """
    question = route_question(vip, _RTM_F_FIB_MATCH)
    try:
        answer = ask_kernel(question)
    except OSError:
        return False
    # struct nlmsghdr: 16 bytes, the type of the message in bytes 4 and 5. struct rtmsg: family,
    # dst_len, src_len, tos, table, protocol, scope, type. A host without any route gets an error.
    family, length, route_type = answer[16:17], answer[17:18], answer[23:24]
    return (
        answer[4:6] == _native(RTM_NEWROUTE, 2)
        and (family, length) == (question[16:17], question[17:18])
        and route_type == bytes([RTN_LOCAL])
    )


RTM_NEWROUTE, RTM_GETROUTE, RTN_LOCAL = 24, 26, 2
_NLM_F_REQUEST, _RTA_DST = 1, 1
_RTM_F_FIB_MATCH = 0x2000
"""Linux 4.13: tell the length of the route that fits, as an address within `ip route add local
10.0.0.0/8` is not one of this host's."""


def ask_kernel(question: bytes) -> bytes:
    """The answer to one question by rtnetlink(7). Raises OSError."""
    from _socket import AF_NETLINK, MSG_DONTWAIT, SOCK_CLOEXEC, SOCK_RAW, socket

    kernel = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0)  # 0: NETLINK_ROUTE
    try:
        kernel.sendto(question, (0, 0))
        return kernel.recv(PAGE, MSG_DONTWAIT)  # it is there when sendto(2) returns
    finally:
        kernel.close()


def route_question(to: str, flags: int = 0) -> bytes:
    """RTM_GETROUTE for that address. Raises OSError: it is none."""
    from _socket import AF_INET, AF_INET6, inet_pton  # `socket` itself takes 10 ms

    family = AF_INET6 if ":" in to else AF_INET
    address = inet_pton(family, to)
    header = _native(28 + 4 + len(address), 4) + _native(RTM_GETROUTE, 2)
    header += _native(_NLM_F_REQUEST, 2) + bytes(8)  # sequence number and port: one question only
    route = bytes([family, 8 * len(address), 0, 0, 0, 0, 0, 0]) + _native(flags, 4)
    return header + route + _native(4 + len(address), 2) + _native(_RTA_DST, 2) + address


def _native(number: int, length: int) -> bytes:
    return number.to_bytes(length, sys.byteorder)


def _in_table(vip: str, proc: str) -> bool:
    is_ipv6 = ":" in vip
    path = f"{proc}/net/{'if_inet6' if is_ipv6 else 'fib_trie'}"
    for _ in range(LOOKS):
        with open(path, "rb", buffering=0) as file:
            table = file.readall()
        if _in_inet6(vip, table) if is_ipv6 else _in_trie(vip, table):
            return True
        if len(table) < PAGE:
            break
    return False


def _in_trie(vip: str, trie: bytes) -> bool:
    after_each_leaf = trie.split(f"|-- {vip}\n".encode())[1:]
    return any(b"/32 host LOCAL" in after.partition(b"-- ")[0] for after in after_each_leaf)


def _in_inet6(vip: str, table: bytes) -> bool:
    from _socket import AF_INET6, inet_pton

    digits = inet_pton(AF_INET6, vip).hex().encode()
    return any(line.startswith(digits) for line in table.split(b"\n"))
