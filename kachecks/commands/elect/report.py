"""The output of `kachecks elect`: text for 80 columns, JSON for programs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from kachecks.commands.text import WIDTH, wrap
from kachecks.keepalived.election import why_dropped
from kachecks.keepalived.findings import FAILURE, ElectionFinding
from kachecks.keepalived.instance import Instance
from kachecks.keepalived.situations import Sides, Situation
from kachecks.keepalived.tracker import Tracker

_FORMAT = "{:<23} {:<23} {:>5} {:>5}  {:<9} {:<9}"
_CELL = 23

Reported = tuple[Sides, Sequence[Situation], Sequence[ElectionFinding]]


def as_text(elections: Iterable[Reported], status: int) -> str:
    """The whole answer."""
    lines: list[str] = []
    for sides, table, found in elections:
        for name in "AB":
            lines += _instance(name, sides.instance(name))
        lines += ["", *_table(table), ""]
        for finding in found:
            word = "FAILURE" if finding.level == FAILURE else "warning"
            text = f"{word} {finding.code}: {finding.sentence} ({finding.where})"
            lines += wrap(text, rest="    ")
        if found:
            lines.append("")
    lines.append(
        (
            "The VIP fails over as it should.",
            "The VIP fails over; see the warnings.",
            "These two do not fail over as they should.",
        )[status]
    )
    return "\n".join(lines)


def as_json(elections: Iterable[Reported], status: int) -> dict[str, Any]:
    """The same for programs. A priority is null in FAULT or when down; holders are null where only
    the addresses decide."""
    return {
        "status": status,
        "elections": [
            {
                "a": _values(sides.a),
                "b": _values(sides.b),
                "higher_address": sides.higher or None,
                "a_hears_b": not why_dropped(sides.a, sides.b),
                "b_hears_a": not why_dropped(sides.b, sides.a),
                "situations": [
                    {
                        "a": row.a,
                        "b": row.b,
                        "priority_a": row.priority_a,
                        "priority_b": row.priority_b,
                        "holders_if_a_held": _listed(row.from_a),
                        "holders_if_b_held": _listed(row.from_b),
                    }
                    for row in table
                ],
                "findings": [
                    {
                        "level": "failure" if finding.level == FAILURE else "warning",
                        "code": finding.code,
                        "sentence": finding.sentence,
                        "where": finding.where,
                    }
                    for finding in found
                ],
            }
            for sides, table, found in elections
        ],
    }


def _instance(name: str, instance: Instance) -> list[str]:
    preempting = " nopreempt" if instance.nopreempt else ""
    if instance.preempt_delay:
        preempting = f" preempt_delay {instance.preempt_delay:g} s"
    cast = f"unicast to {', '.join(sorted(instance.peers))}" if instance.peers else "multicast"
    said = (
        f"{name}  {instance.where} {instance.name}: VRRPv{instance.version} VRID {instance.vrid} on"
        f" {instance.interface or 'no interface'}, {cast}, advert_int {instance.advert_int:g} s,"
        f" state {instance.state}{preempting}, priority {instance.priority};"
        f" VIP {', '.join(sorted(instance.vips)) or 'none'}; tracks"
        f" {', '.join(map(_tracker, instance.trackers)) or 'nothing'}"
    )
    return wrap(said, rest="   ")


def _tracker(tracker: Tracker) -> str:
    reverse = " reverse" if tracker.reverse else ""
    effect = f"weight {tracker.weight:+d}" if tracker.weight else "weight 0, FAULT"
    times = ""
    if tracker.kind == "script":
        times = f", every {tracker.interval} s, fall {tracker.fall}, rise {tracker.rise}"
    return f"{tracker.label} ({effect}{reverse}{times})"


def _table(table: Sequence[Situation]) -> list[str]:
    lines = [
        _FORMAT.format("", "", "prio", "prio", "holder if", "holder if"),
        _FORMAT.format("A", "B", "A", "B", "A held it", "B held it"),
        "-" * WIDTH,
    ]
    for row in table:
        cells = [_priority(row.priority_a, row.a), _priority(row.priority_b, row.b)]
        holders = [_holder(row.from_a), _holder(row.from_b)]
        left = wrap(row.a or "well", _CELL, cut=True)
        right = wrap(row.b or "well", _CELL, cut=True)
        height = max(len(left), len(right))
        left += [""] * (height - len(left))
        right += [""] * (height - len(right))
        first = True
        for one, other in zip(left, right):
            rest = [*cells, *holders] if first else [""] * 4
            lines.append(_FORMAT.format(one, other, *rest).rstrip())
            first = False
    return lines


def _priority(priority: int | None, wrong: str) -> str:
    if priority is not None:
        return str(priority)
    return "-" if wrong == "down" else "FAULT"


def _holder(held: frozenset[str] | None) -> str:
    if held is None:
        return "address"
    return {0: "nobody", 1: "".join(held), 2: "A and B!"}[len(held)]


def _listed(held: frozenset[str] | None) -> list[str] | None:
    return None if held is None else sorted(held)


def _values(instance: Instance) -> dict[str, Any]:
    """All values of the instance but passwords and keys."""
    values = instance._asdict()
    del values["auth"], values["hmac"]
    values["authenticated"] = bool(instance.auth or instance.hmac.keys)
    values["vips"] = sorted(instance.vips)
    values["excluded"] = sorted(instance.excluded)
    values["peers"] = sorted(instance.peers)
    values["trackers"] = [tracker._asdict() for tracker in instance.trackers]
    return values
