"""One mysqld, across its restarts: open or closed, what it has committed, received and applied.

Transactions are numbers. Each server counts its own; of the other's it has received and applied
so many. Statements are those of kachecks.mysql.queries, looked up as they stand; an unknown one is
an error, so that this model cannot silently fall behind the code.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Union

from kachecks.mysql import queries
from kachecks.mysql.facts import Row, Version
from kachecks.mysql.session import BrokenAnswer, ServerError
from kachecks.mysql.stopping import Sessions, Threads
from kachecks.mysqld_process import Process
from tests.gtid_sets import subtract
from tests.rows import rows

if TYPE_CHECKING:
    from tests.schedules.node import Node
    from tests.schedules.sessions import SimulatedSession

VERSION = Version(False, (9, 7, 0))
HEALTHY = rows("mysql-9.7", "replica_status_healthy")[0]
LOCK_WAIT = 1.0
"""Seconds of lock_wait_timeout in a session that closes (queries.prepare_to_close)."""

COMMITTING = "waiting for handler commit"

NOT_ALLOWED, NOT_OUR_THREAD, LOCK_WAIT_TIMEOUT = 1227, 1095, 1205

Answer = Union[list[Row], "Pending"]


class Client:
    """A row of the process list that is no session of ours."""

    def __init__(self, user: str, command: str, host: str) -> None:
        self.user, self.command, self.host = user, command, host
        self.blocks = False  # a write is running, and SET GLOBAL super_read_only waits for it
        self.commits = False  # that write is being committed: KILL comes too late
        self.holds_applier = False  # by a metadata lock, or by ...
        self.locks_all = False  # ... a global read lock, for which all writes wait
        self.unkillable_until = 0.0
        self.since = 0.0
        self.state = ""

    def row(self, now: float) -> tuple[str, float, str]:  # noqa: ARG002
        """Command, since when, and State as the process list shows them."""
        return self.command, self.since, self.state


class Loading(Client):
    """One commit after the other, each of which takes its time."""

    def __init__(self, takes: float, pauses: float, offset: float) -> None:
        super().__init__("loader", "Query", "10.0.0.9:6")
        self._takes, self._period, self._offset = takes, takes + pauses, offset
        self.timestamp: float | None = None  # SET TIMESTAMP, from which Time is counted

    def row(self, now: float) -> tuple[str, float, str]:
        since = now - (now + self._offset) % self._period
        if now - since < self._takes:
            return "Query", since if self.timestamp is None else self.timestamp, COMMITTING
        return "Sleep", since + self._takes, ""


class Pending:
    """A statement that waits in the server."""

    def __init__(self, session: SimulatedSession, sql: str) -> None:
        self.session, self.sql = session, sql
        self.rows: list[Row] | None = None
        self.error: Exception | None = None
        self.program = session.program
        self.ticket = -1

    @property
    def done(self) -> bool:
        return self.rows is not None or self.error is not None

    def end(self, rows: list[Row], error: Exception | None = None) -> None:
        if not self.done:
            self.rows, self.error = rows, error
            self.session.busy = False
            self.program.wake(self.ticket)


class Server:
    """The mysqld of one node."""

    def __init__(self, node: Node, number: int) -> None:
        self.node, self.number = node, number
        self.scheduler = node.scheduler
        self.uuid = f"{number * 11:08}-e665-11f1-b3c0-{number:012}"
        self.pid = 0
        self.booted_at = 0.0
        self.alive = self.listening = self.shutting = False
        self.names_threads = False  # so that what it is at while it shuts down can be told
        self.halts = 0  # SIGSTOP, and its host standing still: it runs at 0
        self.open = self.ever_open = False
        self.own = self.received = self.applied = 0
        self.applier, self.applier_errno = True, 0
        self.apply_lag = 0.004
        self.denies = 0  # error number sent to our account
        self.denies_since = 0.0
        self.prepared = 0  # XA transactions
        self.xa_committed: list[float] = []
        self.when_closed: Callable[[], object] = lambda: None
        self.lacks = ""  # a privilege that our account has lost: admin, process, connection
        self.behind_since = 0.0
        self.connections: dict[int, Client | SimulatedSession] = {}
        self._last_id = 10
        self._holders = 0  # clients of whom each holds up the applier
        self.missed: list[Callable[[], None]] = []  # what it does when it runs again
        self.lock_holder: SimulatedSession | None = None
        self.lock_waiters: list[Pending] = []
        self.list_takes: float | None = 0.0  # s; None: it is more than an answer may hold
        self.status_waits = False  # for the receiver, which waits for the disk
        self.status_waiters: list[Pending] = []
        self.closers: list[Pending] = []
        self.opened_at = 0.0
        self._status: dict[object, Row] = {}
        self._globals = {
            is_open: {
                "read_only": "0" if is_open else "1",
                "super_read_only": "0" if is_open else "1",
                "server_id": str(number),
                "server_uuid": self.uuid,
            }
            for is_open in (True, False)
        }
        self._answers: dict[str, Callable[[SimulatedSession, str], Answer]] = {
            queries.globals_of(VERSION): lambda *_: [self._globals[self.open]],
            queries.replication_status(VERSION): self._tell_status,
            queries.executed(VERSION): lambda *_: [
                {"executed": self.executed(), "applied": "", "gtid_mode": "ON"}
            ],
            queries.PROCESSLIST: self._tell_who_is_connected,
            queries.TRANSACTIONS: lambda *_: [],
            queries.CONNECTED: lambda *_: [
                {"Variable_name": "Threads_connected", "Value": str(len(self.connections))}
            ],
            queries.PREPARED: lambda *_: [{"data": "x"}] * self.prepared,
            queries.LOCK_HOLDER: lambda *_: [],
            queries.PING: lambda *_: [{"one": "1"}],
            queries.UPTIME: lambda *_: [
                {"Variable_name": "Uptime", "Value": str(int(self.scheduler.now - self.booted_at))}
            ],
            queries.SEMI_SYNC_SOURCE: lambda *_: [],
            queries.cluster(VERSION): lambda *_: [{"cluster": "0"}],
            queries.ability(VERSION): lambda *_: [
                {
                    "innodb_force_recovery": "0",
                    "innodb_read_only": "0",
                    "offline_mode": "0",
                    "transaction_read_only": "0",
                }
            ],
            queries.SEMI_SYNC_ACKNOWLEDGED: lambda *_: [],
            queries.DIRECTORIES: lambda *_: [
                {"datadir": "/data/", "binlog": "/data/binlog", "tmpdir": "/tmp"}  # noqa: S108
            ],
            queries.prepare_to_close(VERSION): lambda *_: [],
            queries.LET_GO_WHEN_SILENT: self._let_go_when_silent,
            queries.close_writes(VERSION): self._close,
            queries.OPEN_WRITES: self._open,
            queries.RELEASE_LOCKS: self._release_locks,
            queries.start_applier(VERSION, ""): self._start_applier,
            queries.stop_receiver(VERSION, ""): self._stop_receiver,
            queries.start_receiver(VERSION, ""): self._start_receiver,
        }

    # --- the process ---

    @property
    def process(self) -> Process:
        return Process(self.pid, 1000 + self.pid)

    @property
    def runs(self) -> bool:
        return self.alive and not self.halts

    @property
    def can_commit(self) -> bool:
        """A write may still be acknowledged by it, now or when it wakes up."""
        return self.alive and self.open and not self.can_commit_no_more

    @property
    def can_commit_no_more(self) -> bool:
        """It shuts down, and no client is connected."""
        shuts_down = self.shutting and self.names_threads
        return shuts_down and all(map(_reads_the_log, self.clients()))

    def boot(self, seconds: float) -> None:
        """A new process, closed; it listens after so many seconds."""
        if self.alive or not self.node.powered:
            return
        self.pid = self.node.new_pid()
        self.booted_at = self.scheduler.now
        self.alive, self.listening, self.shutting = True, False, False
        self.open = self.ever_open = False
        self.connections, self._holders = {}, 0
        self.missed = []
        self.halts = 1 if self.node.paused else 0
        self.lock_holder, self.lock_waiters, self.closers = None, [], []
        self.status_waiters = []
        self.received = self.applied  # relay_log_recovery: fetched again
        self.node.say("mysqld starts")
        self.scheduler.after(seconds, self._listen, self.pid)

    def _listen(self, pid: int) -> None:
        if self.alive and pid == self.pid and not self.shutting:
            self.listening = True
            self.node.say("mysqld listens")
            self.node.world.watch.listens(self.node)
            self.node.receiver.boot()

    def shut_down(self, seconds: float) -> None:
        """A clean stop: the port is closed now, the process ends later and may commit till then."""
        if self.alive and not self.shutting:
            self.listening, self.shutting = False, True
            if self.names_threads:
                self.node.receiver.stop()
            self.node.say(f"mysqld shuts down, for {seconds:.2f} s")
            self.scheduler.after(seconds, self._end_of, self.pid)

    def end_sessions(self) -> Sessions | None:
        """Sessions that are idle end as soon as they cannot read on."""
        if self.listening or not self.names_threads:
            return None
        if not self.halts:
            for number, each in list(self.connections.items()):
                if not isinstance(each, Client):
                    each.end_on_server()
                elif not each.commits and not _reads_the_log(each):
                    self.remove(number)
        left = len(self.connections)
        return Sessions(Threads(left, 0, False), left, 0, {"binlog.000001": self.own})

    def _end_of(self, pid: int) -> None:
        if self.alive and self.pid == pid:
            if self.halts:
                self.missed.append(lambda: self._end_of(pid))
            elif any(each.commits for each in self.clients()) or (
                self.names_threads and self.node.other.receiver.is_being_sent
            ):  # it is let finish
                self.scheduler.after(0.1, self._end_of, pid)
            else:
                self.die("has ended")

    def die(self, how: str = "is killed") -> None:
        """Gone; its kernel closes its connections."""
        if not self.alive:
            return
        self.alive = self.listening = self.shutting = False
        self.halts = 0
        self.open = False
        self.node.say(f"mysqld {how}")
        for each in list(self.connections.values()):
            if not isinstance(each, Client):
                each.server_ended()
        self.connections = {}
        self.lock_holder = None
        for pending in [*self.lock_waiters, *self.closers, *self.status_waiters]:
            pending.program.wake(pending.ticket)
        self.lock_waiters, self.closers, self.status_waiters = [], [], []
        self.node.mysqld_died(self.pid)

    def halt(self) -> None:
        """SIGSTOP, or its host stands still."""
        self.halts += 1
        self.node.world.watch.halts(self.node)

    def go_on(self) -> None:
        """SIGCONT: what was asked meanwhile is done now, in this order."""
        if not self.alive or not self.halts:
            return
        self.halts -= 1
        if self.halts:
            return
        self.node.world.watch.halts(self.node)
        missed, self.missed = self.missed, []
        for act in missed:
            if self.alive:
                act()
        for each in list(self.connections.values()):
            if not isinstance(each, Client) and each.client_gone:
                each.end_on_server()
        self.node.world.replication_may_flow()

    def when_running(self, act: Callable[[], None]) -> None:
        """Do it now, or when it runs again."""
        if self.halts:
            self.missed.append(act)
        elif self.alive:
            act()

    # --- transactions ---

    def commit(self) -> None:
        """One write of a client."""
        self.own += 1
        self.node.world.committed(self)

    def commit_prepared(self) -> None:
        """XA COMMIT, which super_read_only does not stop (9.7)."""
        self.prepared -= 1
        self.xa_committed.append(self.scheduler.now)
        self.commit()

    def just_committed(self, seconds: float) -> int:
        """How many XA transactions, although it was closed, that no promotion could wait for."""
        return sum(self.scheduler.now - each < seconds for each in self.xa_committed)

    def receive(self, number: int, pid: int) -> None:
        if self.runs and pid == self.pid and number > self.received:
            if self.received == self.applied:
                self.behind_since = self.scheduler.now
            self.received = number
            self.scheduler.after(self.apply_lag, self.apply, number, pid)

    def apply(self, number: int, pid: int) -> None:
        if not self.alive or pid != self.pid:
            return
        if self.halts:
            self.missed.append(lambda: self.apply(number, pid))
        elif self.applier and number > self.applied and not self.held_up:
            self.applied = min(number, self.received)
            self.behind_since = self.scheduler.now

    def break_applier(self, errno: int) -> None:
        self.applier, self.applier_errno = False, errno

    def mend_applier(self) -> None:
        self.applier, self.applier_errno = True, 0
        if self.alive:
            self.scheduler.after(self.apply_lag, self.apply, self.received, self.pid)

    # --- connections ---

    def clients(self) -> list[Client]:
        return [each for each in self.connections.values() if isinstance(each, Client)]

    @property
    def held_up(self) -> bool:
        """Somebody here keeps the applier from going on."""
        return self._holders > 0

    def hold(self, reader: Client) -> int:
        """It takes its locks."""
        reader.holds_applier = True
        self._holders += 1
        return self.add(reader)

    def add(self, connection: Client | SimulatedSession) -> int:
        self._last_id += 1
        self.connections[self._last_id] = connection
        return self._last_id

    def remove(self, number: int) -> None:
        gone = self.connections.pop(number, None)
        if isinstance(gone, Client) and gone.blocks:
            self.freed()
        if isinstance(gone, Client) and gone.holds_applier:
            self._holders -= 1
            if not self._holders:
                self.scheduler.after(self.apply_lag, self.apply, self.received, self.pid)

    # --- statements ---

    def perform(self, session: SimulatedSession, sql: str) -> Answer:
        """Rows, or a statement that waits. Raises ServerError."""
        if self.denies:
            raise ServerError(self.denies, "denied")
        if self.lacks == "admin" and sql in WRITES:
            raise ServerError(NOT_ALLOWED, "you need SYSTEM_VARIABLES_ADMIN")
        self.node.world.watch.asked(self, session, sql)
        answer = self._answers.get(sql)
        if answer is not None:
            return answer(session, sql)
        if sql.startswith("SELECT GET_LOCK"):
            return self._take_lock(session, sql)
        if sql.startswith("SELECT IS_USED_LOCK"):
            holder = None if self._lock_is_free() else self.lock_holder
            return [{"id": None if holder is None else str(holder.connection_id)}]
        if sql.startswith("SELECT GTID_SUBTRACT"):
            return [{"missing": subtract(*sql.split("'")[1::2])}]
        if sql.startswith("KILL "):
            return self._kill(int(sql[5:]))
        raise AssertionError(f"the model of a server does not know: {sql}")

    def gtids(self, uuid: str, last: int) -> str:
        return f"{uuid}:1-{last}" if last else ""

    def executed(self) -> str:
        mine = self.gtids(self.uuid, self.own)
        theirs = self.gtids(self.node.other.server.uuid, self.applied)
        return f"{mine},\n{theirs}" if mine and theirs else mine or theirs

    def status(self) -> Row:
        receiver = self.node.receiver
        lag: int | None = None
        if self.applier and receiver.state == "Yes":
            behind = self.received != self.applied
            lag = int(self.scheduler.now - self.behind_since) if behind else 0
        key = (receiver.state, self.applier, self.applier_errno, self.received, lag)
        row = self._status.get(key)
        if row is None:
            other = self.node.other
            row = self._status[key] = {
                **HEALTHY,
                "Source_Host": other.address,
                "Replica_IO_Running": receiver.state,
                "Replica_SQL_Running": "Yes" if self.applier else "No",
                "Last_SQL_Errno": str(self.applier_errno),
                "Last_SQL_Error": "Duplicate entry '25'" if self.applier_errno else "",
                "Source_UUID": other.server.uuid,
                "Source_Log_File": "binlog.000001",
                "Read_Source_Log_Pos": str(self.received),
                "Retrieved_Gtid_Set": self.gtids(other.server.uuid, self.received),
                "Seconds_Behind_Source": None if lag is None else str(lag),
            }
        return row

    def processlist(self) -> list[Row]:
        now = self.scheduler.now
        found: list[Row] = [_row(5, "system user", "", "Connect", "0", "waiting")]
        for number, each in self.connections.items():
            if isinstance(each, Client):
                if self.lacks != "process":
                    command, since, state = each.row(now)
                    seconds = str(int(now - since))
                    found.append(_row(number, each.user, each.host, command, seconds, state))
            else:
                seconds = str(int(now - each.last_used)) if each.busy else "0"
                ours = _row(number, "kachecks", "", "Query", seconds, "")
                info = each.statement if each.busy else None
                found.append({**ours, "db": queries.OUR_SCHEMA, "Info": info})
        return found

    def _tell_who_is_connected(self, session: SimulatedSession, sql: str) -> Answer:
        if self.list_takes is None:
            raise BrokenAnswer("more than 16 MiB")
        if not self.list_takes:
            return self.processlist()
        pending = Pending(session, sql)

        def tell() -> None:
            if not session.ended:
                pending.end(self.processlist())

        self.scheduler.after(self.list_takes, self.when_running, tell)
        return pending

    def _tell_status(self, session: SimulatedSession, sql: str) -> Answer:
        if not self.status_waits:
            return [self.status()]
        pending = Pending(session, sql)
        self.status_waiters.append(pending)
        self.node.world.watch.duties.status_waits(self)
        return pending

    def let_status_wait(self, waits: bool) -> None:
        """SHOW REPLICA STATUS has no answer (9.7, a saturated disk), and its session does not end
        although its client has gone; or all that wait are answered."""
        self.status_waits = waits
        if not waits:
            self.when_running(self._tell_who_waits)

    def _tell_who_waits(self) -> None:
        waiters, self.status_waiters = self.status_waiters, []
        for pending in waiters:
            pending.end([self.status()])
            if pending.session.client_gone:
                pending.session.end_on_server()

    def _let_go_when_silent(self, session: SimulatedSession, _sql: str) -> Answer:
        session.wait_timeout = 3.0
        return []

    def _open(self, session: SimulatedSession, _sql: str) -> Answer:
        self.node.world.watch.opening(self, session)
        if not self.open:
            self.open = self.ever_open = True
            self.opened_at = self.scheduler.now
            self.node.say("OPEN", session.program)
            self.node.world.watch.opened(self, session)
        return []

    def _close(self, session: SimulatedSession, sql: str) -> Answer:
        if any(each.blocks for each in self.clients()):
            pending = Pending(session, sql)
            self.closers.append(pending)
            self.scheduler.after(LOCK_WAIT, self._waited_too_long, pending)
            return pending
        self._closed(session)
        return []

    def _closed(self, session: SimulatedSession) -> None:
        if self.open:
            self.open = False
            self.node.say("closed", session.program)
            self.node.world.watch.closed(self, session)
            self.when_closed()

    def _waited_too_long(self, pending: Pending) -> None:
        if pending in self.closers:
            self.closers.remove(pending)
            error = ServerError(LOCK_WAIT_TIMEOUT, "Lock wait timeout exceeded")
            self.when_running(lambda: pending.end([], error))

    def freed(self) -> None:
        """A write has ended: who waits for the last one goes on."""
        if any(each.blocks for each in self.clients()):
            return
        closers, self.closers = self.closers, []
        for pending in closers:
            if not pending.session.ended:
                self._closed(pending.session)
                pending.end([])

    def _kill(self, number: int) -> Answer:
        each = self.connections.get(number)
        if each is None:
            raise ServerError(1094, "Unknown thread id")
        if isinstance(each, Client):
            if self.lacks == "connection":
                raise ServerError(NOT_OUR_THREAD, "You are not owner of this thread")
            if each.unkillable_until <= self.scheduler.now and not each.commits:
                self.remove(number)
        else:
            each.end_on_server()
        return []

    # --- GET_LOCK ---

    def _take_lock(self, session: SimulatedSession, sql: str) -> Answer:
        if self._lock_is_free() or self.lock_holder is session:
            self.lock_holder = session
            return [{"taken": "1"}]
        pending = Pending(session, sql)
        self.lock_waiters.append(pending)
        self.scheduler.after(1.0, self._lock_wait_over, pending)
        holder = self.lock_holder
        assert holder is not None
        self.scheduler.at(holder.last_used + holder.wait_timeout + 0.001, self._offer_lock)
        return pending

    def _lock_is_free(self) -> bool:
        if self.lock_holder is not None:
            self.lock_holder.end_if_silent()
        return self.lock_holder is None

    def _lock_wait_over(self, pending: Pending) -> None:
        if pending in self.lock_waiters:
            self.lock_waiters.remove(pending)
            self.when_running(lambda: pending.end([{"taken": "0"}]))

    def _release_locks(self, session: SimulatedSession, _sql: str) -> Answer:
        if self.lock_holder is session:
            self.lock_holder = None
            self._offer_lock()
        return []

    def free_lock_of(self, session: SimulatedSession) -> None:
        """Its session has ended."""
        self.lock_waiters = [each for each in self.lock_waiters if each.session is not session]
        if self.lock_holder is session:
            self.lock_holder = None
            self._offer_lock()

    def _offer_lock(self) -> None:
        if self.halts:
            self.missed.append(self._offer_lock)
            return
        while self.lock_waiters and self._lock_is_free():
            pending = self.lock_waiters.pop(0)
            if not pending.session.ended:
                self.lock_holder = pending.session
                pending.end([{"taken": "1"}])
                return

    # --- replication threads ---

    def _start_applier(self, _session: SimulatedSession, _sql: str) -> Answer:
        if self.applier_errno in (0, LOCK_WAIT_TIMEOUT):
            self.mend_applier()
        return []

    def _stop_receiver(self, _session: SimulatedSession, _sql: str) -> Answer:
        self.node.receiver.stop()
        return []

    def _start_receiver(self, _session: SimulatedSession, _sql: str) -> Answer:
        self.node.receiver.start()
        return []


WRITES = frozenset({queries.OPEN_WRITES, queries.close_writes(VERSION)})


def _reads_the_log(client: Client) -> bool:
    return client.command.startswith("Binlog Dump")


def _row(number: int, user: str, host: str, command: str, seconds: str, state: str) -> Row:
    return {
        "Id": str(number), "User": user, "Host": host, "Command": command, "Time": seconds,
        "State": state, "db": None, "Info": None,
    }  # fmt: skip
