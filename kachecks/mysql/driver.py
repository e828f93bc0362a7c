"""The one module that knows the MySQL driver, which asks servers behind a unix socket.

The driver is the C extension of mysql-connector-python. It is used without the package around it,
since it then loads in a fifth of the time. It is undocumented, so where it is missing or has
changed, the client of our own takes over (mysql.wire_client), as it does for every server over TCP:
what the extension sends to a stranger cannot be governed. The extension must be imported before
anything that loads the system's OpenSSL (hashlib, ssl), or its own OpenSSL cannot be used.

The extension has no total deadline, as its time-outs apply to each read, so every call into it is
given up when its time is over (bounded).
"""

from __future__ import annotations

import os
from sys import getsizeof

from kachecks.bounded import within
from kachecks.lean import NamedTuple, suppress
from kachecks.mysql.errors import (
    ENDED_BY_THE_SERVER,
    TIMED_OUT,
    BrokenAnswer,
    DriverError,
    Lost,
    NoAnswer,
    ServerError,
    SessionError,
    not_connected,
)
from kachecks.mysql.queries import OUR_SCHEMA

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Protocol

    from kachecks.config.options import Login
    from kachecks.mysql.facts import Row

    class Connection(Protocol):
        """One connection. What it raises may be the driver's own; see ``explained``."""

        version: str
        connection_id: int

        def within(self, seconds: float, work: Callable[..., Any], *arguments: Any) -> Any:
            """What ``work`` returns, which calls the methods below.

            Raises GivenUp or NoAnswer: it took longer than that.
            """

        def run(self, sql: str) -> list[Row]:
            """Send one statement; its rows."""

        def close(self) -> None:
            """Say goodbye and close."""

        def abandon(self) -> None:
            """Close at once; it is of no more use."""


try:
    import _mysql_connector
except ImportError:
    _mysql_connector = None

MOST_COLUMNS = 256
"""Of an answer. SHOW REPLICA STATUS has sixty."""

LARGEST_ANSWER = 16 << 20
"""Bytes that its rows take up here, and that they took on the way. A process list of 20,000 busy
sessions takes 12 MiB."""

FILE_REFUSED = 2068
"""CR_LOAD_DATA_LOCAL_INFILE_REJECTED: it was never asked to load one."""

# Client errors (2000 to 2999) that nevertheless prove that the server is alive.
SPOKEN_CLIENT_ERRORS = frozenset({2007, 2012, 2026, 2027, 2049, 2054, 2058, 2059, 2061})


class Address(NamedTuple):
    """Where a server listens: a unix socket, or a host and a port."""

    login: Login
    host: str
    socket: str | None

    def __str__(self) -> str:
        return self.socket or f"{self.host} port {self.login.port}"


LARGEST_PROCESS = 48 << 20
"""Bytes of memory that it may have while the extension reads; it begins with 20 MiB."""


class Answer:
    """The rows of an answer, while they come in: no more than this process has room for."""

    def __init__(self, address: Address, columns: int) -> None:
        """Raises BrokenAnswer."""
        self.rows: list[Row] = []
        self._address = address
        self._names: list[str] = []
        self._kept = self._sent = 0
        if columns > MOST_COLUMNS:
            raise BrokenAnswer(
                f"{address} sent an answer of {columns} columns, {MOST_COLUMNS} are the most: look"
                " who listens there"
            )
        self._last: list[str | None] = [None] * columns

    def name(self, name: str) -> None:
        """Name the next column. Raises BrokenAnswer."""
        self._names.append(name)
        self._grow(getsizeof(name), len(name))

    def add(self, values: list[str | None]) -> None:
        """Take one more row. What is as in the row before is kept once. Raises BrokenAnswer."""
        sent = 8 * len(values)  # what a NULL takes is little, what it costs to look at is not
        kept = 0
        for column, (last, value) in enumerate(zip(self._last, values)):
            sent += len(value or "")
            if value == last:
                values[column] = last
            else:
                kept += getsizeof(value)
        self._last = values
        row = dict(zip(self._names, values))
        self.rows.append(row)
        self._grow(getsizeof(row) + kept, sent)

    def _grow(self, kept: int, sent: int) -> None:
        self._kept += kept
        self._sent += sent
        if max(self._kept, self._sent) > LARGEST_ANSWER:
            raise BrokenAnswer(
                f"{self._address} sent an answer of more than {LARGEST_ANSWER >> 20} MiB: look who"
                " listens there, or what fills its process list"
            )


def _watched(seconds: float, work: Callable[..., Any], *arguments: Any) -> Any:
    return within(seconds, work, *arguments, meanwhile=_watch_memory)


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


def extension(address: Address, timeout: float) -> Connection | None:
    """Connect to a unix socket by the C extension; None where it is not installed.

    Raises:
        GivenUp: no answer in time.
        Exception: whatever the extension raises; see ``explained``.
    """
    if _mysql_connector is None:
        return None
    try:
        made: Connection = _watched(timeout + 0.1, _Extension, address, timeout)
    except (AttributeError, TypeError):  # it is private, and has changed
        return None
    return made


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
    if errno is None or isinstance(error, OSError):
        return DriverError(f"cannot ask {address}: {type(error).__name__}: {message}")
    if errno in (2002, 2003):
        return not_connected(_system_errno(message), address, message, local=True)
    if errno in (2006, 2013, 2055, -1) or errno in ENDED_BY_THE_SERVER:
        if _system_errno(message) == TIMED_OUT or "timed out" in message:
            return NoAnswer(f"no answer from {address}: {message}")
        return Lost(f"{address} closed the connection: {message}")
    if errno == FILE_REFUSED:
        return BrokenAnswer(f"{address} asks for a file of this host, which it does not get")
    if 2000 <= errno < 3000 and errno not in SPOKEN_CLIENT_ERRORS:
        return DriverError(f"cannot ask {address}: error {errno}: {message}")
    return ServerError(errno, message)


def _system_errno(message: str) -> int:
    """The kernel's errno behind a 2002 or 2003, which the message ends with, or 0."""
    for part in message.replace("(", " ").replace(")", " ").split()[::-1]:
        if part.isdigit():
            return int(part)
    return 0


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, (bytes, bytearray)):
        return value.decode("utf-8", "replace")
    return str(value)


class _Extension:
    """``_mysql_connector``. Needs a host even for a socket, and the directory of its plugins."""

    def __init__(self, address: Address, timeout: float) -> None:
        plugins = os.path.join(os.path.dirname(_mysql_connector.__file__), "mysql/vendor/plugin")
        seconds = max(1, int(timeout + 0.999))
        self._address = address
        self._connection = _mysql_connector.MySQL(
            buffered=False, raw=True, connection_timeout=seconds, plugin_dir=plugins
        )
        self._connection.connect(
            host=address.host,
            user=address.login.user,
            password=address.login.password or "",
            database=OUR_SCHEMA,
            unix_socket=address.socket,
            ssl_disabled=True,
            local_infile=0,
        )
        self.version: str = self._connection.get_server_info()
        self.connection_id: int = self._connection.thread_id()

    def within(self, seconds: float, work: Callable[..., Any], *arguments: Any) -> Any:
        return _watched(seconds, work, *arguments)

    def run(self, sql: str) -> list[Row]:
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

    def close(self) -> None:
        self._connection.close()

    def abandon(self) -> None:
        """Its thread may be at work in it, so it is the session that shuts the socket down."""
