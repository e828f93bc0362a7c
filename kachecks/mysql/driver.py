"""The one module that knows the MySQL driver.

The driver is the C extension of mysql-connector-python. It is used without the package around it,
since it then loads in a fifth of the time. It is undocumented, so where it is missing or has
changed, the pure Python ``mysql.connector`` takes over. The extension must be imported before
anything that loads the system's OpenSSL (hashlib, ssl), or its own OpenSSL cannot be used.

Nothing here has a total deadline, as the drivers' time-outs apply to each read. The session
(mysql.session) sets the deadlines.
"""

from __future__ import annotations

import os

from kachecks.lean import NamedTuple, suppress
from kachecks.mysql.errors import (
    DriverError,
    Lost,
    NoAnswer,
    NotSent,
    Refused,
    ServerError,
    SessionError,
    Unreachable,
)
from kachecks.mysql.queries import CIPHER, OUR_SCHEMA

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Protocol

    from kachecks.config.options import Login
    from kachecks.mysql.facts import Row

    class Connection(Protocol):
        """One connection as a driver gives it: blocking, with the driver's own exceptions."""

        version: str
        connection_id: int

        def run(self, sql: str) -> list[Row]:
            """Send one statement; its rows."""

        def close(self) -> None:
            """Say goodbye and close."""


try:
    import _mysql_connector
except ImportError:
    _mysql_connector = None

CONNECTION_REFUSED = 111
NO_SUCH_FILE = 2
TIMED_OUT = 110
TRY_AGAIN = 11  # connect(2) on a unix socket whose queue of a stopped server is full
UNREACHABLE_ERRNOS = frozenset({110, 112, 113})  # timed out, host down, no route to host
NOT_SENT_ERRNOS = frozenset({1, 99, 100, 101})
"""Not permitted (a firewall of this host's), cannot assign address, network down, no route: of
this host's own side (connect(2)), except that 101 may also come from a router."""

# Client errors (2000 to 2999) that nevertheless prove that the server is alive.
SPOKEN_CLIENT_ERRORS = frozenset({2007, 2012, 2026, 2027, 2049, 2054, 2058, 2059, 2061})


class Address(NamedTuple):
    """Where a server listens: a unix socket, or a host and a port."""

    login: Login
    host: str
    socket: str | None

    def __str__(self) -> str:
        return self.socket or f"{self.host} port {self.login.port}"


def connect(address: Address, timeout: float, driver: str | None = None) -> Connection:
    """Connect by the driver named ("c" or "pure"), or by the best one there is.

    Raises:
        DriverError: that driver is not installed here.
        Exception: whatever the driver raises; see ``explained``.
    """
    if driver != "pure" and _mysql_connector is not None:
        try:
            return _Extension(address, timeout)
        except (AttributeError, TypeError):  # it is private, and has changed
            if driver == "c":
                raise
    if driver == "c":
        raise DriverError("the C extension of mysql-connector-python cannot be loaded here")
    try:
        import mysql.connector  # noqa: F401
    except ImportError as error:
        raise DriverError(f"mysql-connector-python is not installed: {error}") from None
    return _Pure(address, timeout)


def prepare() -> None:
    """Make the client library initialise itself before several threads use it at the same time.

    The first mysql_init() initialises it, and that is not thread-safe (MySQL C API,
    mysql_library_init). Connecting to a socket that does not exist gets exactly that far.
    """
    if _mysql_connector is not None:
        with suppress(Exception):
            _mysql_connector.MySQL().connect(unix_socket="/nonexistent/mysqld.sock")


def explained(error: Exception, address: Address) -> SessionError:
    """Put the driver's exception in our terms (error numbers: MySQL manual, client errors)."""
    if isinstance(error, SessionError):
        return error
    errno = getattr(error, "errno", None)
    message = str(getattr(error, "msg", None) or error)
    if errno is None:
        return DriverError(f"cannot ask {address}: {type(error).__name__}: {message}")
    if errno in (2002, 2003):
        return _not_connected(_system_errno(error, message), address, message)
    if errno in (2006, 2013, 2055, -1, 1053, 1080, 1927) or (
        errno == 3024 and type(error).__name__ == "ConnectionTimeoutError"
    ):
        if _system_errno(error, message) == TIMED_OUT or "timed out" in message or errno == 3024:
            return NoAnswer(f"no answer from {address}: {message}")
        return Lost(f"{address} closed the connection: {message}")
    if 2000 <= errno < 3000 and errno not in SPOKEN_CLIENT_ERRORS:
        return DriverError(f"cannot ask {address}: error {errno}: {message}")
    return ServerError(errno, message)


