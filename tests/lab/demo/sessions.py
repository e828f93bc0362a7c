"""An application with a session of each kind, which tells what each of them saw of a failover.

    python -m tests.lab.demo.sessions --host 10.0.0.100

It says `ready`, waits for a line (the fault is coming), for a second one (the other node serves),
then uses what it still has, and says what happened. The driver is MySQL's own Connector/Python, as
it is without options but a time-out for connecting.
"""

from __future__ import annotations

import argparse
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from textwrap import wrap

import mysql.connector

from tests.lab.observing.writer import TABLE
from tests.lab.servers.accounts import APP_PASSWORD, APP_USER

CONNECT_TIMEOUT = 2
SETTLED = 1.0
PATIENCE = 60.0
"""Seconds after which a session that still waits is given up."""


class Application:
    """`tell` has a line for each session when it is over."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._over = threading.Event()  # the other node serves
        self._begin = 0.0
        self._said: dict[str, str] = {}
        self._threads: list[threading.Thread] = []

    def connect(self) -> mysql.connector.abstracts.MySQLConnectionAbstract:
        """As a pool without special settings does, but for the time-out."""
        return mysql.connector.connect(  # type: ignore[return-value]
            host=self._host,
            user=APP_USER,
            password=APP_PASSWORD,
            connection_timeout=CONNECT_TIMEOUT,
            autocommit=True,
        )

    def start(self) -> None:
        """All sessions are there, and the first statement of each is under way."""
        with self.connect() as session:
            session.cmd_query(TABLE)
        idle, waiting, kept, busy, between = (self.connect() for _ in range(5))
        _keep_alive(kept)
        between.cmd_query("BEGIN")
        between.cmd_query(_insert("0"))
        self._follow("writing, a row each time", lambda: _write_until_error(busy))
        self._follow("waiting for an answer", lambda: waiting.cmd_query("SELECT SLEEP(3600)"))
        self._follow("the same, TCP keepalive", lambda: kept.cmd_query("SELECT SLEEP(3600)"))
        self._follow("idle, used afterwards", lambda: self._afterwards(idle, "SELECT 1"))
        self._follow("in a transaction, COMMIT", lambda: self._afterwards(between, "COMMIT"))
        time.sleep(SETTLED)  # what has been sent is acknowledged, as it is in most sessions

    def fault(self) -> None:
        """It comes now."""
        self._begin = time.monotonic()
        thread = threading.Thread(target=self._keep_connecting, daemon=True)
        thread.start()
        self._threads.append(thread)

    def over(self) -> None:
        """The other node serves: whoever was idle goes on."""
        self._over.set()
        end = time.monotonic() + PATIENCE
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))

    def tell(self) -> list[str]:
        """What each session saw, in the order of their start."""
        names = [thread.name for thread in self._threads[:-1]] + ["connecting anew"]
        still = f"nothing: waits still, {PATIENCE:.0f} s after the takeover"
        told = (f"{name:26}{self._said.get(name, still)}" for name in names)
        return [line for each in told for line in wrap(each, 100, subsequent_indent=" " * 26)]

    def _follow(self, name: str, work: Callable[[], object]) -> None:
        def see() -> None:
            try:
                work()
                said = "went on"
            except mysql.connector.Error as error:
                said = _in_words(error)
            self._said[name] = f"{said} (at {time.monotonic() - self._begin:.2f} s)"

        self._threads.append(threading.Thread(target=see, name=name, daemon=True))
        self._threads[-1].start()

    def _afterwards(
        self, session: mysql.connector.abstracts.MySQLConnectionAbstract, statement: str
    ) -> None:
        self._over.wait()
        session.cmd_query(statement)

    def _keep_connecting(self) -> None:
        seen: Counter[str] = Counter()
        while not self._over.is_set():
            try:
                with self.connect() as session:
                    session.cmd_query(_insert("@@server_id"))
            except mysql.connector.Error as error:
                seen[_in_words(error)] += 1
            time.sleep(0.02)
        told = "; ".join(f"{count} x {error}" for error, count in seen.items())
        self._said["connecting anew"] = told or "no error"


def _keep_alive(session: mysql.connector.abstracts.MySQLConnectionAbstract) -> None:
    """For the one socket, as drivers with such an option do."""
    connected = session._socket.sock
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    options = (socket.TCP_KEEPIDLE, 5), (socket.TCP_KEEPINTVL, 1), (socket.TCP_KEEPCNT, 3)
    for option, value in options:
        connected.setsockopt(socket.IPPROTO_TCP, option, value)


def _in_words(error: mysql.connector.Error) -> str:
    return f"{error.errno} {' '.join(str(error.msg).split())}"


def _insert(server: str) -> str:
    return f"INSERT INTO app.writes (token, server) VALUES (0, {server})"  # noqa: S608


def _write_until_error(session: mysql.connector.abstracts.MySQLConnectionAbstract) -> None:
    while True:
        session.cmd_query(_insert("@@server_id"))
        time.sleep(0.002)


def main() -> int:
    parser = argparse.ArgumentParser(description="What an application sees of a failover.")
    parser.add_argument("--host", required=True)
    application = Application(parser.parse_args().host)
    application.start()
    print("ready", flush=True)
    sys.stdin.readline()
    application.fault()
    sys.stdin.readline()
    application.over()
    print("\n".join(application.tell()), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
