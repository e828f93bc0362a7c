"""An answer may be long, late or wrong: what is kept of it has limits, and then nothing is read.

By both clients: the one of our own over TCP, and the driver over a unix socket in a process of its
own (asker).
"""

from __future__ import annotations

import _socket
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from traceback import extract_tb
from typing import Any

import pytest

from kachecks.mysql import wire_client
from kachecks.mysql.errors import (
    UNASKABLE,
    BrokenAnswer,
    DriverError,
    Lost,
    NoAnswer,
    SessionError,
    word_for,
)
from tests.hostile.behaviours import LIES, Lie, column, packets, says, silent
from tests.unit.doubles.asker import BUSY, ROOT, Asker
from tests.unit.doubles.fake_server import (
    EOF,
    OK,
    answer,
    error,
    listening,
    log_in,
    one_row,
    packet,
    statement,
)
from tests.unit.mysql.test_wire_login import session

PROCESSES = ["Id", "User", "Host", "db", "Command", "Time", "State", "Info", "Progress"]


def process(number: int) -> list[str]:
    """One of many sessions that wait for the same lock."""
    return [
        f"{number}", "application", f"10.20.30.40:{number % 65536}", "shop", "Query", "17",
        "Waiting for table metadata lock", f"CALL orders.mark_as_paid({number:070})",
        "0.000",
    ]  # fmt: skip


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


def lying(lie: Lie) -> Callable[[socket.socket], None]:
    """A server that lets anybody in, and answers the first statement with a lie; then it waits."""

    def behave(client: socket.socket) -> None:
        log_in(client)
        statement(client)
        lie(client)
        while client.recv(4096):
            pass

    return behave


TOO_MUCH = [
    ("endless rows", "more than 16 MiB"),
    ("endless rows of 1 MB", "more than 16 MiB"),
    ("endless rows of wide characters", "more than 16 MiB"),
    ("endless rows of 256 NULLs", "more than 16 MiB"),
    ("a row without an end", "a packet of 16777215 bytes"),
    ("an error of 3 MB", "a packet of 3000009 bytes"),
    ("65535 columns", "65535 columns"),
    ("names of 1 MB", "a column by 1000000 characters"),
    ("garbage", "out of order"),
]


@pytest.mark.parametrize(("lie", "words"), TOO_MUCH)
def test_too_much(lie: str, words: str) -> None:
    assert words in str(refused(lying(LIES[lie])))


def test_the_error_keeps_nothing_of_what_was_read() -> None:
    """status remembers its errors, and asks again."""
    frames = [
        frame.name for frame in extract_tb(refused(lying(LIES["endless rows"])).__traceback__)
    ]
    assert "_given" in frames
    assert not {"_answer", "add"} & set(frames)


HUGE = 64 << 10
"""KiB: no program of ours may be larger, whatever a server sends."""


@pytest.mark.parametrize("lie", [lie for lie, _ in TOO_MUCH])
def test_the_memory_that_too_much_takes(asker: Asker, where: Path | None, lie: str) -> None:
    """The driver's too, which takes whatever is sent."""
    with listening(where, lying(LIES[lie])) as port, closing(Asker(asker.driver)) as fresh:
        made = fresh.connect(where or port)
        reply = fresh.ask("query", id=made["id"], sql="SELECT 1", timeout=9)
        assert "raised" in reply
        status = Path(f"/proc/{fresh.process.pid}/status").read_text()
    assert int(status.partition("VmHWM:")[2].split()[0]) < HUGE, reply


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
]


@pytest.mark.parametrize(("packets", "words"), MALFORMED)
def test_malformed(packets: list[bytes], words: str) -> None:
    assert words in str(refused(lying(says(*packets))))


def test_packets_out_of_order() -> None:
    """The answer to another question would be the next thing to be told as this one's."""
    late = packet(7, b"\x01")
    assert "out of order" in str(refused(answer(lambda _sql: late)))


UNASKED: list[tuple[bytes, type[SessionError], str]] = [
    (one_row("one", "2"), BrokenAnswer, "out of order"),
    (packet(6, OK), BrokenAnswer, "an answer that nobody asked for"),
    (error(1927, "Connection was killed", "70100"), Lost, "Connection was killed"),
]


@pytest.mark.parametrize(
    ("behind", "raised", "words"), UNASKED, ids=["its like", "the next", "an error"]
)
def test_what_comes_behind_an_answer(behind: bytes, raised: type[SessionError], words: str) -> None:
    """It is not told as the answer to the next question."""
    with listening(None, answer(lambda _sql: one_row("one", "1") + behind)) as port:
        made = session(port)
        assert made.query("SELECT 1", 20) == [{"one": "1"}]
        with pytest.raises(raised, match=words) as found:
            made.query("SELECT 2", 20)
        assert type(found.value) is raised


