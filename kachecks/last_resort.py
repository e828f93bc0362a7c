"""A look for the VIP when the option file cannot be used, or the suite not be loaded.

Imports nothing of ours: it must work while a package is being upgraded, and with an option file
that has a mistake. A check that cannot tell must not move the VIP.
"""

from __future__ import annotations


def vip_is_here(option_file: str) -> bool:
    """The first address after ``vip =`` in that file is one of this host's, as far as can be read.

    False when the file cannot be read, names no VIP, or the kernel's tables cannot be read.
    """
    try:
        with open(option_file, encoding="utf-8", errors="replace") as file:
            lines = [line.strip() for line in file]
        for line in lines:
            key, _, value = line.partition("=")
            if key.strip().lower() == "vip":
                address = value.strip().strip("\"'").replace(";", ",").replace("#", ",")
                address = address.split(",")[0].split("/")[0].strip()
                return _is_local(address)
    except OSError:
        pass
    return False


def _is_local(address: str) -> bool:
    if ":" in address:
        import socket

        wanted = socket.inet_pton(socket.AF_INET6, address).hex()
        with open("/proc/net/if_inet6", encoding="ascii") as file:
            return any(line.split()[0] == wanted for line in file)
    with open("/proc/net/fib_trie", encoding="ascii") as file:
        lines = file.read().splitlines()
    return any(
        line.strip() == f"|-- {address}" and "/32 host LOCAL" in lines[number + 1]
        for number, line in enumerate(lines[:-1])
    )
