"""The observers' protocol client against a scripted server: right bytes, deadlines that hold."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.lab.servers.wire import LOST, NO_SOCKET, Connection, WireError, _scramble
from tests.unit.doubles import fake_server
from tests.unit.doubles.fake_server import INSERTED, SALT, Behaviour, listening, packet, rows

Serve = Callable[[Behaviour], str]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    with ExitStack() as running:

        def start(behaviour: Behaviour) -> str:
            running.enter_context(listening(tmp_path / "s", behaviour))
            return str(tmp_path / "s")

        yield start


def test_an_insert_returns_its_id(serve: Serve) -> None:
    path = serve(fake_server.answer({"INSERT": packet(1, INSERTED)}.__getitem__))
    connection = Connection(path, "app", "secret", timeout=1)
    assert connection.query("INSERT", 1).insert_id == 10000


def test_rows_and_column_names(serve: Serve) -> None:
    path = serve(fake_server.answer(lambda _: rows(["name", "next"], ["hi", None], ["", "ho"])))
    answer = Connection(path, "app", "secret", timeout=1).query("SELECT", 1)
    assert answer.columns == ("name", "next")
    assert answer.rows == (("hi", None), ("", "ho"))


def test_an_error_carries_the_servers_number(serve: Serve) -> None:
    path = serve(fake_server.refuse(1040, "Too many connections", "08004"))
    with pytest.raises(WireError, match="Too many connections") as caught:
        Connection(path, "app", "secret", timeout=1)
    assert (caught.value.errno, caught.value.from_server) == (1040, True)


def test_a_server_that_drips_bytes_does_not_move_the_deadline(serve: Serve) -> None:
    start = time.monotonic()
    with pytest.raises(WireError) as caught:
        Connection(serve(fake_server.drip), "app", "secret", timeout=1.3)
    assert caught.value.errno == LOST
    assert time.monotonic() - start < 1.8


def test_a_query_without_an_answer_ends_at_its_deadline(serve: Serve) -> None:
    connection = Connection(serve(fake_server.answer(lambda _: b"")), "app", "secret", timeout=1)
    start = time.monotonic()
    with pytest.raises(WireError) as caught:
        connection.query("INSERT", 0.2)
    assert caught.value.errno == LOST
    assert 0.15 < time.monotonic() - start < 0.5


def test_a_closed_connection_is_lost_and_a_missing_socket_is_down(
    serve: Serve, tmp_path: Path
) -> None:
    for path, errno in ((serve(fake_server.close), LOST), (str(tmp_path / "none"), NO_SOCKET)):
        with pytest.raises(WireError) as caught:
            Connection(path, "app", "secret", timeout=1)
        assert caught.value.errno == errno


def test_scrambles_are_those_that_the_driver_makes() -> None:
    native = _scramble("mysql_native_password", "secret", b"".join(SALT))
    assert native.hex() == "4f1522d6eb54737eda413b3e219ca6caebe3df2c"
    cached = _scramble("caching_sha2_password", "secret", b"".join(SALT))
    assert cached.hex() == "7f7e3878fe488ed45081455d0d6e89e26d4ef86ef6c6aeed02397b6fe8ad5422"
    assert _scramble("mysql_native_password", "", b"".join(SALT)) == b""
    with pytest.raises(WireError, match="client_ed25519"):
        _scramble("client_ed25519", "secret", b"".join(SALT))