def _not_connected(system_errno: int, address: Address, message: str) -> SessionError:
    if system_errno in (CONNECTION_REFUSED, NO_SUCH_FILE):
        return Refused(f"nobody listens on {address}: {message}")
    if system_errno in UNREACHABLE_ERRNOS or "timed out" in message:
        return Unreachable(f"nothing answers at {address}: {message}")
    if system_errno in NOT_SENT_ERRNOS and address.socket is None:
        return NotSent(f"cannot reach {address}: {message}")
    if system_errno == TRY_AGAIN:
        return NoAnswer(f"{address} accepts no more connections: {message}")
    return DriverError(f"cannot connect to {address}: {message}")


def _system_errno(error: Exception, message: str) -> int:
    """The kernel's errno behind a 2002 or 2003, or 0. Both drivers put it into the message."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno:
            return cause.errno
        cause = cause.__cause__ or cause.__context__
    for part in message.replace("Errno", " ").replace("(", " ").replace(")", " ").split()[::-1]:
        number = part.strip("[]:,")
        if number.isdigit():
            return int(number)
    return 0


def _tls(login: Login) -> dict[str, Any]:
    """Arguments for TLS, alike in both drivers; REQUIRED is checked after the handshake."""
    if login.ssl_mode == "DISABLED":
        return {"ssl_disabled": True}
    arguments: dict[str, Any] = {"ssl_disabled": False}
    for key in ("ssl_ca", "ssl_cert", "ssl_key"):
        value = getattr(login, key)
        if value:
            arguments[key] = value
    if login.ssl_mode in ("VERIFY_CA", "VERIFY_IDENTITY"):
        arguments["ssl_verify_cert"] = True
        arguments["ssl_verify_identity"] = login.ssl_mode == "VERIFY_IDENTITY"
    return arguments


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, (bytes, bytearray)):
        return value.decode("utf-8", "replace")
    return str(value)


def _require_tls(address: Address, run: Callable[[str], list[Row]]) -> None:
    """Refuse an unencrypted connection where the option file requires TLS."""
    if address.socket is None and address.login.ssl_mode not in ("DISABLED", "PREFERRED"):
        rows = run(CIPHER)
        if not (rows and rows[0].get("Value")):
            raise ServerError(
                2026, f"ssl-mode is {address.login.ssl_mode} but {address} offers no TLS"
            )


class _Extension:
    """``_mysql_connector``. Needs a host even for a socket, and the directory of its plugins."""

    def __init__(self, address: Address, timeout: float) -> None:
        plugins = os.path.join(os.path.dirname(_mysql_connector.__file__), "mysql/vendor/plugin")
        seconds = max(1, int(timeout + 0.999))
        self._connection = _mysql_connector.MySQL(
            buffered=True, raw=True, connection_timeout=seconds, plugin_dir=plugins
        )
        arguments: dict[str, Any] = {
            "host": address.host,
            "user": address.login.user,
            "password": address.login.password or "",
            "database": OUR_SCHEMA,
        }
        if address.socket:
            arguments.update(unix_socket=address.socket, ssl_disabled=True)
        else:
            arguments.update(port=address.login.port, **_tls(address.login))
        self._connection.connect(**arguments)
        self.version: str = self._connection.get_server_info()
        self.connection_id: int = self._connection.thread_id()
        _require_tls(address, self.run)

    def run(self, sql: str) -> list[Row]:
        self._connection.query(sql)
        rows: list[Row] = []
        if self._connection.have_result_set:
            names = [field[4] for field in self._connection.fetch_fields()]
            row = self._connection.fetch_row()
            while row is not None:
                rows.append(dict(zip(names, map(_text, row))))
                row = self._connection.fetch_row()
        self._connection.free_result()
        return rows

    def close(self) -> None:
        self._connection.close()


class _Pure:
    """``mysql.connector`` without its C extension: slower to load, documented, everywhere."""

    def __init__(self, address: Address, timeout: float) -> None:
        import mysql.connector

        arguments: dict[str, Any] = {
            "user": address.login.user,
            "password": address.login.password or "",
            "database": OUR_SCHEMA,
            "use_pure": True,
            "autocommit": True,
            "connection_timeout": max(1, int(timeout + 0.999)),
            "raise_on_warnings": False,
        }
        if address.socket:
            arguments.update(unix_socket=address.socket, ssl_disabled=True)
        else:
            arguments.update(host=address.host, port=address.login.port, **_tls(address.login))
        self._connection = mysql.connector.connect(**arguments)
        self.version: str = self._connection.get_server_info()
        self.connection_id: int = self._connection.connection_id
        _require_tls(address, self.run)

    def run(self, sql: str) -> list[Row]:
        # cursor() pings the server, one more round trip; cmd_query does not.
        result = self._connection.cmd_query(sql)
        if "columns" not in result:
            return []
        names = [column[0] for column in result["columns"]]
        rows, _ = self._connection.get_rows(raw=True)
        return [dict(zip(names, map(_text, row))) for row in rows]

    def close(self) -> None:
        self._connection.close()
