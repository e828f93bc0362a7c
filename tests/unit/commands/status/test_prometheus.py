"""--format=prometheus, read by the Python client's own parser."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from prometheus_client.parser import text_string_to_metric_families

from kachecks.check.verdict import RULES
from kachecks.commands.status import prometheus
from kachecks.commands.status.facts import Status
from kachecks.commands.status.judgement import summary
from kachecks.state.maintenance_mark import in_local_time
from tests.unit.doubles.status_samples import MARKS, NOW, OPENED, SILENT, STATUS

Key = tuple[str, frozenset[tuple[str, str]]]

FULL = STATUS._replace(
    marks=MARKS._replace(maintenance=in_local_time(NOW - 60, NOW + 7200, "ann", "new disks"))
)


def text(status: Status) -> str:
    return "".join(f"{line}\n" for line in prometheus.as_lines(status, summary(status)))


def families(status: Status) -> list[str]:
    return [family.name for family in text_string_to_metric_families(text(status))]


def samples(status: Status) -> dict[Key, float]:
    """Each by its name and its labels."""
    found: dict[Key, float] = {}
    for family in text_string_to_metric_families(text(status)):
        assert family.documentation
        assert family.type == "gauge"
        for each in family.samples:
            key = each.name, frozenset(each.labels.items())
            assert key not in found
            found[key] = each.value
    return found


def value(status: Status, name: str, **labels: str) -> float | None:
    return samples(status).get((f"kachecks_{name}", frozenset({"pair": "main", **labels}.items())))


def test_every_metric_is_there_where_all_is_known() -> None:
    assert families(FULL) == [f"kachecks_{metric.name}" for metric in prometheus.METRICS]


def test_values() -> None:
    expected: Iterable[tuple[str, dict[str, str], float]] = [
        ("look_timestamp_seconds", {}, NOW),
        ("look_duration_seconds", {}, 0.1567),
        ("check_duration_seconds", {}, 0.0123),
        ("severity", {}, 0),
        ("up", {"side": "this"}, 1),
        ("up", {"side": "other"}, 1),
        ("role", {"side": "this", "role": "active"}, 1),
        ("role", {"side": "other", "role": "active"}, 0),
        ("role", {"side": "other", "role": "standby"}, 1),
        ("vip", {"side": "this"}, 1),
        ("vip", {"side": "other"}, 0),
        ("writable", {"side": "this"}, 1),
        ("writable", {"side": "other"}, 0),
        ("fit", {"side": "other"}, 1),
        ("lag_seconds", {"side": "other"}, 0),
        ("missing_transactions", {"side": "other"}, 0),
        ("verdict", {"side": "other", "reason": "OK"}, 1),
        ("verdict", {"side": "other", "reason": "LAG"}, 0),
        ("maintenance", {}, 1),
        ("maintenance_end_timestamp_seconds", {}, NOW + 7200),
        ("last_transition_timestamp_seconds", {"transition": "promote", "outcome": "opened"},
         1795368257),
        ("last_transition_duration_seconds", {"transition": "promote", "outcome": "opened"},
         0.0724),
    ]  # fmt: skip
    for name, labels, number in expected:
        assert value(FULL, name, **labels) == number, name


def test_one_of_each_set_is_true() -> None:
    for name in ("role", "verdict"):
        for side in ("this", "other"):
            found = [
                number
                for (family, labels), number in samples(FULL).items()
                if family == f"kachecks_{name}" and ("side", side) in labels
            ]
            assert sorted(found) == [0] * (len(found) - 1) + [1]
    reasons = {dict(labels)["reason"] for name, labels in samples(FULL) if name.endswith("verdict")}
    assert reasons == {"OK", *(rule.reason for rule in RULES)}


def test_what_is_not_known_has_no_sample() -> None:
    unknown = FULL._replace(
        there=SILENT._replace(vip=None), marks=None, transitions=None, check_seconds=None
    )
    known = samples(unknown)
    assert value(unknown, "up", side="other") == 0
    assert value(unknown, "fit", side="other") == 0
    assert value(unknown, "severity") == 1
    for name in ("vip", "writable", "lag_seconds", "missing_transactions"):
        assert value(unknown, name, side="other") is None
        assert value(unknown, name, side="this") is not None
    gone = ("check_duration", "maintenance", "last_transition")
    assert not [name for name, _ in known if name.startswith(tuple(f"kachecks_{x}" for x in gone))]


@pytest.mark.parametrize("time", ["", "yesterday", "2026-13-45T00:00:00Z"])
def test_a_time_that_is_none(time: str) -> None:
    status = FULL._replace(transitions=(OPENED._replace(time=time, milliseconds=None),))
    assert not [name for name, _ in samples(status) if "last_transition" in name]


def test_labels_hold_whatever_is_in_them() -> None:
    told = OPENED._replace(outcome='o"p\\e\nd\x1b')
    found = value(FULL._replace(transitions=(told,)), "last_transition_duration_seconds",
                  transition="promote", outcome='o"p\\e d?')  # fmt: skip
    assert found == 0.0724
