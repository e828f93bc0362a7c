"""What the servers of a right pair answer to doctor, to be broken in one place.

``Answers("mysql-9.7")`` are captured (data/doctor_server/capture.py); those of versions that cannot
be run here are derived from captured ones, as the manuals say: see GENERATIONS.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Optional

from kachecks.commands.doctor.rule import Finding
from kachecks.commands.doctor.server import probe
from kachecks.commands.doctor.server.facts import PairFacts
from kachecks.commands.doctor.server.my_cnf import Option
from kachecks.commands.doctor.tables import of_servers
from kachecks.config.options import Config, parse
from kachecks.mysql import operator_queries, queries
from kachecks.mysql.facts import Version, supported_version
from kachecks.mysql.session import ServerError, SessionError
from tests.rows.derive import LATER, old

DATA = Path(__file__).parents[1] / "data/doctor_server"
OPTION_FILE = """[kachecks]
vip = 10.0.0.100
peer = 10.0.0.2
[client]
socket = /s.sock
password = secret
"""
HERE, PEER = "here", "peer"

Row = dict[str, Optional[str]]


class Answers:
    """Rows by statement of both servers; ``here`` is active, ``peer`` stands by."""

    def __init__(self, generation: str) -> None:
        source, version, derive = GENERATIONS[generation]
        self.servers: dict[str, Any] = json.loads((DATA / f"{source}.json").read_text())
        self.options: list[Option] | None = None
        self.options = [Option(*option) for option in self.servers[HERE].pop("options")]
        self.config = parse(OPTION_FILE, "k.cnf")
        self.troubles: dict[str, SessionError] = {}
        self.listener: int | None = None  # the process behind this node's unix socket
        self.uncut: set[str] = set()  # nodes whose tables are shown whole, whatever is set there
        self.spoiled: Callable[[str, str, list[Row]], list[Row]] = lambda _node, _sql, rows: rows
        for server in self.servers.values():
            server["version"] = version or server["version"]
            server["rows"].setdefault(operator_queries.IDLE_EVENTS, [{"events": None}])
        derive(self)

    @property
    def mariadb(self) -> bool:
        return "MariaDB" in self.servers[HERE]["version"]

    # Breaking one thing

    def rows(self, node: str, beginning: str) -> list[Row]:
        """The rows of the one statement that begins so; yours to change."""
        answers = self.servers[node]["rows"]
        (sql,) = (sql for sql in answers if sql.startswith(beginning))
        rows: list[Row] = answers[sql]
        return rows

    def variable(self, node: str, name: str, value: str | None) -> None:
        """Set it, add it, or with None take it away. Its origin stays."""
        rows = self.rows(node, operator_queries.VARIABLES)
        rows[:] = [row for row in rows if row["Variable_name"] != name]
        if value is not None:
            rows.append({"Variable_name": name, "Value": value})

    def everywhere(self, name: str, value: str | None) -> None:
        """On both nodes."""
        for node in (HERE, PEER):
            self.variable(node, name, value)

    def value(self, node: str, name: str) -> str:
        found = self.rows(node, operator_queries.VARIABLES)
        return next(row["Value"] or "" for row in found if row["Variable_name"] == name)

    def origin(self, node: str, name: str, kind: str) -> None:
        """Where a variable comes from, in the server's own word."""
        rows = self.servers[node]["rows"][operator_queries.origins(self._version())]
        for row in rows:
            if (row["name"] or "").lower() == name:
                row.update(source=kind, path="")
                return
        rows.append({"name": name, "source": kind, "path": ""})

    def channel(self, node: str, **columns: str) -> None:
        """Columns of the replication status, in MySQL's new words or in MariaDB's."""
        row = self.status(node)[0]
        for name, value in columns.items():
            assert name in row, f"{name} not in {sorted(row)}"
            row[name] = value

    def status(self, node: str) -> list[Row]:
        return self.rows(node, queries.replication_status(self._version()))

    def grant(self, node: str, *rows: str) -> None:
        """What SHOW GRANTS says."""
        self.rows(node, operator_queries.GRANTS)[:] = [{"Grants": row} for row in rows]

    def access(self, node: str, **columns: str) -> None:
        """Columns of the statement that tells open from closed."""
        self.rows(node, "SELECT @@global.read_only")[0].update(columns)

    def option(self, name: str, value: str | None) -> None:
        """One more line at the end of my.cnf of this node, or with ``-name`` one line less."""
        assert self.options is not None
        if name.startswith("-"):
            self.options = [option for option in self.options if option.name != name[1:]]
        else:
            self.options.append(Option(name, value, "/etc/my.cnf:99"))

    def refuse(self, node: str, beginning: str, errno: int) -> None:
        """That statement fails."""
        answers = self.servers[node]["rows"]
        (sql,) = (sql for sql in answers if sql.startswith(beginning))
        answers[sql] = ServerError(errno, "no")

    def _version(self) -> Version:
        return _Session(self, HERE).version

    # Asking

    @property
    def own_address(self) -> str:
        return "fd00::1" if ":" in self.config.peer else "10.0.0.1"

    def ask(self) -> PairFacts:
        """Through doctor's own probe; the option files are those captured."""
        servers = probe.ask_servers(_Node(self))  # type: ignore[arg-type]
        if servers.here is not None:
            options = None if self.options is None else tuple(self.options)
            here = servers.here._replace(options=options, address=self.own_address)
            servers = servers._replace(here=here)
        return servers

    def findings(self) -> list[Finding]:
        return of_servers(self.ask())

    def named(self) -> list[Finding]:
        """What is wrong, without what only the other node can tell."""
        return [finding for finding in self.findings() if finding.level]

    def names(self) -> set[str]:
        return {finding.rule.name for finding in self.named()}


