"""Rules: what a server keeps of its writes, and how it is told from the other. Pure.

A version that does not have a variable passes. Names in rules are those of MySQL 8.0.26 and later,
older ones and MariaDB's beside them.
"""

from __future__ import annotations

from collections.abc import Iterator

from kachecks.commands.doctor.rule import FAILURE, WARNING, Found, Rule, Table
from kachecks.commands.doctor.server.facts import Server, is_on
from kachecks.commands.doctor.server.setting import IN_MY_CNF, off, one_of, setting, whence

SHORTEST_BINLOGS = 86400.0
"""Seconds that binary logs must be kept: a node that is down for a day must find them."""

_RECORDS = [
    setting(
        "LOG_BIN", FAILURE, ("log_bin",), is_on, "log_bin = binlog",
        "without a binary log the other node receives nothing, and is no standby",
    ),
    setting(
        "LOG_REPLICA_UPDATES", WARNING, ("log_replica_updates", "log_slave_updates"), is_on,
        "log_replica_updates = ON (MySQL 5.7, MariaDB: log_slave_updates)",
        "what a node has applied is missing from its binary log: a node rebuilt from it, or a"
        " third replica, cannot get it there, and MariaDB tells positions with a hole",
    ),
    setting(
        "BINLOG_FORMAT", WARNING, ("binlog_format",), one_of("ROW"), "binlog_format = ROW",
        "statements can give other rows on the other node, which is found out after a failover",
    ),
    setting(
        "SYNC_BINLOG", WARNING, ("sync_binlog",), one_of("1"), "sync_binlog = 1",
        "after a crash of the host the binary log lacks what was acknowledged, or what the other"
        " node has already received",
    ),
    setting(
        "FLUSH_AT_COMMIT", WARNING, ("innodb_flush_log_at_trx_commit",), one_of("1"),
        "innodb_flush_log_at_trx_commit = 1",
        "after a crash InnoDB lacks up to a second of commits that were acknowledged",
    ),
    setting(
        "BINLOG_ERROR_ACTION", WARNING, ("binlog_error_action",), one_of("ABORT_SERVER"),
        "binlog_error_action = ABORT_SERVER",
        "a server that cannot write its binary log goes on without: the other node misses it all",
        mariadb=False,
    ),
]  # fmt: skip

_IDENTITY = [
    setting(
        "GTID_MODE", WARNING, ("gtid_mode",), one_of("ON"), "gtid_mode = ON",
        "by file and position nothing tells which transactions one node alone has: errant"
        " transactions, drain and rejoin are seen less sharply",
        mariadb=False,
    ),
    setting(
        "GTID_CONSISTENCY", WARNING, ("enforce_gtid_consistency",), one_of("ON", "1"),
        "enforce_gtid_consistency = ON",
        "without it gtid_mode cannot be switched on, and statements that break GTIDs are let in",
        mariadb=False,
    ),
    setting(
        "GTID_STRICT_MODE", WARNING, ("gtid_strict_mode",), is_on, "gtid_strict_mode = ON",
        "two nodes that have diverged in a domain go on side by side instead of stopping",
        mariadb=True,
    ),
    setting(
        "NAME_RESOLUTION", WARNING, ("skip_name_resolve",), is_on, "skip_name_resolve = ON",
        "each new connection waits for a name server: when that is away, the check finds mysqld"
        " hung (accounts are then named by address; localhost still means the socket)",
    ),
    setting(
        "CLUSTER", FAILURE, ("wsrep_on",), off, "wsrep_on = OFF",
        "Galera decides for itself who may write: it and kachecks would contradict each other",
    ),
]  # fmt: skip

BINLOGS_KEPT = Rule(
    "BINLOGS_KEPT",
    WARNING,
    "binary logs are kept for a day at least",
    "a node that was down for longer than that cannot catch up any more and must be rebuilt",
    "set binlog_expire_logs_seconds = 604800 (MySQL 5.7, MariaDB before 10.6:"
    f" expire_logs_days = 7) {IN_MY_CNF}",
)

EVENTS = Rule(
    "EVENTS",
    WARNING,
    "no event scheduler on MariaDB before 12",
    "events of privileged definers write through read_only: a closed node goes on writing",
    "set event_scheduler = OFF in my.cnf and run the jobs from cron through the VIP",
)


def keeps_binlogs(server: Server) -> Iterator[Found]:
    """BINLOGS_KEPT. MySQL before 8.0 and MariaDB before 10.6 count in days alone; 0 is for ever."""
    if server.value("binlog_expire_logs_auto_purge") == "OFF":
        return
    seconds = server.number("binlog_expire_logs_seconds") or 0.0
    if not seconds:
        seconds = (server.number("expire_logs_days") or 0.0) * 86400
    if 0 < seconds < SHORTEST_BINLOGS:
        yield Found(f"binary logs are purged after {seconds / 3600:.1f} h", "", server.node)


def runs_no_events(server: Server) -> Iterator[Found]:
    """EVENTS."""
    version = server.version
    before_12 = version.mariadb and version.number < (12, 0, 0)
    if before_12 and (server.value("event_scheduler") or "").upper() in ("ON", "1"):
        origin = server.came_from("event_scheduler")
        yield Found(f"event_scheduler is ON{whence(origin.kind)}", origin.path, server.node)


TABLE: Table[Server] = (
    *_RECORDS,
    (BINLOGS_KEPT, keeps_binlogs),
    *_IDENTITY,
    (EVENTS, runs_no_events),
)
