"""The server's side of the MySQL protocol, as a script: for tests of the observers."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress

NONCE = b"12345678" + b"abcdefghijkl"
GREETING = (
    b"\x0a5.5.5-10.11.19-MariaDB\0" + b"\x07\0\0\0" + NONCE[:8] + b"\0"
    b"\xff\xf7" + b"\x2d" + b"\x02\0" + b"\xff\x81" + b"\x15" + bytes(10) + NONCE[8:] + b"\0"
    b"mysql_native_password\0"
)
OK = b"\x00\x01\xfc\x10\x27\x02\x00\x00\x00"  # one row, insert id 10000
END = b"\xfe\0\0\x02\0"

Script = Callable[[socket.socket], None]


class ScriptedServer:
    """Plays `script` with each client in turn, until closed."""

    def __init__(self, path: str, script: Script) -> None:
        self.path = path
        self.sessions = 0
        self._script = script
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(path)
        self._listener.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                session, _ = self._listener.accept()
                self.sessions += 1
                with session, suppress(OSError):
                    self._script(session)

    def close(self) -> None:
        self._listener.close()


def packet(number: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "little") + bytes([number]) + payload


def log_in(session: socket.socket) -> None:
    """Greet, and let anybody in."""
    session.sendall(packet(0, GREETING))
    session.recv(4096)
    session.sendall(packet(2, OK))


def statement(session: socket.socket) -> str:
    """The client's next statement; raises OSError when it has gone."""
    data = session.recv(4096)
    if not data:
        raise OSError("the client has gone")
    return data[5:].decode()


def column(name: str) -> bytes:
    described = b"\x03def" + bytes(3) + bytes([len(name)]) + name.encode()
    return described + b"\x00" + b"\x0c" + bytes(12)


def send_rows(session: socket.socket, names: list[str], *rows: list[str | None]) -> None:
    packets = [bytes([len(names)]), *map(column, names), END]
    packets += [b"".join(_text(value) for value in row) for row in rows]
    numbered = (packet(at + 1, part) for at, part in enumerate([*packets, END]))
    session.sendall(b"".join(numbered))


def _text(value: str | None) -> bytes:
    return b"\xfb" if value is None else bytes([len(value)]) + value.encode()
