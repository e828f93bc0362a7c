"""The client of our own gives no stranger the password, and logs in where it shall."""

from __future__ import annotations

import os
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from kachecks.config.options import Login
from kachecks.mysql import driver
from kachecks.mysql.driver import PLUGINS
from kachecks.mysql.errors import (
    BrokenAnswer,
    DriverError,
    NoAnswer,
    OtherPlugin,
    Refused,
    ServerError,
)
from kachecks.mysql.session import Address, Session
from tests.hostile.login import CACHING, NATIVE, Account, certificate, greeting, hear, let_in
from tests.unit.doubles.asker import BUSY
from tests.unit.doubles.fake_server import OK, error, listening, one_row, packet

PASSWORD = "hunter2-Tr0ub4dor"  # noqa: S105 - must never be seen outside TLS
MODES = ("DISABLED", "PREFERRED", "REQUIRED", "VERIFY_CA", "VERIFY_IDENTITY")
INSISTING = MODES[2:]


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, Path]:
    directory = tmp_path_factory.mktemp("tls")
    return certificate(directory), directory / "tls.pem"


def session(
    port: int,
    where: Path | None = None,
    host: str = "127.0.0.1",
    timeout: float = 2.0,
    **login: Any,
) -> Session:
    given: dict[str, Any] = {
        "user": "kachecks", "password": PASSWORD, "host": None, "port": port, "socket": None,
        "ssl_mode": "PREFERRED", "ssl_ca": None, "ssl_cert": None, "ssl_key": None, **login,
    }  # fmt: skip
    address = Address(Login(**given), host, str(where) if where else None)
    return Session(address, timeout)


def right(account: Account) -> Callable[[socket.socket], None]:
    """A server that lets in who knows the password, and answers one question."""

    def behave(client: socket.socket) -> None:
        client = let_in(client, account)
        hear(client)
        client.sendall(one_row("one", "1"))
        with suppress(OSError):
            hear(client)

    return behave


# A right server ----------------------------------------------------------------------------------

WAYS = [
    (NATIVE, NATIVE, True),
    (CACHING, NATIVE, True),
    (NATIVE, CACHING, True),
    (CACHING, CACHING, True),
    (CACHING, CACHING, False),
    ("client_ed25519", CACHING, False),
]


@pytest.mark.parametrize("password", [PASSWORD, "", "grüße"])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("greets_with", "plugin", "cached"), WAYS)
def test_who_knows_the_password_gets_in(
    tls: tuple[ssl.SSLContext, Path], greets_with: str, plugin: str, cached: bool, mode: str,
    password: str,
) -> None:  # fmt: skip
    account = Account(password.encode(), plugin, greets_with, cached or mode == "DISABLED", tls[0])
    with listening(None, right(account)) as port:
        made = session(port, password=password, ssl_mode=mode, ssl_ca=str(tls[1]))
        assert (made.server_version, made.connection_id) == ("8.4.0-fake", 77)
        assert made.query("SELECT 1 AS one", 2) == [{"one": "1"}]
        made.close()


@pytest.mark.parametrize(("greets_with", "plugin", "cached"), WAYS)
def test_who_does_not_know_it_does_not(
    tls: tuple[ssl.SSLContext, Path], greets_with: str, plugin: str, cached: bool
) -> None:
    with listening(None, right(Account(b"other", plugin, greets_with, cached, tls[0]))) as port:
        with pytest.raises(ServerError) as raised:
            session(port)
        assert raised.value.errno == 1045


def test_a_unix_socket_is_as_good_as_tls(tmp_path: Path) -> None:
    account = Account(PASSWORD.encode(), CACHING, CACHING, cached=False)
    with listening(tmp_path / "s.sock", right(account)):
        made = session(0, tmp_path / "s.sock", ssl_mode="REQUIRED")
        assert made.query("SELECT 1 AS one", 2) == [{"one": "1"}]


# TLS ---------------------------------------------------------------------------------------------


