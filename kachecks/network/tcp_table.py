"""TCP connections that are established in this kernel: /proc/net/tcp and tcp6 (proc(5)).

An address there is hexadecimal, 32 bits at a time in the byte order of the machine, with the port
after a colon; state 01 is ESTABLISHED. psutil could read the same, but would cost 40 ms of imports
in the middle of a takeover.
"""

from __future__ import annotations

import sys

ESTABLISHED = "01"


def ports_at(address: str, proc: str = "/proc") -> set[int]:
    """The ports at that IPv4 or IPv6 address to which this host has connections.

    Raises: OSError, a table cannot be read.
    """
    if ":" in address:
        tables = [("tcp6", address)]
    else:
        tables = [("tcp", address), ("tcp6", f"::ffff:{address}")]
    found: set[int] = set()
    for table, there in tables:
        wanted = _as_in_table(there)
        try:
            with open(f"{proc}/net/{table}", encoding="ascii") as file:
                lines = file.readlines()[1:]
        except FileNotFoundError:
            if table == "tcp6":  # a kernel without IPv6
                continue
            raise
        for line in lines:
            _number, _here, remote, state = line.split(None, 4)[:4]
            host, _, port = remote.partition(":")
            if state == ESTABLISHED and host == wanted:
                found.add(int(port, 16))
    return found


def _as_in_table(address: str) -> str:
    from _socket import AF_INET, AF_INET6, inet_pton  # `socket` itself takes 10 ms

    packed = inet_pton(AF_INET6 if ":" in address else AF_INET, address)
    words = [packed[at : at + 4] for at in range(0, len(packed), 4)]
    return "".join(f"{int.from_bytes(word, sys.byteorder):08X}" for word in words)
