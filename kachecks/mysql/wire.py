"""Packets of the MySQL protocol, with limits and within a deadline.

What arrives here may come from anybody: every length is checked before anything is kept, and the
deadline holds for a whole call, however many bytes it comes in. Source: the MySQL source code
documentation, "Client/Server Protocol", which MariaDB's differs from in nothing that is used here.
"""

from __future__ import annotations

import _socket  # socket, the module around it, costs 9 ms more
from os import geteuid
from sys import byteorder
from time import monotonic, sleep

from kachecks.lean import NamedTuple, suppress
from kachecks.mysql.errors import (
    BAD_TLS,
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

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ssl import SSLContext, SSLObject
    from typing import Any, Callable

    from kachecks.config.options import Login

LONGEST_PACKET = 1 << 20
"""Bytes. The longest that an honest server sends us is a row with sets of GTIDs."""

LONGEST_AT_LOGIN = 4096
"""Bytes of a packet before the server has let us in; a greeting has a hundred."""

LONGEST_STATEMENT = 0xFFFFFF - 1
"""Bytes of a packet that is not continued in a second one."""

LONGEST_ERROR = 512
"""Bytes of an error's text (MYSQL_ERRMSG_SIZE)."""

MOST_AT_ONCE = 16384
"""Bytes that are taken before the deadline is looked at again."""

MOST_WITHOUT_DATA = 1 << 20
"""Bytes of TLS for one step: a handshake, or data. The longest honest ones are chains of
certificates, of which OpenSSL takes 100 KB."""

MOST_ADDRESSES = 4
"""Of one name, to be tried one after the other."""

ERROR, NULL = 0xFF, 0xFB


class Address(NamedTuple):
    """Where a server listens: a unix socket, or a host and a port."""

    login: Login
    host: str
    socket: str | None
    owner: int | None = None  # the account that may listen on the socket, besides root and us

    def __str__(self) -> str:
        return self.socket or f"{self.host} port {self.login.port}"


class Wire:
    """One connection, as packets.

    Its time is up at ``until``, on the clock of time.monotonic(). After any error but a
    ServerError that is no BrokenAnswer it is of no more use.
    """

    def __init__(self, address: Address, until: float) -> None:
        """Connect.

        Raises:
            SessionError: Refused, Unreachable, NotSent, NoAnswer or DriverError.
        """
        self.address = address
        self.until = until
        self.longest = LONGEST_AT_LOGIN
        self.private = address.socket is not None
        """Nobody between here and the server reads what is sent."""
        self._tls: SSLObject | None = None
        self._shown = False
        """Our certificate was, and nothing has come back yet."""
        self._socket = self._connected()
        self._received = bytearray()
        self._number = 0

    def _connected(self) -> _socket.socket:
        trouble: SessionError = DriverError(f"the name {self.address.host} has no address")
        for family, where in self._places():
            try:
                return self._connected_to(family, where)
            except _socket.timeout:
                raise self._no_answer() from None
            except OSError as error:
                local = family == _socket.AF_UNIX
                trouble = not_connected(error.errno or 0, self.address, str(error), local)
        raise trouble

    def _connected_to(self, family: int, where: Any) -> _socket.socket:
        made = _socket.socket(family, _socket.SOCK_STREAM)
        try:
            self._connect(made, where)
            self._must_be_of_the_owner(made)
            if family != _socket.AF_UNIX:
                made.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
        except BaseException:
            made.close()
            raise
        return made

    def _connect(self, made: _socket.socket, where: Any) -> None:
        """Raises OSError or NoAnswer."""
        while True:
            made.settimeout(self.left())
            try:
                return made.connect(where)
            except BlockingIOError:  # the queue of a unix socket is full, which is not waited for
                sleep(min(0.01, self.left()))

    def _must_be_of_the_owner(self, made: _socket.socket) -> None:
        """Who listens may have come after it was found out who may. Raises DriverError."""
        if self.address.owner is None:
            return
        raw = made.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, 12)
        uid = int.from_bytes(raw[4:8], byteorder)
        if uid not in (0, geteuid(), self.address.owner):
            raise DriverError(
                f"uid {uid} listens on {self.address}, which is not the account of mysqld: nothing"
                " was sent there"
            )

    def _places(self) -> list[tuple[int, Any]]:
        """Families and addresses to connect to."""
        if self.address.socket is not None:
            return [(_socket.AF_UNIX, self.address.socket)]
        from kachecks.bounded import GivenUp, within

        host = self.address.host
        plain = host.encode() if host.isascii() else host  # a str loads the codec of IDNA: 10 ms
        asked = (plain, self.address.login.port, 0, _socket.SOCK_STREAM, 0)
        try:
            try:
                found = _socket.getaddrinfo(*asked, _socket.AI_NUMERICHOST)
            except _socket.gaierror:  # a name: who resolves it may take its time
                found = within(self.left(), _socket.getaddrinfo, *asked)
        except GivenUp:
            raise DriverError(
                f"the name {host} is not resolved in time: write its address"
            ) from None
        except (OSError, UnicodeError) as error:
            raise DriverError(f"the name {host} is unknown here: {error}") from None
        return [(each[0], each[4]) for each in found[:MOST_ADDRESSES]]

    def left(self) -> float:
        """Seconds, more than 0. Raises NoAnswer when there are none."""
        left = self.until - monotonic()
        if left <= 0:
            raise self._no_answer()
        return left

    def _no_answer(self) -> NoAnswer:
        return NoAnswer(f"no answer from {self.address} in time")

    def encrypt(self, context: SSLContext, name: str) -> None:
        """Go on over TLS with the server of that name.

        Raises:
            SessionError: Lost, NoAnswer or BrokenAnswer.
            ssl.SSLError: TLS comes to nothing.
        """
        if self._received:  # somebody on the way wants it to be taken for what TLS protects
            raise self.broken("sent something before TLS began")
        from ssl import MemoryBIO

        from kachecks.bounded import GivenUp, within

        self._incoming, self._outgoing = MemoryBIO(), MemoryBIO()
        plain = name.encode() if name.isascii() else name  # a str loads the codec of IDNA
        tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=plain)
        try:
            # A server that picks a group of 10,000 bits (DHE) keeps OpenSSL at it for a second.
            within(self.left(), self._stepped, tls.do_handshake)
        except (_socket.timeout, GivenUp):
            raise self._no_answer() from None
        except OSError as error:
            if _is_of_tls(error):
                raise
            raise self._lost(error) from None
        self._tls, self.private = tls, True
        self._shown = bool(self.address.login.ssl_cert)

    def _stepped(self, step: Callable[..., Any], *arguments: Any) -> Any:
        """What a step of TLS returns, which is fed bit by bit.

        OpenSSL goes on by itself for as long as there is more to read: from a socket, whoever sends
        session tickets fast enough would hold us beyond any deadline.
        """
        from ssl import SSLError, SSLWantReadError

        fed = 0
        while True:
            try:
                given = step(*arguments)
                self._put(self._outgoing.read())
                return given
            except SSLWantReadError:
                self._put(self._outgoing.read())
            except SSLError:
                with suppress(OSError, SessionError):  # tells the server why
                    self._put(self._outgoing.read())
                raise
            more = self._come()
            if not more:
                raise ConnectionResetError("end of file")
            fed += len(more)
            if fed > MOST_WITHOUT_DATA:
                raise self.broken("sends TLS without an end and no data in it")
            self._incoming.write(more)

    def _come(self) -> bytes:
        """What has come, TLS or not; b"" is the end. Raises OSError or NoAnswer."""
        self._socket.settimeout(self.left())
        return self._socket.recv(MOST_AT_ONCE)

    def _put(self, data: bytes) -> None:
        """Send all of it, TLS or not. Raises OSError or NoAnswer."""
        rest = memoryview(data)
        while rest:
            self._socket.settimeout(self.left())
            rest = rest[self._socket.send(rest) :]

    def ask(self, payload: bytes) -> None:
        """Send a command: packets are numbered anew. Raises SessionError."""
        if self._received:  # it would be taken for the answer, and each answer for the next one's
            self.packet()  # a server that ends says so unasked
            raise self.broken("sent an answer that nobody asked for")
        self._number = 0
        self.send(payload)

    def send(self, payload: bytes) -> None:
        """Send one packet. Raises SessionError."""
        if len(payload) > LONGEST_STATEMENT:
            raise DriverError(f"a statement of {len(payload)} bytes is too long to be sent")
        data = len(payload).to_bytes(3, "little") + bytes([self._number]) + payload
        self._number = (self._number + 1) % 256
        try:
            if self._tls:
                self._stepped(self._tls.write, data)  # all of it
            else:
                self._put(data)
        except _socket.timeout:
            raise self._no_answer() from None
        except OSError as error:
            raise self._lost(error) from None

    def packet(self) -> bytes:
        """The next packet.

        Raises:
            ServerError: it is the server's error.
            SessionError: another of its subclasses.
        """
        header = self._take(4)
        self._shown = False
        size = int.from_bytes(header[:3], "little")
        if size > self.longest:
            raise self.broken(f"sent a packet of {size} bytes, {self.longest} are the most")
        payload = self._take(size)
        if payload[:1] == bytes([ERROR]):  # its number may be any: some are sent unasked
            raise self._error(payload)
        if header[3] != self._number:
            raise self.broken("sent its packets out of order")
        self._number = (header[3] + 1) % 256
        return payload

    def _take(self, size: int) -> bytes:
        while len(self._received) < size:
            try:
                more = self._stepped(self._tls.read, MOST_AT_ONCE) if self._tls else self._come()
            except _socket.timeout:
                raise self._no_answer() from None
            except OSError as error:
                raise self._lost(error) from None
            if not more:
                raise self._lost(ConnectionResetError("end of file"))
            self._received += more
        taken = bytes(self._received[:size])
        del self._received[:size]
        return taken

    def _error(self, payload: bytes) -> SessionError:
        if len(payload) < 3:
            return self.broken("sent half an error")
        errno = int.from_bytes(payload[1:3], "little")
        start = 9 if payload[3:4] == b"#" else 3  # the SQL state
        text = payload[start : start + LONGEST_ERROR].decode("utf-8", "replace")
        if errno in ENDED_BY_THE_SERVER:
            return Lost(f"{self.address} closed the connection: {text}")
        return ServerError(errno, text)

    def _lost(self, error: OSError) -> SessionError:
        if self._shown or (self._tls and _is_of_tls(error)):
            # TLS 1.3 is refused by a living server after the handshake, and then it hangs up.
            reason = getattr(error, "reason", "") or error
            return BrokenAnswer(
                f"{self.address} ends TLS ({reason}): look at ssl-cert and ssl-key here, and at"
                " ssl_ca of that server",
                BAD_TLS,
            )
        if error.errno == TIMED_OUT:
            return NoAnswer(f"no answer from {self.address}: {error}")
        return Lost(f"{self.address} closed the connection: {error}")

    def broken(self, what: str) -> BrokenAnswer:
        """An error that says what no honest server does."""
        return BrokenAnswer(
            f"{self.address} {what}: look who listens there, it does not behave like MySQL or"
            " MariaDB"
        )

    def listener(self) -> tuple[int | None, str]:
        """The process that listens at the other end, and the unix socket that it has bound, as it
        spells it; (None, "") over TCP. The pid is None in another pid namespace. Raises OSError."""
        if self._socket.family != _socket.AF_UNIX:
            return None, ""
        return listener_of(self._socket)

    def close(self) -> None:
        """Close, and say nothing. Raises nothing."""
        self._socket.close()


