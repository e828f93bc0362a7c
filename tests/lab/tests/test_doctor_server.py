"""doctor's rules on servers, on a real pair: nothing where all is right, and what is broken."""

from __future__ import annotations

from typing import Any

import mysql.connector
import pytest

from kachecks.commands.doctor.tables import SERVER_RULES
from tests.lab.pairs.commands import said_in_json
from tests.lab.pairs.node import Node
from tests.lab.pairs.pair import Pair
from tests.lab.servers.flavour import OPTION_FILE
from tests.lab.servers.flavours import ALL_FLAVOURS
from tests.lab.tests.shared_pair import shared_pair

OURS = {rule.name for rule in SERVER_RULES}


pair = shared_pair(ALL_FLAVOURS, "kachecks")


def found(node: Node) -> list[dict[str, Any]]:
    """What doctor says there about the servers, without what only the other node can tell."""
    status, said = said_in_json(node, "doctor")
    assert status in (0, 1, 2), said
    return [each for each in said["findings"] if each["rule"] in OURS and each["level"]]


def named(node: Node) -> set[tuple[str, str | None]]:
    """The rules, each with the node it was broken on."""
    return {(each["rule"], each["node"]) for each in found(node)}


def is_mysql(pair: Pair) -> bool:
    return pair.flavour.name.startswith("mysql")


def test_nothing_is_found_on_a_right_pair(pair: Pair) -> None:
    for node in pair.nodes:
        assert found(node) == []


def test_a_setting_of_the_peer(pair: Pair) -> None:
    pair.b.sql("SET GLOBAL sync_binlog = 0")
    try:
        (only,) = found(pair.a)
        assert (only["rule"], only["node"]) == ("SYNC_BINLOG", "peer")
        assert only["sentence"] == "sync_binlog is 0, set by a statement since its start"
    finally:
        pair.b.sql("SET GLOBAL sync_binlog = 1")


def test_a_peer_that_shows_little_of_itself(pair: Pair) -> None:
    """Its settings are seen all the same."""
    pair.b.sql("SET GLOBAL sql_select_limit = 1, GLOBAL sync_binlog = 0")
    try:
        assert named(pair.a) == {("ROWS_CUT", "peer"), ("SYNC_BINLOG", "peer")}
    finally:
        pair.b.sql("SET GLOBAL sync_binlog = 1, GLOBAL sql_select_limit = DEFAULT")


def test_offsets_alike(pair: Pair) -> None:
    pair.b.sql("SET GLOBAL auto_increment_offset = 1")
    try:
        assert named(pair.a) == {("AUTO_INCREMENT", None)}
        assert named(pair.b) == {("AUTO_INCREMENT", None), ("LOST_AT_RESTART", "here")}
    finally:
        pair.b.sql("SET GLOBAL auto_increment_offset = 2")


def test_a_privilege_that_is_gone(pair: Pair) -> None:
    """It is replicated: each node lacks it for its own account at localhost."""
    pair.a.sql("REVOKE PROCESS ON *.* FROM kachecks@localhost")
    try:
        pair.wait_replication_caught_up()
        assert named(pair.a) == named(pair.b) == {("PRIVILEGES", "here")}
        (only,) = found(pair.b)
        assert only["cure"].endswith("GRANT PROCESS ON *.* TO 'kachecks'@'localhost'")
    finally:
        pair.a.sql("GRANT PROCESS ON *.* TO kachecks@localhost")
        pair.wait_replication_caught_up()


def test_an_account_that_the_peer_does_not_know(pair: Pair) -> None:
    pair.a.sql("RENAME USER kachecks@'10.0.0.2' TO kachecks@'10.0.0.3'")
    try:
        assert named(pair.b) == {("PEER_ANSWERS", "peer")}
        assert named(pair.a) == set()
    finally:
        pair.a.sql("RENAME USER kachecks@'10.0.0.3' TO kachecks@'10.0.0.2'")
        pair.wait_replication_caught_up()


def test_a_server_that_will_start_open(pair: Pair) -> None:
    """The active one, whose own value of read_only tells nothing about its next start."""
    file = pair.a.path(OPTION_FILE)
    right = file.read_text()
    kept = [line for line in right.splitlines() if "read_only" not in line]
    pair.a.write(OPTION_FILE, "\n".join(kept))
    try:
        (only,) = found(pair.a)
        assert (only["rule"], only["node"]) == ("READ_ONLY_AT_BOOT", "here")
    finally:
        pair.a.write(OPTION_FILE, right)


def test_mysqld_auto_cnf_overrides_my_cnf(pair: Pair) -> None:
    if not is_mysql(pair):
        pytest.skip("MariaDB has no SET PERSIST")
    for name in ("read_only", "super_read_only"):
        pair.b.sql(f"SET PERSIST_ONLY {name} = OFF")
    try:
        assert named(pair.a) == {("READ_ONLY_AT_BOOT", "peer")}
        assert named(pair.b) == {("READ_ONLY_AT_BOOT", "here")}
        assert "RESET PERSIST super_read_only" in found(pair.b)[0]["cure"]
    finally:
        pair.b.sql("RESET PERSIST")


def has_written(node: Node) -> bool:
    try:
        node.sql("SET GLOBAL read_only = 0")
        node.sql("CREATE TABLE IF NOT EXISTS app.errant (id INT PRIMARY KEY)")
    except mysql.connector.Error:
        return False
    return True


def test_a_transaction_of_the_standby_alone(pair: Pair) -> None:
    pair.receiver(pair.a, "STOP")
    pair.wait_until(lambda: has_written(pair.b), 20, "B to write before its check closes it again")
    pair.wait_until(lambda: not pair.is_open(pair.b), 5, "the check on B to close it")
    try:
        assert named(pair.a) == {("ERRANT", "peer"), ("REPLICATION_RUNS", "here")}
        assert named(pair.b) == {("ERRANT", "here"), ("REPLICATION_RUNS", "peer")}
    finally:
        pair.receiver(pair.a, "START")
        pair.wait_replication_caught_up()
    pair.wait_replication_running()
    assert named(pair.b) == set()
