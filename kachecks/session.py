"""The one module that knows the MySQL driver, and where every deadline on a server lives.

Time-outs of every MySQL client are per read: a server that sends a byte a second holds it for
ever. So each call into the driver runs in a thread of its own and is given up when its time is
over; a session that was given up once is never used again. An abandoned thread ends with the
process (the driver releases the GIL while it waits).

The driver is the C extension of mysql-connector-python, used without the package around it: it
loads in a fifth of the time. It is undocumented, so where it is missing or has changed, the pure
Python ``mysql.connector`` takes over. The extension must be imported before anything that loads
the system's OpenSSL (hashlib, ssl), or its own OpenSSL cannot be used.
"""

from __future__ import annotations

import os
import sys
from _thread import allocate_lock, start_new_thread
from contextlib import suppress
from typing import Any, Callable, NamedTuple, Optional

from kachecks.config import Login

try:
    import _mysql_connector
except ImportError:
    _mysql_connector = None

Row = dict[str, Optional[str]]

CONNECTION_REFUSED = 111
NO_SUCH_FILE = 2
TIMED_OUT = 110
TRY_AGAIN = 11  # connect(2) on a unix socket whose queue of a stopped server is full
UNREACHABLE_ERRNOS = frozenset({110, 112, 113})  # timed out, host down, no route to host

# Client errors (2000 to 2999) by which the server has nevertheless shown that it lives.
SPOKEN_CLIENT_ERRORS = frozenset({2007, 2012, 2026, 2027, 2049, 2054, 2058, 2059, 2061})


class SessionError(Exception):
    """A server could not be asked; the subclass says how far it came."""


class Refused(SessionError):
    """Nobody listens there: port closed, or no socket file (2002, 2003)."""


class Unreachable(SessionError):
    """Nothing answers at that address, not even its kernel."""


class NoAnswer(SessionError):
    """The connection was accepted, or the statement sent, and no answer came in time."""


class Lost(SessionError):
    """The server closed the connection (killed, shut down, or died)."""


class ServerError(SessionError):
    """An error that a living server sent: it is alive, whatever else is wrong."""

    def __init__(self, errno: int, message: str) -> None:
        super().__init__(f"error {errno}: {message}")
        self.errno = errno


class DriverError(SessionError):
    """This host cannot even ask: no driver, no right to the socket file, no file descriptor."""


class Address(NamedTuple):
    """Where a server listens: a unix socket, or a host and a port."""

    login: Login
    host: str
    socket: str | None

    def __str__(self) -> str:
        return self.socket or f"{self.host} port {self.login.port}"


def local_address(login: Login) -> Address:
    """Where this host's own server listens."""
    return Address(login, login.host or "localhost", None if login.host else login.socket)


def peer_address(login: Login, peer: str) -> Address:
    """Where the other node's server listens."""
    return Address(login, peer, None)


class Session:
    """One connection. Every call takes the seconds it may last.

    Statements that change nothing go through ``query``, those that change something through
    ``execute``: a rehearsal replaces the second alone.
    """

    def __init__(self, address: Address, timeout: float, driver: str | None = None) -> None:
        """Connect within ``timeout`` seconds.

        Raises:
            SessionError: one of its subclasses, as described there.
        """
        self.address = address
        self._gone = False
        backend = _backend(driver)
        self._sockets_before = _sockets() if address.socket else {}
        try:
            self._backend: Any = within(timeout + 0.1, backend, address, timeout)
        except NoAnswer:
            if address.socket is None:
                _knock(address.host, address.login.port)
            raise NoAnswer(f"no answer from {address} within {timeout:g} s") from None
        except Exception as error:  # noqa: BLE001 - the drivers' own kinds, put in our terms
            raise _explained(error, address) from None
        self.server_version: str = self._backend.version
        self.connection_id: int = self._backend.connection_id

    def query(self, sql: str, timeout: float) -> list[Row]:
        """Run a statement that changes nothing; rows by column name, values as text or None."""
        return self._run(sql, timeout)

    def execute(self, sql: str, timeout: float) -> None:
        """Run a statement that changes something."""
        self._run(sql, timeout)

    def _run(self, sql: str, timeout: float) -> list[Row]:
        if self._gone:
            raise Lost(f"the session with {self.address} was given up before")
        try:
            rows: list[Row] = within(timeout, self._backend.run, sql)
        except NoAnswer:
            self._gone = True
            raise NoAnswer(f"no answer from {self.address} within {timeout:g} s") from None
        except Exception as error:  # noqa: BLE001 - as above
            explained = _explained(error, self.address)
            self._gone = not isinstance(explained, ServerError)
            raise explained from None
        return rows

    def close(self) -> None:
        """Say goodbye, so that the server does not count an aborted connection."""
        if not self._gone:
            self._gone = True
            with suppress(Exception):  # it is gone either way
                within(0.2, self._backend.close)

    def server_pid(self) -> int | None:
        """The process that listens on the unix socket, or None where the kernel cannot tell.

        From SO_PEERCRED, so it is the very process that answered. None over TCP, from another
        pid namespace, and where the driver's descriptor is not to be found.
        """
        if self.address.socket is None:
            return None
        import _socket  # socket, the module around it, costs 9 ms more

        for name, descriptor in _sockets().items():
            if name in self._sockets_before:
                continue
            try:
                connection = _socket.socket(fileno=os.dup(descriptor))
            except OSError:
                continue
            try:
                if connection.family == _socket.AF_UNIX and connection.getpeername():
                    raw = connection.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, 12)
                    return int.from_bytes(raw[:4], sys.byteorder) or None
            except OSError:
                continue
            finally:
                connection.close()
        return None


