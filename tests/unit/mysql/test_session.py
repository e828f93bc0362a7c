"""Both drivers against servers in every kind of trouble, and against a real one.

Each test runs with the C extension and with the pure driver, in a process of its own (asking.py).
"""

from __future__ import annotations

import json
import os
import select
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from kachecks.bounded import GivenUp, within
from tests.unit.doubles import fake_server
from tests.unit.doubles.fake_server import Behaviour, answer, listening, one_row

ROOT = Path(__file__).parents[3]
PASSWORD = "hunter2-Tr0ub4dor"  # noqa: S105 - must never be seen in any text
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root for a network namespace")


class Asker:
    """The process that asks, with one of the drivers."""

    def __init__(self, driver: str, *prefix: str) -> None:
        self.driver = driver
        self.process = subprocess.Popen(
            [*prefix, sys.executable, "-m", "tests.unit.doubles.asking"],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
        )  # fmt: skip
        self.extension = self.reply(10)["extension"]

    def ask(self, do: str, **request: Any) -> dict[str, Any]:
        """The reply; what it says never holds the password."""
        self.send(do, **request)
        return self.reply(10)

    def send(self, do: str, **request: Any) -> None:
        """Ask, and do not wait: ``reply`` will have it."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"do": do, **request}) + "\n")

    def connect(self, where: Path | int, timeout: float = 1.0, **login: Any) -> dict[str, Any]:
        """Connect to a unix socket, or to a port on loopback."""
        self.send_connect(where, timeout, **login)
        return self.reply(10)

    def send_connect(self, where: Path | int, timeout: float, **login: Any) -> None:
        path, port = (str(where), 3306) if isinstance(where, Path) else (None, where)
        host = login.pop("host", "127.0.0.1")
        login = {"password": PASSWORD, **login}
        self.send(
            "connect", driver=self.driver, timeout=timeout, socket=path, host=host, port=port,
            **login,
        )  # fmt: skip

    def reply(self, seconds: float) -> dict[str, Any]:
        assert self.process.stdout is not None
        assert select.select([self.process.stdout], [], [], seconds)[0], "no reply"
        line = self.process.stdout.readline()
        assert PASSWORD not in line
        return dict(json.loads(line))

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture(scope="module")
def askers() -> Iterator[list[Asker]]:
    """Both drivers, or the pure one where there is no C extension."""
    with closing(Asker("c")) as extension, closing(Asker("pure")) as pure:
        yield [extension, pure] if extension.extension else [pure]


@pytest.fixture(params=["c", "pure"])
def asker(request: pytest.FixtureRequest, askers: list[Asker]) -> Asker:
    found = [each for each in askers if each.driver == request.param]
    if not found:
        pytest.skip("the C extension of mysql-connector-python cannot be loaded here")
    return found[0]


@pytest.fixture(params=["unix", "tcp"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    return tmp_path / "s.sock" if request.param == "unix" else None


BUSY = 4.0
"""Seconds that a machine with other things to do may add to a deadline; without one, the servers
here would hold a client for ever."""

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


def test_nobody_listens(asker: Asker, where: Path | None) -> None:
    if where is None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            reply = asker.connect(unused.getsockname()[1])
    else:
        reply = asker.connect(where)  # no such file
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(where))
        stale = asker.connect(where)
        assert stale["raised"] == "Refused"
    assert reply["raised"] == "Refused"
    assert "nobody listens on" in reply["text"]
    assert reply["seconds"] < 0.3 + BUSY


def test_socket_file_that_we_may_not_open(asker: Asker, tmp_path: Path) -> None:
    """A directory is in the way: that is this host's trouble, and says nothing of the server."""
    (tmp_path / "file").touch()
    reply = asker.connect(tmp_path / "file" / "s.sock")
    assert reply["raised"] == "DriverError"


def test_full_queue_of_a_unix_socket(asker: Asker, tmp_path: Path) -> None:
    """A stopped mysqld whose clients come again and again."""
    path = tmp_path / "s.sock"
    with ExitStack() as open_sockets:
        full(open_sockets, socket.AF_UNIX, str(path))
        reply = asker.connect(path, 0.5)
    assert reply["raised"] == "NoAnswer"
    assert reply["seconds"] < 0.8 + BUSY


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
            ("10.8.0.2", "DriverError"),  # no route at all: it is this host that is cut off
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


# A real server -----------------------------------------------------------------------------------


class Server(NamedTuple):
    """A mariadbd of this session."""

    socket: Path
    port: int
    pid: int