class _Session:
    """kachecks.mysql.session.Session, of what was captured."""

    def __init__(self, answers: Answers, node: str) -> None:
        self.server_version: str = answers.servers[node]["version"]
        self.address = f"the server of {node}"
        self._node, self._answers = node, answers
        self._rows = answers.servers[node]["rows"]

    @property
    def version(self) -> Version:
        try:
            return supported_version(self.server_version)
        except ValueError as error:
            raise ServerError(0, str(error)) from None

    def server_pid(self) -> int | None:
        return self._answers.listener if self._node == HERE else None

    def query(self, sql: str, _timeout: float) -> list[Row]:
        return self._answers.spoiled(self._node, sql, self._answer(sql))

    def execute(self, sql: str, _timeout: float) -> None:
        assert sql == operator_queries.ASK_FOR_ALL
        self._answers.uncut.add(self._node)

    def _answer(self, sql: str) -> list[Row]:
        if sql == operator_queries.CLOCK and not isinstance(self._rows[sql], ServerError):
            ahead = float(self._rows[sql][0].get("ahead") or 0)
            now = datetime.fromtimestamp(datetime.now().timestamp() + ahead, timezone.utc)
            return [{"now": now.replace(tzinfo=None).isoformat(" ", "microseconds")}]
        found = self._rows.get(sql, []) if sql == queries.PROCESSLIST else self._rows[sql]
        if isinstance(found, Exception):
            raise found
        return [dict(row) for row in found]

    def close(self) -> None:
        pass


