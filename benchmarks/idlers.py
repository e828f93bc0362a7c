"""Many clients that hold a connection each and do nothing, until the server cuts them.

    python -m benchmarks.idlers --host 10.0.0.100 --count 5000

Prints "ready" when all are connected. At the end of its standard input, or when all have been cut,
it prints a JSON object: how many were cut, and when the first and the last (CLOCK_MONOTONIC).
"""

from __future__ import annotations

import argparse
import json
import resource
import select
import sys
import time

from tests.lab.hosts import process
from tests.lab.servers.accounts import APP_PASSWORD, APP_USER
from tests.lab.servers.wire import Connection

_SPARE_FILES = 64
_LOGIN = 10.0  # s


class Idler(Connection):
    """One of them."""

    def fileno(self) -> int:
        """For epoll."""
        return self._socket.fileno()


def connect(host: str, count: int) -> list[Idler]:
    """One after the other, as pools fill up. Raises WireError where the server wants no more.

    The first uses TLS; its password is in the server's cache then (caching_sha2_password), and the
    others need none.
    """
    return [
        Idler((host, 3306), APP_USER, APP_PASSWORD, timeout=_LOGIN, tls=not number)
        for number in range(count)
    ]


def wait(idlers: list[Idler]) -> list[float]:
    """When each was cut, as far as they were before standard input ended."""
    watch = select.epoll()
    for idler in idlers:
        watch.register(idler.fileno(), select.EPOLLIN | select.EPOLLRDHUP)
    try:
        watch.register(sys.stdin.fileno(), select.EPOLLIN)
    except PermissionError:  # a file, which never makes anybody wait
        return []
    cuts: list[float] = []
    while len(cuts) < len(idlers):
        for descriptor, _ in watch.poll():
            if descriptor == sys.stdin.fileno():
                return cuts
            watch.unregister(descriptor)
            cuts.append(time.monotonic())
    return cuts


def main() -> int:
    """Connect, wait, tell."""
    parser = argparse.ArgumentParser(description="Connections that do nothing.")
    parser.add_argument("--host", required=True)
    parser.add_argument("--count", type=int, required=True)
    process.add_options(parser)
    options = parser.parse_args()
    process.settle(options)
    needed = options.count + _SPARE_FILES
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, max(needed, most)))
    idlers = connect(options.host, options.count)
    print("ready", flush=True)
    cuts = wait(idlers)
    print(
        json.dumps(
            {"cut": len(cuts), "first": min(cuts, default=None), "last": max(cuts, default=None)}
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
