"""The one module that knows the MySQL driver, for logins that our own client does not know.

The driver is the C extension of mysql-connector-python. It brings plugins of authentication
(Kerberos, LDAP, WebAuthn) that ours leaves out (mysql.wire_login), and is asked only behind a unix
socket, which is the server's own: what it sends to a stranger cannot be governed. It is used
without the package around it, since it then loads in a fifth of the time. It cannot be loaded once
the system's OpenSSL is (hashlib, ssl).

The extension has no total deadline, as its time-outs apply to each read, so every call into it is
given up when its time is over (bounded).
"""

from __future__ import annotations

import os
from _thread import allocate_lock
from contextlib import contextmanager

from kachecks.bounded import GivenUp, within
from kachecks.lean import suppress
from kachecks.mysql.errors import (
    ENDED_BY_THE_SERVER,
    TIMED_OUT,
    BrokenAnswer,
    DriverError,
    Lost,
    NoAnswer,
    ServerError,
    SessionError,
)
from kachecks.mysql.queries import OUR_SCHEMA
from kachecks.mysql.wire import Address, listener_of
from kachecks.mysql.wire_client import Answer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket
    from collections.abc import Iterator
    from typing import Any, Callable

    from kachecks.mysql.facts import Row

PLUGINS = frozenset(
    {
        "authentication_kerberos_client",
        "authentication_ldap_sasl_client",
        "authentication_openid_connect_client",
        "authentication_webauthn_client",
    }
)
"""Those of mysql-connector-python (9.x) that prove who we are without handing the password over."""

FILE_REFUSED = 2068
"""CR_LOAD_DATA_LOCAL_INFILE_REJECTED: it was never asked to load one."""

# Client errors (2000 to 2999) that nevertheless prove that the server is alive.
SPOKEN_CLIENT_ERRORS = frozenset({2007, 2012, 2026, 2027, 2049, 2054, 2058, 2059, 2061})

LARGEST_PROCESS = 48 << 20
"""Bytes of memory that it may have while the extension reads; it begins with 20 MiB."""

_one_at_a_time = allocate_lock()


class Extension:
    """``_mysql_connector``; see ``mysql.session.Connection``. Its errors are put in our terms."""

    def __init__(self, address: Address, timeout: float, plugin: str = "") -> None:
        """Connect to a unix socket.

        Args:
            plugin: the only one of PLUGINS that may be loaded, whatever the server asks for.

        Raises:
            GivenUp: no answer in time.
            SessionError: one of its subclasses, as described there.
            ImportError: it cannot be loaded, or is not as we know it.
        """
        self._address = address
        self._descriptors: dict[str, int] = {}
        with _one_at_a_time:  # its library initialises itself when it is first used
            import _mysql_connector

            with _directory_of(_mysql_connector.__file__, plugin) as plugins:
                self._connection = self._made(_mysql_connector, timeout, plugins)
                self._connect_within(timeout + 0.1)
        self.version: str = self._connection.get_server_info()
        self.connection_id: int = self._connection.thread_id()

    def _connect_within(self, seconds: float) -> None:
        before = _sockets()
        trouble: Exception | None = None
        try:
            self._watched(seconds, self._connect)
        except Exception as error:  # noqa: BLE001 - the driver's own kinds
            trouble = _explained(error, self._address)
        now = _sockets()
        self._descriptors = {name: now[name] for name in now if name not in before}
        if trouble is not None:
            self.abandon()
            raise trouble

    def _made(self, module: Any, timeout: float, plugins: str) -> Any:
        seconds = max(1, int(timeout + 0.999))
        try:
            return module.MySQL(
                buffered=False, raw=True, connection_timeout=seconds, plugin_dir=plugins
            )
        except (AttributeError, TypeError) as error:  # it is private
            raise ImportError(str(error)) from None

    def _connect(self) -> None:
        login = self._address.login
        self._connection.connect(
            host=self._address.host,  # it needs one even for a socket
            user=login.user,
            password=login.password or "",
            database=OUR_SCHEMA,
            unix_socket=self._address.socket,
            ssl_disabled=True,
            local_infile=0,
        )

    def _watched(self, seconds: float, work: Callable[..., Any], *arguments: Any) -> Any:
        return within(seconds, work, *arguments, meanwhile=_watch_memory)

    def within(self, seconds: float, work: Callable[..., Any], *arguments: Any) -> Any:
        """What ``work`` makes of this client's calls. Raises GivenUp or SessionError."""
        return self._watched(seconds, work, *arguments)

    def run(self, sql: str) -> list[Row]:
        """Send one statement; its rows. Raises SessionError."""
        try:
            return self._rows(sql)
        except Exception as error:  # noqa: BLE001 - the driver's own kinds
            raise _explained(error, self._address) from None

    def _rows(self, sql: str) -> list[Row]:
        self._connection.query(sql)
        rows: list[Row] = []
        if self._connection.have_result_set:
            fields = self._connection.fetch_fields()
            answer = Answer(self._address, len(fields))
            for field in fields:
                answer.name(field[4])
            row = self._connection.fetch_row()
            while row is not None:
                answer.add([_text(value) for value in row])
                row = self._connection.fetch_row()
            rows = answer.rows
        self._connection.free_result()
        return rows

    def listener(self) -> tuple[int | None, str]:
        """See ``mysql.wire.Wire.listener``. Raises OSError."""
        for connection in self._own_sockets():
            return listener_of(connection)
        return None, ""

    def close(self) -> None:
        """Say goodbye and close."""
        self._connection.close()

    def abandon(self) -> None:
        """Shut its socket down: the thread that is in the driver ends, and reads no more."""
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


