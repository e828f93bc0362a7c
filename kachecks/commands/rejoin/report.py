"""What ``kachecks rejoin`` says: for people, and for programs (--json)."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

from kachecks.commands.rejoin import advice
from kachecks.commands.rejoin.facts import HERE, THERE, WORDS, Comparison, Gap, RejoinFinding, Side
from kachecks.commands.rejoin.rules import COVERED, conclusion, next_steps
from kachecks.commands.text import WIDTH, count, wrap
from kachecks.lean import shown

_LISTED = 12
"""The most lines of GTIDs that are shown; --json has them all."""


def as_text(seen: Comparison, found: list[RejoinFinding]) -> str:
    """Text for a terminal. Only what is meant to be copied is longer than a line."""
    status, answer = conclusion(seen, found)
    width = max(60, min(120, shutil.get_terminal_size((WIDTH, 24)).columns))
    lines = [*wrap(f"{WORDS[status]}: {answer}", width), ""]
    place = "the VIP is here" if seen.vip_here else "the VIP is not here"
    lines += wrap(f"{HERE}: {_server(seen.here)}, {place}", width, rest="  ")
    there = _server(seen.there) if seen.there else "not reached"
    lines += wrap(f"{THERE}: {there}", width, rest="  ")
    lines += wrap(f"the check here: {_check(seen, found)}", width, rest="  ")
    for number, (gap, source) in enumerate(_gaps(seen)):
        lines += [] if number else [""]
        lines += _only(gap, source)
    for each in found:
        lines += ["", *wrap(f"{each.code}: {each.sentence}", width, rest="  ")]
        for choice in each.choices:
            lines += wrap(f"  - {choice}", width, rest="    ")
    for step in next_steps(seen):
        lines += ["", *wrap(f"next: {step}", width, rest="  ")]
    return "\n".join(lines)


def as_json(seen: Comparison, found: list[RejoinFinding]) -> dict[str, Any]:
    """The same for programs; unknown is null."""
    status, answer = conclusion(seen, found)
    verdict = seen.verdict
    return {
        "status": status,
        "word": WORDS[status],
        "sentence": answer,
        "vip": seen.vip_here,
        "check": {
            "reason": verdict.reason,
            "exit": verdict.status,
            "sentence": verdict.sentence,
        },
        "gave_way": seen.gave_way or None,
        "this": _server_json(seen.here),
        "other": None if seen.there is None else _server_json(seen.there),
        "trouble": seen.trouble or None,
        "only_here": _gap_json(seen.to_there, seen.here),
        "only_there": None if seen.there is None else _gap_json(seen.to_here, seen.there),
        "findings": [each._asdict() for each in found],
        "next": next_steps(seen),
    }


def _check(seen: Comparison, found: list[RejoinFinding]) -> str:
    """The verdict of the check; its sentence is left out where a finding says the same."""
    verdict = seen.verdict
    said = f"{verdict.reason}, exit {verdict.status}"
    compared = seen.to_here is not None and bool(found)
    told = any(verdict.reason == each.code for each in found)
    if told or (compared and verdict.reason in COVERED):
        return f"{said}, see below"
    return f"{said}: {verdict.sentence}"


def _gaps(seen: Comparison) -> Iterator[tuple[Gap, Side]]:
    if seen.to_there is not None:
        yield seen.to_there, seen.here
    if seen.to_here is not None and seen.there is not None:
        yield seen.to_here, seen.there


def _only(gap: Gap, source: Side) -> Iterator[str]:
    """The transactions that one node alone has."""
    if not gap.left:
        yield f"only on {gap.source}: nothing"
        return
    number = "transactions, their number is not known"
    if gap.transactions is not None:
        number = count(gap.transactions, "transaction")
    yield f"only on {gap.source}: {number}"
    for part in gap.listed[:_LISTED]:
        yield f"    {shown(part.strip())}"
    if len(gap.listed) > _LISTED:
        yield f"    ... and {len(gap.listed) - _LISTED} more (--json)"
    command = advice.show(gap, source)
    if command:
        yield f"  to see what they are, on the host of {gap.source}:"
        yield f"    {command}"


def _server(server: Side) -> str:
    facts = server.facts
    access = "open" if facts.writable else "closed" if facts.closed else "closed for most"
    return f"{facts.version}, {access}, server_id {facts.server_id}"


def _server_json(server: Side) -> dict[str, Any]:
    facts = server.facts
    return {
        "version": str(facts.version),
        "open": facts.writable,
        "closed": facts.closed,
        "server_id": facts.server_id,
        "server_uuid": facts.server_uuid or None,
        "position": server.position.gtids or None,
        "purged": server.purged or None,
    }


def _gap_json(gap: Gap | None, source: Side) -> dict[str, Any] | None:
    if gap is None:
        return None
    return {
        "gtids": gap.left,
        "listed": [each.strip() for each in gap.listed],
        "transactions": gap.transactions,
        "rate": None if gap.rate is None else round(gap.rate, 1),
        "purged": gap.purged or None,
        "lost": gap.lost or None,
        "command": advice.show(gap, source) or None,
    }
