"""The observers' protocol client against a scripted server: its deadlines hold, its bytes are right."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.lab.wire import LOST, NO_SOCKET, Connection, WireError, _scramble

NONCE = b"12345678" + b"abcdefghijkl"
GREETING = (
    b"\x0a5.5.5-10.11.19-MariaDB\0" + b"\x07\0\0\0" + NONCE[:8] + b"\0"
    b"\xff\xf7" + b"\x2d" + b"\x02\0" + b"\xff\x81" + b"\x15" + bytes(10) + NONCE[8:] + b"\0"
    b"mysql_native_password\0"
)
OK = b"\x00\x01\xfc\x10\x27\x02\x00\x00\x00"  # one row, insert id 10000

Script = Callable[[socket.socket], None]


def packet(number: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "little") + bytes([number]) + payload


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[[Script], str]]:
    listener = socket.socket(socket.AF_UNIX)
    path = str(tmp_path / "server.sock")
    listener.bind(path)
    listener.listen()

    def start(script: Script) -> str:
        def play() -> None:
            with suppress(OSError):
                session, _ = listener.accept()
                with session:
                    script(session)

        threading.Thread(target=play, daemon=True).start()
        return path

    yield start
    listener.close()


def log_in(session: socket.socket) -> None:
    session.sendall(packet(0, GREETING))
    session.recv(4096)
    session.sendall(packet(2, OK))


def test_an_insert_returns_its_id(serve: Callable[[Script], str]) -> None:
    def script(session: socket.socket) -> None:
        log_in(session)
        assert session.recv(4096)
        session.sendall(packet(1, OK))

    connection = Connection(serve(script), "app", "secret", timeout=1)
    assert connection.query("INSERT", 1).insert_id == 10000


def test_rows_and_column_names(serve: Callable[[Script], str]) -> None:
    def script(session: socket.socket) -> None:
        log_in(session)
        session.recv(4096)
        column = b"\x03def" + bytes(3) + b"\x04name" + b"\x00" + b"\x0c" + bytes(12)
        end = b"\xfe\0\0\x02\0"
        parts = (b"\x02", column, column.replace(b"name", b"next"), end, b"\x02hi\xfb", end)
        session.sendall(b"".join(packet(at + 1, part) for at, part in enumerate(parts)))

    answer = Connection(serve(script), "app", "secret", timeout=1).query("SELECT", 1)
    assert answer.columns == ("name", "next")
    assert answer.rows == (("hi", None),)


def test_an_error_carries_the_servers_number(serve: Callable[[Script], str]) -> None:
    def script(session: socket.socket) -> None:
        session.sendall(packet(0, b"\xff\x10\x04#08004Too many connections"))

    with pytest.raises(WireError, match="Too many connections") as caught:
        Connection(serve(script), "app", "secret", timeout=1)
    assert (caught.value.errno, caught.value.from_server) == (1040, True)


def test_a_server_that_drips_bytes_does_not_move_the_deadline(
    serve: Callable[[Script], str],
) -> None:
    def script(session: socket.socket) -> None:
        for byte in packet(0, GREETING):
            session.sendall(bytes([byte]))
            time.sleep(0.05)

    start = time.monotonic()
    with pytest.raises(WireError) as caught:
        Connection(serve(script), "app", "secret", timeout=0.3)
    assert caught.value.errno == LOST
    assert time.monotonic() - start < 0.6


def test_a_query_without_an_answer_ends_at_its_deadline(serve: Callable[[Script], str]) -> None:
    def script(session: socket.socket) -> None:
        log_in(session)
        time.sleep(2)

    connection = Connection(serve(script), "app", "secret", timeout=1)
    start = time.monotonic()
    with pytest.raises(WireError) as caught:
        connection.query("INSERT", 0.2)
    assert caught.value.errno == LOST
    assert 0.15 < time.monotonic() - start < 0.5


def test_a_closed_connection_is_lost_and_a_missing_socket_is_down(
    serve: Callable[[Script], str], tmp_path: Path
) -> None:
    with pytest.raises(WireError) as caught:
        Connection(serve(lambda session: session.close()), "app", "secret", timeout=1)
    assert caught.value.errno == LOST
    with pytest.raises(WireError) as caught:
        Connection(str(tmp_path / "none"), "app", "secret", timeout=1)
    assert caught.value.errno == NO_SOCKET


def test_scrambles_are_those_that_the_driver_makes() -> None:
    native = _scramble("mysql_native_password", "secret", NONCE)
    assert native.hex() == "4f1522d6eb54737eda413b3e219ca6caebe3df2c"
    cached = _scramble("caching_sha2_password", "secret", NONCE)
    assert cached.hex() == "7f7e3878fe488ed45081455d0d6e89e26d4ef86ef6c6aeed02397b6fe8ad5422"
    assert _scramble("mysql_native_password", "", NONCE) == b""
    with pytest.raises(WireError, match="client_ed25519"):
        _scramble("client_ed25519", "secret", NONCE)
