"""Real processes with named threads and sockets, which the kernel knows as mysqld."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from kachecks.mysql import sockets, stopping
from kachecks.mysql.stopping import Threads, end_sending, end_sessions
from kachecks.mysqld_process import Process, identify

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="takes sockets of another process")

CLIENTS = 2
NONE: frozenset[int] = frozenset()

SERVER = f"""
import ctypes, os, socket, sys, threading, time

named = threading.Semaphore(0)

def name(text):
    ctypes.CDLL(None).prctl(15, text.encode())  # PR_SET_NAME
    named.release()

def sleep(text):
    name(text)
    time.sleep(60)

def serve(session, text):
    name(text)
    got = session.recv(100)
    print("has read", flush=True)
    time.sleep(0.1)  # its commit is under way
    session.sendall(b"OK " + (got or b"and nothing more"))
    while session.recv(100):
        pass
    session.close()

name("mysqld")
log = open(sys.argv[1] + "/binlog.000007", "w")
log.write("x" * 158)
log.flush()
older = open(sys.argv[1] + "/binlog.000006", "w")
journal = socket.socket(socket.AF_UNIX)
other = socket.socket(socket.AF_UNIX)
other.bind(sys.argv[1] + "/journal.sock")
other.listen()
journal.connect(sys.argv[1] + "/journal.sock")
taken = other.accept()[0].detach()
other.close()
os.close(taken)
listener = socket.create_server(("127.0.0.1", 0))
unix = socket.socket(socket.AF_UNIX)
unix.bind(sys.argv[1] + "/mysqld.sock")
unix.listen()
print(listener.getsockname()[1], flush=True)
for each in [listener] * ({CLIENTS} - 1) + [unix]:
    threading.Thread(target=serve, args=(each.accept()[0], sys.argv[2])).start()
for each in sys.argv[3:]:
    threading.Thread(target=sleep, args=(each,), daemon=True).start()
for _ in range(1 + {CLIENTS} + len(sys.argv[3:])):
    named.acquire()
print("has all", flush=True)
sys.stdin.readline()
listener.close()
unix.close()
print("listens no more", flush=True)
time.sleep(60)
"""


class Mysqld(NamedTuple):
    """One, and its clients."""

    process: Process
    child: subprocess.Popen[str]
    clients: list[socket.socket]

    def has_read(self) -> None:
        """A session has its client's statement."""
        assert self.child.stdout is not None
        assert self.child.stdout.readline() == "has read\n"

    def stop(self) -> None:
        """It closes its listening sockets."""
        assert self.child.stdin is not None
        assert self.child.stdout is not None
        self.child.stdin.write("\n")
        self.child.stdin.flush()
        assert self.child.stdout.readline() == "listens no more\n"


@contextlib.contextmanager
def running(directory: Path, *threads: str) -> Iterator[Mysqld]:
    """With threads of these names, the first that of each session."""
    command = [sys.executable, "-c", SERVER, str(directory), *(threads or ("connection",))]
    pipe = subprocess.PIPE
    with contextlib.ExitStack() as undo:
        child = undo.enter_context(subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True))
        undo.callback(child.kill)
        assert child.stdout is not None
        port = int(child.stdout.readline())
        clients = [socket.create_connection(("127.0.0.1", port), 5) for _ in range(CLIENTS - 1)]
        unix = socket.socket(socket.AF_UNIX)
        unix.settimeout(5)
        unix.connect(f"{directory}/mysqld.sock")
        clients.append(unix)
        for client in clients:
            undo.callback(client.close)
        assert child.stdout.readline() == "has all\n"
        found = identify(child.pid)
        assert found is not None
        yield Mysqld(found, child, clients)


def settled(mysqld: Mysqld, count: int) -> stopping.Sessions:
    """So many are left, within five seconds."""
    until = time.monotonic() + 5
    while True:
        found = end_sessions(mysqld.process, "", NONE)
        assert found is not None
        if (found.sockets == found.threads.connections == count) or time.monotonic() > until:
            return found
        time.sleep(0.01)


def test_one_that_listens_is_let_alone(tmp_path: Path) -> None:
    with running(tmp_path) as mysqld:
        assert end_sessions(mysqld.process, "", NONE) is None
        for client in mysqld.clients:
            client.sendall(b"COMMIT")
            assert client.recv(100) == b"OK COMMIT"


def test_who_is_idle_is_ended(tmp_path: Path) -> None:
    with running(tmp_path, "connection", "ib_pg_flush_co", "evt_sched") as mysqld:
        mysqld.stop()
        found = end_sessions(mysqld.process, "", NONE)
        assert found is not None
        assert (found.threads, found.sockets) == (Threads(2, 0, False), 2)
        assert found.logs == {"binlog.000007": 158, "binlog.000006": 0}
        assert [client.recv(100) for client in mysqld.clients] == [b"OK and nothing more"] * CLIENTS
        found = settled(mysqld, 0)
        assert (found.threads, found.sockets) == (Threads(0, 0, False), 0)


def test_who_commits_is_told(tmp_path: Path) -> None:
    """The statement has come; its client learns what has become of it."""
    with running(tmp_path) as mysqld:
        mysqld.stop()
        for client in mysqld.clients:
            client.sendall(b"COMMIT")
            mysqld.has_read()
        end_sessions(mysqld.process, "", NONE)
        assert [client.recv(100) for client in mysqld.clients] == [b"OK COMMIT"] * CLIENTS
        assert settled(mysqld, 0).threads.connections == 0


