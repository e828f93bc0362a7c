"""A server does not let the check in, or the peer's node."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial

from tests.lab.faults.full_server import FullServer
from tests.lab.matrix.applier import unlogged
from tests.lab.matrix.figures import Figures
from tests.lab.matrix.scenario import (
    SERVED_BY_A,
    SERVED_BY_A_REFUSED_BY_B,
    Scenario,
    playing,
)
from tests.lab.observing.verify import Expect
from tests.lab.pairs import alerts
from tests.lab.pairs.commands import check, is_fit, run
from tests.lab.pairs.node import Node
from tests.lab.pairs.pair import VIP
from tests.lab.records.record import Mark
from tests.lab.servers.flavour import Flavour

MAY_OPEN = {"mysql": "SYSTEM_VARIABLES_ADMIN", "mariadb": "READ_ONLY ADMIN"}
"""The privilege to set read_only, by family."""

LOOKING_ON = 4.0
"""Seconds in which nothing must happen: four checks on either node."""


def connections_used_up(flavour: Flavour) -> Figures:
    """max_connections used up on both nodes: A keeps the VIP, B is unfit until there is room."""
    with playing(flavour, {"alert": alerts.PROGRAM}) as scenario:
        a, b = scenario.a, scenario.b
        servers = _servers(scenario)
        for node in (a, b):
            alerts.install(node)
        mark = scenario.fault("max_connections used up on A and B")
        with FullServer(a) as at_a, FullServer(b) as at_b:
            scenario.wait_until(lambda: _is_full(a, at_a, 0), 5, "A to be full")
            scenario.wait_until(lambda: _is_full(b, at_b, 25), 5, "B to be full")
            _nothing_may_happen(scenario, mark, servers)
            _must_be_told((a, b), "TOO_MANY_CONNECTIONS")
        scenario.wait_until(lambda: is_fit(b), 5, "B to be fit again")
        return _end_on_a(scenario, mark)


def wrong_for_the_peer(flavour: Flavour) -> Figures:
    """B cannot ask A, and A hands over: B stays closed, gives the VIP back, A opens again."""
    with playing(flavour, {"alert": alerts.PROGRAM}) as scenario:
        a, b = scenario.a, scenario.b
        servers = _servers(scenario)
        alerts.install(b)
        scenario.pair.set_options(b, {"peer.password": "wrong"})
        scenario.fault("notify_down on A, [peer] password wrong on B")
        status, said = run(a, "notify_down")
        assert status == 0, said
        scenario.wait_until(lambda: _refusals(b), 10, "B to refuse")
        why = _refusals(b)[0]
        assert "1045" in why, why
        scenario.wait_until(lambda: not b.has_vip(VIP), 2, "B to give the VIP up")
        scenario.wait_for_keepalived_to_end(a)
        _must_be_told((b,), "1045")
        scenario.observer.mark("the operator starts keepalived on A again")
        a.start_keepalived()
        scenario.wait_for_write_on(a)
        assert _servers(scenario) == servers, "a mysqld was killed for a wrong password"
        scenario.pair.set_options(b, {})
        scenario.wait_until(lambda: is_fit(b), 20, "B to be fit again")
        return scenario.end(
            Expect(
                holder="a",
                audit={
                    "a": ("promote: opened", "demote: closed", "promote: opened"),
                    "b": ("promote: refused",),
                },
            )
        )


def wrong_password(flavour: Flavour, on: str) -> Figures:
    """The check's own password wrong on one node, or on both, as if changed everywhere at once."""
    with playing(flavour, {"alert": alerts.PROGRAM}) as scenario:
        nodes = [node for node in scenario.pair.nodes if node.name in on]
        servers = _servers(scenario)
        for node in nodes:
            alerts.install(node)
        names = " and ".join(node.name.upper() for node in nodes)
        mark = scenario.fault(f"the check's password wrong on {names}")
        for node in nodes:
            scenario.pair.set_options(node, {"client.password": "wrong"})
        _nothing_may_happen(scenario, mark, servers)
        for node in nodes:
            verdict = check(node)
            status = 0 if node is scenario.a else 30
            assert (verdict["reason"], verdict["exit"]) == ("UNKNOWN", status), verdict
            assert "/etc/kachecks/kachecks.cnf" in verdict["sentence"]
            assert "wrong" not in verdict["sentence"], "a password is told"
            node.wait_for_syslog("UNKNOWN: error 1045")
        _must_be_told(nodes, "UNKNOWN")
        for node in nodes:
            scenario.pair.set_options(node, {})
        scenario.wait_until(lambda: is_fit(scenario.b), 5, "B to be fit again")
        return _end_on_a(scenario, mark)


def may_not_open(flavour: Flavour) -> Figures:
    """B's account may not open: it gives the VIP back at once, and A serves when it is back."""
    with playing(flavour, {"alert": alerts.PROGRAM}) as scenario:
        a, b = scenario.a, scenario.b
        alerts.install(b)
        unlogged(b, f"REVOKE {MAY_OPEN[flavour.name]} ON *.* FROM kachecks@localhost")
        scenario.fault("SIGKILL of mysqld on A, B's account may not open")
        a.kill_mysqld()
        scenario.wait_until(lambda: _refusals(b), 10, "B to refuse")
        assert "does not let itself be opened: error 1227" in _refusals(b)[0], _refusals(b)
        scenario.wait_until(lambda: not b.has_vip(VIP), 2, "B to give the VIP up")
        _must_be_told((b,), "1227")
        verdict = check(b)
        assert (verdict["reason"], verdict["exit"]) == ("GAVE_WAY", 16), verdict
        a.start_mysqld()
        scenario.wait_for_write_on(a)
        unlogged(b, f"GRANT {MAY_OPEN[flavour.name]} ON *.* TO kachecks@localhost")
        scenario.bring_back(b)
        return scenario.end(SERVED_BY_A_REFUSED_BY_B)


def _servers(scenario: Scenario) -> list[int | None]:
    return [node.mysqld_pid() for node in scenario.pair.nodes]


def _is_full(node: Node, crowd: FullServer, status: int) -> bool:
    """The check of keepalived comes and goes as well, so take its place again before asking."""
    crowd.fill()
    verdict = check(node)
    return (verdict["reason"], verdict["exit"]) == ("TOO_MANY_CONNECTIONS", status)


def _nothing_may_happen(scenario: Scenario, mark: Mark, servers: list[int | None]) -> None:
    """The VIP stays on A, which goes on serving, and both servers live."""
    time.sleep(LOOKING_ON)
    scenario.must_not_have_left_a(mark)
    assert _servers(scenario) == servers, "a mysqld was killed"
    scenario.wait_for_write_on(scenario.a, timeout=2)


def _must_be_told(nodes: Sequence[Node], text: str) -> None:
    """The alert program of each node has got it, in a sentence."""
    for node in nodes:
        node.wait(partial(alerts.told, node, text), 3, f"its alert program to be told of {text}")


def _end_on_a(scenario: Scenario, mark: Mark) -> Figures:
    scenario.b.wait_standby(10)
    figures = scenario.end(SERVED_BY_A)
    scenario.must_not_have_left_a(mark)
    return figures


def _refusals(node: Node) -> list[str]:
    return [str(entry["why"]) for entry in node.audit() if entry["outcome"] == "refused"]
