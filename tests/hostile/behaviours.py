"""What servers do that are broken, or not servers at all: each behaviour by its name."""

from __future__ import annotations

import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from kachecks.mysql.facts import LONGEST_SET
from tests.hostile.login import CACHING, NATIVE, certificate, greeting, hear
from tests.rows import rows as captured
from tests.unit.doubles import fake_server
from tests.unit.doubles.check_process import answers
from tests.unit.doubles.fake_server import (
    EOF,
    OK,
    Answer,
    Behaviour,
    error,
    log_in,
    one_row,
    packet,
    rows,
    statement,
)

ODD = "\x1b[31mRED\x1b]0;title\x07\nNov 28 00:00:00 host sshd[1]: root\x00 `reboot` $(reboot) %s"

# Packets -----------------------------------------------------------------------------------------


def packets(*payloads: bytes, first: int = 1) -> bytes:
    """Numbered from ``first`` on."""
    return b"".join(packet(number % 256, each) for number, each in enumerate(payloads, first))


def column(name: bytes) -> bytes:
    """What describes a column."""
    size = b"\xfd" + len(name).to_bytes(3, "little")
    return b"\x03def" + bytes(3) + size + name + b"\0\x0c\xff\0\xff\0\0\0\xfd" + bytes(5)


def value(text: bytes) -> bytes:
    """A row of one column."""
    return b"\xfd" + len(text).to_bytes(3, "little") + text


ONE_COLUMN = (b"\x01", column(b"one"), EOF)


def forever(payload: bytes) -> Iterator[bytes]:
    """That payload, again and again."""
    while True:
        yield payload


# Lies: each is called when the client waits for an answer ----------------------------------------

Lie = Callable[[socket.socket], None]


def says(*payloads: bytes) -> Lie:
    """These packets, and nothing more."""
    return lambda client: client.sendall(packets(*payloads))


def goes_on(head: tuple[bytes, ...], tail: Callable[[], Iterator[bytes]]) -> Lie:
    """Packets as long as somebody reads them."""

    def lie(client: socket.socket) -> None:
        client.sendall(packets(*head))
        for number, payload in enumerate(tail(), len(head) + 1):
            client.sendall(packet(number % 256, payload))

    return lie


def long_packets(begin: bytes) -> Lie:
    """A packet that is continued without an end, 16 MiB at a time."""

    def lie(client: socket.socket) -> None:
        chunk = b"8" * (1 << 20)
        client.sendall(packets(*ONE_COLUMN))
        for number in range(1 << 30):
            client.sendall(b"\xff\xff\xff" + bytes([(number + 4) % 256]) + begin)
            for _ in range(15):
                client.sendall(chunk)
            client.sendall(chunk[: (1 << 20) - 1 - len(begin)])

    return lie


def drips(sent: bytes, pause: float = 0.3) -> Lie:
    """Each byte in time."""

    def lie(client: socket.socket) -> None:
        waiting = threading.Event()
        for byte in sent:
            client.sendall(bytes([byte]))
            waiting.wait(pause)

    return lie


def silent(_client: socket.socket) -> None:
    """No answer."""


def hangs_up(client: socket.socket) -> None:
    """The end of the connection instead of an answer."""
    client.shutdown(socket.SHUT_RDWR)


def garbage(client: socket.socket) -> None:
    """Bytes without a meaning, and without an end."""
    while True:
        client.sendall(bytes(range(256)) * 256)


def wants_a_file(client: socket.socket) -> None:
    """LOAD DATA LOCAL, though that was not the statement."""
    client.sendall(packets(b"\xfb/etc/shadow"))
    hear(client)
    client.sendall(packets(OK, first=3))


