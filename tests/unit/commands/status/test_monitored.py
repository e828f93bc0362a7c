"""How bad a look is, in the words of monitoring; what was not seen; the figures."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kachecks.check.verdict import NO_SERVICE, RULES, Verdict, severity_of
from kachecks.commands.status.facts import Lacks, NodeSeen, Status
from kachecks.commands.status.judgement import lag, summary
from kachecks.commands.status.monitored import STATES, fit, missing, severity, unseen
from tests.unit.doubles.status_samples import (
    ACTIVE,
    CHANNEL,
    OK,
    SILENT,
    STANDBY,
    STATUS,
    UUID,
    server,
)

CLOSED_A = ACTIVE._replace(server=server(1, writable=False), verdict=OK)
OPEN_B = STANDBY._replace(server=server(2, writable=True))
MUTE_A = ACTIVE._replace(server=None, trouble="no answer")


def verdict(reason: str, role: str = "standby", status: int = 0) -> Verdict:
    return Verdict(reason, status, "a sentence", role)


def pair(here: NodeSeen = ACTIVE, there: NodeSeen = STANDBY) -> Status:
    return STATUS._replace(here=here, there=there)


@pytest.mark.parametrize(
    ("status", "word"),
    [
        (pair(), "ok"),
        (pair(there=SILENT), "warning"),
        (pair(there=STANDBY._replace(verdict=verdict("LAG", status=24))), "warning"),
        (pair(there=STANDBY._replace(verdict=verdict("MYSQLD_DOWN", status=10))), "warning"),
        (pair(ACTIVE._replace(verdict=verdict("LAG", "holder"))), "warning"),
        (pair(ACTIVE._replace(verdict=verdict("DISK_FULL", "holder"))), "critical"),
        (pair(ACTIVE._replace(verdict=verdict("UNKNOWN", "holder"))), "unknown"),
        (pair(there=STANDBY._replace(verdict=verdict("UNKNOWN", status=30))), "unknown"),
        (pair(there=OPEN_B), "critical"),
        (pair(CLOSED_A), "critical"),
        (pair(CLOSED_A._replace(vip=False)), "critical"),
        (pair(MUTE_A._replace(verdict=verdict("MYSQLD_DOWN", "holder", 10))), "critical"),
    ],
)
def test_how_bad_it_is(status: Status, word: str) -> None:
    assert severity(status, summary(status)) == word
    assert word in STATES


@pytest.mark.parametrize(
    "node",
    [
        MUTE_A._replace(verdict=verdict("UNKNOWN", "holder")),
        MUTE_A._replace(verdict=None),
        MUTE_A._replace(verdict=None, vip=None),
    ],
)
def test_who_may_serve_unseen_is_not_said_to_be_down(node: NodeSeen) -> None:
    """The account of monitoring may have lost its right to ask."""
    for status in (pair(node), pair(STANDBY, node)):
        assert summary(status).word == ("CANNOT TELL" if node.vip else "NOT SERVING")
        assert severity(status, summary(status)) == "unknown"


def test_who_cannot_be_asked_and_has_no_vip_does_not_serve() -> None:
    status = pair(STANDBY._replace(name="b"), SILENT)
    assert severity(status, summary(status)) == "critical"


def test_nobody_serving_is_critical_whoever_says_it() -> None:
    critical = {rule.reason for rule in RULES if rule.severity == NO_SERVICE}
    assert critical == {"TWO_WRITERS", "NOT_OPEN"}
    assert severity_of(verdict("NOT_OPEN")) == "critical"
    assert severity_of(OK) == "ok"


def test_each_rule_has_words_of_monitoring() -> None:
    assert {word for rule in RULES for word in rule.severity} == {"warning", "critical", "unknown"}


def test_the_manual_tells_how_bad_each_reason_is() -> None:
    told = (Path(__file__).parents[4] / "docs/monitoring.md").read_text()
    rows = re.findall(r"^\| `([A-Z_]+)` \| (\w+) \| (\w+) \|$", told, re.MULTILINE)
    assert rows == [(rule.reason, *rule.severity) for rule in RULES]


def test_what_was_not_seen() -> None:
    seen = STATUS._replace(here=ACTIVE, there=STANDBY)
    assert list(unseen(seen)) == []
    blind = seen._replace(
        here=ACTIVE._replace(vrrp=None, vrrp_state="", vrrp_said="only root may do it"),
        there=STANDBY._replace(vip=None, vip_said="only root may ask the link"),
        disks_said="only root may look",
        marks=None,
        marks_said="cannot be read",
        transitions=None,
        transitions_said="cannot be read either",
    )
    assert list(unseen(blind)) == [
        "whether b has the VIP: only root may ask the link",
        "the state of keepalived: only root may do it",
        "the disks of mysqld: only root may look",
        "the marks, maintenance among them: cannot be read",
        "the last transitions: cannot be read either",
    ]


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (STANDBY, True),
        (SILENT, False),
        (STANDBY._replace(verdict=verdict("LAG", status=24)), False),
        (STANDBY._replace(verdict=None), None),
    ],
)
def test_fit(node: NodeSeen, expected: bool | None) -> None:
    assert fit(node) is expected


@pytest.mark.parametrize(
    ("shown", "lacks", "expected"),
    [
        ((40,), None, 40),
        ((40,), Lacks(f"{UUID}1:1-3", 3), 40),
        ((40,), Lacks("", 0), 0),  # what GTIDs disprove is no lag
        ((None,), Lacks("", 0), None),
        ((None, 3, 9), None, 9),
    ],
)
def test_lag(shown: tuple[int | None, ...], lacks: Lacks | None, expected: int | None) -> None:
    channels = tuple(CHANNEL._replace(lag_seconds=each) for each in shown)
    assert (
        lag(STANDBY._replace(server=server(2, False, channels=channels, lacks=lacks))) == expected
    )


def test_figures_of_who_does_not_answer() -> None:
    assert (lag(SILENT), missing(SILENT)) == (None, None)
    uncounted = server(2, False, lacks=Lacks(f"{UUID}1:1-3", None))
    assert missing(STANDBY._replace(server=uncounted)) is None
    assert missing(STANDBY) == 0
