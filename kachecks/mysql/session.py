"""A connection to a server, with a deadline for every call.

A server that sends one byte a second, or more than anybody asked for, holds nobody: each call is
given up when its time is over, or its answer too large. A session that was given up once is shut
down and never used again.
"""

from __future__ import annotations

import errno
import os
import sys

from kachecks.bounded import GivenUp, within
from kachecks.lean import suppress
from kachecks.mysql.driver import Address, explained, extension
from kachecks.mysql.errors import (
    BrokenAnswer,
    DriverError,
    Lost,
    NoAnswer,
    NotSent,
    Refused,
    ServerError,
    SessionError,
    Unreachable,
    broken_answer,
)
from kachecks.mysql.facts import supported_version

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket
    from collections.abc import Iterator
    from typing import Any, Callable, TypeVar

    from kachecks.config.options import Login
    from kachecks.mysql.driver import Connection
    from kachecks.mysql.facts import Row, Version

    Meaning = TypeVar("Meaning")

__all__ = [
    "Address",
    "BrokenAnswer",
    "DriverError",
    "Lost",
    "NoAnswer",
    "NotSent",
    "Refused",
    "ServerError",
    "Session",
    "SessionError",
    "Unreachable",
    "ask",
    "local_address",
    "peer_address",
]


def local_address(login: Login) -> Address:
    """Where this host's own server listens."""
    return Address(login, login.host or "localhost", None if login.host else login.socket)


def peer_address(login: Login, peer: str) -> Address:
    """Where the other node's server listens."""
    return Address(login, peer, None)


def ask(
    session: Session, sql: str, timeout: float, read: Callable[[list[Row]], Meaning]
) -> Meaning:
    """What ``read`` makes of the rows of a statement that changes nothing.

    All rows are read here: a peer, or whatever answers in its place, may send anything, and that
    must be one of the errors that everybody who asks a server is prepared for.

    Raises:
        BrokenAnswer: ``read`` could make nothing of them.
        SessionError: as ``Session.query``.
    """
    rows = session.query(sql, timeout)
    try:
        return read(rows)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise broken_answer(str(session.address), sql, error) from None


KNOCK = 0.3
"""Seconds to wait for an answer of the kernel at the other end (see _knock)."""

UNUSED_PORT = 9
"""discard: nobody has listened there for decades, so a living kernel answers with a reset."""


