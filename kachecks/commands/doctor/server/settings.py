"""doctor on the settings of a server: what it keeps of its writes, how it is told from the other
one, and what it replicates by. Rules over facts, pure.

A version that does not have a variable passes. Rules use the names of MySQL 8.0.26 and later, with
older names and those of MariaDB beside them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from kachecks.commands.doctor.rule import FAILURE, WARNING, Found, Row, Table, row
from kachecks.commands.doctor.server.facts import ServerFacts, is_on
from kachecks.commands.text import span

_SHORTEST_BINLOGS = 86400.0  # s to keep binary logs: a node that is down for a day must find them
_LONGEST_NET_TIMEOUT = 30.0  # s until a receiver notices a dead source; it shows Yes and no lag
_MANY_ROWS = 1e6  # more than any table has that is asked for
_LONGEST_STOP = 300.0  # s of STOP REPLICA; kachecks gives its own statements up much earlier

IN_MY_CNF = "in [mysqld] of my.cnf on both nodes"
"""The end of a cure. MariaDB reads [mysqld] as well."""

_Good = Callable[[str], bool]


class _Variable(NamedTuple):
    """A variable and its right values. A server that does not have it passes."""

    names: tuple[str, ...]  # what it is called, newest first
    good: _Good
    mariadb: bool | None = None  # the only family that the rule is about; None: both


def _setting(name: str, level: int, variable: _Variable, want: str, why: str) -> Row[ServerFacts]:
    """A rule about one variable; ``want``, "sync_binlog = 1", for the rule's line and its cure."""
    cure = f"set {want} {IN_MY_CNF}"

    def finder(server: ServerFacts) -> Iterator[Found]:
        here = server.name_of(*variable.names)
        if here is None or variable.mariadb not in (None, server.version.mariadb):
            return
        value = server.variables[here]
        if not variable.good(value):
            origin = server.came_from(here)
            auto = origin.kind == "mysqld-auto.cnf"
            yield Found(
                f"{here} is {value or 'empty'}{_whence(origin.kind)}",
                origin.path,
                f"RESET PERSIST {here} (mysqld-auto.cnf has it), and {cure}" if auto else "",
            )

    return row(name, level, finder, want, why, cure)


def _whence(kind: str) -> str:
    """The end of a sentence about a value: where it comes from (Origin.kind)."""
    return {
        "default": ", the default",
        "command line": ", from the command line",
        "statement": ", set by a statement since its start",
        "mysqld-auto.cnf": ", from mysqld-auto.cnf",
    }.get(kind, "")


def _at_most(most: float) -> _Good:
    """A number, no larger."""
    return lambda value: _number(value) <= most


def _one_of(*wanted: str) -> _Good:
    """A word, in capitals here."""
    return lambda value: value.upper() in wanted