LIES: dict[str, Lie] = {
    "silent": silent,
    "hangs up": hangs_up,
    "garbage": garbage,
    "drips": drips(rows(["one"], ["1"])),
    "endless rows": goes_on(ONE_COLUMN, lambda: forever(value(b"ab"))),
    "endless rows of 1 MB": goes_on(ONE_COLUMN, lambda: forever(value(b"x" * 1_000_000))),
    "endless rows of wide characters": goes_on(
        ONE_COLUMN, lambda: forever(value(b"x" * 1_000_000 + "🐬".encode()))
    ),
    "endless rows of 256 NULLs": goes_on(
        (b"\xfc\x00\x01", *[column(b"n")] * 256, EOF), lambda: forever(b"\xfb" * 256)
    ),
    "a row without an end": long_packets(b"\xfe" + (1 << 40).to_bytes(8, "little")),
    "an error of 3 MB": says(b"\xff\x15\x04#42000" + b"e" * 3_000_000),
    "65535 columns": goes_on((b"\xfc\xff\xff",), lambda: forever(column(b"n" * 500_000))),
    "names of 1 MB": goes_on((b"\xfc\x00\x01",), lambda: forever(column(b"n" * 1_000_000))),
    "no rows": says(*ONE_COLUMN, EOF),
    "OK": says(OK),
    "other columns": says(*ONE_COLUMN, value(b"1"), EOF),
    "out of order": lambda client: client.sendall(packets(*ONE_COLUMN, EOF, first=9)),
    "half a row": says(*ONE_COLUMN, b"\x09x", EOF),
    "half an error": says(b"\xff\x15"),
    "nothing in it": says(b""),
    "not UTF-8": says(*ONE_COLUMN, value(b"\xff\xfe\x00"), EOF),
    "an error with odd text": lambda client: client.sendall(error(1045, ODD, "28000", 1)),
    "a file": wants_a_file,
}


WHO = ("2", "21304b60-e66a-11f1-92d4-02000a000001")
"""server_id and server_uuid; tests/rows replicates from it."""


def instead_of(words: str, lie: Lie) -> Behaviour:
    """A right server, until a statement has these words."""
    return _answering(words, lie, answers(who=WHO))


def right(access: str, who: tuple[str, str] = WHO) -> Behaviour:
    """One that does not lie, as far as it knows what it is asked."""
    return _answering("no such words", silent, answers(access, who=who))


def slow(access: str, pause: float = 0.9, **columns: str) -> Behaviour:
    """One that does not lie, and keeps everybody waiting: each answer comes just in time.

    Args:
        columns: of its replica status, where they differ from those of a healthy replica.
    """
    honest = answers(access, who=WHO, **columns)
    return _answering("no such words", silent, honest, pause)


def giant_sets(channels: int, size: int) -> Behaviour:
    """One whose GTID sets are long.

    Args:
        channels: in its replica status.
        size: bytes of each set.
    """
    intervals = ":".join(str(number) for number in range(1, size, 2))
    gtids = f"{WHO[1]}:{intervals}"[:size].rpartition(":")[0]
    (row,) = captured("mysql-9.7", "replica_status_healthy")
    row.update(Retrieved_Gtid_Set=gtids, Executed_Gtid_Set=gtids)
    each = [{**row, "Channel_Name": f"c{number}"} for number in range(channels)]
    status = rows([*row], *([*one.values()] for one in each))
    honest = answers("closed", who=WHO)

    def says(sql: str) -> bytes:
        if "gtid_executed" in sql:
            return one_row("executed", gtids, "applied", "", "gtid_mode", "ON")
        if "GTID_SUBTRACT" in sql:
            return one_row("missing", gtids)
        return status if "REPLICA STATUS" in sql else honest(sql)

    return _answering("no such words", silent, says)


def _answering(words: str, lie: Lie, honest: Answer, pause: float = 0.0) -> Behaviour:
    def behave(client: socket.socket) -> None:
        waiting = threading.Event()
        waiting.wait(pause)
        log_in(client)
        while words not in (sql := statement(client)):
            waiting.wait(pause)
            if sql.startswith(("SET", "KILL", "STOP", "START")):
                client.sendall(packet(1, OK))
                continue
            try:
                client.sendall(honest(sql))
            except AssertionError:  # it knows what a check asks, and no more
                client.sendall(error(1064, "what?", "42000", 1))
        lie(client)
        while client.recv(4096):
            pass

    return behave


# Before anybody is let in ------------------------------------------------------------------------


def greets(*payloads: bytes) -> Behaviour:
    """Packets instead of a greeting; then it waits."""

    def behave(client: socket.socket) -> None:
        client.sendall(packets(*payloads, first=0))
        while client.recv(4096):
            pass

    return behave


