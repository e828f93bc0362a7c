"""Rules: the settings that a server replicates by. Pure. Names as in doctor_server_settings."""

from __future__ import annotations

from collections.abc import Iterator

from kachecks.commands.doctor.rule import FAILURE, WARNING, Found, Rule, Table
from kachecks.commands.doctor.server.facts import Server, is_on
from kachecks.commands.doctor.server.setting import IN_MY_CNF, at_most, one_of, setting

LONGEST_NET_TIMEOUT = 30.0
"""Seconds after which a receiver notices a dead source; until then it shows Yes and no lag."""

LONGEST_STOP = 300.0
"""Seconds that STOP REPLICA may take; kachecks gives its own statements up much earlier."""

_REPLICAS = [
    setting(
        "RELAY_LOG_RECOVERY", WARNING, ("relay_log_recovery",), is_on, "relay_log_recovery = ON",
        "after a crash the replica reads on in a relay log that may end in the middle of an event",
    ),
    setting(
        "REPLICA_STATE_IN_TABLES", WARNING,
        ("relay_log_info_repository",), one_of("TABLE"),
        "relay_log_info_repository = TABLE and master_info_repository = TABLE (MySQL 5.7)",
        "the replica's position is in a file that a crash leaves behind the data: rows come twice",
        mariadb=False,
    ),
    setting(
        "SKIPPED_ERRORS", FAILURE, ("replica_skip_errors", "slave_skip_errors"), one_of("OFF", ""),
        "replica_skip_errors = OFF (slave_skip_errors)",
        "the replica passes over errors and goes on with other rows than its source, unseen",
    ),
    setting(
        "EXEC_MODE", FAILURE, ("replica_exec_mode", "slave_exec_mode"), one_of("STRICT"),
        "replica_exec_mode = STRICT (slave_exec_mode)",
        "IDEMPOTENT overwrites rows that collide and passes over rows that are missing, unseen",
    ),
    setting(
        "NET_TIMEOUT", WARNING, ("replica_net_timeout", "slave_net_timeout"),
        at_most(LONGEST_NET_TIMEOUT),
        f"replica_net_timeout = 10, at most {LONGEST_NET_TIMEOUT:g} s (slave_net_timeout)",
        "only then a replica notices that its source hangs or is cut off; the default is 60 s",
    ),
    setting(
        "STOP_TIMEOUT", WARNING, ("rpl_stop_replica_timeout", "rpl_stop_slave_timeout"),
        at_most(LONGEST_STOP),
        f"rpl_stop_replica_timeout = 30, at most {LONGEST_STOP:g} s (rpl_stop_slave_timeout)",
        "STOP REPLICA waits that long behind a stuck applier, and all other replication"
        " statements behind it; the default is a year",
        mariadb=False,
    ),
]  # fmt: skip

COMMIT_ORDER = Rule(
    "COMMIT_ORDER",
    WARNING,
    "several applier workers commit in the order of the source (MySQL)",
    "out of order, a crash or a promotion can meet a hole: a later transaction is there, an"
    " earlier one is not",
    "set replica_preserve_commit_order = ON (before 8.0.26: slave_preserve_commit_order)"
    f" {IN_MY_CNF}",
)

RELAY_LOG_NAME = Rule(
    "RELAY_LOG_NAME",
    WARNING,
    "relay_log is a name of its own",
    "the default contains the host name: after a change of that, the replica does not find its"
    " relay log and stops",
    f"set relay_log = relay-bin {IN_MY_CNF}",
)


def commits_in_order(server: Server) -> Iterator[Found]:
    """COMMIT_ORDER. MariaDB keeps the order in every mode (manual, slave_parallel_mode)."""
    name = server.name_of("replica_preserve_commit_order", "slave_preserve_commit_order")
    workers = server.number("replica_parallel_workers", "slave_parallel_workers") or 0
    if name and workers > 1 and not server.is_on(name):
        yield Found(f"{name} is OFF with {workers:g} workers", "", server.node)


def relay_log_has_a_name(server: Server) -> Iterator[Found]:
    """RELAY_LOG_NAME."""
    value = server.value("relay_log")
    host = server.value("hostname")
    if value is None or (
        server.origins is not None and server.came_from("relay_log").kind == "file"
    ):
        return
    if not value or (host and value.rpartition("/")[2].startswith(f"{host}-relay")):
        yield Found(f"relay_log is {value or 'the default'}", "", server.node)


TABLE: Table[Server] = (
    *_REPLICAS,
    (COMMIT_ORDER, commits_in_order),
    (RELAY_LOG_NAME, relay_log_has_a_name),
)
