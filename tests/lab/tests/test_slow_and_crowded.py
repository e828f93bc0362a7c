"""A peer behind a link that is full; thousands of clients; a commit beside an open peer."""

from __future__ import annotations

import contextlib
import resource
import signal
import sys
import time
from collections.abc import Iterator

import pytest

from tests.lab.faults.large_commit import LargeCommit
from tests.lab.faults.partition import deafen
from tests.lab.matrix.scenario import playing
from tests.lab.pairs.commands import run
from tests.lab.pairs.node import Node
from tests.lab.pairs.pair import WITNESS, Pair
from tests.lab.servers.accounts import APP_PASSWORD, APP_USER
from tests.lab.servers.flavour import Flavour
from tests.lab.servers.wire import Connection, WireError

IDLE = 4000
"""Clients that are connected and do nothing."""


def test_a_commit_beside_an_open_peer(flavour: Flavour) -> None:
    """B does not receive, and is open (by hand, here). A's mysqld is told to stop in the middle of
    a client's commit, the only session that it has left."""
    with Pair(flavour, suite="kachecks") as pair:
        a, b = pair.nodes
        commit = LargeCommit(pair, 1 << 19)
        b.stop_keepalived()
        b.sql("STOP REPLICA")
        dumps = "SELECT COUNT(*) FROM information_schema.processlist WHERE command LIKE 'Binlog%'"
        pair.wait_until(lambda: int(a.value(dumps)) == 0, 30, "A's reader to go")
        commit.begin()
        for statement in flavour.open_writes:
            b.sql(statement)
        a.kill_mysqld(signal.SIGTERM)
        time.sleep(0.1)  # its port is closed by now
        _, said = run(a, "notify_down", "--keep-keepalived")
        before = commit.told
        commit.wait()
        print(said, "told before:", before, "told in the end:", commit.told)
        assert not (before is None and commit.told), said