class Session:
    """One connection. Every call takes the seconds it may last.

    Statements that change nothing go through ``query``, those that change something through
    ``execute``: a dry run replaces only the latter.
    """

    def __init__(self, address: Address, timeout: float, driver: str | None = None) -> None:
        """Connect within ``timeout`` seconds.

        Args:
            driver: "wire" for the client of our own over a unix socket too.

        Raises:
            SessionError: one of its subclasses, as described there.
        """
        self.address = address
        self._gone = False
        self._server_pid: int | None = None
        self.bound_socket = ""
        """The path that the server has bound, as it spells it; known once server_pid was asked."""
        before = _sockets() if address.socket else {}
        connection: Connection | None = None
        try:
            connection = self._connect(timeout, driver)
        finally:
            now = _sockets() if address.socket else {}
            self._descriptors = {name: now[name] for name in now if name not in before}
            if connection is None:
                self._shut_down()
        self._connection = connection
        self._version: Version | None = None
        self.server_version: str = self._connection.version
        """As in the server's greeting."""
        self.connection_id: int = self._connection.connection_id

    def _connect(self, timeout: float, driver: str | None) -> Connection:
        over_tcp = self.address.socket is None
        try:
            made = None if over_tcp or driver == "wire" else extension(self.address, timeout)
            if made is None:
                from kachecks.mysql.wire_client import Client

                made = Client(self.address, timeout)
        except (GivenUp, NoAnswer):
            if over_tcp:
                with suppress(GivenUp, OSError):  # of a name that is not resolved
                    within(2 * KNOCK, _knock, self.address.host, self.address.login.port)
            raise NoAnswer(f"no answer from {self.address} within {timeout:g} s") from None
        except Exception as error:  # noqa: BLE001 - the driver's own kinds, put in our terms
            trouble = explained(error, self.address)
            if isinstance(trouble, Refused) and _listens(self.address.socket):
                trouble = BrokenAnswer(f"{self.address} is listened on, and sends a client's error")
            raise trouble.with_traceback(None) from None
        return made

    @property
    def version(self) -> Version:
        """The server's family and number, from its greeting: no statement is sent.

        Raises:
            ServerError: it is no MySQL or MariaDB, or one too old for what we rely on.
        """
        if self._version is None:
            try:
                self._version = supported_version(self.server_version)
            except ValueError as error:
                raise ServerError(0, str(error)) from None
        return self._version

    def query(self, sql: str, timeout: float) -> list[Row]:
        """Run a statement that changes nothing; rows by column name, values as text or None."""
        return self._run(sql, timeout)

    def execute(self, sql: str, timeout: float) -> None:
        """Run a statement that changes something."""
        self._run(sql, timeout)

    def execute_each(
        self, statements: list[str], seconds: float, timeout: float
    ) -> list[ServerError | None]:
        """Run statements that change something; the error that each was refused with, or None.

        Each gets ``timeout`` as in ``execute``, but all are one piece of work. After ``seconds``
        no further statement begins (the first always does), so the list may be shorter than
        ``statements``.
        """
        return self._given(seconds + timeout, self._each, (statements, seconds))

    def _each(self, given: tuple[list[str], float]) -> list[ServerError | None]:
        from time import monotonic

        statements, seconds = given
        until = monotonic() + seconds
        found: list[ServerError | None] = []
        for sql in statements:
            if found and monotonic() > until:
                break
            try:
                self._connection.run(sql)
            except Exception as error:
                trouble = explained(error, self.address)
                if not isinstance(trouble, ServerError) or isinstance(trouble, BrokenAnswer):
                    raise
                found.append(trouble)
            else:
                found.append(None)
        return found

    def _run(self, sql: str, timeout: float) -> list[Row]:
        return self._given(timeout, self._connection.run, sql)

    def _given(self, timeout: float, work: Callable[[Any], list[Any]], what: Any) -> list[Any]:
        if self._gone:
            raise Lost(f"the session with {self.address} was given up before")
        self._gone = True  # until it is known that nothing of the answer is still to come
        try:
            rows: list[Any] = self._connection.within(timeout, work, what)
            self._gone = False
        except (GivenUp, NoAnswer):
            raise NoAnswer(f"no answer from {self.address} within {timeout:g} s") from None
        except Exception as error:  # noqa: BLE001 - as above
            trouble = explained(error, self.address)
            self._gone = not isinstance(trouble, ServerError) or isinstance(trouble, BrokenAnswer)
            # Its traceback would keep what has been read, as long as anybody keeps the error.
            raise trouble.with_traceback(None) from None
        finally:
            if self._gone:
                self._shut_down()
                self._connection.abandon()
        return rows

    def close(self) -> None:
        """Say goodbye, so that the server does not count an aborted connection."""
        if not self._gone:
            self._gone = True
            with suppress(Exception):  # it is gone either way
                self._connection.within(0.2, self._connection.close)

    def server_pid(self) -> int | None:
        """The process that listens on the unix socket, or None where the kernel cannot tell.

        It comes from SO_PEERCRED, so it is the very process that answered. None over TCP, for a
        server in another pid namespace, and where the driver's descriptor cannot be found.
        """
        if self._server_pid is None and self.address.socket is not None:
            self._server_pid = self._pid_at_the_other_end()
        return self._server_pid

    def _pid_at_the_other_end(self) -> int | None:
        from _socket import SO_PEERCRED, SOL_SOCKET  # socket, the module around it, costs 9 ms more

        for connection in self._own_sockets():
            self.bound_socket = str(connection.getpeername())
            raw = connection.getsockopt(SOL_SOCKET, SO_PEERCRED, 12)
            return int.from_bytes(raw[:4], sys.byteorder) or None
        return None

    def _shut_down(self) -> None:
        """End what is given up: the thread that is in the driver ends, and reads no more."""
        from _socket import SHUT_RDWR

        for connection in self._own_sockets():
            with suppress(OSError):
                connection.shutdown(SHUT_RDWR)

    def _own_sockets(self) -> Iterator[socket]:
        """The unix socket of this connection, which is the driver's, under a descriptor of ours.

        None where it cannot be found.
        """
        import _socket

        for name, descriptor in self._descriptors.items():
            with suppress(OSError):  # closed by now
                if os.readlink(f"/proc/self/fd/{descriptor}") == name:
                    own = _socket.socket(fileno=os.dup(descriptor))
                    try:
                        if own.family == _socket.AF_UNIX and own.getpeername():
                            yield own
                    finally:
                        own.close()


def _listens(path: str | None) -> bool:
    """Somebody listens on this unix socket. A server may send the error numbers by which a client
    says that nobody does (2002, 2003), and would be taken for dead."""
    if path is None:
        return False
    import _socket

    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        connection.setblocking(False)
        connection.connect(path)
    except BlockingIOError:  # its queue is full
        return True
    except OSError:
        return False
    else:
        return True
    finally:
        connection.close()


def _sockets() -> dict[str, int]:
    """The sockets that this process has open: the kernel's name for each, and its descriptor."""
    found: dict[str, int] = {}
    for descriptor in os.listdir("/proc/self/fd"):
        with suppress(OSError):  # the listing's own descriptor is closed by now
            name = os.readlink(f"/proc/self/fd/{descriptor}")
            if name.startswith("socket:"):
                found[name] = int(descriptor)
    return found


def _knock(host: str, port: int) -> None:
    """Tell a mute server from an absent host, after the driver has run out of time.

    A second SYN goes to the port, since one may get lost. Another goes to a port where nobody
    listens: a server whose queue of connections is full drops SYNs, while its kernel still answers
    for other ports.

    Raises:
        Refused: nobody listens at that port.
        Unreachable: nothing at all came back within KNOCK seconds.
    """
    import select
    import socket

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    knocking = {socket.socket(family, socket.SOCK_STREAM): at for at in (port, UNUSED_PORT)}
    try:
        for each, at in knocking.items():
            each.setblocking(False)
            each.connect_ex((host, at))
        answered = select.select([], list(knocking), [], KNOCK)[1]
        errors = {
            knocking[each]: each.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) for each in answered
        }
    finally:
        for each in knocking:
            each.close()
    if errors.get(port) == errno.ECONNREFUSED:
        raise Refused(f"connection refused by {host} port {port}")
    if not any(error in (0, errno.ECONNREFUSED) for error in errors.values()):
        raise Unreachable(f"nothing answers at {host}, port {port} or other")