class _Node:
    """kachecks.node.Node, as far as doctor's probe uses it; servers and clock of its own."""

    def __init__(self, answers: Answers) -> None:
        self.config: Config = answers.config
        self.servers = self.clock = self
        self._answers = answers
        self._now = 0.0

    def connect_local(self, _timeout: float) -> _Session:
        return self._connect(HERE)

    def connect_peer(self, _timeout: float) -> _Session:
        return self._connect(PEER)

    def _connect(self, node: str) -> _Session:
        if node in self._answers.troubles:
            raise self._answers.troubles[node]
        return _Session(self._answers, node)

    def process_of(self, _session: object) -> None:
        return None

    def now(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        self._now += seconds


def _as_captured(_answers: Answers) -> None:
    """Nothing is different."""


def _mysql_57(answers: Answers) -> None:
    """No origins, no dynamic privileges, old names, state in files unless told otherwise."""
    for server in answers.servers.values():
        _rename(server, "SHOW REPLICA STATUS", "SHOW SLAVE STATUS", LATER)
        server["rows"] = {
            sql: rows for sql, rows in server["rows"].items() if "performance_schema" not in sql
        }
    for node in (HERE, PEER):
        _in_old_words(answers, node)
        for name, value in {
            "master_info_repository": "TABLE",
            "relay_log_info_repository": "TABLE",
            "expire_logs_days": "0",
            "have_ssl": "YES",
        }.items():
            answers.variable(node, name, value)
        for name in ("binlog_expire_logs_seconds", "binlog_expire_logs_auto_purge"):
            answers.variable(node, name, None)
        answers.rows(node, operator_queries.MADE_ACCOUNT)[:] = [
            {"CREATE USER": "CREATE USER 'k'@'h' IDENTIFIED WITH 'mysql_native_password' AS '*A'"}
        ]
        answers.grant(node, "GRANT SUPER, PROCESS, REPLICATION CLIENT ON *.* TO 'kachecks'@'h'")


def _mysql_8021(answers: Answers) -> None:
    """The last one that says slave everywhere."""
    for server in answers.servers.values():
        _rename(server, "SHOW REPLICA STATUS", "SHOW SLAVE STATUS", LATER[2:])
    for node in (HERE, PEER):
        _in_old_words(answers, node)


def _rename(server: dict[str, Any], new: str, former: str, without: tuple[str, ...]) -> None:
    server["rows"][former] = [old(row, without) for row in server["rows"].pop(new)]


def _in_old_words(answers: Answers, node: str) -> None:
    rows = answers.rows(node, operator_queries.VARIABLES)
    rows[:] = [row for row in rows if "replica" not in (row["Variable_name"] or "")]
    for row in rows:  # the semi-sync plugin that says source came with 8.0.26
        row["Variable_name"] = (row["Variable_name"] or "").replace("sync_source", "sync_master")
    names = {row["Variable_name"] for row in rows}
    for name, value in {"log_slave_updates": "ON", "slave_net_timeout": "10"}.items():
        if name not in names:
            rows.append({"Variable_name": name, "Value": value})
    rows.append({"Variable_name": "rpl_semi_sync_slave_enabled", "Value": "ON"})


def _mariadb_12(answers: Answers) -> None:
    """read_only is a word, and the view is needed no more."""
    answers.access(PEER, read_only="NO_LOCK_NO_ADMIN")
    answers.variable(PEER, "read_only", "NO_LOCK_NO_ADMIN")
    answers.option("read_only", "NO_LOCK_NO_ADMIN")
    for node in (HERE, PEER):
        answers.status(node)[0].update(Connects_Tried="1", Master_Retry_Count="100000")


GENERATIONS: dict[str, tuple[str, str, Callable[[Answers], None]]] = {
    "mysql-9.7": ("mysql-9.7", "", _as_captured),
    "mysql-8.4": ("mysql-9.7", "8.4.3", _as_captured),
    "mysql-8.0.36": ("mysql-9.7", "8.0.36", _as_captured),
    "mysql-8.0.21": ("mysql-9.7", "8.0.21", _mysql_8021),
    "mysql-5.7": ("mysql-9.7", "5.7.44-log", _mysql_57),
    "mariadb-10.11": ("mariadb-10.11", "", _as_captured),
    "mariadb-11.8": ("mariadb-11.8", "", _as_captured),
    "mariadb-10.5": ("mariadb-10.11", "5.5.5-10.5.29-MariaDB", _as_captured),
    "mariadb-12.0": ("mariadb-11.8", "12.0.2-MariaDB", _mariadb_12),
}
"""Captured file, version where it is derived, and what is different there."""