def within(seconds: float, work: Callable[..., Any], *arguments: Any) -> Any:
    """What ``work`` returns or raises, or NoAnswer after ``seconds``; it is then abandoned."""
    outcome: list[tuple[bool, Any]] = []
    done = allocate_lock()
    done.acquire()

    def run() -> None:
        try:
            outcome.append((True, work(*arguments)))
        except BaseException as error:  # noqa: BLE001 - raised again by the caller
            outcome.append((False, error))
        finally:
            done.release()

    start_new_thread(run, ())
    if not done.acquire(True, max(seconds, 0.001)):
        raise NoAnswer(f"no answer within {seconds:g} s")
    succeeded, result = outcome[0]
    if succeeded:
        return result
    raise result


def _sockets() -> dict[str, int]:
    """The sockets this process has open: the kernel's name of each, and its descriptor."""
    found: dict[str, int] = {}
    for descriptor in os.listdir("/proc/self/fd"):
        with suppress(OSError):  # the listing's own descriptor is closed by now
            name = os.readlink(f"/proc/self/fd/{descriptor}")
            if name.startswith("socket:"):
                found[name] = int(descriptor)
    return found


def _knock(host: str, port: int) -> None:
    """Tell a mute server from an absent host, after the driver ran out of time.

    It is also a second SYN: one that was lost on the way does not make a host absent.

    Raises:
        Refused, Unreachable: when that is what the kernel there says, or does not say.
    """
    import socket

    try:
        socket.create_connection((host, port), timeout=0.3).close()
    except ConnectionRefusedError:
        raise Refused(f"connection refused by {host} port {port}") from None
    except OSError:
        raise Unreachable(f"nothing answers at {host} port {port}") from None


def _explained(error: Exception, address: Address) -> SessionError:
    """The driver's exception in our terms (error numbers: MySQL manual, client errors)."""
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
    if system_errno == TRY_AGAIN:
        return NoAnswer(f"{address} accepts no more connections: {message}")
    return DriverError(f"cannot connect to {address}: {message}")


def _system_errno(error: Exception, message: str) -> int:
    """The kernel's errno behind a 2002 or 2003, or 0. Both drivers put it in the text."""
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


def _backend(driver: str | None) -> Callable[[Address, float], Any]:
    """The driver named ("c" or "pure"), or the best one there is."""
    if driver != "pure" and _mysql_connector is not None:
        return _Extension
    if driver == "c":
        raise DriverError("the C extension of mysql-connector-python cannot be loaded here")
    try:
        import mysql.connector  # noqa: F401
    except ImportError as error:
        raise DriverError(f"mysql-connector-python is not installed: {error}") from None
    return _Pure


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
    """Refuse a connection in clear where the option file wants TLS."""
    if address.socket is None and address.login.ssl_mode not in ("DISABLED", "PREFERRED"):
        rows = run("SHOW SESSION STATUS LIKE 'Ssl_cipher'")
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