def test_rights_of_the_login_outlive_the_account(flavour: Flavour) -> None:
    """MariaDB before 12: sessions of an account that had SUPER when they came. It was revoked
    since, so kachecks.read_only_exempt does not name it, and they are idle ones among thousands."""
    if flavour.name != "mariadb":
        pytest.skip("only MariaDB before 12 lets anybody write")
    resource.setrlimit(resource.RLIMIT_NOFILE, (4 * IDLE, 4 * IDLE))
    options = {"max_connections": IDLE + 500, "open_files_limit": 2 * IDLE + 500}
    with Pair(flavour, suite="kachecks", server_options=options) as pair:
        a, socket = pair.a, str(pair.a.socket_path)
        a.sql("CREATE TABLE app.late (n INT PRIMARY KEY)")
        a.sql("CREATE USER was_super@localhost IDENTIFIED BY 'secret'")
        a.sql("GRANT ALL ON app.* TO was_super@localhost")
        a.sql("GRANT SUPER, READ_ONLY ADMIN ON *.* TO was_super@localhost")
        sessions, idle = [], []
        for number in range(IDLE):
            if number % (IDLE // 10) == 0:
                sessions.append(Connection(socket, "was_super", "secret", timeout=10))
            idle.append(Connection(socket, APP_USER, APP_PASSWORD, timeout=10))
        a.sql("REVOKE SUPER, READ_ONLY ADMIN ON *.* FROM was_super@localhost")
        _, said = run(a, "notify_down", "--keep-keepalived")
        written = []
        for number, session in enumerate(sessions):
            with contextlib.suppress(WireError):
                session.query(f"INSERT INTO app.late SELECT {number}", 5)
                written.append(number)
        closed = a.value("SELECT @@global.read_only")
        print(said, "read_only:", closed, "written by:", written)
        assert closed == "1" or int(closed) == 1
        assert not written, said


FULL_LINK = "tc qdisc add dev {} root tbf rate 100mbit burst 32kb limit 1500kb"
"""A hundred megabits, and a queue of a thousand packets, as pfifo has by default: 0.12 s."""

SINK = """
import socket
import threading
listening = socket.create_server(("10.0.0.2", 5001), backlog=100)
def sink(one):
    while one.recv(1 << 16):
        pass
while True:
    threading.Thread(target=sink, args=listening.accept()[:1], daemon=True).start()
"""
COPY = """
import socket, threading
def copy():
    with socket.create_connection(("10.0.0.2", 5001)) as one:
        while True:
            one.sendall(bytes(1 << 16))
for _ in range(80):
    threading.Thread(target=copy).start()
"""


@contextlib.contextmanager
def filled_link(pair: Pair) -> Iterator[None]:
    """Somebody copies a backup to B."""
    with contextlib.ExitStack() as undo:
        pair.switch.run(FULL_LINK.format(pair.b.links[0].port).split())
        for host, program in ((pair.b, SINK), (pair.client, COPY)):
            copying = host.popen([sys.executable, "-c", program])
            undo.callback(copying.wait)
            undo.callback(copying.kill)
            time.sleep(0.2)
        time.sleep(3.0)
        said = pair.b.run(["ping", "-c", "10", "-i", "0.2", pair.a.address], check=False).stdout
        print(said.splitlines()[-2:])
        yield


def test_keepalived_of_a_peer_whose_link_is_full(flavour: Flavour) -> None:
    """A's keepalived is stopped (row 6): its last advert makes B the MASTER in milliseconds, so
    there was no silence of VRRP at all. A lives, and B opens without asking what it has."""
    with playing(flavour) as scenario, filled_link(scenario.pair):
        scenario.fault("keepalived on A stopped, B's link is full")
        scenario.a.stop_keepalived()
        scenario.wait_until(lambda: scenario.pair.is_open(scenario.b), 20, "B to open")
        said = scenario.audit()[-1]
        assert "peer silent" not in said


@pytest.mark.parametrize("witness", [False, True])
def test_a_peer_whose_link_is_full(flavour: Flavour, witness: bool) -> None:
    """Somebody copies a backup to B and fills its link, so A's answers come late. VRRP is blocked
    (row 8): B takes over, and must see that A is alive and open."""
    options = {"witness": WITNESS} if witness else {}
    with Pair(flavour, "kachecks", options) as pair, filled_link(pair):
        a, b = pair.nodes
        deafen(pair, a, b)
        both = 0
        until = time.monotonic() + 12.0
        while time.monotonic() < until:
            both += [read_only(each) for each in pair.nodes] == ["0", "0"]
            time.sleep(0.05)
        for each in pair.nodes:
            for entry in each.audit():
                print(each.name, entry["time"], entry["transition"], entry["outcome"], entry["why"])
        assert not both, f"both open in {both} samples, 20 a second"


def read_only(node: Node) -> str | None:
    """Of its server, None where it does not tell."""
    try:
        session = Connection(str(node.socket_path), "root", "", timeout=1)
        try:
            return session.query("SELECT @@global.read_only", 1).rows[0][0]
        finally:
            session.close()
    except WireError:
        return None


def test_an_idle_transaction_that_did_not_come_by_the_vip(flavour: Flavour) -> None:
    """By the unix socket, the last of thousands: nobody cuts it when A has handed over, and A's
    applier waits for its row lock."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (4 * IDLE, 4 * IDLE))
    options = {"max_connections": IDLE + 500, "open_files_limit": 2 * IDLE + 500}
    with Pair(flavour, suite="kachecks", server_options=options) as pair:
        a, b = pair.nodes
        socket = str(a.socket_path)
        a.sql("CREATE TABLE app.held (id INT PRIMARY KEY, n INT)")
        a.sql("INSERT INTO app.held VALUES (1, 0)")
        idle = [Connection(socket, APP_USER, APP_PASSWORD, timeout=10) for _ in range(IDLE // 2)]
        batch = Connection(socket, APP_USER, APP_PASSWORD, timeout=10)
        for statement in ("BEGIN", "UPDATE app.held SET n = 1 WHERE id = 1"):
            batch.query(statement, 5)
        pair.wait_replication_caught_up(10)
        said = run(a, "kachecks", "switchover")[1]
        print(len(idle), said)
        pair.wait_until(lambda: pair.is_open(b), 20, "B to open")
        b.sql("UPDATE app.held SET n = 2 WHERE id = 1")
        value = "SELECT n FROM app.held WHERE id = 1"
        pair.wait_until(lambda: int(a.value(value)) == 2, 20, "A to apply what B has written")