def _number(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        return 0.0


def _off(value: str) -> bool:
    """A switch that is not on."""
    return not is_on(value)


def _keeps_binlogs(server: ServerFacts) -> Iterator[Found]:
    """MySQL before 8.0 and MariaDB before 10.6 count only in days; 0 means for ever."""
    if server.value("binlog_expire_logs_auto_purge") == "OFF":
        return
    seconds = server.number("binlog_expire_logs_seconds") or 0.0
    if not seconds:
        seconds = (server.number("expire_logs_days") or 0.0) * 86400
    if 0 < seconds < _SHORTEST_BINLOGS:
        yield Found(f"binary logs are purged after {span(seconds)}")


def _runs_all_events(server: ServerFacts) -> Iterator[Found]:
    if server.idle_events is None:
        yield Found(f"that cannot be told: {server.troubles.get('idle_events', '')}")
    elif server.idle_events and server.access.writable:
        yield Found(f"these do not run: {server.idle_events}")


def _runs_no_events(server: ServerFacts) -> Iterator[Found]:
    version = server.version
    before_12 = version.mariadb and version.number < (12, 0, 0)
    if before_12 and (server.value("event_scheduler") or "").upper() in ("ON", "1"):
        origin = server.came_from("event_scheduler")
        yield Found(f"event_scheduler is ON{_whence(origin.kind)}", origin.path)


def _cuts_nothing_short(server: ServerFacts) -> Iterator[Found]:
    """It can be larger than any table that is asked for, or be what it is by default."""
    for name in ("sql_select_limit", "max_join_size"):
        number = server.number(name)
        if number is not None and number < _MANY_ROWS:
            cure = f"SET GLOBAL {name} = DEFAULT, and remove it from my.cnf"
            yield Found(f"{name} is {server.value(name)}", server.came_from(name).path, cure)


def _lists_all_connections(server: ServerFacts) -> Iterator[Found]:
    if not server.is_on("performance_schema_show_processlist"):
        return
    instances = server.number("performance_schema_max_thread_instances")
    most = server.number("max_connections") or 0.0
    if not server.is_on("performance_schema"):
        yield Found("performance_schema answers SHOW PROCESSLIST, and is OFF")
    elif instances is not None and 0 <= instances < most:  # -1: as many as there are
        yield Found(
            f"performance_schema answers SHOW PROCESSLIST, and knows {instances:g} threads at most:"
            f" max_connections is {most:g}"
        )


def _commits_in_order(server: ServerFacts) -> Iterator[Found]:
    """MariaDB keeps the order in every mode (manual, slave_parallel_mode)."""
    name = server.name_of("replica_preserve_commit_order", "slave_preserve_commit_order")
    workers = server.number("replica_parallel_workers", "slave_parallel_workers") or 0
    if name and workers > 1 and not server.is_on(name):
        yield Found(f"{name} is OFF with {workers:g} workers")


def _relay_log_has_a_name(server: ServerFacts) -> Iterator[Found]:
    value, host = server.value("relay_log"), server.value("hostname")
    if value is None or server.came_from("relay_log").kind == "file":
        return
    if not value or (host and value.rpartition("/")[2].startswith(f"{host}-relay")):
        yield Found(f"relay_log is {value or 'the default'}")


TABLE: Table[ServerFacts] = (
    _setting("LOG_BIN", FAILURE, _Variable(("log_bin",), is_on),
        "log_bin = binlog",
        "without a binary log the other node receives nothing, and is no standby"),
    _setting("LOG_REPLICA_UPDATES", WARNING,
        _Variable(("log_replica_updates", "log_slave_updates"), is_on),
        "log_replica_updates = ON (MySQL 5.7, MariaDB: log_slave_updates)",
        "what a node has applied is missing from its binary log: a node rebuilt from it, or a third"
        " replica, cannot get it there, and MariaDB's positions have holes"),
    _setting("BINLOG_FORMAT", WARNING, _Variable(("binlog_format",), _one_of("ROW")),
        "binlog_format = ROW",
        "statements can have another effect on the other node, which is noticed only after a"
        " failover"),
    _setting("SYNC_BINLOG", WARNING, _Variable(("sync_binlog",), _one_of("1")),
        "sync_binlog = 1",
        "after a crash of the host the binary log lacks what was acknowledged, or what the other"
        " node has already received"),
    _setting("FLUSH_AT_COMMIT", WARNING,
        _Variable(("innodb_flush_log_at_trx_commit",), _one_of("1")),
        "innodb_flush_log_at_trx_commit = 1",
        "after a crash InnoDB lacks up to a second of commits that were acknowledged"),
    _setting("BINLOG_ERROR_ACTION", WARNING,
        _Variable(("binlog_error_action",), _one_of("ABORT_SERVER"), mariadb=False),
        "binlog_error_action = ABORT_SERVER",
        "a server that cannot write its binary log goes on without one, and the other node misses"
        " all later writes"),
    row("BINLOGS_KEPT", WARNING, _keeps_binlogs,
        "binary logs are kept for a day at least",
        "a node that was down for longer than that cannot catch up any more and must be rebuilt",
        "set binlog_expire_logs_seconds = 604800 (MySQL 5.7, MariaDB before 10.6:"
        f" expire_logs_days = 7) {IN_MY_CNF}"),
    _setting("GTID_MODE", FAILURE, _Variable(("gtid_mode",), _one_of("ON"), mariadb=False),
        "gtid_mode = ON",
        "by file and position nobody can tell which transactions one node alone has: a promotion is"
        " refused"),
    _setting("GTID_CONSISTENCY", WARNING,
        _Variable(("enforce_gtid_consistency",), _one_of("ON", "1"), mariadb=False),
        "enforce_gtid_consistency = ON",
        "without it gtid_mode cannot be switched on, and statements that break GTIDs are accepted"),
    _setting("GTID_STRICT_MODE", WARNING, _Variable(("gtid_strict_mode",), is_on, mariadb=True),
        "gtid_strict_mode = ON",
        "two nodes that have diverged in a domain go on side by side instead of stopping"),
    _setting("NAME_RESOLUTION", WARNING, _Variable(("skip_name_resolve",), is_on),
        "skip_name_resolve = ON",
        "each new connection waits for a name server, and while that is away the check finds mysqld"
        " hung. (With it accounts are named by address; localhost still means the socket.)"),
    _setting("CLUSTER", FAILURE, _Variable(("wsrep_on",), _off),
        "wsrep_on = OFF",
        "Galera decides by itself who may write, and would contradict kachecks"),
    _setting("GROUP_REPLICATION", FAILURE,
        _Variable(("group_replication_group_name",), _one_of(""), mariadb=False),
        "no group_replication_group_name",
        "Group Replication decides by itself who may write, and would contradict kachecks"),
    _setting("OFFLINE_MODE", FAILURE, _Variable(("offline_mode",), _off, mariadb=False),
        "offline_mode = OFF",
        "the server lets in administrators alone, so it could not serve"),
    _setting("INNODB_READ_ONLY", FAILURE, _Variable(("innodb_read_only",), _off),
        "innodb_read_only = OFF",
        "InnoDB refuses all writes, so it could not serve"),
    _setting("TRANSACTION_READ_ONLY", FAILURE,
        _Variable(("transaction_read_only", "tx_read_only"), _off),
        "transaction_read_only = OFF (MariaDB before 11.1: tx_read_only)",
        "whoever connects may only read (1792), so it could not serve"),
    _setting("FORCED_RECOVERY", FAILURE, _Variable(("innodb_force_recovery",), _one_of("0")),
        "innodb_force_recovery = 0",
        "it is for saving what a damaged data directory still holds: MySQL refuses all writes then,"
        " MariaDB takes them, on data that may be damaged"),
    row("IDLE_EVENTS", WARNING, _runs_all_events,
        "the events of the active server run",
        "a server switches off the events that come to it by replication, and a failover does not"
        " switch them on: until somebody does they run nowhere",
        "there, for each: ALTER DEFINER = 'user'@'host' EVENT ... ENABLE, with the definer that"
        " SHOW CREATE EVENT tells; replication switches it off on the other node. Or run the jobs"
        " from cron through the VIP. The grants files make the function that names them"),
    row("EVENTS", WARNING, _runs_no_events,
        "no event scheduler on MariaDB before 12",
        "events of privileged definers write through read_only: a closed node goes on writing",
        "set event_scheduler = OFF in my.cnf and run the jobs from cron through the VIP"),
    _setting("RELAY_LOG_RECOVERY", WARNING, _Variable(("relay_log_recovery",), is_on),
        "relay_log_recovery = ON",
        "after a crash the replica goes on reading a relay log that may end in the middle of an"
        " event"),
    _setting("REPLICA_STATE_IN_TABLES", WARNING,
        _Variable(("relay_log_info_repository",), _one_of("TABLE"), mariadb=False),
        "relay_log_info_repository = TABLE and master_info_repository = TABLE (MySQL 5.7)",
        "the replica's position is in a file, which may lag behind the data after a crash: rows are"
        " applied twice"),
    _setting("SKIPPED_ERRORS", FAILURE,
        _Variable(("replica_skip_errors", "slave_skip_errors"), _one_of("OFF", "")),
        "replica_skip_errors = OFF (slave_skip_errors)",
        "the replica skips errors and silently goes on with other rows than its source"),
    _setting("EXEC_MODE", FAILURE,
        _Variable(("replica_exec_mode", "slave_exec_mode"), _one_of("STRICT")),
        "replica_exec_mode = STRICT (slave_exec_mode)",
        "IDEMPOTENT silently overwrites rows that collide and skips rows that are missing"),
    _setting("NET_TIMEOUT", WARNING,
        _Variable(("replica_net_timeout", "slave_net_timeout"), _at_most(_LONGEST_NET_TIMEOUT)),
        f"replica_net_timeout = 10, at most {_LONGEST_NET_TIMEOUT:g} s (slave_net_timeout)",
        "a replica notices only after so long that its source hangs or is cut off; the default is"
        " 60 s"),
    _setting("STOP_TIMEOUT", WARNING,
        _Variable(("rpl_stop_replica_timeout", "rpl_stop_slave_timeout"), _at_most(_LONGEST_STOP),
                 mariadb=False),
        f"rpl_stop_replica_timeout = 30, at most {_LONGEST_STOP:g} s (rpl_stop_slave_timeout)",
        "STOP REPLICA waits that long for a stuck applier, and all other replication statements"
        " wait behind it; the default is a year"),
    row("ROWS_CUT", WARNING, _cuts_nothing_short,
        "sql_select_limit and max_join_size are what they are by default",
        "a small sql_select_limit silently cuts what a server shows of itself, a small"
        " max_join_size refuses it: closing, opening, status and doctor set their own, the check"
        " cannot afford to",
        "SET GLOBAL sql_select_limit = DEFAULT, max_join_size = DEFAULT"),
    row("PROCESS_LIST", WARNING, _lists_all_connections,
        "SHOW PROCESSLIST shows all connections (MySQL)",
        "a demotion does not cut the clients that it cannot see, and the check does not notice that"
        " their writes hang",
        "set performance_schema_show_processlist = OFF, or performance_schema = ON and"
        f" performance_schema_max_thread_instances = -1 {IN_MY_CNF}"),
    row("COMMIT_ORDER", WARNING, _commits_in_order,
        "several applier workers commit in the order of the source (MySQL)",
        "if they commit out of order, a crash or a promotion can leave a hole: a later transaction"
        " is there, an earlier one is not",
        "set replica_preserve_commit_order = ON (before 8.0.26: slave_preserve_commit_order)"
        f" {IN_MY_CNF}"),
    row("RELAY_LOG_NAME", WARNING, _relay_log_has_a_name,
        "relay_log is set to a name of its own",
        "the default contains the host name: if that changes, the replica does not find its relay"
        " log and stops",
        f"set relay_log = relay-bin {IN_MY_CNF}"),
)  # fmt: skip
