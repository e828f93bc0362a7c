"""Both clients against servers in every kind of trouble.

Each test runs with the C extension and with the client of our own, in a process of its own
(asking.py). Over TCP both are the latter.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from kachecks import bounded
from kachecks.bounded import GivenUp, within
from tests.unit.doubles import fake_server
from tests.unit.doubles.asker import BUSY, Asker, needs_root
from tests.unit.doubles.fake_server import Behaviour, answer, listening, one_row

# Servers in trouble ------------------------------------------------------------------------------

TROUBLE = [
    # behaviour, what is raised, its number, the text has
    (fake_server.close, "Lost", None, "closed the connection"),
    (
        fake_server.refuse(1040, "Too many connections", "08004"),
        "ServerError", 1040, "Too many connections",
    ),
    (fake_server.refuse(1040, "Too many connections"), "ServerError", 1040, "connections"),
    (fake_server.refuse(1130, "Host 'x' is not allowed"), "ServerError", 1130, "Host 'x'"),
    (fake_server.refuse(1129, "Host 'x' is blocked"), "ServerError", 1129, "blocked"),
    (fake_server.refuse(1053, "Server shutdown in progress"), "Lost", None, "shutdown"),
    (fake_server.deny(1045, "Access denied for 'k'"), "ServerError", 1045, "Access denied"),
    (fake_server.deny(1226, "User 'k' has exceeded"), "ServerError", 1226, "exceeded"),
    (fake_server.deny(3032, "offline mode"), "ServerError", 3032, "offline mode"),
    (lambda client: client.sendall(b"SSH-2.0-OpenSSH_9.2\r\n"), None, None, ""),
]  # fmt: skip


@pytest.mark.parametrize(("behaviour", "raised", "errno", "words"), TROUBLE)
def test_greeting(
    asker: Asker, where: Path | None, behaviour: Behaviour, raised: str | None, errno: int | None,
    words: str,
) -> None:  # fmt: skip
    with listening(where, behaviour) as port:
        reply = asker.connect(where or port, 2.0 if raised else 0.3)
    assert reply["raised"] == raised or (raised is None and reply["raised"] != "Refused")
    assert reply["errno"] == errno or raised is None
    assert words in reply["text"]
    assert reply["seconds"] < 0.5 + BUSY


@pytest.mark.parametrize("sent", [fake_server.refuse, fake_server.deny])
@pytest.mark.parametrize("errno", [2002, 2003])
def test_a_server_that_sends_a_clients_error_is_alive(
    asker: Asker, where: Path | None, sent: Callable[[int, str], Behaviour], errno: int
) -> None:
    """By these numbers a client says that nobody listens."""
    with listening(where, sent(errno, "refused (111)")) as port:
        reply = asker.connect(where or port, 2.0)
    assert reply["raised"] in ("ServerError", "BrokenAnswer")


@pytest.mark.parametrize("behaviour", [fake_server.mute, fake_server.drip])
def test_no_greeting(askers: list[Asker], where: Path | None, behaviour: Behaviour) -> None:
    with listening(where, behaviour) as port:
        no_answer(askers, where or port, 0.2)


def test_no_greeting_in_the_time_of_the_driver_itself(askers: list[Asker], tmp_path: Path) -> None:
    """It counts in whole seconds."""
    with listening(tmp_path / "s.sock", fake_server.mute):
        no_answer(askers, tmp_path / "s.sock", 1.0)


def no_answer(askers: list[Asker], where: Path | int, seconds: float) -> None:
    for asker in askers:
        asker.send_connect(where, seconds)
    for asker in askers:
        reply = asker.reply(10)
        assert reply["raised"] == "NoAnswer"
        assert "no answer from " in reply["text"]
        assert seconds - 0.1 < reply["seconds"] < seconds + BUSY


def test_nobody_listens(wire: Asker, where: Path | None) -> None:
    if where is None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            reply = wire.connect(unused.getsockname()[1])
    else:
        reply = wire.connect(where)  # no such file
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(where))
        stale = wire.connect(where)
        assert stale["raised"] == "Refused"
    assert reply["raised"] == "Refused"
    assert "nobody listens on" in reply["text"]
    assert reply["seconds"] < 0.3 + BUSY


def test_socket_file_that_we_may_not_open(wire: Asker, tmp_path: Path) -> None:
    """A directory is in the way: that is this host's trouble, and says nothing of the server."""
    (tmp_path / "file").touch()
    reply = wire.connect(tmp_path / "file" / "s.sock")
    assert reply["raised"] == "DriverError"


