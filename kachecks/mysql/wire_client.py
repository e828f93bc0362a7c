"""A client of our own: what it sends to a stranger is governed, and what it takes from one.

libmysqlclient hands the password to a server that asks for it by RSA, cannot be told to insist on
TLS, and takes as much of an answer as is sent. It takes 7 ms to load besides, which is half of what
a whole check does. What this client does not do is the driver's (mysql.driver).
"""

from __future__ import annotations

from sys import getsizeof
from time import monotonic

from kachecks.lean import suppress
from kachecks.mysql.errors import BrokenAnswer, SessionError
from kachecks.mysql.wire import NULL, Address, Reader, Wire
from kachecks.mysql.wire_login import log_in

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    from kachecks.mysql.facts import Row

QUIT, QUERY = b"\x01", b"\x03"
MORE_ANSWERS = 8
"""In a status: another answer follows, though only one statement was sent."""


MOST_COLUMNS = 256
"""Of an answer. SHOW REPLICA STATUS has sixty."""

LONGEST_NAME = 256
"""Characters of a column's name; that of an alias of ours has thirty."""

LARGEST_ANSWER = 16 << 20
"""Bytes that its rows take up here, and that they took on the way. A process list of 20,000 busy
sessions takes 12 MiB."""


class Answer:
    """The rows of an answer, while they come in: no more than this process has room for."""

    def __init__(self, address: Address, columns: int) -> None:
        """Raises BrokenAnswer."""
        self.rows: list[Row] = []
        self._address = address
        self._names: list[str] = []
        self._kept = self._sent = 0
        if columns > MOST_COLUMNS:
            raise BrokenAnswer(
                f"{address} sent an answer of {columns} columns, {MOST_COLUMNS} are the most: look"
                " who listens there"
            )
        self._last: list[str | None] = [None] * columns

    def name(self, name: str) -> None:
        """Name the next column. Raises BrokenAnswer."""
        if len(name) > LONGEST_NAME:
            raise BrokenAnswer(
                f"{self._address} names a column by {len(name)} characters, {LONGEST_NAME} are the"
                " most: look who listens there"
            )
        self._names.append(name)

    def add(self, values: list[str | None]) -> None:
        """Take one more row. What is as in the row before is kept once. Raises BrokenAnswer."""
        sent = 8 * len(values)  # what a NULL takes is little, what it costs to look at is not
        kept = 0
        for column, (last, value) in enumerate(zip(self._last, values)):
            sent += len(value or "")
            if value == last:
                values[column] = last
            else:
                kept += getsizeof(value)
        self._last = values
        row = dict(zip(self._names, values))
        self.rows.append(row)
        self._grow(getsizeof(row) + kept, sent)

    def _grow(self, kept: int, sent: int) -> None:
        self._kept += kept
        self._sent += sent
        if max(self._kept, self._sent) > LARGEST_ANSWER:
            raise BrokenAnswer(
                f"{self._address} sent an answer of more than {LARGEST_ANSWER >> 20} MiB: look who"
                " listens there, or what fills its process list"
            )


class Client:
    """A session with a server; see ``mysql.session.Connection``."""

    def __init__(self, address: Address, timeout: float) -> None:
        """Connect and log in within ``timeout`` seconds. Raises SessionError."""
        self._wire = Wire(address, monotonic() + timeout)
        try:
            greeting = log_in(self._wire)
        except BaseException:
            self._wire.close()
            raise
        self.version = greeting.version
        self.connection_id = greeting.connection_id

    def within(self, seconds: float, work: Callable[..., Any], *arguments: Any) -> Any:
        """What ``work`` makes of this client's calls. Raises SessionError."""
        self._wire.until = monotonic() + seconds
        return work(*arguments)

    def run(self, sql: str) -> list[Row]:
        """Send one statement; its rows. Raises SessionError."""
        self._wire.ask(QUERY + sql.encode())
        try:
            return self._answer()
        except IndexError:
            raise self._wire.broken("sent half a packet") from None

    def _answer(self) -> list[Row]:
        packet = self._wire.packet()
        if packet[:1] == b"\0":
            self._ended(packet)
            return []
        if packet[0] == NULL:
            raise self._wire.broken("asks for a file of this host, which it does not get")
        columns = Reader(packet).length() or 0
        answer = Answer(self._wire.address, columns)
        for _ in range(columns):
            answer.name(_name(self._wire.packet()))
        self._ended(self._wire.packet())
        while not _is_end(packet := self._wire.packet()):
            answer.add(_values(packet, columns))
        self._ended(packet)
        return answer.rows

    def _ended(self, packet: bytes) -> None:
        """Raises BrokenAnswer: it is no end, or not that of the only answer."""
        reader = Reader(packet)
        if reader.number(1) == 0:
            reader.length()  # rows changed
            reader.length()  # the last id
            status = reader.number(2)
        elif _is_end(packet):
            reader.number(2)  # warnings
            status = reader.number(2)
        else:
            raise self._wire.broken("sent something else than the end of an answer")
        if status & MORE_ANSWERS:
            raise self._wire.broken("sends a second answer to one statement")

    def listener(self) -> tuple[int | None, str]:
        """See ``Wire.listener``. Raises OSError."""
        return self._wire.listener()

    def close(self) -> None:
        """Say goodbye and close."""
        with suppress(SessionError):
            self._wire.ask(QUIT)
        self._wire.close()

    def abandon(self) -> None:
        """Close, and say nothing."""
        self._wire.close()


def _is_end(packet: bytes) -> bool:
    return packet[:1] == b"\xfe" and len(packet) < 9


def _name(packet: bytes) -> str:
    """Of a column: after its catalogue, schema, table and that table's real name."""
    at = 0
    try:  # a name of more than 250 bytes has a longer length
        for _ in range(4):
            at += 1 + packet[at]
        end = at + 1 + packet[at]
        if end < len(packet) and max(packet[: at + 1]) < NULL:
            return packet[at + 1 : end].decode("utf-8", "replace")
    except IndexError:
        pass
    reader = Reader(packet)
    return [(reader.value() or b"").decode("utf-8", "replace") for _ in range(5)][4]


def _values(packet: bytes, columns: int) -> list[str | None]:
    reader = Reader(packet)
    found = [reader.value() for _ in range(columns)]
    if not reader.at_end:
        raise IndexError
    return [None if value is None else value.decode("utf-8", "replace") for value in found]
