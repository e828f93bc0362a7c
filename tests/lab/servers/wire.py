"""A client for the MySQL protocol whose every call ends at its deadline.

The observers use it instead of a driver for three reasons: time-outs of a driver are per read
and whole seconds, an observer must not share a fault with the suite it observes, and a query to a
hung server must stay answerable, so that the answer is seen the moment the server wakes up.

It speaks text queries, mysql_native_password and caching_sha2_password (the latter over TLS or a
unix socket), and nothing else. Written from the protocol's public description.
"""

from __future__ import annotations

import hashlib
import socket
import ssl
import struct
import time
from dataclasses import dataclass
from typing import Union

Address = Union[str, tuple[str, int]]
"""A unix socket's path, or host and port."""

NO_SOCKET = 2002
NO_HOST = 2003
LOST = 2013

_LONG_PASSWORD, _WITH_DB, _PROTOCOL_41, _TLS = 0x1, 0x8, 0x200, 0x800
_TRANSACTIONS, _SECURE, _PLUGIN_AUTH = 0x2000, 0x8000, 0x80000
_UTF8MB4_GENERAL_CI = 45


class WireError(Exception):
    """An attempt that failed. `errno` is the server's, or 2002, 2003, 2013 as in its clients."""

    def __init__(self, errno: int, text: str, *, from_server: bool = False) -> None:
        super().__init__(f"{errno}: {text}")
        self.errno = errno
        self.text = text
        self.from_server = from_server


@dataclass(frozen=True)
class Result:
    """What a statement returned: rows of text, or the id that an INSERT was given."""

    rows: tuple[tuple[str | None, ...], ...] = ()
    columns: tuple[str, ...] = ()
    insert_id: int = 0


class Connection:
    """One session. Its methods raise WireError; after one not from the server it is dead."""

    def __init__(
        self,
        address: Address,
        user: str,
        password: str,
        *,
        database: str = "",
        timeout: float | None = None,
        tls: bool = True,
    ) -> None:
        """Connect and log in; `timeout` (s) covers all of it, None waits for ever."""
        self._deadline: float | None = None
        self._start_clock(timeout)
        self._sequence = 0
        over_tcp = not isinstance(address, str)
        self._socket = self._dial(address)
        try:
            self._log_in(user, password, database, tls=tls and over_tcp, trusted=not over_tcp)
        except BaseException:
            self.close()
            raise

    def query(self, statement: str, timeout: float | None = None) -> Result:
        """Run one statement; `timeout` (s) is for all of it, None waits for ever."""
        self._start_clock(timeout)
        self._sequence = 0
        self._send(b"\x03" + statement.encode())
        first = self._receive()
        if first[0] == 0x00:
            _affected, at = _length(first, 1)
            return Result(insert_id=_length(first, at)[0])
        count, _ = _length(first, 0)
        columns = tuple(_texts(self._receive(), 5)[4] or "" for _ in range(count))
        self._receive()  # an end marker
        rows = []
        while not _is_end(packet := self._receive()):
            rows.append(_texts(packet, count))
        return Result(rows=tuple(rows), columns=columns)

    def read_binlog(self, server_id: int) -> None:
        """Listen to the binary log from its first file on, until the server ends it.

        Who only listens learns by keepalive alone that the address has moved to another host.
        """
        for option, value in ((socket.TCP_KEEPIDLE, 1), (socket.TCP_KEEPINTVL, 1)):
            self._socket.setsockopt(socket.IPPROTO_TCP, option, value)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._start_clock(None)
        self._sequence = 0
        self._send(b"\x12" + struct.pack("<IHI", 4, 0, server_id))  # COM_BINLOG_DUMP
        while not _is_end(self._receive()):
            pass

    def close(self) -> None:
        """Close the socket without a farewell: never waits for the server."""
        self._socket.close()

    # connecting

    def _dial(self, address: Address) -> socket.socket:
        if isinstance(address, str):
            family, errno = socket.AF_UNIX, NO_SOCKET
        else:
            family, errno = socket.AF_INET, NO_HOST
        dialled = socket.socket(family, socket.SOCK_STREAM)
        try:
            dialled.settimeout(self._left())
            dialled.connect(address)
        except OSError as error:
            dialled.close()
            raise WireError(errno, f"cannot connect: {error}") from error
        if family == socket.AF_INET:
            dialled.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return dialled

    def _log_in(self, user: str, password: str, database: str, *, tls: bool, trusted: bool) -> None:
        nonce, plugin, offered = _greeting(self._receive())
        flags = _LONG_PASSWORD | _PROTOCOL_41 | _TRANSACTIONS | _SECURE | _PLUGIN_AUTH
        if database:
            flags |= _WITH_DB
        if tls and offered & _TLS:
            flags |= _TLS
        head = struct.pack("<IIB23x", flags, 1 << 24, _UTF8MB4_GENERAL_CI)
        if flags & _TLS:
            self._send(head)
            self._wrap()
            trusted = True
        answer = _scramble(plugin, password, nonce)
        login = head + user.encode() + b"\0" + bytes([len(answer)]) + answer
        if database:
            login += database.encode() + b"\0"
        self._send(login + plugin.encode() + b"\0")
        while True:
            packet = self._receive()
            if packet[0] == 0x00:
                return
            if packet[0] == 0xFE:  # the account uses another plugin
                name, _, nonce = packet[1:].partition(b"\0")
                plugin = name.decode()
                self._send(_scramble(plugin, password, nonce.rstrip(b"\0")))
            elif packet == b"\x01\x04":  # caching_sha2_password, not in the server's cache
                if not trusted:
                    raise WireError(2061, f"{plugin} needs TLS or a unix socket")
                self._send(password.encode() + b"\0")

    def _wrap(self) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # the lab's servers sign for themselves
        self._socket.settimeout(self._left())
        try:
            self._socket = context.wrap_socket(self._socket)
        except (OSError, ValueError) as error:
            raise WireError(LOST, f"TLS handshake: {error}") from error

    # packets

    def _start_clock(self, timeout: float | None) -> None:
        self._deadline = None if timeout is None else time.monotonic() + timeout

    def _left(self) -> float | None:
        if self._deadline is None:
            return None
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise WireError(LOST, "timed out")
        return left

    def _send(self, payload: bytes) -> None:
        header = len(payload).to_bytes(3, "little") + bytes([self._sequence])
        try:
            self._socket.settimeout(self._left())
            self._socket.sendall(header + payload)
        except OSError as error:
            raise WireError(LOST, f"sending: {error}") from error
        self._sequence = (self._sequence + 1) % 256

    def _receive(self) -> bytes:
        header = self._read(4)
        self._sequence = (header[3] + 1) % 256
        packet = self._read(int.from_bytes(header[:3], "little"))
        if packet[:1] == b"\xff":
            text = packet[3:]
            if text[:1] == b"#":
                text = text[6:]
            errno = int.from_bytes(packet[1:3], "little")
            raise WireError(errno, text.decode(errors="replace"), from_server=True)
        return packet

    def _read(self, length: int) -> bytes:
        data = b""
        while len(data) < length:
            try:
                self._socket.settimeout(self._left())
                chunk = self._socket.recv(length - len(data))
            except OSError as error:
                raise WireError(LOST, f"receiving: {error}") from error
            if not chunk:
                raise WireError(LOST, "the server closed the connection")
            data += chunk
        return data


