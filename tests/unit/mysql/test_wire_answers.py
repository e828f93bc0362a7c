"""An answer may be long, late or wrong: what is kept of it has limits, and then nothing is read.

By both clients: the one of our own over TCP, and the driver over a unix socket in a process of its
own (asker).
"""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from kachecks.mysql.errors import UNASKABLE, BrokenAnswer, Lost, NoAnswer, word_for
from tests.unit.doubles.asker import BUSY, Asker
from tests.unit.doubles.fake_server import (
    EOF,
    OK,
    answer,
    listening,
    log_in,
    one_row,
    packet,
    rows,
    statement,
)
from tests.unit.mysql.test_wire_login import session

PROCESSES = ["Id", "User", "Host", "db", "Command", "Time", "State", "Info", "Progress"]
PROCESS = ["1234567", "application", "10.20.30.40:54321", "shop", "Sleep", "17", "", None, "0.000"]


def refused(behave: Callable[[socket.socket], None], timeout: float = 20.0) -> BrokenAnswer:
    """What a question is answered with; the session is shut down by then."""
    with listening(None, behave) as port:
        made = session(port)
        with pytest.raises(BrokenAnswer) as raised:
            made.query("SELECT 1", timeout)
        with pytest.raises(Lost):
            made.query("SELECT 2", timeout)
        made.close()
    assert word_for(raised.value) == UNASKABLE
    assert "look who listens there" in str(raised.value)
    return raised.value


def to_a_question(*packets: bytes) -> Callable[[socket.socket], None]:
    """Packets numbered from 1 on in answer to a statement; then it waits."""
    sent = b"".join(packet(number % 256, payload) for number, payload in enumerate(packets, 1))
    return answer(lambda _sql: sent)


def column(name: bytes) -> bytes:
    size = b"\xfd" + len(name).to_bytes(3, "little")
    return b"\x03def" + bytes(3) + size + name + b"\0\x0c\xff\0\xff\0\0\0\xfd" + bytes(5)


def endless(first: bytes, more: Callable[[], Iterator[bytes]]) -> Callable[[socket.socket], None]:
    """After ``first``, packets for as long as somebody reads them."""

    def behave(client: socket.socket) -> None:
        log_in(client)
        statement(client)
        client.sendall(first)
        for number, payload in enumerate(more(), 4):
            client.sendall(packet(number % 256, payload))

    return behave


HEAD = rows(["one"])[: -len(packet(4, EOF))]


def again(payload: bytes) -> Callable[[], Iterator[bytes]]:
    def more() -> Iterator[bytes]:
        while True:
            yield payload

    return more


TOO_MUCH: list[tuple[Callable[[socket.socket], None], str]] = [
    (endless(HEAD, again(b"\x02ab")), "more than 24 MiB"),
    (endless(HEAD, again(b"\xfd\xff\xff\x0f" + b"x" * 0xFFFFF)), "more than 24 MiB"),
    (endless(HEAD, again(b"\xfd\xfa\xff\xff" + b"x" * 0xFFFFFA)), "a packet of"),
    (to_a_question(b"\xfc\xff\xff"), "65535 columns"),
    (to_a_question(b"\xfe" + b"\xff" * 8), "columns"),
    (to_a_question(b"\xfc\x00\x01", *[column(b"n" * 500_000)] * 256), "more than 24 MiB"),
]


@pytest.mark.parametrize(("behave", "words"), TOO_MUCH)
def test_too_much(behave: Callable[[socket.socket], None], words: str) -> None:
    assert words in str(refused(behave))


MALFORMED: list[tuple[list[bytes], str]] = [
    ([b""], "half a packet"),
    ([b"\x01", b"\x03def"], "half a packet"),
    ([b"\x01", column(b"one"), OK[:2]], "half a packet"),
    ([b"\x01", column(b"one"), b"\x01x"], "the end of an answer"),
    ([b"\x01", column(b"one"), EOF, b"\x05x"], "half a packet"),
    ([b"\x01", column(b"one"), EOF, b"\x01xx"], "half a packet"),
    ([b"\x01", column(b"one"), EOF, b""], "half a packet"),
    ([b"\x01", column(b"one"), EOF, b"\xfe" + b"\xff" * 8 + b"x"], "half a packet"),
    ([b"\x01", column(b"one"), EOF, b"\xff\x01"], "half an error"),
    ([b"\x01", column(b"one"), EOF, b"\xfe\0\0\x08\0"], "a second answer"),
    ([b"\0\0\0\x08\0\0\0"], "a second answer"),
    ([b"\0"], "half a packet"),
    ([b"\0\xfb\xfb"], "half a packet"),
    ([b"\xfb/etc/shadow"], "asks for a file of this host"),
]


@pytest.mark.parametrize(("packets", "words"), MALFORMED)
def test_malformed(packets: list[bytes], words: str) -> None:
    assert words in str(refused(to_a_question(*packets)))


