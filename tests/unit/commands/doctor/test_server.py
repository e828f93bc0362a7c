"""doctor's rules on servers: nothing on a right pair, and exactly the one that is broken."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from kachecks.commands.doctor.rule import FAILURE, WARNING
from kachecks.commands.doctor.tables import SERVER_RULES
from kachecks.mysql import operator_queries, queries
from kachecks.mysql.errors import OtherPlugin
from kachecks.mysql.session import NoAnswer, Refused, ServerError, Unreachable
from tests.unit.doubles.doctor_servers import GENERATIONS, HERE, PEER, Answers

MYSQL = [name for name in GENERATIONS if name.startswith("mysql")]
MARIADB = [name for name in GENERATIONS if name.startswith("mariadb")]
NEW = ["mysql-9.7", "mysql-8.4"]
CAPTURED = ["mysql-9.7", "mariadb-10.11", "mariadb-11.8"]
BOTH = ["mysql-9.7", "mariadb-10.11"]

Break = Callable[[Answers], object]


@pytest.mark.parametrize("generation", GENERATIONS)
def test_nothing_is_found_on_a_right_pair(generation: str) -> None:
    answers = Answers(generation)
    untold = {"READ_ONLY_AT_BOOT"} if generation == "mysql-5.7" else set()  # it has no origins
    assert answers.named() == []
    assert {(each.rule.name, each.node) for each in answers.findings()} == {
        (name, PEER) for name in untold
    }


def variables(node: str, **values: str) -> Break:
    def act(answers: Answers) -> None:
        for name, value in values.items():
            answers.variable(node, name, value)

    return act


def all_variables(**values: str) -> Break:
    return lambda answers: [answers.everywhere(name, value) for name, value in values.items()]


def columns(node: str, **values: str) -> Break:
    return lambda answers: answers.channel(node, **values)


def boots_open(answers: Answers) -> None:
    answers.option("-read_only", None)
    answers.option("-super_read_only", None)


def boots_open_for_admins(answers: Answers) -> None:
    answers.option("-super_read_only", None)


def persisted_open(answers: Answers) -> None:
    rows = answers.rows(PEER, "SELECT VARIABLE_NAME AS name, VARIABLE_VALUE")
    rows += [{"name": name, "value": "OFF"} for name in ("read_only", "super_read_only")]


def starts_stopped(answers: Answers) -> None:
    answers.variable(PEER, "skip_replica_start", "ON")
    answers.origin(PEER, "skip_replica_start", "EXPLICIT")


def relay_log_by_host_name(answers: Answers) -> None:
    word = "COMPILE-TIME" if answers.mariadb else "COMPILED"
    answers.variable(PEER, "relay_log", "" if answers.mariadb else "b-relay-bin")
    answers.origin(PEER, "relay_log", word)


def offsets_alike(answers: Answers) -> None:
    answers.everywhere("auto_increment_offset", "1")


def no_offsets(answers: Answers) -> None:
    answers.everywhere("auto_increment_offset", "1")
    answers.everywhere("auto_increment_increment", "1")


def same_uuid(answers: Answers) -> None:
    """A datadir that was copied; what replicates from the other then shows the one uuid, too."""
    answers.variable(PEER, "server_uuid", answers.value(HERE, "server_uuid"))
    answers.channel(HERE, Source_UUID=answers.value(HERE, "server_uuid"))


def both_open(answers: Answers) -> None:
    answers.access(PEER, read_only="0")


def no_privilege(answers: Answers) -> None:
    rows = answers.rows(HERE, "SHOW GRANTS")
    for row in rows:
        for key, value in row.items():
            row[key] = (value or "").replace("PROCESS, ", "")


def no_xa_privilege(answers: Answers) -> None:
    for row in answers.rows(HERE, "SHOW GRANTS"):
        for key, value in row.items():
            row[key] = (value or "").replace(",XA_RECOVER_ADMIN", "")


def from_a_stranger(answers: Answers) -> None:
    name = "Source_Host" if "Source_Host" in answers.status(PEER)[0] else "Master_Host"
    identity = "Master_Server_Id" if answers.mariadb else name.replace("Host", "UUID")
    answers.channel(PEER, **{name: "10.0.0.7", identity: "7"})


def everything_and_more(answers: Answers) -> None:
    answers.grant(PEER, "GRANT ALL PRIVILEGES ON *.* TO `kachecks`@`10.0.0.1` WITH GRANT OPTION")


def local_clear_text(answers: Answers) -> None:
    answers.rows(PEER, "SHOW SESSION STATUS")[0]["Value"] = ""
    if answers.mariadb:
        answers.variable(PEER, "have_ssl", "YES")


def in_clear_at_home(answers: Answers) -> None:
    """By the address of this very node."""
    answers.config = answers.config._replace(
        local=answers.config.local._replace(
            host="10.0.0.1", socket=None, ssl_mode="DISABLED", password=None
        )
    )
    answers.rows(HERE, "SHOW SESSION STATUS")[0]["Value"] = ""


def by_a_socket_unit(answers: Answers) -> None:
    answers.listener = 1


def by_port(answers: Answers) -> None:
    answers.config = answers.config._replace(
        local=answers.config.local._replace(host="127.0.0.1", socket=None)
    )


def no_replica(answers: Answers) -> None:
    answers.status(HERE).clear()


def from_anywhere(answers: Answers) -> None:
    answers.rows(PEER, "SELECT CURRENT_USER()")[0]["account"] = "kachecks@%"


def as_root(answers: Answers) -> None:
    answers.rows(HERE, "SELECT CURRENT_USER()")[0]["account"] = "root@localhost"


def people_use_our_account(answers: Answers) -> None:
    ours = {"User": "kachecks", "Host": "10.0.0.1:4711", "db": queries.OUR_SCHEMA}
    theirs = {"User": "kachecks", "Host": "10.0.0.7:4712", "db": None}
    other = {"User": "app", "Host": "10.0.0.8:4713", "db": None}
    answers.servers[PEER]["rows"][queries.PROCESSLIST] = [ours, theirs, other]


READ_ONLY_ADMIN = "GRANT READ_ONLY ADMIN ON *.*"

# fmt: off
knows_few_threads = variables(
    HERE,
    performance_schema_show_processlist="ON",
    performance_schema="ON",
    performance_schema_max_thread_instances="45",
)
WRONG: list[tuple[str, list[str], Break, str, str]] = [
    # the rule that must be named, on which servers, what is broken, and words of its sentence and
    # of its cure
    ("READ_ONLY_AT_BOOT", [*MYSQL, *MARIADB], boots_open, "starts open", "read_only = ON"),
    ("READ_ONLY_AT_BOOT", [*MYSQL, *MARIADB], lambda a: (
        a.option("read_only", "0"), a.option("skip_super_read_only", None)),
        "read_only is 0", "read_only = ON"),
    ("READ_ONLY_AT_BOOT", ["mysql-9.7", "mysql-8.0.36"], persisted_open,
        "read_only is OFF", "RESET PERSIST super_read_only and RESET PERSIST read_only"),
    ("ADMINS_AT_BOOT", MYSQL, boots_open_for_admins, "super_read_only", "super_read_only = ON"),
    ("ADMINS_AT_BOOT", ["mariadb-12.0"], lambda a: a.option("read_only", "ON"),
        "will be ON", "NO_LOCK_NO_ADMIN"),
    ("REPLICATION_AT_BOOT", BOTH, lambda a: a.option("skip_slave_start", None),
        "skip_slave_start", "remove"),
    ("REPLICATION_AT_BOOT", NEW, starts_stopped,
        "skip_replica_start", "remove"),
    ("LOG_BIN", BOTH, variables(PEER, log_bin="OFF"), "log_bin is OFF", "log_bin"),
    ("LOG_REPLICA_UPDATES", ["mysql-5.7", *MARIADB], variables(PEER, log_slave_updates="OFF"),
        "log_slave_updates is OFF", "log_slave_updates"),
    ("BINLOG_FORMAT", [*MYSQL, *MARIADB], all_variables(binlog_format="MIXED"),
        "binlog_format is MIXED", "ROW"),
    ("SYNC_BINLOG", [*MYSQL, *MARIADB], variables(HERE, sync_binlog="0"),
        "sync_binlog is 0", "sync_binlog = 1"),
    ("FLUSH_AT_COMMIT", BOTH, variables(HERE, innodb_flush_log_at_trx_commit="2"),
        "commit is 2", "= 1"),
    ("BINLOG_ERROR_ACTION", MYSQL, variables(HERE, binlog_error_action="IGNORE_ERROR"),
        "IGNORE_ERROR", "ABORT_SERVER"),
    ("BINLOGS_KEPT", BOTH, variables(PEER, binlog_expire_logs_seconds="3600"),
        "after 1 h", "604800"),
    ("RELAY_LOG_RECOVERY", BOTH, variables(PEER, relay_log_recovery="OFF"),
        "relay_log_recovery is OFF", "relay_log_recovery = ON"),
    ("REPLICA_STATE_IN_TABLES", ["mysql-5.7"], all_variables(relay_log_info_repository="FILE"),
        "is FILE", "TABLE"),
    ("SKIPPED_ERRORS", ["mysql-5.7", *MARIADB], variables(PEER, slave_skip_errors="1062"),
        "is 1062", "OFF"),
    ("SKIPPED_ERRORS", NEW, variables(PEER, replica_skip_errors="all"), "is all", "OFF"),
    ("EXEC_MODE", ["mysql-5.7", "mariadb-10.11"], variables(PEER, slave_exec_mode="IDEMPOTENT"),
        "is IDEMPOTENT", "STRICT"),
    ("NET_TIMEOUT", ["mysql-5.7", *MARIADB], variables(PEER, slave_net_timeout="60"),
        "is 60", "10"),
    ("STOP_TIMEOUT", NEW, variables(PEER, rpl_stop_replica_timeout="31536000"),
        "is 31536000", "30"),
    ("COMMIT_ORDER", NEW, variables(PEER, replica_preserve_commit_order="OFF"),
        "with 4 workers", "ON"),
    ("RELAY_LOG_NAME", ["mysql-5.7"], variables(PEER, relay_log="/var/lib/mysql/b-relay-bin"),
        "b-relay-bin", "relay-bin"),
    ("RELAY_LOG_NAME", CAPTURED, relay_log_by_host_name, "relay_log is", "relay-bin"),
    ("ROWS_CUT", BOTH, variables(PEER, sql_select_limit="0"),
        "sql_select_limit is 0", "SET GLOBAL sql_select_limit = DEFAULT"),
    ("ROWS_CUT", BOTH, variables(HERE, max_join_size="1000"),
        "max_join_size is 1000", "SET GLOBAL max_join_size = DEFAULT"),
    ("PROCESS_LIST", ["mysql-9.7"],
        variables(PEER, performance_schema_show_processlist="ON", performance_schema="OFF"),
        "performance_schema answers SHOW PROCESSLIST, and is OFF", "= OFF, or"),
    ("PROCESS_LIST", ["mysql-9.7"], knows_few_threads, "knows 45 threads at most: max_connections",
        "performance_schema_max_thread_instances = -1"),
    ("GTID_MODE", MYSQL, all_variables(gtid_mode="OFF"), "gtid_mode is OFF", "gtid_mode = ON"),
    ("GTID_CONSISTENCY", MYSQL, all_variables(enforce_gtid_consistency="WARN"), "WARN", "= ON"),
    ("GTID_STRICT_MODE", MARIADB, all_variables(gtid_strict_mode="OFF"), "OFF", "= ON"),
    ("NAME_RESOLUTION", BOTH, all_variables(skip_name_resolve="OFF"), "OFF", "= ON"),
    ("CLUSTER", MARIADB, all_variables(wsrep_on="ON"), "wsrep_on is ON", "OFF"),
    ("GROUP_REPLICATION", MYSQL, all_variables(group_replication_group_name="aa"),
     "group_replication_group_name is aa", "no group"),
    ("OFFLINE_MODE", MYSQL, all_variables(offline_mode="ON"), "offline_mode is ON", "OFF"),
    ("INNODB_READ_ONLY", MARIADB, all_variables(innodb_read_only="ON"), "is ON", "OFF"),
    ("TRANSACTION_READ_ONLY", MYSQL, all_variables(transaction_read_only="ON"), "is ON", "OFF"),
    ("TRANSACTION_READ_ONLY", MARIADB, all_variables(tx_read_only="ON"), "is ON", "OFF"),
    ("FORCED_RECOVERY", MYSQL, all_variables(innodb_force_recovery="3"), "is 3", "= 0"),
    ("EVENTS", ["mariadb-10.5", "mariadb-10.11", "mariadb-11.8"],
        all_variables(event_scheduler="ON"), "event_scheduler is ON", "event_scheduler = OFF"),
    ("SEMI_SYNC", NEW, variables(PEER, rpl_semi_sync_source_enabled="OFF"),
        "the source half peer", "rpl_semi_sync_source_enabled"),
    ("SEMI_SYNC", MARIADB, variables(HERE, rpl_semi_sync_slave_enabled="OFF"),
        "the replica half here", "enabled"),
    ("SEMI_SYNC_TIMEOUT", MARIADB, all_variables(rpl_semi_sync_master_timeout="10000"),
        "is 10000 ms", "2000"),
    ("SEMI_SYNC_RETURN", MARIADB, all_variables(rpl_semi_sync_master_timeout="4000"),
        "is 4000 ms, and hung_after 3 s", "fence_timeout"),
    ("SEMI_SYNC_POINT", MARIADB, all_variables(rpl_semi_sync_master_wait_point="AFTER_COMMIT"),
        "is AFTER_COMMIT", "AFTER_SYNC"),
    ("POSITIONS", MARIADB, columns(PEER, Using_Gtid="No"), "by file", "slave_pos"),
    ("POSITIONS", NEW, columns(PEER, Auto_Position="0"), "by file", "AUTO_POSITION = 1"),
    ("CONNECT_RETRY", [*MYSQL, *MARIADB], columns(PEER, Connect_Retry="60"),
        "every 60 s", "CONNECT_RETRY = 1"),
    ("RETRY_COUNT", NEW, columns(PEER, Source_Retry_Count="10"), "10 tries", "86400"),
    ("RETRY_COUNT", ["mysql-5.7", "mariadb-12.0"], columns(PEER, Master_Retry_Count="10"),
        "gives up after 10 s", "86400"),
    ("HEARTBEAT", MARIADB, columns(PEER, Slave_heartbeat_period="30.0"), "every 30 s", "= 1"),
    ("HEARTBEAT", MARIADB, columns(PEER, Slave_heartbeat_period="0.0"), "no heartbeat ever", "= 1"),
    ("DELAY", [*MYSQL, *MARIADB], columns(PEER, SQL_Delay="3600"), "3600 s late", "DELAY = 0"),
    ("FILTERS", [*MYSQL, *MARIADB], columns(HERE, Replicate_Ignore_DB="test"),
        "Replicate_Ignore_DB = test", "remove"),
    ("FILTERS", BOTH, lambda a: a.option("binlog_do_db", "shop"), "binlog_do_db = shop", "remove"),
    ("SOURCE_KEY", NEW, columns(PEER, Source_SSL_Allowed="No", Get_Source_public_key="0"),
        "neither TLS", "GET_SOURCE_PUBLIC_KEY = 1"),
    ("SOURCE_IS_VIP", NEW, columns(PEER, Source_Host="10.0.0.100"), "10.0.0.100", "own address"),
    ("SOURCE_IS_PEER", [*MYSQL, *MARIADB], from_a_stranger, "10.0.0.7", "other node"),
    ("REPLICATION_RUNS", [*MYSQL, *MARIADB], no_replica, "no replica at all", "START"),
    ("REPLICATION_RUNS", MARIADB, columns(PEER, Slave_SQL_Running="No", Last_SQL_Errno="1062",
        Last_SQL_Error="Duplicate entry '25' for key 'PRIMARY'"), "1062: Duplicate", "rejoin"),
    ("REPLICATION_RUNS", NEW, columns(HERE, Replica_IO_Running="Connecting", Last_IO_Errno="1045",
        Last_IO_Error="Access denied"), "Connecting (error 1045", "REPLICA STATUS"),
    ("SERVER_IDS", MYSQL, all_variables(server_id="1"), "server_id is 1 on both", "server_id"),
    ("SERVER_IDS", NEW, same_uuid, "server_uuid is", "auto.cnf"),
    ("AUTO_INCREMENT", [*MYSQL, *MARIADB], offsets_alike, "offset is 1 on both", "offset = 1"),
    ("AUTO_INCREMENT", [*MYSQL, *MARIADB], no_offsets, "increment is 1", "increment = 2"),
    ("AUTO_INCREMENT", BOTH, variables(PEER, auto_increment_offset="3"), "is ignored", "offset"),
    ("AUTO_INCREMENT", BOTH, variables(PEER, auto_increment_increment="3"), "3 on the peer", "= 2"),
    ("GTID_DOMAINS", MARIADB, all_variables(gtid_domain_id="0"), "gtid_domain_id is 0", "= 1"),
    ("PORTS", BOTH, variables(PEER, port="3307"), "3307 on the peer", "same port"),
    ("SAME_SETTINGS", BOTH, variables(PEER, max_connections="10"), "max_connections is", "same"),
    ("BOTH_OPEN", BOTH, both_open, "both take writes", "notify_backup"),
    ("CLOCKS", BOTH, lambda a: a.rows(PEER, "SELECT UTC")[0].update(ahead="-7"),
        "7.0 s behind", "chronyd"),
    ("BIND_ADDRESS", BOTH, variables(PEER, bind_address="127.0.0.1"),
        "not listen on 10.0.0.100, 10.0.0.2", "bind_address = *"),
    ("BIND_ADDRESS", BOTH, variables(HERE, bind_address="10.0.0.1,10.0.0.100"),
        "names the VIP", "bind_address = *"),
    ("BIND_ADDRESS", BOTH, variables(HERE, skip_networking="ON"), "no TCP", "skip_networking"),
    ("PEER_TLS", ["mysql-5.7", *MARIADB], local_clear_text, "in clear", "ssl-mode"),
    ("CLIENT_TLS", ["mysql-5.7", *MARIADB], by_port,
        "at 127.0.0.1 port 3306, and nobody asks", "set socket"),
    ("SOCKET_UNIT", [*MYSQL, *MARIADB], by_a_socket_unit,
        "systemd listens on /", "systemctl disable"),
    ("WHOLE_PASSWORD", NEW, local_clear_text, "(ssl-mode is PREFERRED)", "give that server a cert"),
    ("WHOLE_PASSWORD", NEW, in_clear_at_home, "is DISABLED", "from [client]"),
    ("PRIVILEGES", [*MYSQL, *MARIADB], no_privilege, "it lacks PROCESS",
        "GRANT PROCESS ON *.* TO 'kachecks'@'localhost'"),
    ("PRIVILEGES_BEYOND", [*MYSQL, *MARIADB], everything_and_more,
        "ALL PRIVILEGES, GRANT OPTION ON *.*", "revoke"),
    ("PREPARED_XA", ["mysql-9.7"], no_xa_privilege, "XA_RECOVER_ADMIN", "GRANT XA_RECOVER_ADMIN"),
    ("ACCOUNT_HOST", BOTH, from_anywhere, "kachecks@%", "RENAME USER"),
    ("IDLE_EVENTS", BOTH,
        lambda a: a.rows(HERE, "SELECT kachecks.idle")[0].update(events="app.purge, app.stats"),
        "these do not run: app.purge, app.stats", "ALTER DEFINER"),
    ("IDLE_EVENTS", BOTH, lambda a: a.refuse(PEER, "SELECT kachecks.idle", 1305), "error 1305",
        "grants files"),
    ("ACCOUNT_OF_ITS_OWN", BOTH, as_root, "root@localhost", "grants file"),
    ("ACCOUNT_OF_ITS_OWN", BOTH, people_use_our_account, "too: kachecks@10.0.0.7", "grants file"),
    ("EXEMPT_VIEW", ["mariadb-10.5", "mariadb-10.11"],
        lambda a: a.refuse(PEER, "SET STATEMENT", 1146), "error 1146", "grants.mariadb.sql"),
    ("PUBLIC_WRITES", ["mariadb-10.11", "mariadb-11.8"],
        lambda a: a.rows(HERE, "SHOW GRANTS").append({"": f"{READ_ONLY_ADMIN} TO PUBLIC"}),
        "PUBLIC has READ_ONLY ADMIN", "REVOKE"),
    ("DEFINER_WRITES", ["mariadb-10.5", "mariadb-10.11", "mariadb-11.8"],
        lambda a: a.rows(HERE, "SET STATEMENT").append({"user": "app", "host": "10.0.0.%"}),
        "done by app@10.0.0.%", "SQL SECURITY INVOKER"),
    ("DEFINER_WRITES", ["mariadb-10.11"],
        lambda a: a.rows(PEER, "SET STATEMENT").extend(
            {"user": f"app{n}\x1b", "host": "%"} for n in range(5)),
        "done by app0?@%, app1?@%, app2?@% and 2 more", "neither READ_ONLY ADMIN nor SUPER"),
]
# fmt: on


def test_events_that_do_not_run_on_the_standby_are_as_they_should_be() -> None:
    answers = Answers("mysql-9.7")
    answers.rows(PEER, "SELECT kachecks.idle")[0].update(events="app.purge")
    assert answers.named() == []


@pytest.mark.parametrize(
    ("name", "generation", "act", "said", "cure"),
    [
        pytest.param(name, generation, act, said, cure, id=f"{name}-{number}-{generation}")
        for number, (name, generations, act, said, cure) in enumerate(WRONG)
        for generation in generations
    ],
)
def test_exactly_what_is_broken_is_named(
    name: str, generation: str, act: Break, said: str, cure: str
) -> None:
    answers = Answers(generation)
    if name == "PRIVILEGES" and generation == "mysql-5.7":
        answers.grant(HERE, "GRANT REPLICATION CLIENT, SUPER ON *.* TO 'kachecks'@'localhost'")
    act(answers)
    found = answers.named()
    assert {finding.rule.name for finding in found} == {name}
    assert said in found[0].sentence
    assert cure in found[0].cure


def test_every_rule_is_broken_once() -> None:
    elsewhere = {"SERVER_ANSWERS", "PEER_ANSWERS", "FAMILY", "SERIES", "ERRANT", "DRIVER"}
    elsewhere.add("LOST_AT_RESTART")
    assert {rule.name for rule in SERVER_RULES} == {wrong[0] for wrong in WRONG} | elsewhere


@pytest.mark.parametrize("generation", CAPTURED)
def test_another_family_or_series_on_the_other_node(generation: str) -> None:
    answers = Answers(generation)
    other = {
        "mysql-9.7": "9.6.0",
        "mariadb-10.11": "10.6.2-MariaDB",
        "mariadb-11.8": "11.4.2-MariaDB",
    }
    answers.servers[PEER]["version"] = other[generation]
    assert answers.names() == {"SERIES"}


def test_one_mysql_and_one_mariadb() -> None:
    answers, stranger = Answers("mysql-9.7"), Answers("mariadb-11.8")
    answers.servers[PEER] = stranger.servers[PEER]
    assert "FAMILY" in answers.names()
    assert "GTID_DOMAINS" not in answers.names()


@pytest.mark.parametrize("generation", BOTH)
def test_two_servers_as_articles_set_them_up(generation: str) -> None:
    """Both open, nothing in my.cnf but server_id and log_bin."""
    answers = Answers(generation)
    no_offsets(answers)
    both_open(answers)
    boots_open(answers)
    answers.variable(PEER, "read_only", "OFF")
    answers.variable(PEER, "super_read_only", "OFF")
    for name in ("read_only", "super_read_only"):
        answers.origin(PEER, name, "COMPILE-TIME" if answers.mariadb else "COMPILED")
    named = {(each.rule.name, each.node) for each in answers.named()}
    assert named == {
        ("AUTO_INCREMENT", HERE),
        ("AUTO_INCREMENT", PEER),
        ("AUTO_INCREMENT", ""),
        ("BOTH_OPEN", ""),
        ("READ_ONLY_AT_BOOT", HERE),
        ("READ_ONLY_AT_BOOT", PEER),
    }


@pytest.mark.parametrize("generation", MARIADB)
def test_what_the_closed_server_alone_has(generation: str) -> None:
    answers = Answers(generation)
    answers.rows(PEER, "SELECT @@global.gtid_binlog_state")[0]["executed"] = "2-2-5,1-1-7"
    (only,) = answers.named()
    assert (only.rule.name, only.node) == ("ERRANT", PEER)
    assert only.sentence == "only this server has 2-2-5"
    answers.channel(HERE, Gtid_IO_Pos="2-2-5,1-1-7")  # received, and waiting to be applied
    assert answers.named() == []


def test_errant_transactions_that_cannot_be_told() -> None:
    answers = Answers("mariadb-10.11")
    answers.refuse(PEER, "SELECT @@global.gtid_binlog_state", 1227)
    (only,) = answers.named()
    assert (only.rule.name, only.checked, only.level) == ("ERRANT", False, WARNING)


def test_ipv6_addresses_have_many_spellings() -> None:
    answers = Answers("mariadb-10.11")
    answers.config = answers.config._replace(vips=("fd00::64",), peer="fd00::2")
    answers.channel(PEER, Master_Host="FD00:0:0::64")
    answers.variable(PEER, "bind_address", "fd00:0::2,::")
    assert answers.names() == {"SOURCE_IS_VIP"}
    answers.variable(PEER, "bind_address", "0.0.0.0")  # noqa: S104 - no IPv6 at all
    assert answers.names() == {"SOURCE_IS_VIP", "BIND_ADDRESS"}


# --- what cannot be asked -------------------------------------------------------------------


@pytest.mark.parametrize("generation", BOTH)
@pytest.mark.parametrize(
    ("trouble", "level", "checked"),
    [
        (Unreachable("nothing answers"), WARNING, False),
        (Refused("nobody listens"), WARNING, False),
        (NoAnswer("mute"), WARNING, False),
        (ServerError(1045, "Access denied for user 'kachecks'@'10.0.0.1'"), FAILURE, True),
    ],
)
def test_a_peer_that_cannot_be_asked_is_one_line(
    generation: str, trouble: Exception, level: int, checked: bool
) -> None:
    answers = Answers(generation)
    answers.troubles[PEER] = trouble  # type: ignore[assignment]
    io = "Slave_IO_Running" if answers.mariadb else "Replica_IO_Running"
    answers.channel(HERE, **{io: "Yes" if checked else "Connecting"})
    (only,) = answers.findings()
    assert (only.rule.name, only.node, only.checked) == ("PEER_ANSWERS", PEER, checked)
    assert only.level == level
    assert str(trouble) in only.sentence


@pytest.mark.parametrize(
    "values",
    [
        {"performance_schema_show_processlist": "OFF", "performance_schema": "OFF"},
        {"performance_schema_show_processlist": "ON", "performance_schema": "ON"},
        {
            "performance_schema_show_processlist": "ON",
            "performance_schema": "ON",
            "performance_schema_max_thread_instances": "-1",
        },
        {"sql_select_limit": "18446744073709551615", "max_join_size": "18446744073709551615"},
    ],
)
def test_settings_that_cut_nothing_short(values: dict[str, str]) -> None:
    answers = Answers("mysql-9.7")
    for name, value in values.items():
        answers.everywhere(name, value)
    assert answers.named() == []


@pytest.mark.parametrize("generation", BOTH)
def test_nothing_cuts_short_what_doctor_asks_for(generation: str) -> None:
    answers = Answers(generation)
    answers.findings()
    assert answers.uncut == {HERE, PEER}


@pytest.mark.parametrize("generation", BOTH)
def test_events_that_cannot_be_asked_for_in_time(generation: str) -> None:
    """Somebody has locked mysql.event."""
    answers = Answers(generation)
    rows = answers.servers[HERE]["rows"]
    rows[operator_queries.IDLE_EVENTS] = NoAnswer("no answer from /s.sock within 2 s")
    (only,) = answers.findings()
    assert (only.rule.name, only.level) == ("IDLE_EVENTS", WARNING)
    assert "cannot be told: no answer" in only.sentence


@pytest.mark.parametrize("generation", BOTH)
def test_the_peer_is_judged_where_this_server_is_down(generation: str) -> None:
    answers = Answers(generation)
    answers.troubles[HERE] = Refused("nobody listens on /s.sock")
    answers.variable(PEER, "sync_binlog", "0")
    assert answers.names() == {"SERVER_ANSWERS", "SYNC_BINLOG"}


def test_a_server_that_is_too_old_is_named() -> None:
    answers = Answers("mysql-9.7")
    answers.servers[HERE]["version"] = "5.6.51"
    (first, *_) = answers.findings()
    assert first.rule.name == "SERVER_ANSWERS"
    assert "MySQL 5.6.51 is not supported" in first.sentence


@pytest.mark.parametrize("generation", BOTH)
def test_status_without_the_privilege(generation: str) -> None:
    answers = Answers(generation)
    answers.refuse(HERE, "SHOW ALL" if answers.mariadb else "SHOW REPLICA", 1227)
    (only,) = answers.findings()
    assert (only.rule.name, only.checked) == ("REPLICATION_RUNS", False)


@pytest.mark.parametrize("generation", BOTH)
def test_what_only_a_statement_has_set(generation: str) -> None:
    answers = Answers(generation)
    answers.origin(HERE, "auto_increment_increment", "SQL" if answers.mariadb else "DYNAMIC")
    assert answers.names() == set()  # my.cnf says the same
    answers.option("-auto_increment_increment", None)
    assert answers.names() == {"LOST_AT_RESTART"}
    answers.option("auto_increment_increment", "3")
    (only,) = answers.named()
    assert only.sentence == ("auto_increment_increment was set to 2 by a statement, my.cnf has 3")


def test_what_a_session_has_set_for_itself() -> None:
    """MySQL tells it as if it were for all."""
    answers = Answers("mysql-9.7")
    answers.origin(HERE, "binlog_format", "DYNAMIC")
    assert answers.names() == set()


@pytest.mark.parametrize("generation", BOTH)
def test_without_a_look_at_my_cnf(generation: str) -> None:
    """Not root, or a server in a container: what a statement has set tells nothing of my.cnf."""
    answers = Answers(generation)
    answers.options = None
    unchecked = {each.rule.name: each for each in answers.named()}
    assert not any(each.checked for each in unchecked.values())
    names = {"READ_ONLY_AT_BOOT"}
    if answers.mariadb:
        names.add("REPLICATION_AT_BOOT")  # it has no variable for it
    assert set(unchecked) == names
    assert "its process cannot be told" in unchecked["READ_ONLY_AT_BOOT"].sentence


def test_no_password_anywhere() -> None:
    for generation in CAPTURED:
        answers = Answers(generation)
        answers.grant(
            HERE,
            "GRANT USAGE ON *.* TO `kachecks`@`localhost` IDENTIFIED BY PASSWORD '*9FB17BCFC284'",
        )
        said = repr(answers.findings()) + repr(answers.ask())
        assert "9FB17" not in said
        assert "secret" not in said


# --- the server's own files against what it still tells -----------------------------------------


@pytest.mark.parametrize(
    ("generation", "values", "origins", "expected"),
    [
        # read_only and super_read_only now, where they come from, what is named
        ("mysql-9.7", ("ON", "ON"), ("EXPLICIT", "EXPLICIT"), set()),
        # Nobody but my.cnf has set super_read_only.
        ("mysql-9.7", ("ON", "ON"), ("DYNAMIC", "EXPLICIT"), set()),
        ("mysql-9.7", ("OFF", "OFF"), ("COMPILED", "COMPILED"), {"READ_ONLY_AT_BOOT"}),
        ("mysql-9.7", ("ON", "ON"), ("COMPILED", "DYNAMIC"), {"not checked"}),
        # Cleared by its twin.
        ("mysql-9.7", ("OFF", "OFF"), ("DYNAMIC", "EXPLICIT"), {"not checked"}),
        ("mysql-9.7", ("OFF", "OFF"), ("DYNAMIC", "COMPILED"), {"not checked"}),
        ("mysql-9.7", ("ON", "OFF"), ("EXPLICIT", "COMPILED"), {"ADMINS_AT_BOOT"}),
        ("mariadb-10.11", ("ON",), ("CONFIG",), set()),
        ("mariadb-10.11", ("ON",), ("SQL",), {"not checked"}),
        ("mariadb-10.11", ("OFF",), ("SQL",), {"not checked"}),
        ("mariadb-10.11", ("OFF",), ("COMPILE-TIME",), {"READ_ONLY_AT_BOOT"}),
        ("mariadb-10.11", ("OFF",), ("CONFIG",), {"READ_ONLY_AT_BOOT"}),
    ],
)
def test_what_a_server_still_tells_of_its_boot(
    generation: str, values: tuple[str, ...], origins: tuple[str, ...], expected: set[str]
) -> None:
    answers = Answers(generation)
    for name, value, origin in zip(("read_only", "super_read_only"), values, origins):
        answers.variable(PEER, name, value)
        answers.origin(PEER, name, origin)
    found = answers.findings()
    assert {each.rule.name if each.checked else "not checked" for each in found} == expected


@pytest.mark.parametrize(
    ("plugin", "built_with", "lacks"),
    [
        ("authentication_webauthn_client", "authentication_webauthn_client", ""),
        ("authentication_webauthn_client", "authentication_ldap_sasl_client", "its plugin auth"),
        ("authentication_webauthn_client", None, "its C extension, _mysql_connector"),
        ("dialog", None, ""),  # which the driver does not have either: SERVER_ANSWERS says that
    ],
)
def test_what_the_driver_lacks(
    plugin: str,
    built_with: str | None,
    lacks: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "_mysql_connector.py").touch()
    plugins = tmp_path / "mysql/vendor/plugin"
    plugins.mkdir(parents=True)
    (plugins / f"{built_with}.so").touch()
    elsewhere = [path for path in sys.path if "-packages" not in path]
    monkeypatch.setattr(sys, "path", [str(tmp_path)] * bool(built_with) + elsewhere)
    monkeypatch.delitem(sys.modules, "_mysql_connector", raising=False)
    answers = Answers("mysql-9.7")
    answers.troubles[HERE] = OtherPlugin(f"it wants {plugin}", plugin)
    found = {finding.rule.name: finding.sentence for finding in answers.named()}
    assert ("DRIVER" in found) == bool(lacks)
    assert lacks in found.get("DRIVER", "")
