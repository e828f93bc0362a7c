"""doctor on both nodes' keepalived.conf together: what `kachecks elect` finds, as rules. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from kachecks.commands.doctor.conf.setup import Setup
from kachecks.commands.doctor.rule import BOTH, FAILURE, WARNING, Found, Rule, Table
from kachecks.keepalived.election import higher_address
from kachecks.keepalived.findings import Finding, findings
from kachecks.keepalived.situations import Sides

_ADVERTS = ("ADVERTS_DROPPED", "ADVERT_INTERVALS")
_EQUAL = ("EQUAL_PRIORITIES",)
_OF_ONE_NODE = (
    "INSTANCE_DROPPED",
    "NO_CHECK",
    "NOPREEMPT_ON_ONE_NODE",
    "BOTH_MASTER",
    "NOT_AS_WRITTEN",
    "PRIORITY_CUT",
    "OWNER",
)
"""Told by a rule that looks at each node."""


class Both(NamedTuple):
    """The two nodes' settings."""

    here: Setup
    peer: Setup


def _elected(both: Both) -> Iterator[Finding]:
    here, peer = both.here.instance, both.peer.instance
    if here is None or peer is None:
        return
    checks = {setup.check.tracker.where for setup in both if setup.check}
    for finding in findings(Sides(here, peer, higher_address(here.source, peer.source))):
        weight = finding.code.startswith("WEIGHT_") and finding.where in checks  # CHECK_WEIGHT
        if finding.code not in _OF_ONE_NODE and not weight:
            yield finding


def _found(finding: Finding) -> Found:
    return Found(f"{finding.sentence} (A is here, B the peer)", finding.where, BOTH)


def _hears(both: Both) -> Iterator[Found]:
    for finding in _elected(both):
        if finding.code in _ADVERTS:
            yield _found(finding)


def _differ(both: Both) -> Iterator[Found]:
    for finding in _elected(both):
        if finding.code in _EQUAL:
            yield _found(finding)


def _fails_over(both: Both) -> Iterator[Found]:
    for finding in _elected(both):
        if finding.code not in (*_ADVERTS, *_EQUAL):
            yield _found(finding)


TABLE: Table[Both] = (
    (
        Rule(
            "PAIR_ADVERTS",
            FAILURE,
            "each node accepts the other one's adverts (with --peer-config)",
            "adverts with another VRID, version, interval, password or list of addresses are"
            " dropped, and multicast is not heard by unicast: both nodes become MASTER.",
            "make the vrrp_instance of both nodes alike but for priority and unicast addresses",
        ),
        _hears,
    ),
    (
        Rule(
            "PAIR_PRIORITIES",
            WARNING,
            "the nodes have different priorities (with --peer-config)",
            "two nodes that start at once with equal priorities both become MASTER for a moment.",
            "use 250 on one node and 249 on the other",
        ),
        _differ,
    ),
    (
        Rule(
            "PAIR_FAILS_OVER",
            FAILURE,
            "a failed check moves the VIP to the other node (with --peer-config)",
            "the VIP stays on a node that may not have it, or goes nowhere.",
            "see `kachecks elect A.conf B.conf`, which has the table of all situations",
        ),
        _fails_over,
    ),
)
