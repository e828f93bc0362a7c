"""What a vrrp_instance tracks, and what each tracker does to it.

A tracker without weight puts the instance into FAULT while it fails. A tracker with a weight
changes the priority: a positive weight is added while it is well, a negative one while it fails,
and ``reverse`` swaps the sign (vrrp_track.c of keepalived). A tracked file adds its number times
its weight.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from kachecks.keepalived.blocks import Statement
from kachecks.keepalived.outline import Outline
from kachecks.keepalived.values import number, within

_MOST = 253  # of a weight; a file whose product is below -253 puts the instance into FAULT
_MOST_SECONDS = 4294  # of an interval: the largest number of microseconds that fits (UINT_MAX)


class _Kind(NamedTuple):
    """A kind of tracker."""

    name: str
    defined: tuple[str, ...]  # by which keywords; none: it needs no definition
    needed: str  # without this line keepalived drops the definition
    weight: int = 0  # where none is written; keepalived.conf(5) says 1 for processes, it is 0
    most: int = _MOST + 1  # of a weight; 254 counts as 253 for scripts and interfaces


_KINDS = {
    "track_script": _Kind("script", ("vrrp_script",), "script"),
    "track_file": _Kind("file", ("track_file", "vrrp_track_file"), "file", weight=1),
    "track_process": _Kind("process", ("vrrp_track_process",), "process"),
    "track_bfd": _Kind("bfd", ("bfd_instance",), "", most=_MOST),
    "track_interface": _Kind("interface", (), ""),
}
_BARRED = ("script", "file", "bfd")
"""Kinds that keepalived leaves out where they have a weight and none is allowed. Processes keep
it, and interfaces too, whatever the log says: only what is logged is changed (2.2.7, 2.3.3)."""

_CURE = ": track it in the group, or write sync_group_tracking_weight there"


class Tracker(NamedTuple):
    """One tracked thing, with the weight it has in this instance."""

    kind: str  # script, file, process, bfd, interface
    name: str
    weight: int
    reverse: bool
    rise: int  # consecutive results, of scripts
    fall: int
    interval: int  # s, of scripts
    where: str  # FILE:LINE of the tracking, not of the definition
    by: str = ""  # the other instance of the sync group that tracks it

    @property
    def label(self) -> str:
        return f"{self.kind} {self.name}"

    def effect(self, failed: bool) -> int | None:
        """What is added to the priority; None puts the instance into FAULT.

        A file is assumed to hold 0 or 1; "failed" is whichever of them is worse for the node.
        """
        if self.weight == 0:
            # `weight 0 reverse` on anything but a file: down while the thing is well.
            wrong = failed if self.kind == "file" else failed != self.reverse
            return None if wrong else 0
        signed = -self.weight if self.reverse else self.weight
        if self.kind == "file":
            worst = min(signed, 0)
            if failed:
                return None if worst < -_MOST else worst
            return max(signed, 0)
        counts = failed == (self.weight < 0)
        return signed if counts else 0


class Placed(NamedTuple):
    """What decides over the trackers of an instance besides their own lines."""

    owner: bool  # its priority is that of the owner
    interface: str  # which it tracks without being told, unless dont_track_primary is there
    tracks_it: bool
    devices: frozenset[str]  # other interfaces that its addresses are on
    group: Statement | None  # its sync group
    group_owns: bool  # an instance of the sync group has the priority of the owner
    is_2_1: bool  # keepalived 2.1, which forgets more than it should


def tracked(
    outline: Outline, block: Statement, placed: Placed
) -> tuple[tuple[Tracker, ...], tuple[str, ...]]:
    """The trackers of a vrrp_instance, including those of its sync group, and notes on those left
    out."""
    notes: list[str] = []
    found = _own(outline, block, placed, notes)
    for device in placed.devices:
        own = found.get(("interface", device))
        if own and own.weight:
            notes.append(
                f"{own.where}: an address is on {device}, so its failure means FAULT whatever its"
                " weight"
            )
            found["interface", device] = own._replace(weight=0, reverse=False)
    for tracker in _trackers(outline, placed.group, notes) if placed.group else ():
        key = (tracker.kind, tracker.name)
        if tracker.kind == "process" and placed.is_2_1:
            notes.append(
                f"{tracker.where}: keepalived before 2.2 goes on without {tracker.label} in a"
                " sync group: track it in each instance"
            )
            continue
        if key == ("interface", placed.interface) and placed.tracks_it:
            continue
        if tracker.kind == "interface" and tracker.name in placed.devices:
            tracker = tracker._replace(weight=0, reverse=False)
        elif placed.group_owns:
            tracker = tracker._replace(weight=0)
        if key not in found or found[key].weight:
            found[key] = tracker
    return tuple(found.values()), tuple(notes)


def _own(
    outline: Outline, block: Statement, placed: Placed, notes: list[str]
) -> dict[tuple[str, str], Tracker]:
    """What the instance itself tracks, by kind and name."""
    found: dict[tuple[str, str], Tracker] = {}
    group = placed.group
    barred = group is not None and not group.last("sync_group_tracking_weight", "global_tracking")
    by = "priority 255" if placed.owner else "a sync group" if barred else ""
    for tracker in _trackers(outline, block, notes):
        kept: Tracker | None = tracker
        if tracker.kind == "interface" and not placed.interface:
            notes.append(f"{tracker.where}: no interface is tracked by an instance that has none")
            kept = None
        elif tracker.kind == "interface" and tracker.name == placed.interface:
            notes.append(
                f"{tracker.where}: {tracker.name} is the instance's own interface, tracked anyway:"
                " keepalived ignores the line"
            )
            kept = None
        elif by and placed.is_2_1 and tracker.kind in _BARRED:
            notes.append(
                f"{tracker.where}: keepalived before 2.2 goes on without {tracker.label}, whatever"
                f" its weight, because of {by}{_CURE if barred else ''}"
            )
            kept = None
        elif by and tracker.weight:
            kept = _without_weight(tracker, by, notes)
        if kept:
            found[kept.kind, kept.name] = kept
    return found


def _without_weight(tracker: Tracker, by: str, notes: list[str]) -> Tracker | None:
    """What becomes of a tracker with a weight where none is allowed; None: it is left out."""
    said = f"{tracker.where}: {tracker.label} has a weight, which {by} does not allow: keepalived"
    if tracker.kind == "file" and tracker.weight == 1:
        # keepalived takes it for the default, which nobody asked for.
        notes.append(f"{said} takes it as 0")
        return tracker._replace(weight=0)
    if tracker.kind in _BARRED:
        notes.append(f"{said} leaves the tracker out")
        return None
    return tracker


def _trackers(outline: Outline, block: Statement, notes: list[str]) -> list[Tracker]:
    found: dict[tuple[str, str], Tracker] = {}
    for line in block.block or ():
        kind = _KINDS.get(line.name)
        for entry in line.block or () if kind else ():
            assert kind
            if (kind.name, entry.name) in found:
                notes.append(
                    f"{entry.where}: {kind.name} {entry.name} is tracked twice: keepalived takes"
                    " the first"
                )
                continue
            definition = _definition(outline.before(block, kind.defined, entry.name), kind)
            tracker = _tracker(definition, kind, entry, notes)
            if tracker:
                found[kind.name, entry.name] = tracker
    return list(found.values())


def _tracker(
    definition: Statement | None, kind: _Kind, entry: Statement, notes: list[str]
) -> Tracker | None:
    named = f"{entry.where}: {kind.name} {entry.name}"
    if definition is None and kind.defined:
        missing = f", or has no {kind.needed}" if kind.needed else ""
        notes.append(
            f"{named} is not defined before this line{missing}: keepalived goes on without the"
            " tracker"
        )
        return None
    if len(entry.words) > 1 and entry.words[1] != "weight":
        notes.append(
            f"{entry.where}: {entry.words[1]} after {entry.name} is not `weight`: keepalived"
            " leaves the tracker out"
        )
        return None
    if len(entry.words) == 2:
        notes.append(f"{named} has a weight without a value: keepalived leaves the tracker out")
        return None
    weight, reverse = _weight(kind, definition, entry, notes)
    if len(entry.words) > 3 and entry.words[3] not in _reversals(kind):
        left = "leaves the tracker out" if kind.name in _STRICT else "goes on without that word"
        notes.append(f"{named} has {entry.words[3]} behind its weight: keepalived {left}")
        if kind.name in _STRICT:
            return None
    return Tracker(
        kind=kind.name,
        name=entry.name,
        weight=weight,
        reverse=reverse,
        rise=_count(definition, "rise"),
        fall=_count(definition, "fall"),
        interval=_count(definition, "interval", _MOST_SECONDS),
        where=entry.where,
    )


_STRICT = ("file", "bfd")
"""Kinds that keepalived leaves out where something unknown follows the weight."""


def _reversals(kind: _Kind) -> tuple[str, ...]:
    return ("reverse",) if kind.name == "interface" else ("reverse", "noreverse")


def _definition(found: Iterable[Statement], kind: _Kind) -> Statement | None:
    """The first which is complete; keepalived drops the others."""
    for each in found:
        if not kind.needed or any(line.value for line in each.all(kind.needed)):
            return each
    return None


def _weight(
    kind: _Kind, definition: Statement | None, entry: Statement, notes: list[str]
) -> tuple[int, bool]:
    """The weight by the definition, or by the instance that tracks it; and whether it is
    reversed."""
    weight, reverse = _defined_weight(kind, definition) if definition else (kind.weight, False)
    if len(entry.words) > 2:
        override = within(entry.words[2], -kind.most, kind.most)
        if override is None:
            notes.append(
                f"{entry.where}: weight {entry.words[2]} is not -{_MOST} to {_MOST}: keepalived"
                f" uses {weight}"
            )
        else:
            weight = override
            if kind.name in ("script", "interface"):
                weight = min(max(weight, -_MOST), _MOST)
        if entry.words[3:4] == ("reverse",):
            reverse = True
        elif entry.words[3:4] == ("noreverse",) and kind.name != "interface":
            reverse = False
    return weight, reverse


def _defined_weight(kind: _Kind, definition: Statement) -> tuple[int, bool]:
    """What the weight lines of a definition amount to: the last of a script, the first of a
    process, the first of a file that is not 1."""
    weight, reverse = kind.weight, False
    for line in definition.all("weight"):
        if not line.value or (kind.name in ("file", "process") and weight != kind.weight):
            continue
        taken = within(line.value, -kind.most, kind.most)
        if kind.name == "script":
            taken = number(line.value).value  # out of range too
        elif taken is None and kind.name == "file":
            taken = kind.weight
        if taken is None:
            continue
        weight = taken
        reverse = reverse or line.words[2:3] == ("reverse",)
    return weight, reverse


def _count(definition: Statement | None, name: str, most: int = 2**31 - 1) -> int:
    """A number of a vrrp_script; what is out of range is not taken or means 1."""
    found = 1
    for line in definition.all(name) if definition else ():
        taken = within(line.value, 0, most)
        kept = found if name == "interval" and taken is None else 1
        found = max(taken or 0, 1) if taken is not None else kept
    return found