def test_packets_out_of_order() -> None:
    """The answer to another question would be the next thing to be told as this one's."""
    late = packet(7, b"\x01")
    assert "out of order" in str(refused(answer(lambda _sql: late)))


def test_no_file_leaves_this_host() -> None:
    heard = bytearray()
    ended = threading.Event()

    def ask(client: socket.socket) -> None:
        log_in(client)
        statement(client)
        client.sendall(packet(1, b"\xfb/etc/hostname"))
        with suppress(OSError):
            while more := client.recv(4096):
                heard.extend(more)
        ended.set()

    refused(ask)
    assert ended.wait(BUSY)
    assert heard == b""


def test_a_process_list_of_20_000_sessions() -> None:
    """So many may have to be closed one by one."""
    with listening(None, answer(lambda _sql: _numbered(PROCESSES, PROCESS, 20_000))) as port:
        made = session(port)
        found = made.query("SHOW PROCESSLIST", 30)
    assert len(found) == 20_000
    assert found[-1] == dict(zip(PROCESSES, PROCESS))


def _numbered(names: list[str], values: list[str | None], times: int) -> bytes:
    """One row many times; packets' numbers go round."""
    whole = rows(names, values)
    parts = []
    while whole:
        size = 4 + int.from_bytes(whole[:3], "little")
        parts.append(whole[4:size])
        whole = whole[size:]
    *head, row, end = parts
    parts = [*head, *[row] * times, end]
    return b"".join(packet(number % 256, part) for number, part in enumerate(parts, 1))


@pytest.mark.parametrize("sent", [one_row("one", "1"), b"\xff\xff\x1f\x01" + bytes(4000)])
def test_an_answer_byte_by_byte(sent: bytes) -> None:
    """Each byte is in time; the whole is not."""
    waiting = threading.Event()

    def drip(client: socket.socket) -> None:
        log_in(client)
        statement(client)
        for byte in sent:
            client.sendall(bytes([byte]))
            waiting.wait(0.05)

    with listening(None, drip) as port:
        made = session(port)
        with pytest.raises(NoAnswer):
            made.query("SELECT 1", 0.3)


def test_a_question_that_was_interrupted() -> None:
    """Its answer is still on the way, and would be told as that of the next one."""

    class Interrupted(BaseException):
        pass

    def interrupt(*_: object) -> None:
        raise Interrupted

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with listening(None, answer(lambda _sql: b"")) as port:
            made = session(port)
            signal.setitimer(signal.ITIMER_REAL, 0.2)
            with pytest.raises(Interrupted):
                made.query("SELECT 1", 20)
            with pytest.raises(Lost):
                made.query("SELECT 2", 20)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


# The same by the driver, and what is left behind -------------------------------------------------


class Watched:
    """A behaviour, and whether its client has gone."""

    def __init__(self, behave: Callable[[socket.socket], None]) -> None:
        self._behave = behave
        self.gone = threading.Event()

    def __call__(self, client: socket.socket) -> None:
        try:
            with suppress(OSError):
                self._behave(client)
                while client.recv(4096):
                    pass
        finally:
            self.gone.set()


def never(_sql: str) -> bytes:
    return b""


GIVEN_UP: list[tuple[Callable[[socket.socket], None], str]] = [
    (answer(never), "NoAnswer"),
    (endless(HEAD, again(b"\x02ab")), "BrokenAnswer"),
    (to_a_question(b"\xfc\x2c\x01", *[column(b"n")] * 300, EOF, EOF), "BrokenAnswer"),
]


@pytest.mark.parametrize(("behave", "raised"), GIVEN_UP)
def test_what_is_given_up_is_shut_down(
    asker: Asker, where: Path | None, behave: Callable[[socket.socket], None], raised: str
) -> None:
    """Or a thread that nobody waits for would go on reading for ever."""
    watched = Watched(behave)
    with listening(where, watched) as port:
        made = asker.connect(where or port)
        reply = asker.ask(
            "query", id=made["id"], sql="SELECT 1", timeout=0.2 if raised == "NoAnswer" else 9
        )
        assert reply["raised"] == raised, reply
        assert watched.gone.wait(BUSY)


def test_a_login_that_is_given_up_is_shut_down(asker: Asker, where: Path | None) -> None:
    watched = Watched(lambda client: client.sendall(b"\x50"))
    with listening(where, watched) as port:
        assert asker.connect(where or port, 0.2)["raised"] == "NoAnswer"
        assert watched.gone.wait(BUSY)


def test_others_sessions_are_left_alone(asker: Asker, where: Path | None) -> None:
    def some(sql: str) -> bytes:
        return b"" if sql == "SELECT 1" else one_row("one", "1")

    with listening(where, answer(some)) as port:
        first, second, third = (asker.connect(where or port)["id"] for _ in range(3))
        assert asker.ask("query", id=second, sql="SELECT 1", timeout=0.2)["raised"] == "NoAnswer"
        for each in (first, third):
            reply = asker.ask("query", id=each, sql="SELECT 2", timeout=5)
            assert reply.get("rows") == [{"one": "1"}], reply
