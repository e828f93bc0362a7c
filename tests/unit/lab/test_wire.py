"""The observers' protocol client against a scripted server: right bytes, deadlines that hold."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.lab.servers.wire import LOST, NO_SOCKET, Connection, WireError, _scramble
from tests.unit.doubles.scripted_server import (
    GREETING,
    NONCE,
    OK,
    Script,
    ScriptedServer,
    log_in,
    packet,
    send_rows,
    statement,
)

Serve = Callable[[Script], str]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    servers = []

    def start(script: Script) -> str:
        servers.append(ScriptedServer(str(tmp_path / f"{len(servers)}.sock"), script))
        return servers[-1].path

    yield start
    for server in servers:
        server.close()


def test_an_insert_returns_its_id(serve: Serve) -> None:
    def script(session: socket.socket) -> None:
        log_in(session)
        assert statement(session) == "INSERT"
        session.sendall(packet(1, OK))

    connection = Connection(serve(script), "app", "secret", timeout=1)
    assert connection.query("INSERT", 1).insert_id == 10000


def test_rows_and_column_names(serve: Serve) -> None:
    def script(session: socket.socket) -> None:
        log_in(session)
        statement(session)
        send_rows(session, ["name", "next"], ["hi", None], ["", "ho"])

    answer = Connection(serve(script), "app", "secret", timeout=1).query("SELECT", 1)
    assert answer.columns == ("name", "next")
    assert answer.rows == (("hi", None), ("", "ho"))


def test_an_error_carries_the_servers_number(serve: Serve) -> None:
    def script(session: socket.socket) -> None:
        session.sendall(packet(0, b"\xff\x10\x04#08004Too many connections"))

    with pytest.raises(WireError, match="Too many connections") as caught:
        Connection(serve(script), "app", "secret", timeout=1)
    assert (caught.value.errno, caught.value.from_server) == (1040, True)


def test_a_server_that_drips_bytes_does_not_move_the_deadline(serve: Serve) -> None:
    def script(session: socket.socket) -> None:
        for byte in packet(0, GREETING):
            session.sendall(bytes([byte]))
            time.sleep(0.05)

    start = time.monotonic()
    with pytest.raises(WireError) as caught:
        Connection(serve(script), "app", "secret", timeout=0.3)
    assert caught.value.errno == LOST
    assert time.monotonic() - start < 0.6


def test_a_query_without_an_answer_ends_at_its_deadline(serve: Serve) -> None:
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
    serve: Serve, tmp_path: Path
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