@contextmanager
def _directory_of(driver: str, plugin: str) -> Iterator[str]:
    """A directory with this plugin alone: the library loads any that a server asks for, and one of
    them (OCI) signs whatever a server sends with root's key. Raises OSError."""
    vendor = os.path.join(os.path.dirname(driver), "mysql/vendor")
    place = f"/dev/shm/kachecks.{os.urandom(8).hex()}"  # noqa: S108 - nobody's yet
    os.mkdir(place, 0o700)
    try:
        os.mkdir(f"{place}/plugin")
        if plugin:
            os.symlink(f"{vendor}/plugin/{plugin}.so", f"{place}/plugin/{plugin}.so")
        os.symlink(f"{vendor}/private", f"{place}/private")  # its libraries lie beside it
        yield f"{place}/plugin"
    finally:
        for each in (f"plugin/{plugin}.so", "private"):
            with suppress(OSError):
                os.unlink(f"{place}/{each}")
        for each in ("/plugin", ""):
            with suppress(OSError):
                os.rmdir(f"{place}{each}")


def _watch_memory() -> None:
    """The extension takes whatever is sent, a packet of a GiB too.

    Raises BrokenAnswer: this process has grown too large.
    """
    with open("/proc/self/statm", "rb") as file:
        resident = int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    if resident > LARGEST_PROCESS:
        raise BrokenAnswer(
            f"the server behind the socket sent so much that this process has grown to"
            f" {resident >> 20} MiB: look who listens there, or what fills its process list"
        )


def _explained(error: Exception, address: Address) -> Exception:
    """The driver's exception in our terms (error numbers: MySQL manual, client errors)."""
    if isinstance(error, (SessionError, GivenUp)):
        return error
    errno = getattr(error, "errno", None)
    message = str(getattr(error, "msg", None) or error)
    if errno is None or isinstance(error, OSError):
        return DriverError(f"cannot ask {address}: {type(error).__name__}: {message}")
    if errno in (2002, 2003):  # our own client was answered on this socket a moment ago
        return BrokenAnswer(f"{address} is listened on, and sends a client's error: {message}")
    if errno in (2006, 2013, 2055, -1) or errno in ENDED_BY_THE_SERVER:
        if "timed out" in message or message.endswith(str(TIMED_OUT)):
            return NoAnswer(f"no answer from {address}: {message}")
        return Lost(f"{address} closed the connection: {message}")
    if errno == FILE_REFUSED:
        return BrokenAnswer(f"{address} asks for a file of this host, which it does not get")
    if 2000 <= errno < 3000 and errno not in SPOKEN_CLIENT_ERRORS:
        return DriverError(f"cannot ask {address}: error {errno}: {message}")
    return ServerError(errno, message)


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, (bytes, bytearray)):
        return value.decode("utf-8", "replace")
    return str(value)


def _sockets() -> dict[str, int]:
    """The sockets that this process has open: the kernel's name for each, and its descriptor."""
    found: dict[str, int] = {}
    for descriptor in os.listdir("/proc/self/fd"):
        with suppress(OSError):  # the listing's own descriptor is closed by now
            name = os.readlink(f"/proc/self/fd/{descriptor}")
            if name.startswith("socket:"):
                found[name] = int(descriptor)
    return found
