"""Many clients that hold a connection each and do nothing, until the server cuts them.

    python -m benchmarks.idlers --host 10.0.0.100 --count 5000

Prints "ready" when all are connected. At the end of its standard input, or when all have been cut,
each that is left sends a statement, as a pool does that lends out a connection; then it prints a
JSON object: how many were cut, how many were told by an error at that statement, and how many wait
for an answer in vain.
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
_PING = b"\x01\0\0\0\x0e"
ANSWER = 2.0
"""Seconds; a host that does not know the connection resets it in less than a millisecond."""


class Idler(Connection):
    """One of them."""

    def fileno(self) -> int:
        """For epoll."""
        return self._socket.fileno()

    def ask(self) -> None:
        """Send a statement, and do not wait. Raises OSError."""
        self._socket.setblocking(False)
        self._socket.send(_PING)


def connect(host: str, count: int) -> list[Idler]:
    """One after the other, as pools fill up. Raises WireError where the server wants no more.

    The first uses TLS; its password is in the server's cache then (caching_sha2_password), and the
    others need none.
    """
    return [
        Idler((host, 3306), APP_USER, APP_PASSWORD, timeout=_LOGIN, tls=not number)
        for number in range(count)
    ]


def wait(idlers: list[Idler]) -> list[Idler]:
    """Those that have not been cut when standard input ends."""
    watch = select.epoll()
    left = {idler.fileno(): idler for idler in idlers}
    for descriptor in left:
        watch.register(descriptor, select.EPOLLIN | select.EPOLLRDHUP)
    try:
        watch.register(sys.stdin.fileno(), select.EPOLLIN)
    except PermissionError:  # a file, which never makes anybody wait
        return idlers
    while left:
        for descriptor, _ in watch.poll():
            if descriptor == sys.stdin.fileno():
                return list(left.values())
            watch.unregister(descriptor)
            del left[descriptor]
    return []


def use(idlers: list[Idler]) -> int:
    """Send a statement on each; how many have got neither answer nor error in ANSWER seconds."""
    watch = select.epoll()
    waiting = 0
    for idler in idlers:
        try:
            idler.ask()
        except OSError:
            continue  # told before
        watch.register(idler.fileno(), select.EPOLLIN | select.EPOLLRDHUP)
        waiting += 1
    until = time.monotonic() + ANSWER
    while waiting and (left := until - time.monotonic()) > 0:
        for descriptor, _ in watch.poll(left):
            watch.unregister(descriptor)
            waiting -= 1
    return waiting


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
    left = wait(idlers)
    hanging = use(left)
    cut = len(idlers) - len(left)
    print(json.dumps({"cut": cut, "told": len(left) - hanging, "hanging": hanging}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
