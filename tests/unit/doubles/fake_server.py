"""Servers of a few lines, on loopback or a unix socket: what a mysqld in trouble looks like."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

Behaviour = Callable[[socket.socket], None]
Answer = Callable[[str], bytes]  # the packets of an answer, from a statement

SALT = b"12345678", b"abcdefghijkl"
LOW, HIGH = 0xA20F, 0x0008  # protocol 4.1, plugins of authentication; neither TLS nor compression
GREETING = (
    b"\x0a8.4.0-fake\0" + (77).to_bytes(4, "little") + SALT[0] + b"\0"
    + LOW.to_bytes(2, "little") + b"\xff" + b"\x02\0" + HIGH.to_bytes(2, "little") + b"\x15"
    + bytes(10) + SALT[1] + b"\0" + b"mysql_native_password\0"
)  # fmt: skip
OK = b"\x00\x00\x00\x02\x00\x00\x00"
INSERTED = b"\x00\x01\xfc\x10\x27\x02\x00\x00\x00"  # one row, its id is 10000
EOF = b"\xfe\x00\x00\x02\x00"


@contextmanager
def listening(where: Path | None, behaviour: Behaviour, host: str = "127.0.0.1") -> Iterator[int]:
    """Each client meets ``behaviour``, in a thread of its own; the port, 0 for a unix socket."""
    clients: list[socket.socket] = []
    with socket.socket(socket.AF_UNIX if where else socket.AF_INET) as listener:
        listener.bind(str(where) if where else (host, 0))
        listener.listen(16)

        def serve() -> None:
            with suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    clients.append(client)
                    threading.Thread(target=met, args=[client], daemon=True).start()

        def met(client: socket.socket) -> None:
            with suppress(OSError), client:
                behaviour(client)

        threading.Thread(target=serve, daemon=True).start()
        try:
            yield 0 if where else listener.getsockname()[1]
        finally:
            for each in (listener, *clients):
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)


def packet(number: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "little") + bytes([number]) + payload


def error(errno: int, text: str, state: str = "", number: int = 0) -> bytes:
    """An error packet; the greeting's has no SQL state."""
    marked = f"#{state}" if state else ""
    return packet(number, b"\xff" + errno.to_bytes(2, "little") + f"{marked}{text}".encode())


def one_row(*names_and_values: str | None) -> bytes:
    """One row: name, value, name, value … None is NULL."""
    return rows(names_and_values[::2], names_and_values[1::2])


def rows(names: Sequence[str | None], *values: Sequence[str | None]) -> bytes:
    """The values of each row under these names; None is NULL."""
    parts = [bytes([len(names)]), *map(_column, names), EOF]
    parts += [b"".join(map(_value, row)) for row in values]
    return b"".join(packet(number, part) for number, part in enumerate([*parts, EOF], 1))


def _column(name: str | None) -> bytes:
    shown = (name or "").encode()
    described = b"\x03def" + bytes(3) + bytes([len(shown)]) + shown + b"\x00"
    return described + b"\x0c" + b"\xff\x00" + bytes([255, 0, 0, 0]) + b"\xfd" + bytes(5)


def _value(value: str | None) -> bytes:
    if value is None:
        return b"\xfb"
    text = value.encode()
    short = len(text) < 251
    return (bytes([len(text)]) if short else b"\xfd" + len(text).to_bytes(3, "little")) + text


# Behaviours --------------------------------------------------------------------------------------


def mute(client: socket.socket) -> None:
    """The kernel accepts the connection, nobody says anything: a stopped mysqld."""
    while client.recv(4096):
        pass


def drip(client: socket.socket) -> None:
    """One byte a second, for ever: each read of the client succeeds."""
    waiting = threading.Event()
    for byte in packet(0, GREETING) + bytes(100):
        client.sendall(bytes([byte]))
        waiting.wait(1.0)


def close(client: socket.socket) -> None:
    """Accepted and closed at once."""


def refuse(errno: int, text: str, state: str = "") -> Behaviour:
    """An error instead of a greeting: 1040, 1129, 1130."""
    return lambda client: client.sendall(error(errno, text, state))


def log_in(client: socket.socket, reply: bytes = packet(2, OK)) -> None:
    """The greeting, and ``reply`` to the client's account."""
    client.sendall(packet(0, GREETING))
    client.recv(4096)
    client.sendall(reply)


def statement(client: socket.socket) -> str:
    """The client's next one. Raises OSError when it has gone."""
    data = client.recv(4096)
    if not data or data[4:5] == b"\x01":  # COM_QUIT
        raise OSError("the client has gone")
    return data[5:].decode()


def deny(errno: int, text: str) -> Behaviour:
    """An error in answer to the account: 1045."""
    return lambda client: log_in(client, error(errno, text, "28000", 2))


def answer(answers: Answer) -> Behaviour:
    """Lets anybody in. A statement that begins with SET succeeds; b"" is no answer at all."""

    def behave(client: socket.socket) -> None:
        log_in(client)
        while sql := statement(client):
            client.sendall(packet(1, OK) if sql.startswith("SET") else answers(sql))

    return behave
