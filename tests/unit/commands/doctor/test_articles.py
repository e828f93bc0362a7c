"""doctor on the configurations that articles show: everything that is wrong there, by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from kachecks.commands.doctor.host.facts import HostAddress
from kachecks.commands.doctor.rule import FAILURE, PEER, Finding
from tests.unit.doubles.doctor_world import findings, names, right

DATA = Path(__file__).parents[2] / "data/doctor"
SCRIPT = "/opt/shells/keepalived_mysql.sh"


@pytest.fixture
def article(tmp_path: Path) -> list[Finding]:
    """Two nodes, a script that kills keepalived, TCP_CHECK, nopreempt on the first alone."""
    world = (
        right()
        ._replace(
            conf=(DATA / "seed-node1.conf").read_text(),
            peer_conf=(DATA / "seed-node2.conf").read_text(),
        )
        .with_options("vip  = 10.0.0.100", "vip = 172.16.3.123")
        .with_options("peer = 10.0.0.2", "peer = 172.16.3.189")
        .with_options("port     = 3306", "port     = 3309")
        .with_host(addresses=(HostAddress("eth0", "172.16.3.190", 22),), passing=None, failing=None)
        .with_file(
            SCRIPT,
            interpreter="/bin/bash",
            text="#!/bin/bash\npkill keepalived\n/sbin/ifdown eth0 && /sbin/ifup eth0\n",
        )
    )
    return findings(world, tmp_path)


def only(found: list[Finding], rule: str, node: str = "here") -> Finding:
    (one,) = [each for each in found if (each.rule.name, each.node) == (rule, node)]
    return one


def test_all_that_is_wrong_is_named_and_nothing_else(article: list[Finding]) -> None:
    assert names(article) == {
        "CHECK_TRACKED",
        "HOOKS",
        "IP_VS",
        "NOPREEMPT",
        "NOT_AS_WRITTEN",  # nb_get_retry, which TCP_CHECK does not know
        "NOTIFY_KILLS",
        "PERMIT",
        "PRIORITY_LOW",
        "REAL_SERVER",
        "SCRIPT_SECURITY",
        "VRRP_PASSWORD",
    }


def test_the_script_that_kills_is_quoted(article: list[Finding]) -> None:
    found = only(article, "NOTIFY_KILLS")
    assert found.level == FAILURE
    for words in (SCRIPT, "`pkill keepalived`", "ifdown eth0", "ifup eth0"):
        assert words in found.sentence


def test_nopreempt_is_missing_on_the_second_node_alone(article: list[Finding]) -> None:
    (found,) = [one for one in article if one.rule.name == "NOPREEMPT"]
    assert found.node == PEER
    assert found.where.endswith("peer.conf:5")


def test_an_open_port_is_no_health(article: list[Finding]) -> None:
    sentence = only(article, "REAL_SERVER").sentence
    assert "TCP_CHECK" in sentence
    assert "a hung mysqld passes" in sentence
    assert SCRIPT in sentence


def test_the_password_is_clear_text(article: list[Finding]) -> None:
    assert "clear-text" in only(article, "VRRP_PASSWORD").rule.why


def test_weights_and_a_master(tmp_path: Path) -> None:
    """Both nodes alike but for the priority, as far as the rule of thumb allows."""
    text = (DATA / "weights.conf").read_text()
    world = right()._replace(
        conf=text, peer_conf=text.replace("MASTER", "BACKUP").replace("priority 100", "priority 90")
    )
    found = findings(world.with_host(passing=None, failing=None), tmp_path)
    assert names(found) == {
        "CHECK_TRACKED",
        "HOOKS",
        "NOPREEMPT",
        "PERMIT",
        "PRIORITY_LOW",
        "SCRIPT_SECURITY",
        "STATE_BACKUP",
        "UNFENCED_TRACKER",
    }
    only_this = "only vrrp_script chk_mysql, which runs `/etc/keepalived/chk_mysql.sh`"
    assert only_this in only(found, "CHECK_TRACKED").sentence


def test_weights_that_never_fail_over(tmp_path: Path) -> None:
    text = (DATA / "weights.conf").read_text()
    world = right()._replace(
        conf=text, peer_conf=text.replace("MASTER", "BACKUP").replace("priority 100", "priority 50")
    )
    found = findings(world.with_host(passing=None, failing=None), tmp_path)
    assert "|priority A - priority B| < |weight|" in only(found, "PAIR_FAILS_OVER", "").sentence