def heard_by(
    behave: Callable[[socket.socket, bytearray], None], **login: Any
) -> tuple[Exception, bytes]:
    """What the client raises, and all that a server with this behaviour has heard from it."""
    heard = bytearray()

    def behaviour(client: socket.socket) -> None:
        with suppress(OSError):
            behave(client, heard)
            while more := client.recv(4096):
                heard.extend(more)

    with listening(None, behaviour) as port, pytest.raises(Exception) as raised:
        session(port, **login)
    assert PASSWORD.encode() not in heard
    assert PASSWORD not in str(raised.value)
    return raised.value, bytes(heard)


@pytest.mark.parametrize("mode", INSISTING)
def test_without_tls_nothing_of_the_login_leaves(mode: str) -> None:
    def stripped(client: socket.socket, _heard: bytearray) -> None:
        client.sendall(packet(0, greeting(NATIVE)))

    raised, heard = heard_by(stripped, ssl_mode=mode, ssl_ca="/nonexistent")
    assert isinstance(raised, ServerError)
    assert raised.errno == 2026
    assert heard == b""
    for words in (mode, "offers no TLS", "no password was sent", "give it a certificate"):
        assert words in str(raised)


@pytest.mark.parametrize("mode", ["VERIFY_CA", "VERIFY_IDENTITY"])
def test_a_certificate_of_a_stranger(
    tls: tuple[ssl.SSLContext, Path], tmp_path: Path, mode: str
) -> None:
    stranger = certificate(tmp_path)
    with listening(None, right(Account(PASSWORD.encode(), tls=stranger))) as port:
        with pytest.raises(ServerError) as raised:
            session(port, ssl_mode=mode, ssl_ca=str(tls[1]))
        assert raised.value.errno == 2026
        assert f"ssl-mode is {mode}" in str(raised.value)
        assert f"an authority in {tls[1]}" in str(raised.value)
        session(port, ssl_mode=mode, ssl_ca=str(tmp_path / "tls.pem")).close()
        session(port, ssl_mode="REQUIRED", ssl_ca=str(tls[1])).close()


def test_a_certificate_of_another_host(tmp_path: Path) -> None:
    other = certificate(tmp_path, "192.0.2.1")
    with listening(None, right(Account(PASSWORD.encode(), tls=other))) as port:
        with pytest.raises(ServerError, match="for the name 127") as raised:
            session(port, ssl_mode="VERIFY_IDENTITY", ssl_ca=str(tmp_path / "tls.pem"))
        assert raised.value.errno == 2026
        session(port, ssl_mode="VERIFY_CA", ssl_ca=str(tmp_path / "tls.pem")).close()


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_tls_older_than_1_2(tmp_path: Path) -> None:
    old = certificate(tmp_path)
    old.minimum_version = ssl.TLSVersion.TLSv1
    old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    with listening(None, right(Account(PASSWORD.encode(), tls=old))) as port:
        with pytest.raises(ServerError, match="both need a protocol") as raised:
            session(port)
        assert raised.value.errno == 2026


@pytest.mark.parametrize("key", ["ssl_ca", "ssl_cert"])
def test_files_that_cannot_be_used(tls: tuple[ssl.SSLContext, Path], key: str) -> None:
    files = {"ssl_ca": str(tls[1]), key: "/nonexistent.pem", "ssl_key": "/nonexistent.key"}
    with listening(None, right(Account(PASSWORD.encode(), tls=tls[0]))) as port:
        with pytest.raises(ServerError, match="No such file") as raised:
            session(port, ssl_mode="VERIFY_CA", **files)
        named = f"{key.replace('_', '-')} = /nonexistent.pem"
        assert named in str(raised.value)
        assert ("ssl-ca = " in str(raised.value)) is (key == "ssl_ca")
        assert "correct the option file" in str(raised.value)


def test_files_on_a_disk_that_hangs(tls: tuple[ssl.SSLContext, Path], tmp_path: Path) -> None:
    """A FIFO that nobody writes to stands for it."""
    os.mkfifo(tmp_path / "ca.pem")
    with listening(None, right(Account(PASSWORD.encode(), NATIVE, NATIVE, True, tls[0]))) as port:
        begun = time.monotonic()
        with pytest.raises(DriverError, match="cannot be read in time"):
            session(port, ssl_mode="VERIFY_CA", ssl_ca=str(tmp_path / "ca.pem"), timeout=0.5)
        assert time.monotonic() - begun < 0.5 + BUSY
    os.close(os.open(tmp_path / "ca.pem", os.O_RDWR))  # the thread that reads it ends


