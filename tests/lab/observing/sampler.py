"""Watches all nodes from the host, at 25 Hz and more: who has the virtual IP, who is open.

A server is asked on one kept session over its unix socket, in a thread of its own, so that a hung
one delays nobody. A question to a hung server is left standing: its answer comes the moment the
server wakes up, and no queue of abandoned connections builds up meanwhile.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from pathlib import Path
from typing import Callable, Protocol

from tests.lab.error import LabError
from tests.lab.observing.look import READ_ONLY, Look
from tests.lab.records.record import DOWN, HUNG_AFTER, Access, Holding, Replicating
from tests.lab.servers.wire import NO_SOCKET, Connection, Result, WireError

PERIOD = 0.04
NICE = -15
"""The watchers' priority (Linux has one for each thread)."""

_REPLICATION_PERIOD = 0.25


class Watched(Protocol):
    """What a node must tell to be watched; both raise LabError or OSError while it is off."""

    name: str

    @property
    def socket_path(self) -> Path:
        """The server's unix socket as the host sees it; another one after a power cycle."""

    def has_vip(self, address: str) -> bool:
        """Whether the node's kernel holds `address` as its own."""


class Sampler:
    """Samples from start() to stop(); the lists grow meanwhile and may be read at any time."""

    def __init__(
        self, nodes: list[Watched], vip: str, user: str, password: str, look: Look = READ_ONLY
    ) -> None:
        self.access: list[Access] = []
        self.holding: list[Holding] = []
        self.replicating: list[Replicating] = []
        self.server_ids: dict[int, str] = {}
        self.asking: dict[str, float] = {}
        """Since when a question to a node has stood unanswered."""
        self._nodes = nodes
        self._vip = vip
        self._account = (user, password)
        self._look = look
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        self._begin("vip", self._watch_holding)
        for node in self._nodes:
            self._begin(f"access {node.name}", self._watch_access, node)
            self._begin(f"replication {node.name}", self._watch_replication, node)

    def stop(self) -> None:
        """End sampling; does not wait for a server that hangs."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(0.2)
        now = time.monotonic()
        for name, asked in list(self.asking.items()):
            self.access.append(Access(name, asked, now, None))

    def _begin(self, name: str, watch: Callable[..., None], *arguments: Watched) -> None:
        def first_of_all() -> None:
            # What is watched is busy, and a watcher that comes late proves nothing.
            with contextlib.suppress(PermissionError):
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
            watch(*arguments)

        thread = threading.Thread(target=first_of_all, name=f"sampler: {name}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _ticks(self, period: float) -> bool:
        """Wait for the next multiple of `period`; False when sampling is over."""
        return not self._stopping.wait(period - time.monotonic() % period)

    def _watch_holding(self) -> None:
        while self._ticks(PERIOD / 2):
            holders = frozenset(n.name for n in self._nodes if _holds(n, self._vip))
            self.holding.append(Holding(time.monotonic(), holders))

    def _watch_access(self, node: Watched) -> None:
        session = _Session(node, self._account, self._look.session)
        while self._ticks(PERIOD):
            asked = time.monotonic()
            self.asking[node.name] = asked
            state = _access(session, self._look)
            answered = time.monotonic()
            if self._stopping.is_set() and answered - asked > HUNG_AFTER:
                return  # stop() has noted this question already
            self.asking.pop(node.name, None)
            self.access.append(Access(node.name, asked, answered, state))
            if session.server_id is not None:
                self.server_ids[session.server_id] = node.name
        session.drop()

    def _watch_replication(self, node: Watched) -> None:
        session = _Session(node, self._account)
        while self._ticks(_REPLICATION_PERIOD):
            found = _replication(session)
            self.replicating.append(Replicating(node.name, time.monotonic(), *found))
        session.drop()


class _Session:
    """A connection to a node's server, made anew at the first question after it was lost."""

    def __init__(
        self, node: Watched, account: tuple[str, str], first: tuple[str, ...] = ()
    ) -> None:
        """`first`: statements that it begins with."""
        self.server_id: int | None = None
        self._node = node
        self._account = account
        self._first = first
        self._connection: Connection | None = None

    def ask(self, statement: str) -> Result:
        """The answer, however late. A session that was cut is renewed once.

        Raises:
            WireError: the server is not there, or refused.
        """
        if self._connection is not None:
            try:
                return self._connection.query(statement)
            except WireError:
                self.drop()
        try:
            return self._log_in().query(statement)
        except WireError:
            self.drop()
            raise

    def drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _log_in(self) -> Connection:
        user, password = self._account
        try:
            path = os.fspath(self._node.socket_path)
        except (LabError, OSError) as error:
            raise WireError(NO_SOCKET, f"powered off: {error}") from error
        connection = Connection(path, user, password)
        self._connection = connection
        for statement in self._first:
            connection.query(statement)
        self.server_id = int(connection.query("SELECT @@server_id").rows[0][0] or 0)
        return connection


def _holds(node: Watched, address: str) -> bool:
    try:
        return node.has_vip(address)
    except (LabError, OSError):  # powered off, or being so right now
        return False


def _access(session: _Session, look: Look) -> str | None:
    try:
        return look.state(session.ask(look.statement).rows[0])
    except WireError as error:
        return DOWN if error.errno == NO_SOCKET else None


def _replication(session: _Session) -> tuple[bool | None, int, str]:
    """Do both threads run, and the applier's error number and text."""
    try:
        answer = session.ask("SHOW REPLICA STATUS")
    except WireError:  # not there, or not for this account
        return None, 0, ""
    if not answer.rows:
        return False, 0, "no replication configured"
    row = {
        column.replace("Slave_", "Replica_"): value or ""
        for column, value in zip(answer.columns, answer.rows[0])
    }
    running = row["Replica_IO_Running"] == row["Replica_SQL_Running"] == "Yes"
    return running, int(row["Last_SQL_Errno"]), row["Last_SQL_Error"]
