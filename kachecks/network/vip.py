"""Whether the virtual IP is on this host now, by the kernel's own tables, read afresh each time.

/proc/net/fib_trie lists every IPv4 route of every table as a tree; an address of this host is a
leaf with a `/32 host LOCAL` line below it:

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

check_mysql calls this every second, so nothing is imported unless there is an IPv6 address.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def here(vips: Sequence[str], proc: str = "/proc") -> bool:
    """Whether all of these addresses, spelled as `config` spells them, are on this host.

    False for no addresses at all. Raises: OSError with the path of a table that cannot be read.
    """
    found = _found(vips, proc)
    return bool(found) and all(found)


def _found(vips: Sequence[str], proc: str) -> list[bool]:
    tables = {":" in vip: b"" for vip in vips}
    for is_ipv6 in tables:
        path = f"{proc}/net/{'if_inet6' if is_ipv6 else 'fib_trie'}"
        with open(path, "rb", buffering=0) as file:
            tables[is_ipv6] = file.readall()
    return [
        _in_inet6(vip, tables[True]) if ":" in vip else _in_trie(vip, tables[False]) for vip in vips
    ]


def _in_trie(vip: str, trie: bytes) -> bool:
    after_each_leaf = trie.split(f"|-- {vip}\n".encode())[1:]
    return any(b"/32 host LOCAL" in after.partition(b"-- ")[0] for after in after_each_leaf)


def _in_inet6(vip: str, table: bytes) -> bool:
    from _socket import AF_INET6, inet_pton  # `socket` itself takes 10 ms

    digits = inet_pton(AF_INET6, vip).hex().encode()
    return any(line.startswith(digits) for line in table.split(b"\n"))
