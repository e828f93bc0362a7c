"""The sockets of a mysqld, taken from outside: the kernel lets root have a descriptor of the same
open file, so that a connection can be shut without asking the server."""

from __future__ import annotations

import ctypes
import errno
import os
import re
import socket
import struct

from kachecks.lean import suppress
from kachecks.mysqld_process import Process, pidfd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

PIDFD_GETFD = 438
"""pidfd_getfd(2) on every architecture but alpha: Linux 5.6."""


def end_connections_to(
    process: Process, addresses: Collection[str], proc: str = "/proc"
) -> set[tuple[str, int]]:
    """Shut every connection that a client has made to one of these addresses of this host; the
    address and port of each of these clients.

    The server finds its client gone, and tidies up by itself. Raises OSError: this kernel, or this
    account, cannot do that.
    """
    ends = set()
    for each in of_process(process, proc):
        if near_end(each) in addresses and not listens(each):
            ends.add(far_end(each))
            shut(each, socket.SHUT_RDWR)
    return ends


OUR_PROGRAMS = re.compile(
    r"(.*/)?(check_mysql|notify_(master|backup|down)|kachecks(\.[.\w]+)?)(\.py)?"
)
"""As which this suite's programs are loaded: by their paths, or as modules."""


AT_ONCE = 200
"""Sockets, each of which costs a descriptor of this process."""


def end_clients(process: Process, hosts: Collection[str], proc: str = "/proc") -> None:
    """Shut the connections of clients, at the same moment, as whoever notices connects anew.

    Args:
        hosts: as the process list has them: "10.0.0.9:40000", or "web1.example:40000", of which the
            port is known; "localhost" is every client by a unix socket. A client whose address a
            proxy has told (PROXY protocol) is not found.

    Raises OSError: this kernel, or this account, cannot do that.
    """
    found: list[socket.socket] = []
    ports = {host.rpartition(":")[2] for host in hosts if not _is_address(host)}
    try:
        for each in of_process(process, proc):
            if not listens(each) and _is_among(each, hosts, ports) and not _is_ours(each, proc):
                found.append(each.dup())
                if len(found) == AT_ONCE:
                    _end(found)
    finally:
        _end(found)


def _is_among(each: socket.socket, hosts: Collection[str], ports: Collection[str]) -> bool:
    if each.family == socket.AF_UNIX:
        return "localhost" in hosts
    address, port = far_end(each)
    return f"{address}:{port}" in hosts or str(port) in ports


def _is_address(host: str) -> bool:
    name = host.rpartition(":")[0]
    return ":" in name or name.replace(".", "").isdecimal()


def _end(found: list[socket.socket]) -> None:
    for each in found:
        shut(each, socket.SHUT_RDWR)
    for each in found:
        each.close()
    found.clear()


def _is_ours(each: socket.socket, proc: str) -> bool:
    """Root has made this connection by a unix socket, with a program of this suite."""
    if each.family != socket.AF_UNIX:
        return False
    pid, user, _ = _CREDENTIALS.unpack(
        each.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    )
    if pid == os.getpid():
        return True
    with suppress(OSError), open(f"{proc}/{pid}/cmdline", errors="replace") as called:
        loader, *words = called.read(WORDS).split("\0")
        program = next((word for word in words if word[:1] != "-"), "")
        return user == os.geteuid() and any(map(OUR_PROGRAMS.fullmatch, (loader, program)))
    return False


WORDS = 4096
"""Characters of a command line, in which the program's name is."""


_CREDENTIALS = struct.Struct("3i")
"""Of unix(7): process, user, group."""


def listens(each: socket.socket) -> bool:
    """It takes connections, and is none."""
    return bool(each.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))


def shut(each: socket.socket, how: int) -> None:
    with suppress(OSError):  # its client has gone
        each.shutdown(how)


def near_end(each: socket.socket) -> str:
    """The address of this host to which its client has connected; "" where there is none."""
    return _plain(each.getsockname())[0]


def far_end(each: socket.socket) -> tuple[str, int]:
    """Address and port of its client; "" and 0 where there are none."""
    with suppress(OSError):  # its client has gone
        return _plain(each.getpeername())
    return "", 0


def _plain(name: object) -> tuple[str, int]:
    """An IPv4 address is one, even on a socket for both families."""
    if not isinstance(name, tuple):
        return "", 0
    address = name[0][len("::ffff:") :] if name[0].startswith("::ffff:") else name[0]
    return address, name[1]


def of_process(process: Process, proc: str) -> Iterator[socket.socket]:
    """Its stream sockets one by one, each for as long as it is looked at. Those that it has opened
    to others by a unix socket, as to the system's journal, have no name of their own."""
    descriptor = pidfd(process)
    if descriptor is None:
        raise ProcessLookupError(f"process {process.pid} cannot be told from a later one")
    kernel = ctypes.CDLL(None, use_errno=True)
    try:
        for link, target in open_files(process, proc):
            taken = _take(kernel, descriptor, link) if target.startswith("socket:") else None
            if taken is None:
                continue
            with socket.socket(fileno=taken) as each:
                family = each.family in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX)
                if family and each.type == socket.SOCK_STREAM and each.getsockname():
                    yield each
    finally:
        os.close(descriptor)


def _take(kernel: ctypes.CDLL, descriptor: int, link: str) -> int | None:
    """A descriptor of the same open file; None if it has just been closed. Raises OSError."""
    taken = kernel.syscall(PIDFD_GETFD, descriptor, int(link.rpartition("/")[2]), 0)
    if taken >= 0:
        return int(taken)
    if ctypes.get_errno() == errno.EBADF:
        return None
    raise OSError(ctypes.get_errno(), f"pidfd_getfd: {os.strerror(ctypes.get_errno())}")


def open_files(process: Process, proc: str) -> Iterator[tuple[str, str]]:
    """Each as /proc/PID/fd/N, and what it is. Raises OSError."""
    directory = f"{proc}/{process.pid}/fd"
    for each in os.listdir(directory):
        link = f"{directory}/{each}"
        with suppress(FileNotFoundError):  # closed by now
            yield link, os.readlink(link)
