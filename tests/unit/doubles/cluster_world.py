"""A member of a cluster, with a VIP, a clock and hooks in memory.

What its server says are rows of real members (tests/rows), with what a test changes in them. The
rest of the world is that of a pair (simulation).
"""

# ruff: noqa: ARG002 - the signatures are those of the real parts
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kachecks.config.options import Config, parse
from kachecks.mysql import cluster_queries, operator_queries, queries
from kachecks.mysql.facts import Row, supported_version
from kachecks.mysql.session import NoAnswer, ServerError, SessionError
from kachecks.mysqld_process import Process
from kachecks.node import Node
from tests.rows import rows
from tests.unit.doubles import simulated_outside as simulated
from tests.unit.doubles.simulated_server import ONE_MILLISECOND
from tests.unit.doubles.simulation import World

GROUP, GALERA = "mysql-9.7-group", "mariadb-10.11-galera"
VERSIONS = {GROUP: "9.7.4", GALERA: "10.11.18-MariaDB"}
PROCESS = Process(815, 1000)
UNKNOWN_VARIABLE = ServerError(1193, "Unknown system variable")


class Member:
    """One server. ``state`` is the last word of the files in tests/rows."""

    def __init__(self, world: ClusterWorld, kind: str, state: str) -> None:
        self.world, self.kind, self.state = world, kind, state
        self.changed: dict[str, str] = {}  # settings and status, by name
        self.rows_changed: dict[str, dict[str, str]] = {}  # members of a group, by port
        self.troubles: dict[str, SessionError] = {}  # by a part of the statement
        self.trouble: SessionError | None = None  # met by whoever connects
        self.processes: list[Row] = []
        self.loaded = True  # its engine
        self.variables: dict[str, str] = {}
        self.grants = "GRANT ALL PRIVILEGES ON *.* TO `kachecks`@`localhost`"
        self.channels: list[str] = []  # asynchronous ones that run
        self.answers_group = True  # the quorum probe returns
        self.sessions: list[MemberSession] = []
        self.asked: list[str] = []

    @property
    def uuid(self) -> str:
        return str(self.settings()[0]["server_uuid"])

    def settings(self) -> list[Row]:
        found = rows(self.kind, f"settings_{self.state}")
        found[0].update({name: value for name, value in self.changed.items() if name in found[0]})
        return found

    def members(self) -> list[Row]:
        found = rows(self.kind, f"members_{self.state}")
        for row in found:
            row.update(self.rows_changed.get(str(row["MEMBER_PORT"]), {}))
        return found

    def status(self) -> list[Row]:
        found = rows(self.kind, f"status_{self.state}")
        for row in found:
            row["Value"] = self.changed.get(str(row["Variable_name"]), row["Value"])
        return found

    def make_primary(self, member_id: str) -> None:
        """As the group sees it from now on."""
        for row in self.members():
            role = "PRIMARY" if row["MEMBER_ID"] == member_id else "SECONDARY"
            self.rows_changed.setdefault(str(row["MEMBER_PORT"]), {})["MEMBER_ROLE"] = role
        is_own = member_id == self.uuid
        self.changed["read_only"] = self.changed["super_read_only"] = "0" if is_own else "1"


