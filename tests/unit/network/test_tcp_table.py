"""Real connections on loopback, as the kernel lists them."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kachecks.network.tcp_table import ports_at, ports_through


@contextmanager
def connected(server: str, client: str) -> Iterator[int]:
    """A connection to that address from that one; the port at the client's end."""
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    with socket.socket(family) as listener:
        if server == "::":
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind((server, 0))
        listener.listen()
        address = client, listener.getsockname()[1]
        with socket.create_connection(address) as there, listener.accept()[0]:
            yield there.getsockname()[1]


@pytest.mark.parametrize(
    ("server", "client"),
    [("127.0.0.1", "127.0.0.1"), ("::1", "::1"), ("::", "127.0.0.1")],
    ids=["IPv4", "IPv6", "IPv4 to a socket of both"],
)
def test_a_connection(server: str, client: str) -> None:
    with connected(server, client) as port:
        assert port in ports_at(client)
        assert port not in ports_at("127.0.0.2")
        assert port not in ports_at("::2")
        assert port in ports_through(client)
        assert port not in ports_through("127.0.0.2")
    # It lingers in TIME_WAIT, which is no connection.
    assert port not in ports_at(client)


def test_the_client_of_a_connection_is_told_from_its_server() -> None:
    with socket.socket() as listener, socket.socket() as client:
        listener.bind(("127.0.0.4", 0))
        listener.listen()
        client.bind(("127.0.0.5", 0))
        client.connect(listener.getsockname())
        assert ports_through("127.0.0.4") == {client.getsockname()[1]}
        assert ports_at("127.0.0.5") == {client.getsockname()[1]}


def test_listeners_are_no_connections() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        assert 0 not in ports_at("0.0.0.0")  # noqa: S104 - what a listener has as its other end


def test_a_kernel_without_ipv6(tmp_path: Path) -> None:
    (tmp_path / "net").mkdir()
    with pytest.raises(OSError, match="tcp"):
        ports_at("10.0.0.1", proc=str(tmp_path / "none"))
    (tmp_path / "net/tcp").write_text("  sl  local_address rem_address   st tx_queue\n")
    assert ports_at("10.0.0.1", proc=str(tmp_path)) == set()
    assert ports_at("2001:db8::1", proc=str(tmp_path)) == set()