def test_our_own_certificate(tls: tuple[ssl.SSLContext, Path], tmp_path: Path) -> None:
    asking = certificate(tmp_path)
    asking.load_verify_locations(tls[1])
    asking.verify_mode = ssl.CERT_REQUIRED
    own = {"ssl_cert": str(tls[1]), "ssl_key": str(tls[1].with_suffix(".key"))}
    with listening(None, right(Account(PASSWORD.encode(), tls=asking))) as port:
        session(port, **own).query("SELECT 1 AS one", 2)
        other = {"ssl_cert": str(tmp_path / "tls.pem"), "ssl_key": str(tmp_path / "tls.key")}
        with pytest.raises(ServerError) as raised:  # it lives, and is no silent peer
            session(port, **other)
        assert raised.value.errno == 2026
        assert "look at ssl-cert and ssl-key here" in str(raised.value)


def test_a_server_that_dies_right_after_the_handshake(tls: tuple[ssl.SSLContext, Path]) -> None:
    """With a certificate of ours it may have refused that; but by now nobody listens."""
    own = {"ssl_cert": str(tls[1]), "ssl_key": str(tls[1].with_suffix(".key"))}
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()

        def dies() -> None:
            client, _ = listener.accept()
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
            with client:
                client.sendall(packet(0, greeting(NATIVE, tls=True)))
                hear(client)
                with suppress(OSError):
                    tls[0].wrap_socket(client, server_side=True).close()

        dying = Thread(target=dies)
        dying.start()
        with pytest.raises(Refused):
            session(listener.getsockname()[1], **own)
        dying.join(5)


def test_what_is_slipped_in_before_tls() -> None:
    """An answer that somebody on the way puts behind the greeting is not read as the server's."""

    def slip(client: socket.socket, _heard: bytearray) -> None:
        client.sendall(packet(0, greeting(NATIVE, tls=True)) + packet(2, OK))
        hear(client)

    raised, _ = heard_by(slip)
    assert isinstance(raised, BrokenAnswer)


def test_what_is_slipped_in_behind_tls(tls: tuple[ssl.SSLContext, Path]) -> None:
    def slip(client: socket.socket) -> None:
        client = let_in(client, Account(PASSWORD.encode(), tls=tls[0]))
        hear(client)
        with socket.socket(fileno=os.dup(client.fileno())) as below:
            below.sendall(one_row("one", "1") * 9)
            below.recv(4096)

    with listening(None, slip) as port:
        made = session(port)
        with pytest.raises(BrokenAnswer, match="ends TLS"):
            made.query("SELECT 1 AS one", 2)


def test_a_handshake_byte_by_byte() -> None:
    """Each byte is in time, the handshake is not."""

    def drip(client: socket.socket, _heard: bytearray) -> None:
        client.sendall(packet(0, greeting(NATIVE, tls=True)))
        hear(client)
        for byte in b"\x16\x03\x03\x40\x00" + bytes(40):
            client.sendall(bytes([byte]))
            client.settimeout(0.1)
            with suppress(socket.timeout):
                while client.recv(4096):
                    pass

    raised, _ = heard_by(drip)
    assert isinstance(raised, NoAnswer)


# What a stranger may ask for ---------------------------------------------------------------------

PUBLIC_KEY = b"\x01-----BEGIN PUBLIC KEY-----\nMFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAK\n"


def switch(plugin: str) -> bytes:
    return b"\xfe" + plugin.encode() + b"\0" + b"s" * 20 + b"\0"


