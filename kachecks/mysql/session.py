"""A connection to a server, with a deadline for every call.

A server that sends one byte a second, or more than anybody asked for, holds nobody: each call is
given up when its time is over, or its answer too large. A session that was given up once is shut
down and never used again.
"""

from __future__ import annotations

from time import monotonic

from kachecks.bounded import GivenUp, within
from kachecks.lean import suppress
from kachecks.mysql.errors import (
    BAD_TLS,
    BrokenAnswer,
    DriverError,
    Lost,
    NoAnswer,
    NotReady,
    NotSent,
    OtherPlugin,
    Refused,
    ServerError,
    SessionError,
    Unreachable,
    broken_answer,
)
from kachecks.mysql.facts import supported_version
from kachecks.mysql.wire import Address
from kachecks.mysql.wire_client import Client

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Protocol, TypeVar

    from kachecks.config.options import Login
    from kachecks.mysql.facts import Row, Version

    Meaning = TypeVar("Meaning")

    class Connection(Protocol):
        """One connection: by our own client, or by the driver. Its methods raise SessionError."""

        version: str
        connection_id: int

        def within(self, seconds: float, work: Callable[..., Any], *arguments: Any) -> Any:
            """What ``work`` returns, which calls the methods below.

            Raises GivenUp or NoAnswer: it took longer than that.
            """

        def run(self, sql: str) -> list[Row]:
            """Send one statement; its rows."""

        def listener(self) -> tuple[int | None, str]:
            """See ``mysql.wire.Wire.listener``. Raises OSError."""

        def close(self) -> None:
            """Say goodbye and close."""

        def abandon(self) -> None:
            """Close at once; it is of no more use."""


__all__ = [
    "Address",
    "BrokenAnswer",
    "DriverError",
    "Lost",
    "NoAnswer",
    "NotReady",
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
"""Seconds to wait for an answer of the kernel at the other end (see _knock), or as many as the
connection was given, but LEAST_KNOCK."""

LEAST_KNOCK = 0.1

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
            driver: "c" for the driver alone, which is asked otherwise where our client does not
                know how this account is authenticated.

        Raises:
            SessionError: one of its subclasses, as described there.
        """
        self.address = address
        self._gone = False
        self._connection = self._connect(timeout, driver)
        self._server_pid: int | None = None
        self.bound_socket = ""
        """The path that the server has bound, as it spells it; "" where it is not known."""
        with suppress(OSError):
            self._server_pid, self.bound_socket = self._connection.listener()
        self._version: Version | None = None
        self.server_version: str = self._connection.version
        """As in the server's greeting."""
        self.connection_id: int = self._connection.connection_id

    def _connect(self, timeout: float, driver: str | None) -> Connection:
        try:
            if driver == "c":
                from kachecks.mysql.driver import Extension

                return Extension(self.address, timeout, "mysql_native_password")
            until = monotonic() + timeout
            try:
                return Client(self.address, timeout)
            except BrokenAnswer as error:
                if error.errno != BAD_TLS:
                    raise
                # It does not take our certificate; or it has died in this very moment, and then
                # nobody listens any more.
                return Client(self.address, max(until - monotonic(), 0.05))
            except OtherPlugin as error:
                if self.address.socket is None:
                    raise
                return self._by_the_driver(max(until - monotonic(), 0.05), error)
        except (GivenUp, NoAnswer):
            if self.address.socket is None:
                port, seconds = self.address.login.port, min(KNOCK, max(timeout, LEAST_KNOCK))
                with suppress(GivenUp, OSError):  # of a name that is not resolved
                    within(2 * seconds, _knock, self.address.host, port, seconds)
            raise NoAnswer(f"no answer from {self.address} within {timeout:g} s") from None
        except Exception as error:  # noqa: BLE001 - all become a SessionError
            raise _explained(error, self.address) from None

    def _by_the_driver(self, timeout: float, asked: OtherPlugin) -> Connection:
        """Raises ``asked`` where the driver cannot do it either."""
        from kachecks.mysql.driver import PLUGINS, Extension

        if asked.plugin not in PLUGINS:
            raise asked
        try:
            return Extension(self.address, timeout, asked.plugin)
        except ImportError:
            raise asked from None

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
        statements, seconds = given
        until = monotonic() + seconds
        found: list[ServerError | None] = []
        for sql in statements:
            if found and monotonic() > until:
                break
            try:
                self._connection.run(sql)
            except ServerError as error:
                if isinstance(error, BrokenAnswer):
                    raise
                found.append(error)
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
            trouble = _explained(error, self.address)
            self._gone = not isinstance(trouble, ServerError) or isinstance(trouble, BrokenAnswer)
            raise trouble from None
        finally:
            if self._gone:
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
        return self._server_pid


def _explained(error: Exception, address: Address) -> SessionError:
    """In our terms. Its traceback would keep what was read, for as long as anybody keeps it."""
    if isinstance(error, SessionError):
        return error.with_traceback(None)
    return DriverError(f"cannot ask {address}: {type(error).__name__}: {error}")


def _knock(host: str, port: int, seconds: float) -> None:
    """Tell a mute server from an absent host, after the driver has run out of time.

    A second SYN goes to the port, since one may get lost. Another goes to a port where nobody
    listens: a server whose queue of connections is full drops SYNs, while its kernel still answers
    for other ports.

    Raises:
        Refused: nobody listens at that port.
        Unreachable: nothing at all came back within so many seconds.
    """
    import select
    import socket
    from errno import ECONNREFUSED

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    knocking = {socket.socket(family, socket.SOCK_STREAM): at for at in (port, UNUSED_PORT)}
    try:
        for each, at in knocking.items():
            each.setblocking(False)
            each.connect_ex((host, at))
        answered = select.select([], list(knocking), [], seconds)[1]
        errors = {
            knocking[each]: each.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) for each in answered
        }
    finally:
        for each in knocking:
            each.close()
    if errors.get(port) == ECONNREFUSED:
        raise Refused(f"connection refused by {host} port {port}")
    if not any(error in (0, ECONNREFUSED) for error in errors.values()):
        raise Unreachable(f"nothing answers at {host}, port {port} or other")
