"""One mysqld in memory: rows, threads, clients, locks. The world it lives in is simulation.py."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from kachecks.mysql import operator_queries, queries
from kachecks.mysql.facts import Row, supported_version
from kachecks.mysql.session import BrokenAnswer, Lost, NoAnswer, ServerError, SessionError
from kachecks.mysqld_process import Process
from tests.gtid_sets import subtract
from tests.rows import rows
from tests.statement_list import execute_until
from tests.unit.doubles.changing import Changing

if TYPE_CHECKING:
    from tests.unit.doubles.simulation import World

UUID = {number: f"9a387c66-e665-11f1-b3c0-02000a00000{number}" for number in range(1, 10)}
OPEN, CLOSED = "open", "closed"
ONE_MILLISECOND = 0.001


@dataclass
class Client:
    """A row of the processlist, and what its session does to those who want to close."""

    user: str
    command: str = "Sleep"
    host: str = "10.0.0.10:40000"
    blocks: bool = False  # SET GLOBAL read_only waits for it
    holds_up: bool = False  # the applier waits for it
    unkillable: bool = False  # by our account
    commits: bool = False  # KILL is told, and it goes on
    returns: int = 0  # as often it connects again when it is cut
    seconds: int | None = 0  # age of its statement, when the world began
    state: str | None = ""
    transaction: int | None = None  # open for so many seconds
    db: str | None = None  # its default database
    info: str | None = None  # its statement

    def age(self, now: float) -> str | None:
        return None if self.seconds is None else str(self.seconds + int(now))


HALF_APPLIED = Client("system user", "Query", "", transaction=5)


TIDIES_UP = 0.5
"""Seconds until a session has ended whose socket was shut."""


@dataclass
class Server(Changing):
    """What one mysqld knows and does. Transactions are those of the other server, by number."""

    world: World
    name: str
    number: int
    version: str
    access: str = CLOSED
    read_only: str = ""  # MariaDB 12: the word, where it is not that of ``access``
    by_file: bool = False
    ignored: str = ""  # a database that its replication leaves out
    received: float = 5
    applied: float = 5
    applies: float = 1000.0  # transactions a second
    made: int = 7  # its own transactions
    unwritten: int = 0  # the last so many of them are not in its binary log: its disk was full
    of_b: int = 7  # on A: B's transactions
    receiver: str = "Yes"
    receiver_errno: int = 0  # with which its source refuses it from the next start on
    deaf: bool = False  # connected, and nothing comes
    arriving_until: float = 0.0  # a large transaction comes in until this time
    applier: str = "Yes"
    applier_errno: int = 0
    half_sent: bool = False  # its relay log ends in a transaction that the source has sent in part
    stuck: bool = False  # an applier that is killed rolls back for long
    breaks_at: int = 0  # the applier stops with 1062 before this transaction
    channels: int = 1
    lag: str | None = "0"
    datadir: str | None = "/var/lib/mysql/"
    binlog: str | None = "/var/log/mysql/binlog"
    tmpdir: str | None = "/tmp"  # noqa: S108 - only a name here
    heartbeats: int = 3  # received, as SHOW SLAVE STATUS has it
    heartbeat_period: float = 1.0  # s
    silent_for: float = 0.0  # s since something else was received
    source_host: str = "10.0.0.1"
    third: bool = False  # it also reads from a third server, by name, and both threads have stopped
    source_id: int = 0  # whom it believes to replicate from, the other server by default
    purged: str = ""  # GTIDs that its binary logs hold no more
    clients: dict[int, Client] = field(default_factory=dict)
    held_by: Any = None  # the session that holds the lock
    hides: set[int] = field(default_factory=set)  # these sessions, as our account lacks PROCESS
    events: str = "OFF"
    wsrep_on: str | None = None  # None: a server that was built without Galera
    provider: str | None = "none"  # wsrep_provider
    forced: str = "0"  # innodb_force_recovery
    innodb_read_only: str = "0"
    offline: str = "0"  # offline_mode
    transactions_read: str = "0"  # transaction_read_only
    idle_events: str | None = ""  # None: there is no function that names them
    group: bool = False  # it is a member of Group Replication
    semi_sync: str = ""  # the variable
    semi_sync_on: bool = True
    lock_holder: str = ""  # as performance_schema tells it, where our account may read that
    prepared: int = 0  # XA transactions
    view: bool = True  # kachecks.read_only_exempt is there
    trouble: SessionError | None = None  # met by whoever connects
    troubles: dict[str, SessionError] = field(default_factory=dict)  # by statement
    spoiled: Callable[[str, list[Row]], list[Row]] = lambda _, rows: rows  # what it sends instead
    slow: float = 0.0  # s before each answer, to who waits for that long
    uptime: int = 93784  # s, when the world began
    pid: int = 4711
    shut: dict[str, float] = field(default_factory=dict)  # hosts, and when their sessions end
    last_id: int = 100
    moved: float = 0.0

    @property
    def mariadb(self) -> bool:
        return "MariaDB" in self.version

    @property
    def other(self) -> Server:
        return self.world.a if self is self.world.b else self.world.b

    @property
    def process(self) -> Process:
        return Process(self.pid, 1000 + self.pid)

    def shut_through(self, ports: set[int]) -> set[str]:
        """Shut the sockets of clients at these ports; whose. The idle ones end a moment later."""
        ends = {f":{port}" for port in ports}
        hosts = {one.host for one in self.clients.values()}
        shut = {each for each in hosts if each[each.rfind(":") :] in ends}
        self.shut = {**self.shut, **dict.fromkeys(shut, self.world.time + TIDIES_UP)}
        return shut

    def _tidy_up(self) -> None:
        for number, one in list(self.clients.items()):
            if (
                one.command == "Sleep"
                and self.shut.get(one.host, self.world.time) < self.world.time
            ):
                del self.clients[number]

    def add(self, *clients: Client) -> None:
        for client in clients:
            self.last_id += 1
            self.clients[self.last_id] = client

    def receive_half(self) -> None:
        """Of a transaction; an applier has changed rows of it."""
        self.half_sent = True
        self.add(HALF_APPLIED)

    def roll_back_half(self) -> None:
        for number in [key for key, one in self.clients.items() if one is HALF_APPLIED]:
            del self.clients[number]

    def forget_relay_log(self) -> None:
        self.received, self.half_sent = self.applied, False

    def end_our_sessions(self) -> None:
        """As an administrator may, and with each its lock."""
        for number in [key for key, one in self.clients.items() if one.user == "kachecks"]:
            del self.clients[number]

    def move(self) -> None:
        """Receive and apply as time has passed."""
        passed, self.moved = self.world.time - self.moved, self.world.time
        self.receive(passed)
        held_up = any(one.holds_up for one in self.clients.values())
        if self.applier == "Yes" and not held_up:
            self.applied = min(self.applied + passed * self.applies, self.received)
            if (
                self.breaks_at
                and self.applied >= self.breaks_at - 1
                and self.received > self.applied
            ):
                self.applied, self.applier, self.applier_errno = self.breaks_at - 1, "No", 1062

    def started(self) -> str:
        """The receiver's state after its start: 13114 is what MySQL makes of a fatal 1236."""
        if self.receiver_errno == 13114:
            return "No"
        return "Connecting" if self.receiver_errno or self.other.trouble else "Yes"

    def receive(self, passed: float) -> None:
        """What the source's binary log holds; a heartbeat when that is nothing new."""
        arriving = self.world.time < self.arriving_until
        if self.deaf or arriving or self.receiver != "Yes" or self.other.trouble is not None:
            self.silent_for = 0.0
            return
        sent = self.other.made_for_others
        self.silent_for = 0.0 if sent > self.received else self.silent_for + passed
        self.received = max(self.received, sent)
        heard, self.silent_for = divmod(self.silent_for, self.heartbeat_period)
        self.heartbeats += int(heard)

    @property
    def made_for_others(self) -> int:
        """Of A: what its binary log holds of its own. B's are of no interest here."""
        return self.made - self.unwritten if self is self.world.a else 5

    # --- rows ---

    def gtids(self, theirs: float, own: bool = True) -> str:
        """B's: the transactions of A up to ``theirs``, and what it has made itself."""
        other, me = self.other.number, self.number
        if self.mariadb:
            return f"{other}-{other}-{int(theirs)}" + (f",{me}-{me}-{self.made}" if own else "")
        mine = f",\n{UUID[me]}:1-{self.made}" if own else ""
        return f"{UUID[other]}:1-{int(theirs)}{mine}"

    def executed(self) -> str:
        if self is self.world.b:
            return self.gtids(self.applied)
        me, other = self.number, self.other.number
        if self.mariadb:
            return f"{me}-{me}-{self.made},{other}-{other}-{self.of_b}"
        return f"{UUID[me]}:1-{self.made},\n{UUID[other]}:1-{self.of_b}"

    def status(self) -> list[Row]:
        server = "mariadb-10.11" if self.mariadb else "mysql-9.7"
        row = rows(server, "replica_status_by_file" if self.by_file else "replica_status_healthy")[
            0
        ]
        old = {"Source": "Master", "Replica": "Slave"}
        source = self.source_id or self.other.number
        changes = {
            "Source_Host": self.source_host,
            "Replica_IO_Running": self.receiver,
            "Replica_SQL_Running": self.applier,
            "Last_IO_Errno": str(self.receiver_errno),
            "Last_IO_Error": "Account is locked." if self.receiver_errno else "",
            "Read_Source_Log_Pos": f"{min(self.world.time, self.arriving_until) * 1000:.0f}",
            "Last_SQL_Errno": str(self.applier_errno),
            "Last_SQL_Error": "Duplicate entry '25'" if self.applier_errno else "",
            "Seconds_Behind_Source": self.lag,
            "Source_Log_File": "binlog.000001",
            "Replicate_Ignore_DB": self.ignored,
        }
        if self.mariadb:
            changes = {
                re.sub("Source|Replica(?!te)", lambda m: old[m[0]], k): v
                for k, v in changes.items()
            }
            changes["Gtid_IO_Pos"] = self.gtids(self.received, own=False)
            changes["Master_Server_Id"] = str(source)
            changes["Slave_received_heartbeats"] = str(self.heartbeats)
        else:
            changes["Retrieved_Gtid_Set"] = self.gtids(self.received, own=False)
            changes["Source_UUID"] = UUID[source]
        found = [{**row, **changes} for _ in range(self.channels)]
        found += [_from_a_third_server(found[0])] if self.third else []
        return [*found, _of_the_group(found[0])] if self.group else found

    def globals(self) -> Row:
        if self.mariadb:
            words = ("OFF", "NO_LOCK_NO_ADMIN") if self.version.startswith("12") else ("0", "1")
            word = self.read_only or words[self.access == CLOSED]
            return {"read_only": word, "server_id": str(self.number)}
        value = "0" if self.access == OPEN else "1"
        uuid = UUID[self.number]
        return {
            "read_only": value, "super_read_only": value, "server_id": str(self.number),
            "server_uuid": uuid,
        }  # fmt: skip

    def processlist(self) -> list[Row]:
        self._tidy_up()
        return [
            {
                "Id": str(number), "User": one.user, "Host": one.host, "Command": one.command,
                "Time": one.age(self.world.time), "State": one.state, "db": one.db,
                "Info": one.info,
            }
            for number, one in sorted(self.clients.items())
            if number not in self.hides
        ]  # fmt: skip


