"""What a vrrp_instance tracks, and what each tracker does to it.

A tracker without weight puts the instance into FAULT while it fails. A tracker with a weight
changes the priority: a positive weight is added while it is well, a negative one while it fails,
and ``reverse`` swaps the sign (vrrp_track.c of keepalived). A tracked file adds its number times
its weight.
"""

from __future__ import annotations

from typing import NamedTuple

from kachecks.keepalived.conf import Statement

_MOST = 253  # of a weight; a file whose product is below -253 puts the instance into FAULT
_KINDS = {
    # in the instance: (where it is defined, by which of these keywords)
    "track_script": ("script", ("vrrp_script",)),
    "track_file": ("file", ("track_file", "vrrp_track_file")),
    "track_process": ("process", ("vrrp_track_process",)),
    "track_bfd": ("bfd", ("bfd_instance",)),
    "track_interface": ("interface", ()),
}
#: What keepalived 2.2.7 does with a weighted tracker where weights are not allowed (by its
#: --dump-conf; each kind is treated differently): "out" leaves it out, "zero" sets its weight to 0,
#: so that its failure means FAULT; a kind that is not named keeps its weight. For files see
#: _barred.
_BARRED = {
    "priority 255": {"script": "out", "interface": "out", "file": "out", "bfd": "out"},
    "a sync group": {"script": "out", "interface": "zero", "file": "out", "bfd": "out"},
}
#: Weight where none is written. keepalived.conf(5) says 1 for processes; 2.2.7 uses 0.
_DEFAULT_WEIGHT = {"file": 1}


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


def tracked(
    root: Statement, block: Statement, owner: bool
) -> tuple[tuple[Tracker, ...], tuple[str, ...]]:
    """The trackers of a vrrp_instance, including those of its sync group, and notes on those left
    out."""
    notes: list[str] = []
    found: dict[tuple[str, str], Tracker] = {}
    group = _group_of(root, block.value)
    weighted_allowed = group is None or bool(
        group.last("sync_group_tracking_weight", "global_tracking")
    )
    own = block.last("interface")
    for tracker in _trackers(root, block, notes):
        by = "priority 255" if owner else "" if weighted_allowed else "a sync group"
        barred = _barred(tracker, by) if by else ""
        if tracker.kind == "interface" and own and tracker.name == own.value:
            notes.append(
                f"{tracker.where}: {tracker.name} is the instance's own interface, tracked anyway:"
                " keepalived ignores the line"
            )
        elif barred:
            done = "takes it as 0" if barred == "zero" else "leaves the tracker out"
            notes.append(
                f"{tracker.where}: {tracker.label} has a weight, which {by} does not allow:"
                f" keepalived {done}"
            )
            if barred == "zero":
                found[tracker.kind, tracker.name] = tracker._replace(weight=0)
        else:
            found[tracker.kind, tracker.name] = tracker
    for tracker in _trackers(root, group, notes) if group else ():
        own_one = found.get((tracker.kind, tracker.name))
        if (own_one is None or own_one.weight) and not (tracker.weight and owner):
            found[tracker.kind, tracker.name] = tracker
    return tuple(found.values()), tuple(notes)


def _barred(tracker: Tracker, by: str) -> str:
    """What becomes of the tracker: out, zero, or "" where it stays as it is."""
    if not tracker.weight:
        return ""
    if tracker.kind == "file" and tracker.weight == 1:
        return "zero"  # keepalived takes it for the default, which nobody asked for
    return _BARRED[by].get(tracker.kind, "")


def _group_of(root: Statement, instance: str) -> Statement | None:
    """The vrrp_sync_group that has the instance."""
    for group in root.all("vrrp_sync_group"):
        if any(instance in entry.words for entry in group.entries("group")):
            return group
    return None


def _trackers(root: Statement, block: Statement, notes: list[str]) -> list[Tracker]:
    found = []
    for keyword in _KINDS:
        for entry in block.entries(keyword):
            tracker = _tracker(root, keyword, entry, notes)
            if tracker:
                found.append(tracker)
    return found


def _tracker(root: Statement, keyword: str, entry: Statement, notes: list[str]) -> Tracker | None:
    kind, definitions = _KINDS[keyword]
    definition = next((each for each in root.all(*definitions) if each.value == entry.name), None)
    if definition is None and definitions:
        notes.append(
            f"{entry.where}: {kind} {entry.name} is not defined: keepalived goes on without it"
        )
        return None
    if kind == "script" and definition and not definition.last("script"):
        notes.append(
            f"{definition.where}: vrrp_script {entry.name} has no script: keepalived goes on"
            " without it"
        )
        return None
    if len(entry.words) > 1 and entry.words[1] != "weight":
        notes.append(
            f"{entry.where}: {entry.words[1]} after {entry.name} is not `weight`: keepalived"
            " leaves the tracker out"
        )
        return None
    weight, reverse = _weight(kind, definition, entry, notes)
    return Tracker(
        kind=kind,
        name=entry.name,
        weight=weight,
        reverse=reverse,
        rise=_count(definition, "rise"),
        fall=_count(definition, "fall"),
        interval=_count(definition, "interval"),
        where=entry.where,
    )


def _weight(
    kind: str, definition: Statement | None, entry: Statement, notes: list[str]
) -> tuple[int, bool]:
    """The weight by the definition, or by the instance that tracks it; and whether it is
    reversed."""
    weight, reverse = _DEFAULT_WEIGHT.get(kind, 0), False
    stated = definition.last("weight") if definition else None
    if stated:
        written = _whole(stated.value)
        weight = weight if written is None else written
        reverse = "reverse" in stated.words[2:]
    if len(entry.words) > 1:
        override = _whole(entry.words[2] if len(entry.words) > 2 else "")
        if override is not None and abs(override) <= _MOST:
            return override, _reverse(entry, reverse)
        notes.append(
            f"{entry.where}: weight {' '.join(entry.words[2:3])} is not -{_MOST} to {_MOST}:"
            f" keepalived uses {weight}"
        )
    return weight, reverse


def _reverse(entry: Statement, default: bool) -> bool:
    words = entry.words[3:]
    if "reverse" in words:
        return True
    if "noreverse" in words or "no_reverse" in words:
        return False
    return default


def _count(definition: Statement | None, name: str) -> int:
    statement = definition.last(name) if definition else None
    return max(_whole(statement.value) or 1, 1) if statement else 1


def _whole(text: str) -> int | None:
    digits = text[1:] if text[:1] in ("-", "+") else text
    return int(text) if digits.isdecimal() else None
