"""doctor on a real pair: nothing to say about the right one, and row 28 of the failure matrix."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.lab.pairs.commands import said_in_json
from tests.lab.pairs.node import Node
from tests.lab.pairs.pair import WITNESS, Pair
from tests.lab.servers.flavours import FLAVOURS
from tests.lab.tests.shared_pair import shared_pair

CONF = "/etc/keepalived/keepalived.conf"
TRIED = "/etc/keepalived/tried.conf"
PEERS = "/etc/keepalived/peer.conf"
CHECK = "/opt/kachecks/bin/check_mysql"
OTHER = "/etc/kachecks/check_mysql"
OF_THE_MACHINE = {"CLOCK"}
"""What the lab does not decide."""


pair = shared_pair(FLAVOURS, "kachecks", {"witness": WITNESS})


def doctor(node: Node, *arguments: str) -> tuple[int, list[dict[str, Any]]]:
    """Exit status and findings."""
    status, said = said_in_json(node, "doctor", *arguments)
    return status, [one for one in said["findings"] if one["rule"] not in OF_THE_MACHINE]


def text(node: Node, path: str) -> str:
    return node.path(path).read_text()


def names(found: list[dict[str, Any]]) -> set[str]:
    """Those that count for the exit status."""
    return {one["rule"] for one in found if one["level"]}


def state(node: Node) -> dict[str, str]:
    """All that kachecks keeps, but what the running checks write each second."""
    return {
        path.name: path.read_text()
        for directory in ("/run/kachecks", "/var/lib/kachecks")
        for path in node.path(directory).iterdir()
        if path.suffix in (".permit", ".json", ".jsonl", ".open", ".maintenance")
    }


def test_nothing_is_wrong_with_the_active_node(pair: Pair) -> None:
    pair.a.write(PEERS, text(pair.b, CONF))
    before = state(pair.a)
    _, found = doctor(pair.a, f"--peer-config={PEERS}")
    assert found == []
    assert state(pair.a) == before
    assert pair.is_open(pair.a) and not pair.is_open(pair.b)


def test_nothing_is_wrong_with_the_standby(pair: Pair) -> None:
    pair.b.write(PEERS, text(pair.a, CONF))
    _, found = doctor(pair.b, f"--peer-config={PEERS}")
    assert [one for one in found if one["level"]] == []


def with_check(script: str, mode: int) -> Callable[[Node], str]:
    def write(node: Node) -> str:
        node.write(OTHER, script, mode=mode)
        return text(node, CONF).replace(CHECK, OTHER)

    return write


def without_directory(node: Node) -> str:
    return text(node, CONF).replace("/run/kachecks/main", "/run/not-there/main")


BROKEN: dict[str, tuple[Callable[[Node], str], set[str]]] = {
    "interpreter-missing": (
        with_check("#!/opt/gone/bin/python\n", 0o755),
        {"SCRIPT_INTERPRETER", "CHECK_RUNS"},
    ),
    "no-interpreter": (with_check("exit 1\n", 0o755), {"SCRIPT_INTERPRETER", "CHECK_RUNS"}),
    "not-executable": (
        with_check("#!/bin/sh\n", 0o644),
        {"SCRIPT_EXECUTABLE", "CHECK_RUNS"},
    ),
    "always-well": (with_check("#!/bin/sh\nexit 0\n", 0o755), {"CHECK_RUNS", "CHECK_FAILS"}),
    "track-file-elsewhere": (without_directory, {"PERMIT"}),
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_keepalived_would_not_say(pair: Pair, what: str) -> None:
    """Row 28: with each of these keepalived becomes MASTER with no check, or no permit."""
    broken, rules = BROKEN[what]
    pair.b.write(TRIED, broken(pair.b))
    status, found = doctor(pair.b, f"--keepalived-conf={TRIED}")
    assert status == 2
    named = {one["rule"] for one in found if one["checked"]}
    assert named == {*rules, "KEEPALIVED_READS"}  # the running one reads another file


def test_another_user(pair: Pair) -> None:
    """Who may not read the option file, if Python at all: the check cannot tell."""
    pair.b.write(TRIED, text(pair.b, CONF).replace("script_user root", "script_user daemon"))
    status, found = doctor(pair.b, f"--keepalived-conf={TRIED}")
    assert status == 2
    assert {"SCRIPT_USER", "CHECK_RUNS"} <= names(found)
    assert "as daemon" in next(one for one in found if one["rule"] == "CHECK_RUNS")["sentence"]


def test_a_run_directory_that_is_not_there(pair: Pair) -> None:
    """Row 28 again: the directory of the permit."""
    pair.set_options(pair.b, {"run_dir": "/run/not-there"})
    pair.b.write(TRIED, without_directory(pair.b))
    try:
        status, found = doctor(pair.b, f"--keepalived-conf={TRIED}")
    finally:
        pair.set_options(pair.b, {})
    assert status == 2
    assert "RUN_DIR" in names(found)


def test_a_firewall_that_drops_vrrp(pair: Pair) -> None:
    """Only while the standby has not yet become MASTER itself: so its keepalived is stopped."""
    pair.b.stop_keepalived()
    rule = ("INPUT", "-p", "112", "-j", "DROP")
    pair.b.iptables("-A", *rule)
    try:
        _, found = doctor(pair.b)
    finally:
        pair.b.iptables("-D", *rule)
        pair.b.start_keepalived()
    assert names(found) == {"ADVERTS_HEARD", "KEEPALIVED_RUNS"}
    pair.b.wait_standby()


def test_a_witness_that_does_not_answer(pair: Pair) -> None:
    pair.set_options(pair.b, {"witness": "10.0.0.77"})
    try:
        status, found = doctor(pair.b)
    finally:
        pair.set_options(pair.b, {})
    assert status == 2
    assert names(found) == {"WITNESS_ANSWERS"}


def test_a_node_that_is_not_fit_and_a_server_that_is_not_there(pair: Pair) -> None:
    pair.b.stop_mysqld()
    try:
        status, found = doctor(pair.b)
    finally:
        pair.b.start_mysqld()
    assert status == 2
    (passing,) = [one for one in found if one["rule"] == "CHECK_PASSES"]
    assert "MYSQLD_DOWN" in passing["sentence"]