def _from_a_third_server(row: Row) -> Row:
    """A channel whose threads have both stopped."""
    changes = {
        "Channel_Name": "other", "Connection_name": "other", "Source_Host": "shard1.example",
        "Master_Host": "shard1.example", "Source_UUID": UUID[9], "Master_Server_Id": "9",
        "Replica_IO_Running": "No", "Slave_IO_Running": "No", "Replica_SQL_Running": "No",
        "Slave_SQL_Running": "No", "Last_SQL_Errno": "1062", "Seconds_Behind_Source": None,
        "Seconds_Behind_Master": None,
    }  # fmt: skip
    return {**row, **{key: value for key, value in changes.items() if key in row}}


def _of_the_group(row: Row) -> Row:
    """The channel of a running member, as MySQL 8.0.36 shows it."""
    names = ("Channel_Name", "Connection_name", "Source_Host", "Master_Host")
    values = ("group_replication_applier", "group_replication_applier", "<NULL>", "<NULL>")
    return {**row, **{key: value for key, value in zip(names, values) if key in row}}


class Session:
    """Answers the statements of kachecks.mysql.queries as that server would."""

    def __init__(self, world: World, server: Server) -> None:
        self.world, self.server = world, server
        self.version = supported_version(server.version)
        self.address = f"the server of {server.name}"
        server.last_id += 1
        self.connection_id = server.last_id
        server.clients[self.connection_id] = Client("kachecks", "Query", db=queries.OUR_SCHEMA)
        world.sessions.append(self)
        self.ended = False
        self.abandoned_at = float("inf")

    def query(self, sql: str, timeout: float) -> list[Row]:
        self.meet(sql, timeout)
        return self.server.spoiled(sql, self.answer(sql, timeout))

    def execute(self, sql: str, timeout: float) -> None:
        self.query(sql, timeout)

    def execute_each(
        self, statements: list[str], seconds: float, timeout: float
    ) -> list[ServerError | None]:
        until = self.world.time + seconds
        return execute_until(
            lambda sql: self.execute(sql, timeout), statements, lambda: self.world.time > until
        )

    def meet(self, sql: str, timeout: float) -> None:
        if not sql.startswith(("SELECT", "SHOW", "SET STATEMENT")):
            self.world.say(f"{self.server.name}: {sql}")
        self.world.happening(f"{self.server.name}: {sql}")
        self.world.pass_time(ONE_MILLISECOND)
        if self.ended or self.connection_id not in self.server.clients:
            raise Lost("the session has ended")
        if timeout < max(ONE_MILLISECOND, self.server.slow):
            self.abandon(timeout)
        self.world.pass_time(self.server.slow)
        for text, error in self.server.troubles.items():
            if text in sql:
                if isinstance(error, NoAnswer):
                    self.waits_on(sql)
                    self.abandon(timeout)
                if isinstance(error, BrokenAnswer) or not isinstance(error, ServerError):
                    self.end()
                raise error
        if self.server.trouble is not None:
            if isinstance(self.server.trouble, NoAnswer):
                self.abandon(timeout)
            self.ended = True
            raise Lost("the server has gone")

    def waits_on(self, sql: str) -> None:
        """Given up by whoever asked, it goes on waiting in the server."""
        client = self.server.clients[self.connection_id]
        client.info, client.seconds, client.state = sql, -int(self.world.time), "starting"

    def abandon(self, timeout: float) -> None:
        self.world.pass_time(timeout)
        self.ended, self.abandoned_at = True, self.world.time
        raise NoAnswer(f"no answer within {timeout:g} s")

    def answer(self, sql: str, timeout: float) -> list[Row]:
        server = self.server
        if sql.startswith("SELECT @@global.read_only"):
            return [server.globals()]
        if re.match("SHOW (ALL SLAVES|SLAVE|REPLICA) STATUS", sql):
            return server.status() if server.channels else []
        if "AS gtid_mode" in sql:
            applied = server.gtids(server.applied, own=False) if server.mariadb else ""
            mode = "OFF" if server.by_file else "ON"
            return [{"executed": server.executed(), "applied": applied, "gtid_mode": mode}]
        if "GTID_SUBTRACT" in sql and ":0'" in sql:
            raise ServerError(1772, "Malformed GTID set specification")
        if "GTID_SUBTRACT" in sql:
            wanted, present = re.findall(r"'([^']*)'", sql)
            return [{"missing": subtract(wanted, present)}]
        if sql == "SHOW PROCESSLIST":
            return server.processlist()
        if sql == queries.CONNECTED:
            own = ("system user", "event_scheduler")
            number = sum(one.user not in own for one in server.clients.values())
            return [{"Variable_name": "Threads_connected", "Value": str(number)}]
        if sql == queries.LOCK_HOLDER:
            if not server.lock_holder:
                raise ServerError(1142, "SELECT command denied")
            return [{"id": server.lock_holder}]
        if sql == queries.PREPARED:
            return [{"formatID": "1", "data": "x"}] * server.prepared
        if sql == queries.TRANSACTIONS:
            return [
                {"id": str(number), "seconds": str(one.transaction), "modified": "1"}
                for number, one in sorted(server.clients.items())
                if one.transaction is not None
            ]
        if sql == operator_queries.PURGED:
            return [{"purged": server.purged}]
        if sql == operator_queries.IDLE_EVENTS:
            if server.idle_events is None:
                raise ServerError(1305, "FUNCTION kachecks.idle_events does not exist")
            return [{"events": server.idle_events or None}]
        if sql == queries.UPTIME:
            return [{"Variable_name": "Uptime", "Value": str(int(server.uptime + self.world.time))}]
        if sql == operator_queries.HOST_NAME:
            return [{"hostname": server.name.lower()}]
        if sql == queries.ability(self.version):
            return [
                {
                    "innodb_force_recovery": server.forced,
                    "innodb_read_only": server.innodb_read_only,
                    "offline_mode": server.offline,
                    "transaction_read_only": server.transactions_read,
                }
            ]
        if sql == queries.GALERA:
            if server.wsrep_on is None:
                raise ServerError(1193, "Unknown system variable")
            return [{"wsrep_on": server.wsrep_on, "provider": server.provider}]
        if sql == queries.DIRECTORIES:
            return [{"datadir": server.datadir, "binlog": server.binlog, "tmpdir": server.tmpdir}]
        if "read_only_exempt" in sql:
            if not server.view:
                raise ServerError(1146, "no such view")
            return [{"user": "root"}, {"user": "kachecks"}]
        if sql.startswith("SELECT STATE AS state"):
            blocked = any(one.blocks for one in server.clients.values())
            return [{"state": "Waiting for backup lock"}] if blocked else []
        if "rpl_semi_sync" in sql and sql.startswith("SHOW"):
            on = server.semi_sync and server.semi_sync_on
            return [{"Variable_name": server.semi_sync, "Value": "ON"}] if on else []
        if "@@global.event_scheduler" in sql:
            return [{"event_scheduler": server.events}]
        if "GET_LOCK" in sql:
            return self.take_lock(sql)
        if "IS_USED_LOCK" in sql:
            holder = server.held_by
            holds = holder is not None and holder.holds_on()
            return [{"id": str(holder.connection_id) if holds else None}]
        if sql == "SELECT 1 AS one":
            return [{"one": "1"}]
        if sql == queries.SEMI_SYNC_ACKNOWLEDGED:
            return []
        return self.act(sql, timeout)

    def take_lock(self, sql: str) -> list[Row]:
        holder = self.server.held_by
        if holder not in (None, self) and holder.holds_on():
            self.world.pass_time(float(sql.split(",")[1].split(")")[0]))
            return [{"taken": "0"}]
        self.server.held_by = self
        self.world.say(f"{self.server.name}: lock {re.findall(chr(39) + '(.*)' + chr(39), sql)[0]}")
        return [{"taken": "1"}]

    def holds_on(self) -> bool:
        """The server lets go of an abandoned session after wait_timeout, of others at once."""
        if not self.ended:
            return self.connection_id in self.server.clients
        return self.world.time < self.abandoned_at + 3 < float("inf")

    def act(self, sql: str, timeout: float) -> list[Row]:
        server = self.server
        if sql.startswith("KILL"):
            self.kill(int(sql.split()[1]))
        elif sql == "SET GLOBAL read_only = 0":
            server.access, server.read_only = OPEN, ""
        elif sql.startswith("SET GLOBAL") and "read_only" in sql:
            if any(one.blocks for one in server.clients.values()):
                if timeout <= 1.0:
                    self.abandon(timeout)
                self.world.pass_time(1.0)
                raise ServerError(1205, "Lock wait timeout exceeded")
            server.access, server.read_only = CLOSED, ""
        elif "rpl_semi_sync" in sql:
            server.semi_sync_on = sql.endswith("1")
        elif "event_scheduler" in sql:
            server.events = "ON" if sql.endswith("1") else "OFF"
        elif sql.startswith(("START", "STOP")):
            self.threads(sql)
        elif sql.startswith("CHANGE"):
            assert (server.applier, server.receiver) == ("No", "No")
            server.forget_relay_log()
            server.applier_errno = 0
        elif "RELEASE_ALL_LOCKS" in sql and server.held_by is self:
            server.held_by = None
        elif not sql.startswith(("SET SESSION", "DO RELEASE")):
            raise AssertionError(f"the simulation does not know {sql}")
        return []

    def threads(self, sql: str) -> None:
        server, state = self.server, "Yes" if sql.startswith("START") else "No"
        both_stand_still = server.applier == "No" and server.receiver == "No"
        if server.mariadb and both_stand_still and state == "Yes":
            server.forget_relay_log()  # (mysql.md, finding 2)
        if "IO_THREAD" not in sql:
            if state == "No":
                server.roll_back_half()
            elif server.applier == "No" and server.half_sent:
                server.receive_half()
            server.applier = state
        if "SQL_THREAD" not in sql:
            server.receiver = server.started() if state == "Yes" else "No"

    def kill(self, number: int) -> None:
        one = self.server.clients.get(number)
        if one is None:
            raise ServerError(1094, "Unknown thread id")
        if one.unkillable:
            raise ServerError(1095, "You are not owner of thread")
        if one.commits:
            self.server.clients[number] = replace(one, command="Killed")
            return
        del self.server.clients[number]
        if one is HALF_APPLIED and not self.server.stuck:
            self.server.applier, self.server.applier_errno = "No", 1756
        self.world.say(f"{self.server.name}: {one.user} cut")
        if one.returns:
            again = replace(one, returns=one.returns - 1, blocks=False)
            self.server.add(again)

    def end(self) -> None:
        """On both sides."""
        self.ended = True
        self.server.clients.pop(self.connection_id, None)

    def close(self) -> None:
        if not self.ended:
            self.end()
            self.world.say(f"{self.server.name}: goodbye")

    def server_pid(self) -> int:
        return self.server.pid
