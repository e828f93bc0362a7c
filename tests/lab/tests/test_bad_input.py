"""Wrong passwords, missing rights, signals, hooks at the wrong place: nothing lost or left open."""

from __future__ import annotations

import signal
import time

import pytest

from tests.lab.pairs.commands import BIN, is_fit, run
from tests.lab.pairs.node import Node
from tests.lab.pairs.pair import VIP, Pair
from tests.lab.servers.flavour import Flavour
from tests.lab.servers.flavours import FLAVOURS, MARIADB
from tests.lab.tests.shared_pair import shared_pair

pair = shared_pair(FLAVOURS, "kachecks")  # each test leaves A active and B standing by


def wait_until_healthy(pair: Pair) -> None:
    """A serves and B would take over."""
    pair.wait_until(lambda: pair.is_serving(pair.a), 15, "A to serve")
    pair.wait_until(lambda: is_fit(pair.b), 15, "B to be fit")
    pair.b.wait_standby(15)


def test_a_server_that_may_not_be_closed_keeps_the_vip(pair: Pair) -> None:
    right = "READ_ONLY ADMIN" if pair.flavour is MARIADB else "SYSTEM_VARIABLES_ADMIN"
    pair.a.sql(f"REVOKE {right} ON *.* FROM kachecks@localhost")
    try:
        status, said = run(pair.a, "notify_down")
        assert status == 1
        assert "1227" in said
        assert "grants" in said
        assert pair.is_serving(pair.a), "notify_down let the VIP go with the server open"
        assert pair.a.keepalived_pids()
    finally:
        pair.a.sql(f"GRANT {right} ON *.* TO kachecks@localhost")
        wait_until_healthy(pair)


def test_a_socket_that_does_not_exist(pair: Pair) -> None:
    option_file = "/etc/kachecks/elsewhere.cnf"
    text = pair.b.path("/etc/kachecks/kachecks.cnf").read_text()
    pair.b.write(option_file, text.replace("/run/mysqld/mysqld.sock", "/run/nowhere.sock"), 0o600)
    status, said = run(pair.b, "check_mysql", f"--defaults-file={option_file}")
    assert status == 30
    assert said.startswith("UNKNOWN: nobody listens on /run/nowhere.sock")
    assert "lives and listens on /run/mysqld/mysqld.sock" in said


SEVERAL_CHECKS = 5.0
"""Seconds, at a check a second and ``fall 2``."""


def test_a_mistake_in_keepalived_conf_does_not_take_the_vip_away(pair: Pair) -> None:
    """The check that is called in a wrong way cannot close the server, so its VIP must stay."""
    conf = "/etc/keepalived/keepalived.conf"
    text = pair.a.path(conf).read_text()
    assert "check_mysql --fence" in text
    try:
        pair.a.write(conf, text.replace("check_mysql --fence", "check_mysql --fense"))
        pair.a.kill(pair.a.keepalived_pids()[0], signal.SIGHUP)
        pair.wait_until(lambda: "wrong command line" in pair.a.syslog(), 15, "A to tell of it")
        end = time.monotonic() + SEVERAL_CHECKS
        while time.monotonic() < end:
            assert pair.is_serving(pair.a)
            time.sleep(0.1)
    finally:
        pair.a.write(conf, text)
        pair.a.kill(pair.a.keepalived_pids()[0], signal.SIGHUP)
        wait_until_healthy(pair)


def test_notify_master_where_the_vip_is_not(pair: Pair) -> None:
    status, said = run(pair.b, "notify_master")
    assert (status, said.strip()) == (0, "demote: already closed: the server is closed")
    assert not pair.is_open(pair.b)


def test_a_standby_found_open_is_closed(pair: Pair) -> None:
    before = len(pair.b.audit())
    pair.open(pair.b)
    pair.wait_until(lambda: len(pair.b.audit()) > before, 3, "the check to act on B")
    assert pair.b.audit()[before]["outcome"] == "closed", pair.b.audit()
    assert not pair.is_open(pair.b)
    wait_until_healthy(pair)


def test_notify_backup_where_the_vip_is_changes_nothing(pair: Pair) -> None:
    status, said = run(pair.a, "notify_backup")
    assert status == 0
    assert "already open" in said
    assert pair.is_serving(pair.a)


def state_of(node: Node) -> object:
    """Everything a hook could change on a node."""
    marks = {
        file.name: file.read_text()
        for file in node.path("/run/kachecks").iterdir()
        if file.suffix not in (".check", ".lock", ".look")  # keepalived's checks go on
    }
    access = node.sql("SELECT @@global.read_only AS read_only")
    pids = node.mysqld_pid(), node.keepalived_pids()
    return marks, access, pids, node.has_vip(VIP), len(node.audit())


@pytest.mark.parametrize("hook", ["notify_master", "notify_backup", "notify_down"])
def test_a_dry_run_changes_nothing(pair: Pair, hook: str) -> None:
    for node in pair.nodes:
        before = state_of(node)
        status, said = run(node, hook, "--dry-run")
        assert status == 0, said
        assert state_of(node) == before
    if hook == "notify_down":
        said = run(pair.a, hook, "--dry-run")[1]
        assert "would run on this node: SET GLOBAL" in said
        assert "would stop keepalived" in said


def test_an_operator_opens_a_closed_holder(pair: Pair) -> None:
    """First told what would be done, then done."""
    for statement in pair.flavour.close_writes:
        pair.a.sql(statement)
    status, said = run(pair.a, "notify_master", "--dry-run")
    assert status == 0
    assert "would run on this node: SET GLOBAL read_only = 0" in said
    assert not pair.is_open(pair.a)
    assert run(pair.a, "notify_master")[0] == 0
    assert pair.is_serving(pair.a)


@pytest.mark.parametrize(
    "program", ["check_mysql", "notify_master", "notify_backup", "notify_down"]
)
def test_sigterm_is_never_a_success(pair: Pair, program: str) -> None:
    """Against a standby whose server hangs, so that the program is at work when it is ended."""
    pair.b.kill_mysqld(signal.SIGSTOP)
    try:
        script = f"{BIN}/{program} & sleep 0.7; kill -TERM $!; wait $!"
        assert pair.b.run(["sh", "-c", script], check=False).returncode == 128 + signal.SIGTERM
    finally:
        pair.b.kill_mysqld(signal.SIGCONT)
        wait_until_healthy(pair)
    assert not pair.is_open(pair.b)


def test_two_checks_at_once(pair: Pair) -> None:
    script = f"{BIN}/check_mysql --fence & {BIN}/check_mysql --fence; a=$?; wait $!; exit $((a+$?))"
    assert pair.a.run(["sh", "-c", script], check=False).returncode == 0
    assert pair.is_serving(pair.a)


def test_two_checks_at_once_of_a_hung_server(flavour: Flavour) -> None:
    """One fences, the other repeats the last verdict; the server is killed once."""
    with Pair(flavour, suite="kachecks") as pair:
        pair.a.kill_mysqld(signal.SIGSTOP)
        check = f"{BIN}/check_mysql --fence"
        pair.a.run(["sh", "-c", f"{check} & {check} & {check}; wait"], check=False, timeout=15)
        pair.wait_until(lambda: pair.is_serving(pair.b), 15, "B to serve")
        assert [entry["outcome"] for entry in pair.a.audit()] == ["opened", "killing", "killed"]