REQUESTS = [
    # what comes after our name, with TLS too, the error's number, its words
    ([switch("sha256_password")], False, 2061, "without TLS"),
    ([switch(CACHING), b"\x01\x04"], False, 2061, "without TLS"),
    ([switch(CACHING), b"\x01\x04", PUBLIC_KEY], False, 2061, "use TLS"),
    ([switch("mysql_clear_password")], True, 2059, "mysql_clear_password"),
    ([b"\xfe"], True, 2059, "mysql_old_password"),
    ([switch("../../../../tmp/x")], True, 2059, "../../../../tmp/x"),
    ([switch("dialog")], True, 2059, "by dialog"),
    ([switch("x\x1b[2J\ny")], True, 2059, "x [2J y"),
    ([switch("authentication_oci_client")], True, 2059, "give that account caching_sha2_password"),
    ([switch(NATIVE), b"\x01\x04"], True, 0, "something unknown"),
    ([switch(NATIVE)] * 9, True, 0, "again and again"),
    ([b"\xfemysql_native_password\0short\0"], True, 0, "salt"),
    ([b"\xfemysql_native_password"], True, 0, "half a packet"),
    ([b""], True, 0, "something unknown"),
    ([b"\x02more"], True, 0, "something unknown"),
]


TLS_TOO = [(packets, True, *expected) for packets, too, *expected in REQUESTS if too]
IN_CLEAR = [(packets, False, *expected) for packets, _, *expected in REQUESTS]


@pytest.mark.parametrize(("packets", "encrypted", "errno", "words"), [*IN_CLEAR, *TLS_TOO])
def test_no_stranger_gets_the_password(
    tls: tuple[ssl.SSLContext, Path], packets: list[bytes], encrypted: bool, errno: int, words: str
) -> None:
    def ask(client: socket.socket, heard: bytearray) -> None:
        client.sendall(packet(0, greeting(NATIVE, tls=encrypted)))
        first = hear(client)
        number = 2
        if encrypted:
            client = tls[0].wrap_socket(client, server_side=True)
            first, number = hear(client), 3
        heard.extend(first)
        for each in packets:
            client.sendall(packet(number, each))
            heard.extend(hear(client))
            number += 2

    raised, _ = heard_by(ask)
    assert isinstance(raised, ServerError)
    assert raised.errno == errno
    assert words in str(raised)
    assert str(raised).isprintable()


@pytest.mark.parametrize("plugin", sorted([*PLUGINS, "dialog", "../../tmp/x"]))
def test_whom_the_driver_may_be_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plugin: str
) -> None:
    """Behind a unix socket alone, and for no plugin but its own."""
    asked: list[Address] = []

    def extension(address: Address, _timeout: float, allowed: str) -> None:
        assert allowed == plugin
        asked.append(address)
        raise ImportError("none here")

    def ask(client: socket.socket) -> None:
        client.sendall(packet(0, greeting(NATIVE)))
        hear(client)
        client.sendall(packet(2, switch(plugin)))
        hear(client)

    monkeypatch.setattr(driver, "Extension", extension)
    for where in (tmp_path / "s.sock", None):
        with listening(where, ask) as port, pytest.raises(OtherPlugin, match="does not do"):
            session(port, where)
    assert [each.socket for each in asked] == [str(tmp_path / "s.sock")] * (plugin in PLUGINS)


GREETINGS = [
    (b"", "half a packet"),
    (b"\x09" + greeting(NATIVE)[1:], "another protocol"),
    (greeting(NATIVE)[:20], "half a packet"),
    (b"\x0a" + b"8" * 200, "half a packet"),
    (greeting(NATIVE).replace(b"\x08\x00\x15", b"\x00\x00\x15"), "lacks what servers have had"),
    (bytes(5000), "a packet of 5000 bytes"),
    (b"\xff\x15", "half an error"),
]


@pytest.mark.parametrize(("payload", "words"), GREETINGS)
def test_malformed_greeting(payload: bytes, words: str) -> None:
    raised, heard = heard_by(lambda client, _heard: client.sendall(packet(0, payload)))
    assert isinstance(raised, BrokenAnswer)
    assert words in str(raised)
    assert heard == b""


def test_an_error_with_odd_text() -> None:
    odd = error(1045, "\x1b]0;owned\x07" + "\n$(reboot)" + "é" * 1500)
    raised, _ = heard_by(lambda client, _heard: client.sendall(odd))
    assert isinstance(raised, ServerError)
    assert raised.errno == 1045
    assert str(raised).startswith("error 1045:  ]0;owned  $(reboot)é")
    assert str(raised).isprintable()
    assert len(str(raised)) < 300
