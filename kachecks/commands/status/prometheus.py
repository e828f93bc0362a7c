"""``kachecks status --format=prometheus``: the text exposition format, version 0.0.4. Pure.

What is not known has no sample, and a metric without any sample is left out. The names do not
change; docs/monitoring.md says what each means.
"""

from __future__ import annotations

import calendar
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from kachecks import __version__
from kachecks.check.verdict import RULES
from kachecks.commands.status.facts import NodeSeen, Status
from kachecks.commands.status.judgement import ROLES, Summary, lag, role
from kachecks.commands.status.monitored import STATES, fit, missing, severity
from kachecks.lean import shown
from kachecks.state.transition import Transition

Labels = dict[str, str]
Sample = tuple[Labels, float]
Samples = Iterator[Sample]


class Metric(NamedTuple):
    """A metric, and who says its samples."""

    name: str  # after kachecks_
    meaning: str
    samples: Callable[[Status, Summary], Samples]


def as_lines(status: Status, told: Summary) -> list[str]:
    """All metrics; each sample says of which pair."""
    lines = []
    for metric in METRICS:
        name = f"kachecks_{metric.name}"
        samples = [_line(name, {"pair": status.pair, **labels}, value)
                   for labels, value in metric.samples(status, told)]  # fmt: skip
        if samples:
            lines += [f"# HELP {name} {metric.meaning}", f"# TYPE {name} gauge", *samples]
    return lines


def _line(name: str, labels: Labels, value: float) -> str:
    said = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
    return f"{name}{{{said}}} {value:.15g}"


def _escaped(text: str) -> str:
    return shown(text, 200).replace("\\", "\\\\").replace('"', '\\"')


# --- samples ---


def _of_pair(value: Callable[[Status, Summary], float | None]) -> Callable[..., Samples]:
    """One for the pair, unless it is not known."""

    def samples(status: Status, told: Summary) -> Samples:
        found = value(status, told)
        if found is not None:
            yield {}, found

    return samples


def _of_nodes(value: Callable[[NodeSeen], float | None]) -> Callable[..., Samples]:
    """One for each node of which it is known: this one, and the other one as seen from here."""

    def samples(status: Status, _told: Summary) -> Samples:
        for side, node in _sides(status):
            found = value(node)
            if found is not None:
                yield {"side": side}, found

    return samples


def _sides(status: Status) -> tuple[tuple[str, NodeSeen], ...]:
    return ("this", status.here), ("other", status.there)


def _info(status: Status, _told: Summary) -> Samples:
    for side, node in _sides(status):
        yield {"side": side, "node": node.name, "address": node.address, "version": __version__}, 1


def _roles(status: Status, _told: Summary) -> Samples:
    for side, node in _sides(status):
        for word in ROLES:
            yield {"side": side, "role": word}, role(node) == word


def _verdicts(status: Status, _told: Summary) -> Samples:
    for side, node in _sides(status):
        for reason in ("OK", *(rule.reason for rule in RULES)):
            if node.verdict is not None:
                yield {"side": side, "reason": reason}, node.verdict.reason == reason


def _maintenance(status: Status, _told: Summary) -> float | None:
    return None if status.marks is None else status.marks.maintenance is not None


def _maintenance_end(status: Status, _told: Summary) -> float | None:
    marks = status.marks
    return None if marks is None or marks.maintenance is None else marks.maintenance.until


def _last(value: Callable[[Transition], float | None]) -> Callable[..., Samples]:
    """Of the last transition of this node."""

    def samples(status: Status, _told: Summary) -> Samples:
        for each in (status.transitions or ())[:1]:
            found = value(each)
            if found is not None:
                yield {"transition": each.transition, "outcome": each.outcome}, found

    return samples


def _moment(transition: Transition) -> float | None:
    try:
        return calendar.timegm(time.strptime(transition.time[:19], "%Y-%m-%dT%H:%M:%S"))
    except ValueError:
        return None


def _seconds(transition: Transition) -> float | None:
    return None if transition.milliseconds is None else transition.milliseconds / 1000


METRICS = (
    Metric("info", "1: node and address of each side, version of kachecks", _info),
    Metric("look_timestamp_seconds", "When the pair was looked at, since the epoch",
        _of_pair(lambda status, _: round(status.time, 3))),
    Metric("look_duration_seconds", "How long that took",
        _of_pair(lambda status, _: round(status.look_seconds, 4))),
    Metric("check_duration_seconds", "How long the rules of check_mysql took of it, looking closer",
        _of_pair(lambda status, _: status.check_seconds and round(status.check_seconds, 4))),
    Metric("severity", "0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN, as --format=nagios says",
        _of_pair(lambda status, told: STATES[severity(status, told)])),
    Metric("up", "1: its server has answered", _of_nodes(lambda node: node.server is not None)),
    Metric("role", "1: this is its role", _roles),
    Metric("vip", "1: it has the VIP", _of_nodes(lambda node: node.vip)),
    Metric("writable", "1: ordinary accounts may write", _of_nodes(lambda node: node.open)),
    Metric("fit", "1: nothing that is seen keeps it from holding the VIP", _of_nodes(fit)),
    Metric("lag_seconds", "How far it is behind the other side, as its server shows it",
        _of_nodes(lag)),
    Metric("missing_transactions", "What the other side has committed and it has not applied",
        _of_nodes(missing)),
    Metric("verdict", "1: this is what check_mysql says of it", _verdicts),
    Metric("maintenance", "1: an operator keeps this node out of the election",
        _of_pair(_maintenance)),
    Metric("maintenance_end_timestamp_seconds", "Until when, since the epoch",
        _of_pair(_maintenance_end)),
    Metric("last_transition_timestamp_seconds", "When this node last changed, since the epoch",
        _last(_moment)),
    Metric("last_transition_duration_seconds", "How long that took; of a promotion and a switchover"
        " it is time in which nobody could write", _last(_seconds)),
)  # fmt: skip