def listener_of(connection: _socket.socket) -> tuple[int | None, str]:
    """As ``Wire.listener``, of a connected unix socket: the very process that listens, as
    SO_PEERCRED has it (unix(7)). Raises OSError."""
    raw = connection.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, 12)
    return int.from_bytes(raw[:4], byteorder) or None, str(connection.getpeername())


def _is_of_tls(error: OSError) -> bool:
    """An error of TLS itself, and not the end of the connection."""
    import ssl

    ends = (ssl.SSLEOFError, ssl.SSLZeroReturnError)
    return isinstance(error, ssl.SSLError) and not isinstance(error, ends)


class Reader:
    """The fields of one packet, in their order. Each raises IndexError where the packet ends."""

    def __init__(self, payload: bytes) -> None:
        self._payload = payload
        self._at = 0

    @property
    def at_end(self) -> bool:
        """Nothing is left."""
        return self._at == len(self._payload)

    def take(self, size: int) -> bytes:
        """The next ``size`` bytes."""
        start, self._at = self._at, self._at + size
        if self._at > len(self._payload):
            raise IndexError
        return self._payload[start : self._at]

    def number(self, size: int) -> int:
        """A number of ``size`` bytes."""
        return int.from_bytes(self.take(size), "little")

    def until_nul(self) -> bytes:
        """The bytes before the next NUL."""
        end = self._payload.find(b"\0", self._at)
        if end < 0:
            raise IndexError
        found = self.take(end - self._at)
        self._at += 1
        return found

    def rest(self) -> bytes:
        """All that is left."""
        return self.take(len(self._payload) - self._at)

    def length(self) -> int | None:
        """A number of variable size ("length-encoded"); None is NULL."""
        first = self.number(1)
        if first < NULL:
            return first
        if first == NULL:
            return None
        if first == ERROR:
            raise IndexError
        return self.number({0xFC: 2, 0xFD: 3, 0xFE: 8}[first])

    def value(self) -> bytes | None:
        """Bytes with their length before them; None is NULL."""
        size = self.length()
        return None if size is None else self.take(size)
