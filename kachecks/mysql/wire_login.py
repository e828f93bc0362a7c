"""How a session begins: the server's greeting, TLS, and who we are.

The server may be a stranger who only wants the password, so it is this side that decides how it is
proved. It leaves this host in clear over TLS alone (or a unix socket), in no RSA envelope, whose
key would be the stranger's, and by no plugin but those below. Where TLS is required, nothing is
sent before there is.
"""

from __future__ import annotations

import os
from sys import hexversion

from kachecks.lean import NamedTuple
from kachecks.mysql.errors import BAD_TLS, NO_PROOF, NotReady, OtherPlugin, ServerError
from kachecks.mysql.queries import OUR_SCHEMA
from kachecks.mysql.wire import LONGEST_PACKET, Reader, Wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ssl import SSLContext
    from typing import Any

    from kachecks.config.options import Login

LONG_PASSWORD, LONG_FLAG, WITH_DATABASE, PROTOCOL_41, TLS = 1, 4, 8, 1 << 9, 1 << 11
TRANSACTIONS, SECURE_CONNECTION, PLUGINS = 1 << 13, 1 << 15, 1 << 19
NEEDED = WITH_DATABASE | PROTOCOL_41 | SECURE_CONNECTION | PLUGINS
OURS = LONG_PASSWORD | LONG_FLAG | TRANSACTIONS | NEEDED
"""Capabilities. Left out on purpose: files of this host (LOAD DATA LOCAL), several statements or
answers at a time, compression."""

UTF8MB4 = 45
"""utf8mb4_general_ci, which both families have."""

NATIVE, CACHING, SHA256 = "mysql_native_password", "caching_sha2_password", "sha256_password"

CACHED, IN_FULL = b"\x01\x03", b"\x01\x04"
"""What caching_sha2_password answers: it is right, or not in the server's cache (it never is after
a restart), and the password itself is wanted."""

SALT = 20
"""Bytes; a NUL comes after them."""

MOST_STEPS = 5
"""Packets of the server's between our name and its OK; an honest one needs three."""


class Greeting(NamedTuple):
    """What a server says first."""

    version: str
    connection_id: int
    capabilities: int
    plugin: str
    salt: bytes


def log_in(wire: Wire) -> Greeting:
    """Read the greeting, and be let in.

    Raises:
        SessionError: one of its subclasses, as described there.
    """
    login = wire.address.login
    try:
        greeting = _greeting(wire)
        capabilities = OURS
        if _wants_tls(wire, login, greeting):
            capabilities |= TLS
            wire.send(_head(capabilities))
            _encrypt(wire, login)
        plugin = greeting.plugin if greeting.plugin in (NATIVE, CACHING) else NATIVE
        proof = _proof(wire, plugin, greeting.salt) if plugin == greeting.plugin else b""
        wire.send(
            _head(capabilities)
            + b"".join((login.user.encode(), b"\0", bytes([len(proof)]), proof))
            + b"".join((OUR_SCHEMA.encode(), b"\0", plugin.encode(), b"\0"))
        )
        _authenticate(wire, plugin)
    except IndexError:
        raise wire.broken("sent half a packet") from None
    wire.longest = LONGEST_PACKET
    return greeting


def _greeting(wire: Wire) -> Greeting:
    packet = Reader(wire.packet())
    if packet.number(1) != 10:
        raise wire.broken("speaks another protocol")
    version = packet.until_nul().decode("utf-8", "replace")
    connection_id, salt, _ = packet.number(4), packet.take(8), packet.take(1)
    capabilities = packet.number(2)
    packet.take(3)  # character set, status
    capabilities |= packet.number(2) << 16
    if capabilities & NEEDED != NEEDED:
        raise wire.broken("lacks what servers have had since MySQL 5.5")
    size = packet.number(1)
    packet.take(10)
    salt += packet.take(max(13, size - 8))
    plugin = packet.rest().rstrip(b"\0").decode("utf-8", "replace")
    return Greeting(version, connection_id, capabilities, plugin, salt)


def _head(capabilities: int) -> bytes:
    """How our answer begins, and all that a server gets before TLS."""
    sizes = capabilities.to_bytes(4, "little") + LONGEST_PACKET.to_bytes(4, "little")
    return sizes + bytes([UTF8MB4]) + bytes(23)


# TLS ---------------------------------------------------------------------------------------------


def _wants_tls(wire: Wire, login: Login, greeting: Greeting) -> bool:
    """TLS comes next. Raises ServerError: it must, and the server has none."""
    if wire.private or login.ssl_mode == "DISABLED":
        return False
    offered = bool(greeting.capabilities & TLS)
    if not offered and login.ssl_mode != "PREFERRED":
        raise _no_tls(
            wire,
            f"{wire.address} offers no TLS",
            "give it a certificate (ssl_cert and ssl_key in its my.cnf), or find out who takes TLS"
            " away on the network",
        )
    return offered


def _no_tls(wire: Wire, what: str, cure: str) -> ServerError:
    return ServerError(
        BAD_TLS,
        f"ssl-mode is {wire.address.login.ssl_mode} but {what}, so no password was sent: {cure}",
    )


