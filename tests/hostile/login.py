"""How a scripted server lets a client in: rightly, by each plugin, with or without TLS.

Written from the server's side of the manual, apart from the client that it tests.
"""

from __future__ import annotations

import socket
import ssl
import subprocess
from hashlib import sha1, sha256
from pathlib import Path
from typing import NamedTuple

from tests.unit.doubles.fake_server import OK, SALT, error, packet

NATIVE, CACHING = "mysql_native_password", "caching_sha2_password"
OFFERS_TLS = 0x0800


class Account(NamedTuple):
    """What the server knows of the one account it has."""

    password: bytes
    plugin: str = NATIVE
    greets_with: str = NATIVE  # the server's default plugin
    cached: bool = True
    tls: ssl.SSLContext | None = None


def greeting(plugin: str, tls: bool = False, version: str = "8.4.0-fake") -> bytes:
    low, high = 0xA20F | (OFFERS_TLS if tls else 0), 0x0008
    return (
        b"\x0a" + version.encode() + b"\0" + (77).to_bytes(4, "little") + SALT[0] + b"\0"
        + low.to_bytes(2, "little") + b"\xff" + b"\x02\0" + high.to_bytes(2, "little") + b"\x15"
        + bytes(10) + SALT[1] + b"\0" + plugin.encode() + b"\0"
    )  # fmt: skip


def hear(client: socket.socket) -> bytes:
    """One packet's payload. Raises OSError: the client has gone."""
    head = _exactly(client, 4)
    return _exactly(client, int.from_bytes(head[:3], "little"))


def _exactly(client: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        more = client.recv(size - len(found))
        if not more:
            raise OSError("the client has gone")
        found += more
    return found


def let_in(client: socket.socket, account: Account) -> socket.socket:
    """The client, over TLS if it wants that. Raises OSError: it did not know the password."""
    client.sendall(packet(0, greeting(account.greets_with, bool(account.tls))))
    number = 1
    answer = hear(client)
    if len(answer) == 32:
        assert account.tls, "TLS was not offered"
        client = account.tls.wrap_socket(client, server_side=True)
        answer, number = hear(client), 2
    proof = _proof_in(answer)
    if account.plugin != account.greets_with:
        switch = b"\xfe" + account.plugin.encode() + b"\0" + b"".join(SALT)[::-1] + b"\0"
        client.sendall(packet(number + 1, switch))
        proof, number = hear(client), number + 2
        right = _right(account, b"".join(SALT)[::-1])
    else:
        right = _right(account, b"".join(SALT))
    if proof != right:
        client.sendall(error(1045, "Access denied for user 'kachecks'", "28000", number + 1))
        raise OSError("the client does not know the password")
    if account.plugin == CACHING and account.password:
        number = _look_into_the_cache(client, account, number)
    client.sendall(packet(number + 1, OK))
    return client


def _look_into_the_cache(client: socket.socket, account: Account, number: int) -> int:
    client.sendall(packet(number + 1, b"\x01\x03" if account.cached else b"\x01\x04"))
    if account.cached:
        return number + 1
    if hear(client) != account.password + b"\0":
        client.sendall(error(1045, "Access denied for user 'kachecks'", "28000", number + 3))
        raise OSError("the client does not know the password")
    return number + 2


def _proof_in(answer: bytes) -> bytes:
    """The client's proof, in its answer to the greeting."""
    start = answer.index(b"\0", 32) + 1
    return answer[start + 1 : start + 1 + answer[start]]


def _right(account: Account, salt: bytes) -> bytes:
    """As the manual has it: what the server keeps is the hash of the password's hash."""
    if not account.password:
        return b"" if account.plugin == NATIVE else b"\0"
    kind = sha1 if account.plugin == NATIVE else sha256
    once = kind(account.password).digest()
    kept = kind(once).digest()
    mask = kind(salt + kept if account.plugin == NATIVE else kept + salt).digest()
    return bytes(left ^ right for left, right in zip(once, mask))


def certificate(directory: Path, name: str = "127.0.0.1") -> ssl.SSLContext:
    """A server's TLS for that address; its certificate, which it has signed itself, is at
    ``directory``/tls.pem."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-subj", "/CN=node", "-addext", f"subjectAltName=IP:{name}", "-days", "9",
         "-keyout", directory / "tls.key", "-out", directory / "tls.pem"],
        check=True, capture_output=True, timeout=20,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "tls.pem", directory / "tls.key")
    return context