@pytest.fixture(scope="module")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    if not shutil.which("mariadbd"):
        pytest.skip("needs mariadbd")
    directory = tmp_path_factory.mktemp("m")
    user = ["--user=root"] if os.geteuid() == 0 else []
    made = subprocess.run(
        ["mariadb-install-db", "--no-defaults", f"--datadir={directory}/data", "--force",
         f"--tmpdir={directory}",  # servers that share one remove each other's tables
         "--skip-test-db", "--auth-root-authentication-method=normal", *user],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    path = directory / "s.sock"
    process = subprocess.Popen(
        ["mariadbd", "--no-defaults", f"--datadir={directory}/data", f"--socket={path}",
         f"--tmpdir={directory}",
         f"--port={port}", "--bind-address=127.0.0.1", "--skip-name-resolve",
         "--innodb-buffer-pool-size=16M", "--innodb-log-file-size=8M",
         f"--log-error={directory}/log", *user],
    )  # fmt: skip
    try:
        end = time.monotonic() + 20
        while not path.exists():
            assert process.poll() is None and time.monotonic() < end, (
                directory / "log"
            ).read_text()
            time.sleep(0.02)
        yield Server(path, port, process.pid)
    finally:
        process.kill()
        process.wait()


def root(asker: Asker, where: Path | int) -> int:
    made = asker.connect(where, 3, user="root", password=None)
    assert "raised" not in made, made
    assert "MariaDB" in made["version"]
    return int(made["id"])


@pytest.mark.parametrize("by", ["socket", "port"])
def test_rows(asker: Asker, mariadb: Server, by: str) -> None:
    number = root(asker, getattr(mariadb, by))
    sql = (
        "SELECT NULL AS nothing, '' AS empty, 'grüße ✓ 🐬' AS text, 42 AS number, 1.50 AS fraction"
    )
    reply = asker.ask("query", id=number, sql=f"{sql}, @@global.read_only AS read_only", timeout=2)
    assert reply["rows"] == [
        {
            "nothing": None,
            "empty": "",
            "text": "grüße ✓ 🐬",
            "number": "42",
            "fraction": "1.50",
            "read_only": "0",
        }
    ]
    assert list(reply["rows"][0]) == ["nothing", "empty", "text", "number", "fraction", "read_only"]
    many = asker.ask("query", id=number, sql="SELECT seq FROM mysql.seq_1_to_3000", timeout=2)
    assert [row["seq"] for row in many["rows"]] == [str(n) for n in range(1, 3001)]
    none = asker.ask("query", id=number, sql="SHOW ALL SLAVES STATUS", timeout=2)
    assert none["rows"] == []
    asker.ask("close", id=number)


def test_execute(asker: Asker, mariadb: Server) -> None:
    number = root(asker, mariadb.socket)
    for sql in ("SET GLOBAL read_only = 1", "DO 1", "SET SESSION lock_wait_timeout = 1"):
        assert "raised" not in asker.ask("execute", id=number, sql=sql, timeout=2)
    rows = asker.ask("query", id=number, sql="SELECT @@read_only, @@autocommit", timeout=2)["rows"]
    assert rows == [{"@@read_only": "1", "@@autocommit": "1"}]
    asker.ask("execute", id=number, sql="SET GLOBAL read_only = 0", timeout=2)
    wrong = asker.ask("execute", id=number, sql="KILL 999999", timeout=2)
    assert (wrong["raised"], wrong["errno"]) == ("ServerError", 1094)
    asker.ask("close", id=number)


def test_deadline_of_a_statement(asker: Asker, mariadb: Server) -> None:
    number = root(asker, mariadb.socket)
    reply = asker.ask("query", id=number, sql="SELECT SLEEP(3)", timeout=0.2)
    assert reply["raised"] == "NoAnswer"
    assert reply["seconds"] < 0.4 + BUSY


def test_wrong_password(asker: Asker, mariadb: Server) -> None:
    for place in (mariadb.socket, mariadb.port):
        reply = asker.connect(place, user="root")
        assert (reply["raised"], reply["errno"]) == ("ServerError", 1045)


def test_killed_session(asker: Asker, mariadb: Server) -> None:
    made = asker.connect(mariadb.socket, 3, user="root", password=None)
    other = root(asker, mariadb.socket)
    asker.ask("execute", id=other, sql=f"KILL {made['connection']}", timeout=2)
    reply = asker.ask("query", id=made["id"], sql="SELECT 1", timeout=2)
    assert reply["raised"] == "Lost"
    asker.ask("close", id=other)


def test_goodbye_is_said(asker: Asker, mariadb: Server) -> None:
    """The server ends the session at once, and counts no aborted client."""
    asking = root(asker, mariadb.socket)

    def ask(sql: str) -> Any:
        return asker.ask("query", id=asking, sql=sql, timeout=2)["rows"]

    before = ask("SHOW GLOBAL STATUS LIKE 'Aborted_clients'")
    made = asker.connect(mariadb.socket, 3, user="root", password=None)
    asker.ask("close", id=made["id"])
    end = time.monotonic() + BUSY
    while str(made["connection"]) in [row["Id"] for row in ask("SHOW PROCESSLIST")]:
        assert time.monotonic() < end
    assert ask("SHOW GLOBAL STATUS LIKE 'Aborted_clients'") == before
    asker.ask("close", id=asking)


def test_process_behind_the_socket(asker: Asker, mariadb: Server) -> None:
    others = [root(asker, mariadb.port), root(asker, mariadb.socket)]
    number = root(asker, mariadb.socket)
    assert asker.ask("server_pid", id=number)["pid"] == mariadb.pid
    assert asker.ask("server_pid", id=others[0])["pid"] is None  # over TCP nobody can tell
    for each in (number, *others):
        asker.ask("close", id=each)


@pytest.mark.parametrize("mode", ["PREFERRED", "DISABLED"])
def test_tls_is_not_forced(asker: Asker, mariadb: Server, mode: str) -> None:
    """MariaDB before 11.4 has no certificate unless it is given one."""
    made = asker.connect(mariadb.port, 3, user="root", password=None, ssl_mode=mode)
    assert "raised" not in made, made
    asker.ask("close", id=made["id"])


@pytest.mark.parametrize("mode", ["REQUIRED"])
def test_tls_is_insisted_on(asker: Asker, mariadb: Server, mode: str) -> None:
    reply = asker.connect(mariadb.port, 3, user="root", password=None, ssl_mode=mode)
    assert reply["raised"] == "ServerError"