def test_full_queue_of_a_unix_socket(wire: Asker, tmp_path: Path) -> None:
    """A stopped mysqld whose clients come again and again."""
    path = tmp_path / "s.sock"
    with ExitStack() as open_sockets:
        full(open_sockets, socket.AF_UNIX, str(path))
        reply = wire.connect(path, 0.5)
    assert reply["raised"] == "NoAnswer"
    assert 0.5 <= reply["seconds"] < 0.8 + BUSY


def test_a_queue_that_is_full_for_a_moment(wire: Asker, tmp_path: Path) -> None:
    """A server with many new clients at once is not hung."""
    path = tmp_path / "s.sock"
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as first:
        listener.settimeout(5)
        listener.bind(str(path))
        listener.listen(0)
        first.connect(str(path))
        wire.send_connect(path, 5.0)
        time.sleep(0.1)
        listener.accept()[0].close()
        listener.accept()[0].close()
        reply = wire.reply(10)
    assert reply["raised"] == "Lost"


def test_full_queue_over_tcp(askers: list[Asker]) -> None:
    """It drops SYNs like a host that is gone; a reset from another port tells them apart."""
    with ExitStack() as open_sockets:
        (_, port) = full(open_sockets, socket.AF_INET, ("127.0.0.1", 0))
        for asker in askers:
            asker.send_connect(port, 0.2)
        raised = [asker.reply(10)["raised"] for asker in askers]
    assert set(raised) == {"NoAnswer"}


def full(keep: ExitStack, family: int, address: Any) -> Any:
    """A listener that accepts nobody any more; its address."""
    listener = keep.enter_context(socket.socket(family))
    listener.bind(address)
    listener.listen(0)
    for _ in range(3):
        client = keep.enter_context(socket.socket(family))
        client.setblocking(False)
        client.connect_ex(listener.getsockname())
    time.sleep(0.02)
    return listener.getsockname()


NAMESPACE = """
ip link set lo up
ip link add quiet type veth peer name nobody
ip link set nobody up
ip addr add 10.9.0.1/24 dev quiet
ip link set quiet up
ip route add unreachable 10.9.1.0/24
exec "$@"
"""


@needs_root
def test_absent_hosts(askers: list[Asker]) -> None:
    namespace = ("unshare", "--net", "sh", "-c", NAMESPACE, "sh")
    with ExitStack() as running:
        inside = [
            running.enter_context(closing(Asker(asker.driver, *namespace))) for asker in askers
        ]
        for host, raised in (
            ("10.9.0.2", "Unreachable"),  # not a word
            ("10.9.1.2", "Unreachable"),  # no route to that host
            ("10.8.0.2", "NotSent"),  # no route at all: a sign of neither life nor death
        ):
            for asker in inside:
                asker.send_connect(3306, 0.2, host=host)
            for asker in inside:
                reply = asker.reply(10)
                assert reply["raised"] == raised, (asker.driver, host, reply)
                assert reply["seconds"] < 0.8 + BUSY  # the driver's time, and a second SYN


# Servers that stop in the middle -----------------------------------------------------------------


def never(_sql: str) -> bytes:
    return b""


def half(_sql: str) -> bytes:
    return one_row("one", "1")[:9]


def stops(client: socket.socket) -> None:
    fake_server.log_in(client)
    while data := client.recv(4096):
        if b"SELECT" in data:
            return
        client.sendall(fake_server.packet(1, fake_server.OK))


@pytest.mark.parametrize(
    ("behaviour", "raised"),
    [(answer(never), "NoAnswer"), (answer(half), "NoAnswer"), (stops, "Lost")],
)
def test_statement(asker: Asker, where: Path | None, behaviour: Behaviour, raised: str) -> None:
    with listening(where, behaviour) as port:
        made = asker.connect(where or port)
        assert made["version"] == "8.4.0-fake"
        assert made["connection"] == 77
        patience = 0.15 if raised == "NoAnswer" else 2.0
        reply = asker.ask("query", id=made["id"], sql="SELECT 1", timeout=patience)
        assert reply["raised"] == raised
        assert reply["seconds"] < 0.5 + BUSY
        # A session that was given up is never used again: an answer may still be on its way.
        again = asker.ask("query", id=made["id"], sql="SELECT 2", timeout=0.3)
        assert again["raised"] == "Lost"
        assert again["seconds"] < 0.05 + BUSY
        closed = asker.ask("close", id=made["id"])
        assert "raised" not in closed
        assert closed["seconds"] < 0.3 + BUSY


