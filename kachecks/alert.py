"""What the alert program is told, by docs/alert.schema.json: one JSON object each time.

A *problem* lasts: its end has the id of its beginning, and is ``resolved``. An *event* has
happened, and nobody tells of its end; one that came about as intended is information.
"""

from __future__ import annotations

import os
import time

INFO, WARNING, CRITICAL = "info", "warning", "critical"
"""Severities; a problem of which nobody knows how bad it is, is ``unknown``."""

FAILED = {
    "promote refused": CRITICAL,
    "promote failed": CRITICAL,
    "promote interrupted": WARNING,  # the next check goes on
    "promote lock busy": WARNING,
    "promote not now": WARNING,
    "promote already open": CRITICAL,  # and nobody knows whether the peer is closed
    "demote not closed": CRITICAL,
    "demote stuck": CRITICAL,
    "leave refused": WARNING,  # nothing was done
    "leave kept": WARNING,
    "leave left": CRITICAL,  # nobody serves
    "switchover refused": WARNING,
    "switchover rolled back": WARNING,
    "switchover not serving": CRITICAL,
}
"""How bad it is that a transition has ended so."""


def problem(pair: str, severity: str, since: float, entry: dict[str, object]) -> dict[str, object]:
    """A verdict of the check that is worth an alert.

    Args:
        since: seconds since the epoch, when it was first told.
        entry: reason, sentence, and what else is known.
    """
    told = _told("problem", pair, str(entry["reason"]), severity, int(since))
    return {**told, "resolved": False, **entry}


def end(pair: str, reason: str, since: float, sentence: str) -> dict[str, object]:
    """Of the problem that was told with this reason."""
    told = _told("problem", pair, reason, INFO, int(since))
    return {**told, "resolved": True, "sentence": sentence}


def event(pair: str, entry: dict[str, object], failed: bool) -> dict[str, object]:
    """A transition, as the audit log tells of it."""
    now = time.time()
    reason = f"{entry['transition']} {entry['outcome']}"
    severity = FAILED.get(reason, CRITICAL) if failed else INFO
    took = entry.get("milliseconds")
    since = now - took / 1000 if isinstance(took, (int, float)) else now
    told = _told("event", pair, reason, severity, since)
    told["id"] = f"{told['id']}:{now:.3f}"
    rest = {key: value for key, value in entry.items() if key != "why"}
    return {**told, "sentence": entry["why"], **rest}


def of_option_file(path: str, told: dict[str, object]) -> dict[str, object]:
    """The same of an option file that cannot be used: nothing tells the name of its pair."""
    whose = f"{os.uname().nodename}:{path}:{told['reason']}"
    return {**told, "id": whose, "pair": None, "path": path}


def _told(kind: str, pair: str, reason: str, severity: str, since: float) -> dict[str, object]:
    """What every alert has."""
    node = os.uname().nodename
    return {
        "kind": kind,
        "id": f"{node}:{pair}:{reason}",
        "severity": severity,
        "node": node,
        "pair": pair,
        "reason": reason,
        "since": timestamp(since),
        "time": timestamp(time.time()),
    }


def timestamp(seconds: float) -> str:
    """UTC, ISO 8601, with milliseconds."""
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{whole}.{int(seconds % 1 * 1000):03d}Z"