def test_a_semi_synchronous_peer_goes_on_acknowledging(tmp_path: Path) -> None:
    with running(tmp_path, "connection", "ss_ack") as mysqld:
        mysqld.stop()
        found = end_sessions(mysqld.process, "127.0.0.1", NONE)
        assert found is not None
        assert found.threads == Threads(2, 0, True)
        assert mysqld.clients[-1].recv(100) == b"OK and nothing more"
        mysqld.clients[0].sendall(b"an acknowledgement")
        assert mysqld.clients[0].recv(100) == b"OK an acknowledgement"


def test_who_is_known_to_read_the_binary_log(tmp_path: Path) -> None:
    """By the port at its end."""
    with running(tmp_path) as mysqld:
        mysqld.stop()
        port = mysqld.clients[0].getsockname()[1]
        found = end_sessions(mysqld.process, "", frozenset({port, 1}))
        assert found is not None
        assert (found.sockets, found.known) == (CLIENTS, 1)


def test_the_last_connections_are_cut(tmp_path: Path) -> None:
    """The other end learns it at once, whatever the thread is at."""
    with running(tmp_path) as mysqld:
        mysqld.stop()
        begun = time.monotonic()
        end_sending(mysqld.process)
        assert [client.recv(100) for client in mysqld.clients] == [b""] * CLIENTS
        assert time.monotonic() - begun < 0.1


def test_those_that_came_to_one_address(tmp_path: Path) -> None:
    """It goes on listening there, and who came by the unix socket stays."""
    with running(tmp_path) as mysqld:
        by_tcp, by_unix = mysqld.clients
        at = by_tcp.getpeername()
        sockets.end_connections_to(mysqld.process, {"127.0.0.2"})
        by_tcp.sendall(b"COMMIT")
        assert by_tcp.recv(100) == b"OK COMMIT"
        sockets.end_connections_to(mysqld.process, {"127.0.0.1"})
        assert by_tcp.recv(100) == b""
        by_unix.sendall(b"COMMIT")
        assert by_unix.recv(100) == b"OK COMMIT"
        socket.create_connection(at, 5).close()


def test_clients_by_their_hosts(tmp_path: Path) -> None:
    """One whose name the server knows is told by its port; localhost is every unix socket, but for
    sessions of this very process."""
    with running(tmp_path) as mysqld:
        by_tcp, by_unix = mysqld.clients
        port = by_tcp.getsockname()[1]
        sockets.end_clients(mysqld.process, {"127.0.0.1:1", f"10.0.0.1:{port}", "localhost"})
        by_tcp.sendall(b"COMMIT")
        assert by_tcp.recv(100) == b"OK COMMIT"
        by_unix.sendall(b"COMMIT")
        assert by_unix.recv(100) == b"OK COMMIT"
        sockets.end_clients(mysqld.process, {f"127.0.0.1:{port}"})
        assert by_tcp.recv(100) == b""
    (tmp_path / "again").mkdir()
    with running(tmp_path / "again") as mysqld:
        by_tcp = mysqld.clients[0]
        sockets.end_clients(mysqld.process, {f"db1:{by_tcp.getsockname()[1]}"})
        assert by_tcp.recv(100) == b""


CLIENT = """
import socket, sys
session = socket.socket(socket.AF_UNIX)
session.connect(sys.argv[-1])
sys.exit(session.recv(100) == b"")
"""


@pytest.mark.parametrize(
    ("called", "shut"),
    [
        ("check_mysql", False),
        ("notify_backup", False),
        ("kachecks", False),
        ("app.py", True),
        ("notify_customers.py", True),
    ],
)
def test_programs_of_the_suite_are_no_clients(tmp_path: Path, called: str, shut: bool) -> None:
    """This very process is the server here."""
    program, path, own = tmp_path / called, f"{tmp_path}/s.sock", Path("/proc/self/comm")
    program.write_text(CLIENT)
    before = own.read_text()
    with socket.socket(socket.AF_UNIX) as listener, contextlib.ExitStack() as undo:
        undo.callback(own.write_text, before)
        own.write_text("mysqld")
        listener.bind(path)
        listener.listen()
        listener.settimeout(5)
        client = undo.enter_context(subprocess.Popen([sys.executable, str(program), path]))
        session = undo.enter_context(listener.accept()[0])
        server = identify(os.getpid())
        assert server is not None
        sockets.end_clients(server, {"localhost"})
        with contextlib.suppress(BrokenPipeError):
            session.sendall(b"OK")
        assert client.wait(5) == shut


@pytest.mark.parametrize("name", ["evt_worker", "rpl_rca_sql-0", "tp_worker", "", "clone"])
def test_a_thread_that_may_commit(tmp_path: Path, name: str) -> None:
    with running(tmp_path, "connection", name) as mysqld:
        mysqld.stop()
        found = end_sessions(mysqld.process, "", NONE)
        assert found is not None
        assert found.may_commit


def test_a_server_that_does_not_name_its_threads(tmp_path: Path) -> None:
    """MySQL 5.7, MariaDB: nothing is done to its sessions."""
    with running(tmp_path, "mysqld") as mysqld:
        mysqld.stop()
        assert end_sessions(mysqld.process, "", NONE) is None
        mysqld.clients[0].sendall(b"COMMIT")
        assert mysqld.clients[0].recv(100) == b"OK COMMIT"


def test_one_that_has_ended(tmp_path: Path) -> None:
    with running(tmp_path) as mysqld:
        pass
    with pytest.raises(OSError):
        end_sessions(mysqld.process, "", NONE)


def test_sockets_that_may_not_be_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel before 5.6 does not know that call."""
    monkeypatch.setattr(sockets, "PIDFD_GETFD", 100_000)
    with running(tmp_path) as mysqld:
        mysqld.stop()
        with pytest.raises(OSError) as caught:
            end_sessions(mysqld.process, "", NONE)
        assert caught.value.errno == errno.ENOSYS