def asks(*payloads: bytes, plugin: str = NATIVE) -> Behaviour:
    """The greeting; then what it wants to know of the client, one packet for each answer."""

    def behave(client: socket.socket) -> None:
        client.sendall(packet(0, greeting(plugin)))
        for number, payload in enumerate(payloads, 1):
            hear(client)
            client.sendall(packet(2 * number % 256, payload))
        while client.recv(4096):
            pass

    return behave


def switch(plugin: str, salt: bytes = b"s" * 20) -> bytes:
    """Asks for another plugin of authentication."""
    return b"\xfe" + plugin.encode() + b"\0" + salt + b"\0"


HELLO_REQUESTS = b"\x16\x03\x03\x40\x00" + bytes(0x4000)
"""A record of TLS; each message in it is four bytes, and is passed over in a handshake."""


def wants_hello_again(client: socket.socket) -> None:
    """Asks for a handshake in the handshake, as long as somebody listens."""
    client.sendall(packet(0, greeting(NATIVE, tls=True)))
    hear(client)
    while True:
        client.sendall(HELLO_REQUESTS)


def tickets(client: socket.socket) -> None:
    """TLS, and then session tickets as long as somebody reads them."""
    with tempfile.TemporaryDirectory() as directory:
        tls = certificate(Path(directory))
    tls.num_tickets = (1 << 31) - 1
    client.sendall(packet(0, greeting(NATIVE, tls=True)))
    hear(client)
    tls.wrap_socket(client, server_side=True)


BEFORE: dict[str, Behaviour] = {
    "mute": fake_server.mute,
    "closes": fake_server.close,
    "drips its greeting": drips(packet(0, greeting(NATIVE))),
    "http": lambda client: client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 9),
    "ssh": lambda client: client.sendall(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "garbage": garbage,
    "a greeting without an end": long_packets(b"\x0a8.0"),
    "an empty greeting": greets(b""),
    "half a greeting": greets(greeting(NATIVE)[:20]),
    "another protocol": greets(b"\x09" + greeting(NATIVE)[1:]),
    "no version": greets(greeting(NATIVE, version="")),
    "version with odd text": greets(greeting(NATIVE, version=f"8.0{ODD[:20]}".replace("\0", ""))),
    "version of 3 KB": greets(greeting(NATIVE, version="9" * 3000)),
    "too many connections": greets(b"\xff\x10\x04Too many connections"),
    "an error with odd text": greets(b"\xff\x6a\x04" + ODD.encode()),
    "takes TLS away": greets(greeting(NATIVE)),
    "offers TLS, has none": greets(greeting(NATIVE, tls=True)),
    "a handshake without an end": wants_hello_again,
    "session tickets without an end": tickets,
    "access denied": fake_server.deny(1045, ODD),
    "clear password": asks(switch("mysql_clear_password"), OK),
    "old password": asks(b"\xfe", OK),
    "sha256 by RSA": asks(switch("sha256_password"), b"\x01-----BEGIN PUBLIC KEY-----\n", OK),
    "full authentication": asks(b"\x01\x04", b"\x01-----BEGIN PUBLIC KEY-----\n", plugin=CACHING),
    "a plugin from elsewhere": asks(switch("../../../../tmp/evil")),
    "a plugin of 4 KB": asks(switch("p" * 4000)),
    "asks again and again": asks(*[switch(NATIVE)] * 300),
    "a short salt": asks(switch(NATIVE, b"s")),
}

BEHAVIOURS: dict[str, Behaviour] = {
    **BEFORE,
    **{f"{name}, first statement": instead_of("", lie) for name, lie in LIES.items()},
    **{f"{name}, replica status": instead_of("REPLICA STATUS", lie) for name, lie in LIES.items()},
    "right": right("closed"),
    "right, open": right("open"),
    "GTID sets that just fit": giant_sets(1, LONGEST_SET),
    "GTID sets that just fit, 30 channels": giant_sets(30, LONGEST_SET),
    "GTID sets of 500 KB": giant_sets(1, 500_000),
    "slow": slow("closed"),
    "slow, open": slow("open"),
    "slow and late": slow("closed", Seconds_Behind_Source="100"),
}
"""All by name, and some that do not lie."""
