"""What the alert program is told: as docs/alert.schema.json promises."""

from __future__ import annotations

import ast
import json
import re
from typing import Any

import pytest

from kachecks import alert
from kachecks.check.verdict import RULES, Verdict, severity_of
from kachecks.transitions.record import Outcome, Steps
from tests.unit.architecture.sources import ROOT, modules
from tests.unit.doubles.alerts import SCHEMA, as_told, must_be_as_promised
from tests.unit.doubles.simulation import World

ENTRY: dict[str, object] = {
    "reason": "LAG", "exit": 24, "sentence": "LAG: 40 s behind", "role": "standby", "vip": False,
}  # fmt: skip
NOW = 1796024513.4


@pytest.fixture(autouse=True)
def _time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kachecks.alert.time.time", lambda: NOW)
    monkeypatch.setattr("kachecks.alert.os.uname", lambda: type("", (), {"nodename": "a"}))


def test_a_problem_and_its_end_are_one() -> None:
    begun = as_told(alert.problem("main", "warning", NOW - 0.2, ENTRY))
    over = as_told(alert.end("main", "LAG", NOW - 0.2, "LAG is over; now OK: ..."))
    assert begun == {
        "kind": "problem", "id": "a:main:LAG", "severity": "warning", "resolved": False,
        "node": "a", "pair": "main", "reason": "LAG", "since": "2026-11-30T07:41:53.000Z",
        "time": "2026-11-30T07:41:53.400Z", "exit": 24, "sentence": "LAG: 40 s behind",
        "role": "standby", "vip": False,
    }  # fmt: skip
    assert (over["id"], over["since"], over["pair"]) == (begun["id"], begun["since"], "main")
    assert (over["resolved"], over["severity"]) == (True, "info")


def test_of_every_reason() -> None:
    for rule in RULES:
        for role in ("holder", "standby"):
            severity = severity_of(Verdict(rule.reason, rule.status, "why", role))
            as_told(alert.problem("main", severity, NOW, {**ENTRY, "role": role}))


def failures() -> set[str]:
    """Transition and outcome of each Outcome that the sources make with done=False."""
    found = set()
    for module in modules().values():
        for call in ast.walk(module):
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "Outcome":
                done = {each.arg: each.value for each in call.keywords}["done"]
                words = [getattr(each, "value", None) for each in call.args[:2]]
                if getattr(done, "value", None) is False:
                    found.add(f"{words[0]} {words[1]}")
    return found


def test_every_failure_has_a_severity() -> None:
    assert failures() == set(alert.FAILED)


@pytest.mark.parametrize(
    ("outcome", "severity"),
    [
        (Outcome("promote", "opened", "peer closed", done=True, changed=True), "info"),
        (Outcome("demote", "killed", "it hung", done=True, changed=True), "info"),
        (Outcome("switchover", "rolled back", "why", done=False, changed=True), "warning"),
        (Outcome("promote", "refused", "the peer is mute", done=False, changed=False), "critical"),
        (Outcome("promote", "unheard of", "why", done=False, changed=False), "critical"),
    ],
)
def test_a_transition_that_succeeded_is_information(outcome: Outcome, severity: str) -> None:
    world = World()
    steps = Steps(world.node)
    world.pass_time(2.0)
    steps.done("lock")
    steps.record(outcome._replace(position="1-1-5"), "notify_master")
    (told,) = world.voice.alerts
    assert told["severity"] == severity
    assert told["reason"] == f"{outcome.transition} {outcome.outcome}"
    assert (told["kind"], told["sentence"], told["cause"]) == (
        "event",
        outcome.why,
        "notify_master",
    )
    assert (told["since"], told["time"]) == (
        "2026-11-30T07:41:51.400Z", "2026-11-30T07:41:53.400Z",
    )  # fmt: skip
    assert told["steps"] == [["lock", 2000.0]]
    assert "resolved" not in told


def test_events_have_an_id_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    entry: dict[str, object] = {"transition": "maintenance", "outcome": "begun", "why": "disks",
                                "cause": "kachecks maintenance"}  # fmt: skip
    first = as_told(alert.event("main", entry, failed=False))
    monkeypatch.setattr("kachecks.alert.time.time", lambda: NOW + 0.001)
    assert as_told(alert.event("main", entry, failed=False))["id"] != first["id"]


def test_of_an_option_file_nothing_tells_the_pair() -> None:
    entry: dict[str, object] = {"reason": "UNKNOWN", "exit": 3, "sentence": "no peer"}
    begun, over = (
        as_told(alert.of_option_file("/etc/k.cnf", each))
        for each in (
            alert.problem("", "unknown", NOW, entry),
            alert.end("", "UNKNOWN", NOW, "it can be used again"),
        )
    )
    assert begun["id"] == over["id"] == "a:/etc/k.cnf:UNKNOWN"
    assert (begun["pair"], begun["path"]) == (None, "/etc/k.cnf")


def test_the_manual_tells_every_key() -> None:
    told = (ROOT / "docs/monitoring.md").read_text().partition("## Alerts\n")[2]
    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", told, re.MULTILINE)
    assert rows == [(key, each["description"]) for key, each in SCHEMA["properties"].items()]


def test_the_manual_shows_what_the_schema_promises() -> None:
    told = (ROOT / "docs/monitoring.md").read_text()
    shown = [line for line in told.splitlines() if line.startswith("{")]
    assert len(shown) > 2
    for line in shown:
        must_be_as_promised(json.loads(line))


@pytest.mark.parametrize(
    "change",
    [
        {"severity": "page"},
        {"severity": "info"},  # of a problem that is not over
        {"resolved": None},
        {"since": "yesterday"},
        {"transition": "promote"},
        {"hostname": "a"},
    ],
)
def test_the_schema_refuses_what_is_not_promised(change: dict[str, Any]) -> None:
    told = as_told(alert.problem("main", "warning", NOW, ENTRY))
    with pytest.raises(AssertionError):
        must_be_as_promised({**told, **change})
    with pytest.raises(AssertionError):
        must_be_as_promised({key: told[key] for key in told if key != "resolved"})