def _encrypt(wire: Wire, login: Login) -> None:
    import ssl

    from kachecks.bounded import GivenUp, within

    try:
        context = within(wire.left(), _context, login)
    except GivenUp:
        has_files = login.ssl_ca or login.ssl_cert or login.ssl_key
        what = "ssl-ca, ssl-cert or ssl-key cannot be read" if has_files else "TLS cannot be set up"
        raise NotReady(f"{what} in time") from None
    except OSError as error:
        named = (("ssl-ca", login.ssl_ca), ("ssl-cert", login.ssl_cert), ("ssl-key", login.ssl_key))
        files = [f"{key} = {path}" for key, path in named if path and not os.access(path, os.R_OK)]
        files = files or [key for key, path in named if path]
        what = f"{', '.join(files)} cannot be used ({error})"
        raise _no_tls(wire, what, "correct the option file, or put the file there") from None
    try:
        wire.encrypt(context, wire.address.host)
    except ssl.SSLCertVerificationError as error:
        cure = f"give it one that an authority in {login.ssl_ca} has signed"
        if login.ssl_mode == "VERIFY_IDENTITY":
            cure += f" for the name {wire.address.host}"
        what = f"the certificate of {wire.address} is not the right one ({error.verify_message})"
        raise _no_tls(wire, what, cure) from None
    except ssl.SSLError as error:
        cure = "both need a protocol (TLS 1.2 or later) and a cipher in common"
        what = f"TLS with {wire.address} fails ({error.reason or error})"
        raise _no_tls(wire, what, cure) from None


def _context(login: Login) -> SSLContext:
    """Raises OSError: one of the files cannot be used."""
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION  # or it may be asked for without an end
    context.check_hostname = login.ssl_mode == "VERIFY_IDENTITY"
    if login.ssl_mode in ("VERIFY_CA", "VERIFY_IDENTITY"):
        context.load_verify_locations(login.ssl_ca)
    else:
        context.verify_mode = ssl.CERT_NONE
    if login.ssl_cert:  # with a password, or OpenSSL asks the terminal for one
        context.load_cert_chain(login.ssl_cert, login.ssl_key, password="")
    return context


# Authentication ----------------------------------------------------------------------------------


def _authenticate(wire: Wire, plugin: str) -> None:
    """Answer what the server asks, until it lets us in."""
    for _ in range(MOST_STEPS):
        said = wire.packet()
        if said[:1] == b"\0":
            return
        if said[:1] == b"\xfe":
            plugin, salt = _switched(said)
            wire.send(_proof(wire, plugin, salt))
        elif plugin == CACHING and said == IN_FULL:
            wire.send(_in_clear(wire, plugin))
        elif plugin != CACHING or said != CACHED:
            raise wire.broken("asks for something unknown while we log in")
    raise wire.broken("asks again and again who we are")


def _switched(packet: bytes) -> tuple[str, bytes]:
    """The plugin that the account has, and its salt."""
    if len(packet) == 1:
        return "mysql_old_password", b""
    reader = Reader(packet[1:])
    return reader.until_nul().decode("utf-8", "replace"), reader.rest()


def _proof(wire: Wire, plugin: str, salt: bytes) -> bytes:
    """What proves to the server that we know the password.

    Raises:
        OtherPlugin: by one that is none of ours.
    """
    password = (wire.address.login.password or "").encode()
    if plugin not in (NATIVE, CACHING, SHA256):
        raise OtherPlugin(
            f"{wire.address} wants to authenticate {wire.address.login.user} by {plugin[:64]},"
            f" which kachecks does not do: give that account {CACHING} or {NATIVE}",
            plugin,
        )
    if plugin == SHA256:
        return _in_clear(wire, plugin)
    if not password:
        return b"" if plugin == NATIVE else b"\0"
    if len(salt) < SALT:
        raise wire.broken("sent a salt that is too short")
    return (_native if plugin == NATIVE else _caching)(password, salt[:SALT])


def _native(password: bytes, salt: bytes) -> bytes:
    sha1 = _hash("sha1", "_sha1")
    once = sha1(password).digest()  # it is what the server keeps
    return _xor(once, sha1(salt + sha1(once).digest()).digest())


def _caching(password: bytes, salt: bytes) -> bytes:
    sha256 = _hash("sha256", "_sha2" if hexversion >= 0x030C0000 else "_sha256")
    once = sha256(password).digest()
    return _xor(once, sha256(sha256(once).digest() + salt).digest())


def _hash(name: str, module: str) -> Any:
    """From one of Python's own small modules, which some distributions leave out. hashlib always
    has it, but loads OpenSSL, which takes 4 ms."""
    try:
        return getattr(__import__(module), name)
    except ImportError:
        return getattr(__import__("hashlib"), name)


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(left ^ right for left, right in zip(one, other))


def _in_clear(wire: Wire, plugin: str) -> bytes:
    """The password itself.

    Raises:
        ServerError: others could read it.
    """
    if not wire.private:
        raise ServerError(
            NO_PROOF,
            f"{wire.address} asks for the whole password ({plugin}) on a connection without TLS,"
            " so it was not sent: use TLS (ssl-mode = REQUIRED, and a certificate on that server)",
        )
    return (wire.address.login.password or "").encode() + b"\0"