def test_an_error_leaves_the_session_usable(asker: Asker, where: Path | None) -> None:
    answers = iter([fake_server.error(1227, "you need SUPER", "42000", 1), one_row("one", "1")])
    with listening(where, answer(lambda _sql: next(answers))) as port:
        made = asker.connect(where or port)
        denied = asker.ask("query", id=made["id"], sql="SHOW REPLICA STATUS", timeout=1)
        assert (denied["raised"], denied["errno"]) == ("ServerError", 1227)
        assert denied["text"].endswith("you need SUPER")
        right = asker.ask("query", id=made["id"], sql="SELECT 1 AS one", timeout=1)
        assert right["rows"] == [{"one": "1"}]


def test_each_of_many_statements(asker: Asker, where: Path | None) -> None:
    refusal = fake_server.error(1094, "Unknown thread id: 2", "HY000", 1)
    answers = {"KILL 2": refusal}
    done = fake_server.packet(1, fake_server.OK)
    with listening(where, answer(lambda sql: answers.get(sql, done))) as port:
        made = asker.connect(where or port)
        kills = ["KILL 1", "KILL 2", "KILL 3"]
        reply = asker.ask("execute_each", id=made["id"], statements=kills, seconds=1, timeout=1)
        assert reply["errors"] == [None, 1094, None]
        reply = asker.ask("execute_each", id=made["id"], statements=kills, seconds=0, timeout=1)
        assert reply["errors"] == [None]


def test_one_time_for_many_statements(asker: Asker, where: Path | None) -> None:
    with listening(where, answer(never)) as port:
        made = asker.connect(where or port)
        kills = ["KILL 1", "KILL 2"]
        many = {"statements": kills, "seconds": 0.1, "timeout": 0.05}
        reply = asker.ask("execute_each", id=made["id"], **many)
        assert reply["raised"] == "NoAnswer"
        again = asker.ask("execute_each", id=made["id"], **many)
        assert again["raised"] == "Lost"


def test_a_server_that_dies(asker: Asker, tmp_path: Path) -> None:
    """KILLed by an administrator, or shut down: lost, not an error of a living server."""
    for errno in (1053, 1927):
        reply = fake_server.error(errno, "Connection was killed", "70100", 1)
        with listening(tmp_path / f"{errno}", answer(lambda _sql, reply=reply: reply)):
            made = asker.connect(tmp_path / f"{errno}")
            assert asker.ask("query", id=made["id"], sql="SELECT 1", timeout=1)["raised"] == "Lost"


@pytest.mark.parametrize("mode", ["REQUIRED", "VERIFY_CA"])
def test_a_server_without_tls_where_tls_is_wanted(asker: Asker, mode: str) -> None:
    with listening(
        None, answer(lambda _sql: one_row("Variable_name", "Ssl_cipher", "Value", ""))
    ) as port:
        certificates = {"ssl_ca": "/etc/ssl/certs/ca-certificates.crt"} if "CA" in mode else {}
        reply = asker.connect(port, ssl_mode=mode, **certificates)
    assert reply["raised"] == "ServerError"


# The deadline itself -----------------------------------------------------------------------------


def test_within() -> None:
    assert within(1, lambda one, two: one + two, 1, 2) == 3
    with pytest.raises(ZeroDivisionError):
        within(1, lambda: 1 // 0)
    for seconds in (0.1, 0, -1):
        begin = time.monotonic()
        with pytest.raises(GivenUp):
            within(seconds, time.sleep, 9)
        assert time.monotonic() - begin < 0.1 + BUSY


def test_without_a_thread_the_work_is_done_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """TasksMax of a systemd unit: what closes a server counts for more than its deadline."""

    def none_left(*_arguments: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(bounded, "start_new_thread", none_left)
    assert within(1, lambda one, two: one + two, 1, 2) == 3


def test_within_looks_after_slow_work() -> None:
    looks: list[float] = []

    def look() -> None:
        looks.append(time.monotonic())
        if len(looks) == 3:
            raise InterruptedError

    done = Event()
    with pytest.raises(InterruptedError):
        within(9, done.wait, 9, meanwhile=look)
    done.set()
    with pytest.raises(GivenUp):
        within(0.1, Event().wait, 1, meanwhile=lambda: None)
