"""Nobody is held by TLS, in which messages that carry nothing may come without an end."""

from __future__ import annotations

import itertools
import socket
import ssl
import threading
import time
from pathlib import Path

import pytest

from kachecks.config.options import Login
from kachecks.mysql import wire
from kachecks.mysql.errors import BrokenAnswer, NoAnswer
from kachecks.mysql.wire_login import _context
from tests.hostile.behaviours import greets, wants_hello_again
from tests.hostile.login import NATIVE, certificate, greeting, hear
from tests.unit.doubles.asker import BUSY
from tests.unit.doubles.fake_server import OK, listening, packet
from tests.unit.mysql.test_wire_login import session

ENDLESS = "sends TLS without an end and no data in it"

FLOOD = 6000
"""Session tickets of 255 bytes: more than may come without data."""

MANY = 3000
"""Fewer than that, and yet far more than are taken at a time."""


class Tickets:
    """A server that sends session tickets behind its handshake, and lets anybody in."""

    def __init__(self, tls: ssl.SSLContext, tickets: int) -> None:
        tls.num_tickets = tickets
        self._tls = tls

    def __call__(self, client: socket.socket) -> None:
        client.sendall(packet(0, greeting(NATIVE, tls=True)))
        hear(client)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = self._tls.wrap_bio(incoming, outgoing, server_side=True)
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                client.sendall(outgoing.read())
                incoming.write(client.recv(4096))
        tls.write(packet(3, OK))
        client.sendall(outgoing.read())
        while client.recv(4096):
            pass


@pytest.fixture
def tls(tmp_path: Path) -> ssl.SSLContext:
    return certificate(tmp_path)


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tenth of a second is gone whenever the deadline is looked at."""
    looks = itertools.count()
    monkeypatch.setattr(wire, "monotonic", lambda: time.monotonic() + next(looks) / 10)


def test_session_tickets_without_an_end(tls: ssl.SSLContext) -> None:
    with listening(None, Tickets(tls, FLOOD)) as port, pytest.raises(BrokenAnswer, match=ENDLESS):
        session(port, timeout=20)


@pytest.mark.usefixtures("hurried")
def test_the_deadline_is_looked_at_between_session_tickets(tls: ssl.SSLContext) -> None:
    with listening(None, Tickets(tls, MANY)) as port, pytest.raises(NoAnswer):
        session(port, timeout=3)


def test_some_session_tickets(tls: ssl.SSLContext) -> None:
    with listening(None, Tickets(tls, MANY)) as port:
        session(port, timeout=20).close()


def test_a_handshake_without_an_end() -> None:
    with listening(None, wants_hello_again) as port, pytest.raises(BrokenAnswer, match=ENDLESS):
        session(port, timeout=20)


@pytest.mark.usefixtures("hurried")
def test_the_deadline_is_looked_at_in_the_handshake() -> None:
    with listening(None, wants_hello_again) as port, pytest.raises(NoAnswer):
        session(port, timeout=3)


def test_there_is_one_handshake() -> None:
    """TLS 1.2 lets a server ask for another one in the midst of an answer."""
    context = _context(Login("kachecks", None, None, 3306, None, ssl_mode="REQUIRED"))
    assert context.options & ssl.OP_NO_RENEGOTIATION


def test_a_step_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a server chooses may cost OpenSSL seconds, in which it looks at no clock."""
    computed = threading.Event()

    class Computing:
        def do_handshake(self) -> None:
            computed.wait(BUSY)

    monkeypatch.setattr(ssl.SSLContext, "wrap_bio", lambda *_, **__: Computing())
    try:
        with listening(None, greets(greeting(NATIVE, tls=True))) as port, pytest.raises(NoAnswer):
            session(port, timeout=0.2)
    finally:
        computed.set()
