"""The state that keepalived itself is in: the values, and how its JSON is read. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

STATES = ("INIT", "BACKUP", "MASTER", "FAULT")
"""The states, in the order of keepalived's own numbers (vrrp.h)."""


class Vrrp(NamedTuple):
    """One vrrp_instance as its keepalived sees itself."""

    instance: str
    state: str  # of STATES
    since: float  # s since the epoch: the last transition
    priority: int  # with all weights
    base_priority: int  # of keepalived.conf


def instances(text: str) -> list[dict[str, Any]]:
    """The instances of either form: a list, or with `json_version 2` a list under "vrrp".

    Raises:
        KeyError, TypeError, ValueError: not what keepalived writes.
    """
    try:
        content = json.loads(text)
    except RecursionError:
        raise ValueError("brackets in brackets in brackets") from None
    entries = content["vrrp"] if isinstance(content, dict) else content
    found = [entry["data"] for entry in entries]
    if not all(isinstance(each, dict) for each in found):
        raise TypeError("an instance is no object")
    return found


def chosen(among: Sequence[dict[str, Any]], vips: Sequence[str]) -> Vrrp | None:
    """The instance that has most of these addresses, None where none has any.

    Raises:
        KeyError, TypeError, ValueError: not what keepalived writes.
    """
    counted = [(len(_addresses(instance) & set(vips)), instance) for instance in among]
    most = max((count for count, _ in counted), default=0)
    if not most:
        return None
    instance = next(instance for count, instance in counted if count == most)
    state = _number(instance["state"])
    return Vrrp(
        instance=str(instance["iname"]),
        state=STATES[state] if 0 <= state < len(STATES) else "unknown",
        since=_seconds(instance["last_transition"]),
        priority=_number(instance["effective_priority"]),
        base_priority=_number(instance["base_priority"]),
    )


def _number(value: Any) -> int:
    """Raises TypeError: JSON has numbers that are none of these, 1e999 for one."""
    if isinstance(value, int):
        return value
    raise TypeError(f"{value!r} is no whole number")


def _seconds(value: Any) -> float:
    """Raises TypeError, ValueError: no time."""
    try:
        return float(value)
    except OverflowError:
        raise ValueError("a number beyond all times") from None


def _addresses(instance: dict[str, Any]) -> set[str]:
    """Of entries such as `10.0.0.100/24 dev eth0 scope global set`, the address."""
    listed: Iterator[str] = (
        str(entry) for key in ("vips", "evips") for entry in instance.get(key) or ()
    )
    return {entry.split()[0].partition("/")[0] for entry in listed if entry.strip()}
