"""Whatever else is found, what must close an open node closes it: over all combinations of
findings."""

from __future__ import annotations

from itertools import product

import pytest

from kachecks.check.verdict import RULES, Findings, Observation, Verdict, judge
from kachecks.config.options import Config, parse
from kachecks.mysql.facts import Facts
from kachecks.state.maintenance_mark import in_local_time
from tests.unit.check.test_verdict import replica

MARK = in_local_time(0, 1, "kim", "disks")
REPLICAS = {
    name: replica(state, **columns)
    for name, state, columns in (
        ("healthy", "healthy", {}),
        ("late", "healthy", {"Seconds_Behind_Source": "99"}),
        ("by file", "by_file", {}),
        ("broken", "applier_1062", {}),
        ("refused", "receiver_error", {}),
        ("none", "none", {}),
    )
}
FAILURES = ["", "refusing", "mute", "busy", "unaskable", "unknown"]
DEADLY = {"MYSQLD_DOWN", "MYSQLD_HUNG", "ISOLATED", "GAVE_WAY", "TWO_WRITERS"}
"""Reasons for which an open node is closed whatever the option file says and the peer is."""


def _servers(open_: bool) -> list[tuple[Facts | None, str]]:
    """What this node's server said: how it replicates, or why it said nothing."""
    known = [(facts._replace(writable=open_, closed=not open_), "") for facts in REPLICAS.values()]
    return [*known, *((None, failure) for failure in FAILURES[1:])]


def _findings() -> list[Findings]:
    return [
        Findings(
            peer=peer, gives_way=gives_way, stalled=stalled, disk_full=full,
            disk_read_only=read_only, two_writers=two, ours_to_close=bool(two) and ours,
            errant=errant,
        )
        for peer, gives_way, stalled, full, read_only, (two, ours), errant in product(
            ("open", "mute"), (True, False), ("", "s"), ("", "f"), ("", "r"),
            (("", False), ("two", False), ("two", True)), ("", "e"),
        )
    ]  # fmt: skip


def _all_seen(vip: bool, open_: bool) -> list[Observation]:
    return [
        Observation(
            vip, promoting, facts, failure, "detail", found.peer, isolated, gave_way, elsewhere,
            found, mark, unopened_for,
        )
        for (facts, failure), found, promoting, isolated, gave_way, elsewhere, mark, unopened_for
        in product(
            _servers(open_), _findings(), {False, vip and not open_}, ("", "i"), ("", "g"),
            (True, False), (None, MARK), {0.0, 0.0 if open_ else 9.0},
        )
    ]  # fmt: skip


def _config(**options: str) -> Config:
    lines = "".join(f"{key} = {value}\n" for key, value in options.items())
    return parse(f"[kachecks]\nvip = 10.0.0.100\npeer = 10.0.0.1\n{lines}", "k.cnf")


CONFIGS = [
    _config(),
    _config(on_broken_replica="open", too_many_connections="fail"),
]


def _deadly(seen: Observation) -> set[str]:
    """Of what was seen, the reasons that close a node."""
    found = {
        "MYSQLD_DOWN": seen.failure == "refusing",
        "MYSQLD_HUNG": seen.failure == "mute",
        "ISOLATED": bool(seen.isolated),
        "GAVE_WAY": bool(seen.gave_way),
        "TWO_WRITERS": bool(seen.found.two_writers)
        and (seen.found.ours_to_close or not seen.holder),
    }
    return {reason for reason, so in found.items() if so}


@pytest.mark.parametrize("config", CONFIGS, ids=["default", "options"])
@pytest.mark.parametrize("open_", [True, False])
@pytest.mark.parametrize("vip", [True, False])
def test_nothing_hides_what_closes_a_node(vip: bool, open_: bool, config: Config) -> None:
    """Two open servers are never kept, in whatever order the rules stand."""
    for seen in _all_seen(vip, open_):
        verdict, deadly = judge(seen, config), _deadly(seen)
        if deadly:
            assert verdict.status and verdict.reason in deadly, (verdict, seen)
        if seen.isolated:
            assert verdict.reason == "ISOLATED", (verdict, seen)


@pytest.mark.parametrize("config", CONFIGS, ids=["default", "options"])
@pytest.mark.parametrize("open_", [True, False])
@pytest.mark.parametrize("vip", [True, False])
def test_one_more_finding_never_saves_a_node(vip: bool, open_: bool, config: Config) -> None:
    """What fails by one finding alone fails with all others beside it, for the worst of them."""
    order = [rule.reason for rule in RULES]
    for seen in _all_seen(vip, open_)[::7]:
        verdict = judge(seen, config)
        alone = [_by_rule(number, seen, config) for number in range(len(RULES))]
        failing = [each for each in alone if each is not None and each.status]
        assert bool(verdict.status) == bool(failing), (verdict, seen)
        if failing:
            assert verdict == failing[0]
        fitting = [each.reason for each in alone if each is not None]
        if not failing:
            assert verdict.reason == min(fitting, key=order.index, default="OK")


def _by_rule(number: int, seen: Observation, config: Config) -> Verdict | None:
    """What this rule would say if there was no other."""
    rule = RULES[number]
    sentence = rule.fits(seen, config)
    if not sentence:
        return None
    effect = rule.holder if seen.holder else rule.standby
    role = "holder" if seen.holder else "standby"
    return Verdict(rule.reason, rule.status if effect.failing(seen, config) else 0, sentence, role)
