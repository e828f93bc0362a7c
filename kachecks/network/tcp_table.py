"""TCP connections that are established in this kernel: /proc/net/tcp and tcp6 (proc(5)).

An address there is hexadecimal, 32 bits at a time in the byte order of the machine, with the port
after a colon; state 01 is ESTABLISHED. psutil could read the same, but would cost 40 ms of imports
in the middle of a takeover.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

ESTABLISHED = "01"


def ports_at(address: str, proc: str = "/proc/self") -> set[int]:
    """The ports at that IPv4 or IPv6 address to which this host has connections.

    Raises: OSError, a table cannot be read.
    """
    return {port for _own, other, port in _established(address, proc) if other}


def ports_through(address: str, proc: str = "/proc/self") -> set[int]:
    """The ports at the other ends of this host's connections through that address of its own.

    They stay established when the address has been removed.

    Raises: OSError, a table cannot be read.
    """
    return {port for own, _other, port in _established(address, proc) if own}


def _established(address: str, proc: str) -> Iterator[tuple[bool, bool, int]]:
    """Whether it is this end, or the other one, that has this address; the port at the other
    end."""
    if ":" in address:
        tables = [("tcp6", address)]
    else:
        tables = [("tcp", address), ("tcp6", f"::ffff:{address}")]
    for table, text in tables:
        wanted = _as_in_table(text)
        try:
            with open(f"{proc}/net/{table}", encoding="ascii") as file:
                lines = file.readlines()[1:]
        except FileNotFoundError:
            if table == "tcp6":  # a kernel without IPv6
                continue
            raise
        for line in lines:
            _number, here, remote, state = line.split(None, 4)[:4]
            host, _, port = remote.partition(":")
            if state == ESTABLISHED:
                yield here.partition(":")[0] == wanted, host == wanted, int(port, 16)


def _as_in_table(address: str) -> str:
    from _socket import AF_INET, AF_INET6, inet_pton  # `socket` itself takes 10 ms

    packed = inet_pton(AF_INET6 if ":" in address else AF_INET, address)
    words = [packed[at : at + 4] for at in range(0, len(packed), 4)]
    return "".join(f"{int.from_bytes(word, sys.byteorder):08X}" for word in words)