class MemberSession:
    """Answers like that server."""

    def __init__(self, member: Member) -> None:
        self.member, self.world = member, member.world
        self.server_version = VERSIONS[member.kind]
        self.version = supported_version(self.server_version)
        self.address = "the server of this node"
        self.connection_id = 100 + len(member.sessions)
        self.ended = False
        self.bound = False
        member.sessions.append(self)

    def query(self, sql: str, timeout: float) -> list[Row]:
        member = self.member
        assert not self.ended
        member.asked.append(sql)
        self.world.happening(sql)
        self.world.pass_time(ONE_MILLISECOND)
        for text, error in member.troubles.items():
            if text in sql:
                if isinstance(error, NoAnswer):
                    self.world.pass_time(timeout)
                raise error
        if sql.startswith("SET SESSION") and "lock_wait" not in sql:
            return self._set(sql)
        if sql.startswith("START TRANSACTION") and not member.answers_group:
            self.world.pass_time(timeout)
            self.ended = True
            raise NoAnswer("the group does not answer")
        return self._answer(sql)

    def _set(self, sql: str) -> list[Row]:
        ours = "group_replication" if self.member.kind == GROUP else "wsrep"
        if not self.member.loaded or ours not in sql:
            raise UNKNOWN_VARIABLE
        return []

    def _answer(self, sql: str) -> list[Row]:
        member = self.member
        if sql in (cluster_queries.GROUP_SETTINGS, cluster_queries.galera_settings(self.version)):
            return member.settings()
        if sql == cluster_queries.GROUP_MEMBERS:
            return member.members()
        if sql == cluster_queries.GALERA_STATUS:
            return member.status()
        if sql == cluster_queries.ASYNCHRONOUS_CHANNELS:
            return [{"name": name} for name in member.channels]
        if sql == queries.PROCESSLIST:
            return member.processes
        if sql == operator_queries.VARIABLES:
            variables = member.variables.items()
            return [{"Variable_name": name, "Value": value} for name, value in variables]
        if sql == operator_queries.GRANTS:
            return [{"Grants for kachecks@localhost": member.grants}]
        if sql == queries.DIRECTORIES:
            return [{"datadir": "/data", "binlog": "/log/b", "tmpdir": "/tmp"}]  # noqa: S108
        if sql == queries.executed(self.version):
            return [{"executed": "", "applied": "", "gtid_mode": "ON"}]
        if sql == queries.SEMI_SYNC_ACKNOWLEDGED or sql in cluster_queries.PROBE_QUORUM:
            return []
        return self._acts(sql)

    def _acts(self, sql: str) -> list[Row]:
        member = self.member
        self.world.event(sql)
        if "set_as_primary" in sql:
            member.make_primary(sql.split("'")[1])
            return [{"said": "Primary server switched"}]
        if sql.startswith("SET SESSION lock_wait_timeout"):
            return []
        assert sql.startswith(("SET GLOBAL read_only", "KILL")), sql
        if "read_only" in sql:
            member.changed["read_only"] = sql[-1]
        return []

    def execute(self, sql: str, timeout: float) -> None:
        self.query(sql, timeout)

    def execute_each(
        self,
        statements: list[str],
        seconds: float,
        timeout: float,
    ) -> list[ServerError | None]:
        for sql in statements:
            self.execute(sql, timeout)
        return [None] * len(statements)

    def close(self) -> None:
        self.ended = True

    def server_pid(self) -> int | None:
        return PROCESS.pid


class Servers(simulated.Servers):
    """This node's member alone: no other one is asked."""

    world: ClusterWorld

    def connect_local(self, timeout: float) -> Any:
        self.world.happening("connect")
        self.world.pass_time(ONE_MILLISECOND)
        if self.world.member.trouble is not None:
            raise self.world.member.trouble
        return MemberSession(self.world.member)

    def connect_peer(self, timeout: float) -> Any:
        raise AssertionError("a member of a cluster has no peer")

    def process_of(self, session: Any) -> Process | None:
        return PROCESS

    def end_sessions_through_vip(self, process: Process) -> set[str]:
        assert process == PROCESS
        self.world.say("end sessions through the VIP")
        if not self.may_take:
            raise PermissionError(1, "Operation not permitted")
        return {f"10.0.0.10:{port}" for port in self.ports_through_vip}


class ClusterWorld(World):
    """One member; ``world.member`` is its server, ``world.node`` what the code is given."""

    def __init__(self, kind: str = GROUP, state: str = "primary", **options: str) -> None:
        super().__init__()
        self.member = Member(self, kind, state)
        self.servers = Servers(self)
        self.node = Node(member_config(**options), self)
        self.files.texts.clear()
        self.vip = False
        self.time = 100.0
        self.clock.world = self

    def earlier_answers(self) -> None:
        """Its last check was a moment ago."""
        view = self.member.members()[0]["VIEW_ID"]
        self.files.texts[self.path("trusted_view")] = f"{self.time - 1:.3f} {view}"


def member_config(**options: str) -> Config:
    """The option file of a member."""
    given = {"vip": "10.0.0.100", "interface": "eth0", "cluster": "yes", **options}
    lines = "".join(f"{key} = {value}\n" for key, value in given.items())
    return parse(f"[kachecks]\n{lines}[client]\nsocket = /s.sock\n", "k.cnf")


@contextmanager
def no_act(world: ClusterWorld) -> Iterator[None]:
    """Nothing is changed meanwhile: no mark, no note."""
    before = dict(world.files.texts)
    yield
    assert world.files.texts == before
