"""A peer that cannot be asked, not be closed, or is the wrong one: never opened upon, unless it
says that it is closed.

The VIP comes to B, which has the wrong idea of A. B stays closed, says in one sentence what is
wrong and what to do, and gives the VIP back; A serves.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.lab.pairs import other_cluster, permit
from tests.lab.pairs.node import Node
from tests.lab.pairs.pair import VIP, Pair
from tests.lab.servers.flavour import Flavour
from tests.lab.servers.mariadb import MariaDB
from tests.lab.servers.wire import Connection

OPTION_FILE = "/etc/kachecks/kachecks.cnf"

CLOSING_RIGHTS = {"mariadb": "READ_ONLY ADMIN", "mysql": "SYSTEM_VARIABLES_ADMIN"}

REFUSED = 10.0
"""Seconds from the fault until B has refused: VRRP's down time, and a look at the peer."""

GIVEN_BACK = 2.0
"""Seconds from the refusal until the VIP is off B."""


@pytest.fixture
def pair(flavour: Flavour) -> Iterator[Pair]:
    """A active, B standing by."""
    with Pair(flavour, suite="kachecks") as pair:
        yield pair


def refusal(pair: Pair) -> str:
    """The VIP has just left A. B's sentence; B was closed all the time and has given the VIP up."""
    b = pair.b
    until = time.monotonic() + REFUSED
    while not (refused := [entry for entry in b.audit() if entry["outcome"] == "refused"]):
        assert not pair.is_open(b), f"B has opened: {b.audit()}"
        assert time.monotonic() < until, f"B has not refused in {REFUSED:g} s: {b.syslog()}"
        time.sleep(0.02)
    pair.wait_until(lambda: not b.has_vip(VIP), GIVEN_BACK, "B to give the VIP up")
    assert not pair.is_open(b)
    why = str(refused[0]["why"])
    assert "\n" not in why
    b.wait_for_syslog(why)
    return why


def hand_over(pair: Pair) -> None:
    """keepalived on A lets the VIP go; A's server lives, and is closed."""
    permit.withdraw(pair.a)
    pair.wait_until(lambda: not pair.a.has_vip(VIP), 2, "the VIP to leave A")


def a_serves_again(pair: Pair) -> None:
    permit.grant(pair.a)
    pair.wait_until(lambda: pair.is_serving(pair.a), 20, "A to serve again")
    assert not pair.is_open(pair.b)


def leave_the_vip_behind(node: Node) -> None:
    """keepalived there dies without a word: its server stays open, its kernel has the VIP."""
    node.kill_keepalived()
    assert node.has_vip(VIP)


def a_goes_on_serving(pair: Pair, server: int | None) -> None:
    assert pair.is_serving(pair.a), "A was closed, or has lost the VIP"
    assert pair.a.mysqld_pid() == server, "A's mysqld was killed"


def revoke(pair: Pair, rights: str) -> None:
    """On A alone, from B's account."""
    root = Connection(str(pair.a.socket_path), "root", "", timeout=5)
    root.query("SET SESSION sql_log_bin = 0", 5)
    root.query(f"REVOKE {rights} FROM kachecks@'{pair.b.address}'", 5)
    root.close()


def test_wrong_password(pair: Pair) -> None:
    pair.set_options(pair.b, {"peer.password": "not-the-word"})
    hand_over(pair)
    why = refusal(pair)
    assert "1045" in why
    assert f"[peer] in {OPTION_FILE}" in why
    assert "not-the-word" not in why + pair.b.syslog()
    a_serves_again(pair)


def test_an_account_without_any_right(pair: Pair) -> None:
    """It is told that A is closed, and what A has committed: that is all that B has to know."""
    revoke(pair, "ALL PRIVILEGES, GRANT OPTION")
    hand_over(pair)
    until = time.monotonic() + REFUSED
    while not pair.is_serving(pair.b):
        assert time.monotonic() < until, f"B does not serve: {pair.b.audit()}, {pair.b.syslog()}"
        time.sleep(0.02)
    assert not pair.is_open(pair.a)
    pair.wait_until(pair.b.audit, 5, "the audit log of B")
    assert "peer closed" in str(pair.b.audit()[-1]["why"])


def test_an_account_that_may_not_close_an_open_peer(pair: Pair) -> None:
    server = pair.a.mysqld_pid()
    revoke(pair, f"{CLOSING_RIGHTS[pair.flavour.name]} ON *.*")
    leave_the_vip_behind(pair.a)
    why = refusal(pair)
    assert "1227" in why
    assert pair.a.address in why
    assert "grants" in why
    a_goes_on_serving(pair, server)


def test_a_filtered_port_of_a_peer_that_has_the_vip(pair: Pair) -> None:
    server = pair.a.mysqld_pid()
    filtered = ["-s", pair.b.address, "-p", "tcp", "--dport", "3306", "-j", "DROP"]
    pair.a.iptables("-A", "INPUT", *filtered)
    leave_the_vip_behind(pair.a)
    why = refusal(pair)
    assert pair.a.address in why
    assert "on_hung_peer" in why
    assert "firewall" in why
    a_goes_on_serving(pair, server)


def test_a_different_cluster(pair: Pair) -> None:
    other_cluster.start(pair.a)
    pair.set_options(pair.b, {"peer.port": other_cluster.PORT})
    hand_over(pair)
    why = refusal(pair)
    assert "a different cluster" in why
    assert f"{pair.a.address}" in why
    assert OPTION_FILE in why
    if isinstance(pair.flavour, MariaDB):
        assert str(other_cluster.SERVER_ID) in why
    a_serves_again(pair)


def test_the_peer_is_this_node_itself(pair: Pair) -> None:
    """The classic slip of who copies an option file from one node to the other."""
    text = pair.a.path(OPTION_FILE).read_text()
    pair.b.write(OPTION_FILE, text, 0o600)
    hand_over(pair)
    why = refusal(pair)
    assert pair.b.address in why
    assert OPTION_FILE in why
    a_serves_again(pair)