def _greeting(packet: bytes) -> tuple[bytes, str, int]:
    """The nonce, the authentication plugin and the capabilities in a server's first packet."""
    at = packet.index(b"\0", 1) + 5  # protocol, version as text, thread id
    nonce = packet[at : at + 8]
    low, _, _, high, length = struct.unpack_from("<HBHHB", packet, at + 9)
    at += 9 + 8 + 10
    rest = max(13, length - 8)
    nonce += packet[at : at + rest].rstrip(b"\0")
    plugin = packet[at + rest :].partition(b"\0")[0].decode() or "mysql_native_password"
    return nonce, plugin, low | high << 16


def _scramble(plugin: str, password: str, nonce: bytes) -> bytes:
    """The proof of the password that `plugin` asks for."""
    if not password:
        return b""
    secret = password.encode()
    if plugin == "mysql_native_password":
        once = hashlib.sha1(secret).digest()  # noqa: S324  the protocol's own choice
        twice = hashlib.sha1(once).digest()  # noqa: S324
        return _xor(once, hashlib.sha1(nonce + twice).digest())  # noqa: S324
    if plugin == "caching_sha2_password":
        once = hashlib.sha256(secret).digest()
        twice = hashlib.sha256(once).digest()
        return _xor(once, hashlib.sha256(twice + nonce).digest())
    raise WireError(2059, f"no authentication plugin {plugin!r} here")


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right))


def _length(packet: bytes, at: int) -> tuple[int, int]:
    """A length-encoded number at `at`, and the place after it."""
    first = packet[at]
    if first < 0xFB:
        return first, at + 1
    width = {0xFC: 2, 0xFD: 3, 0xFE: 8}[first]
    return int.from_bytes(packet[at + 1 : at + 1 + width], "little"), at + 1 + width


def _is_end(packet: bytes) -> bool:
    return packet[0] == 0xFE and len(packet) < 9


def _texts(packet: bytes, count: int) -> tuple[str | None, ...]:
    """The first `count` length-encoded texts of a packet: a row, or a column's description."""
    values: list[str | None] = []
    at = 0
    for _ in range(count):
        if packet[at] == 0xFB:
            values.append(None)
            at += 1
            continue
        length, at = _length(packet, at)
        values.append(packet[at : at + length].decode(errors="replace"))
        at += length
    return tuple(values)