def test_no_file_leaves_this_host(asker: Asker, where: Path | None) -> None:
    heard = bytearray()

    def ask(client: socket.socket) -> None:
        client.sendall(packet(1, b"\xfb/etc/hostname"))
        heard.extend(client.recv(4096))
        client.sendall(packet(3, OK))
        heard.extend(client.recv(4096))

    with listening(where, lying(ask)) as port:
        made = asker.connect(where or port)
        reply = asker.ask("query", id=made["id"], sql="SELECT 1", timeout=BUSY)
        assert reply["raised"] == "BrokenAnswer", reply
        assert "asks for a file of this host" in reply["text"]
        again = asker.ask("query", id=made["id"], sql="SELECT 1", timeout=BUSY)
        assert again["raised"] == "Lost"
    assert bytes(heard) in (b"", b"\0\0\0\x02")  # an empty packet says that there is none


def test_a_process_list_of_20_000_sessions() -> None:
    """So many may have to be closed one by one."""
    sessions = [process(number) for number in range(1_000_000, 1_020_000)]
    found = [b"".join(bytes([len(each)]) + each.encode() for each in row) for row in sessions]
    head = [bytes([len(PROCESSES)]), *[column(name.encode()) for name in PROCESSES], EOF]
    sent = packets(*head, *found, EOF)
    with listening(None, answer(lambda _sql: sent)) as port:
        rows = session(port).query("SHOW PROCESSLIST", 30)
    assert [list(row.values()) for row in rows] == sessions
    assert list(rows[-1]) == PROCESSES


@pytest.mark.parametrize("sent", [one_row("one", "1"), b"\xff\xff\x0f\x01" + bytes(4000)])
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


GIVEN_UP: list[tuple[Lie, str]] = [
    (silent, "NoAnswer"),
    (LIES["endless rows"], "BrokenAnswer"),
    (says(b"\xfc\x2c\x01", *[column(b"n")] * 300, EOF, EOF), "BrokenAnswer"),
]


@pytest.mark.parametrize(("lie", "raised"), GIVEN_UP)
def test_what_is_given_up_is_shut_down(
    asker: Asker, where: Path | None, lie: Lie, raised: str
) -> None:
    """Or a thread that nobody waits for would go on reading for ever."""
    watched = Watched(lying(lie))
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


def test_a_resolver_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    hanging = threading.Event()

    def look_up(*asked: Any) -> Any:
        if asked[-1] == _socket.AI_NUMERICHOST:
            raise _socket.gaierror(-2, "not an address")
        hanging.wait(BUSY)

    monkeypatch.setattr(_socket, "getaddrinfo", look_up)
    try:
        with pytest.raises(DriverError, match="the name db is not resolved in time"):
            session(3306, host="db", timeout=0.2)
    finally:
        hanging.set()


def test_names() -> None:
    with listening(None, answer(lambda _sql: one_row("one", "1"))) as port:
        made = session(port, host="localhost")
        assert made.query("SELECT 1", 2) == [{"one": "1"}]
        for name in ("nowhere.invalid", "grüße.invalid", "x" * 300):
            with pytest.raises(DriverError, match="is unknown here"):
                session(port, host=name)


CONNECT = """
import sys
from kachecks.config.options import Login
from kachecks.mysql.session import Address, Session
login = Login("k", "p", None, int(sys.argv[1]), None, None, None, None, "PREFERRED")
Session(Address(login, "127.0.0.1", None), 5).query("SELECT 1", 5)
print(*sys.modules)
"""


def test_a_session_over_tcp_loads_little() -> None:
    """What only TLS, or a name beyond ASCII, needs costs 10 ms each, and the driver 7."""
    with listening(None, answer(lambda _sql: one_row("one", "1"))) as port:
        command = [sys.executable, "-S", "-c", f"import sys; sys.path += {sys.path!r}{CONNECT}"]
        ran = subprocess.run(
            [*command, str(port)], cwd=ROOT, capture_output=True, text=True, check=True, timeout=30
        )
    loaded = set(ran.stdout.split())
    assert "kachecks.mysql.wire_client" in loaded
    assert not loaded & {"ssl", "socket", "re", "encodings.idna", "hashlib", "_mysql_connector"}


def test_others_sessions_are_left_alone(asker: Asker, where: Path | None) -> None:
    def some(sql: str) -> bytes:
        return b"" if sql == "SELECT 1" else one_row("one", "1")

    with listening(where, answer(some)) as port:
        first, second, third = (asker.connect(where or port)["id"] for _ in range(3))
        assert asker.ask("query", id=second, sql="SELECT 1", timeout=0.2)["raised"] == "NoAnswer"
        for each in (first, third):
            reply = asker.ask("query", id=each, sql="SELECT 2", timeout=5)
            assert reply.get("rows") == [{"one": "1"}], reply


@pytest.mark.parametrize("table", ["t", "t" * 250, "t" * 251, "\U0001f40d" * 64])
@pytest.mark.parametrize("name", ["n", "n" * 250, "n" * 300])
def test_the_name_of_a_column(table: str, name: str) -> None:
    """Lengths below 251 take a byte, others more."""
    texts = [each.encode() for each in ("def", "schema", table, table, name, name)]
    packet = b"".join(
        (bytes([len(text)]) if len(text) < 251 else b"\xfc" + len(text).to_bytes(2, "little"))
        + text
        for text in texts
    )
    assert wire_client._name(packet + b"\x0c" + bytes(12)) == name
    with pytest.raises(IndexError):
        wire_client._name(packet[: len(packet) // 2])
