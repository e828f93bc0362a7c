"""Says in words where a sync group does not elect as its instances alone would. Pure.

What fails here was played with keepalived 2.2.7.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet

from kachecks.keepalived.findings import FAILURE, WARNING, ElectionFinding
from kachecks.keepalived.situations import Sides

A, B = frozenset("A"), frozenset("B")


def group_findings(elections: Sequence[Sides]) -> Iterator[ElectionFinding]:
    """Groups that the nodes do not see alike, or of which each would win a part."""
    running = [sides for sides in elections if not (sides.a.ends or sides.b.ends)]
    yield from _order(elections)
    for name in "AB":
        yield from _on_one_node(running, name)
        for members in _on_both(running):
            yield from _weights(members, name)


def _order(elections: Sequence[Sides]) -> Iterator[ElectionFinding]:
    """Groups on both nodes of which each node would win a part: keepalived moves them as one.

    150 and 100 against 100 and 150: the one that had started first kept the group, with nopreempt
    the other one.
    """
    for members in _on_both(elections):
        won = {sides.election().settle(frozenset()): sides for sides in reversed(members)}
        if A in won and B in won:
            yield ElectionFinding(
                WARNING,
                "GROUP_ORDER",
                f"in vrrp_sync_group {members[0].a.group} A comes first in {won[A].a.name}, and B"
                f" in {won[B].a.name}, but they move together: who has the VIPs is not what the"
                " tables say; give the instances of a group the same priority on each node",
                won[B].a.where,
            )


def _on_both(elections: Sequence[Sides]) -> list[list[Sides]]:
    """The elections of each pair of groups."""
    groups: dict[tuple[str, str], list[Sides]] = {}
    for sides in elections:
        if sides.a.group and sides.b.group:
            groups.setdefault((sides.a.group, sides.b.group), []).append(sides)
    return list(groups.values())


def _weights(members: Sequence[Sides], name: str) -> Iterator[ElectionFinding]:
    """Weights that let one instance of a group lose and another one win: the group stays.

    FAILURE where even all that an instance tracks does not move it, WARNING where that does.
    """
    if any(sides.election().settle({name}) != frozenset(name) for sides in members):
        return  # it does not stay there even when well
    tracking: dict[str, list[Sides]] = {}
    for sides in members:
        for tracker in sides.instance(name).trackers:
            if tracker.weight:  # without one it is FAULT of them all
                tracking.setdefault(tracker.label, []).append(sides)
    for label, with_it in tracking.items():
        moved = [sides for sides in with_it if not _staying([sides], name, {label})]
        staying = next((sides for sides in members if sides not in moved), None)
        if moved and staying:
            yield _weight(members, name, label, moved[0], staying)


def _weight(
    members: Sequence[Sides], name: str, label: str, moved: Sides, staying: Sides
) -> ElectionFinding:
    own = moved.instance(name)
    by_all = _staying(members, name, {each.label for each in own.trackers})
    return ElectionFinding(
        FAILURE if by_all else WARNING,
        "GROUP_WEIGHT",
        f"{label} failing on {name} would move {own.name} of vrrp_sync_group {own.group}, but not"
        f" {staying.instance(name).name}, and they move together: the VIPs stay; track it in the"
        " group, or in each of its instances with the same weight",
        next(each.where for each in own.trackers if each.label == label),
    )


def _staying(members: Sequence[Sides], name: str, failed: AbstractSet[str]) -> bool:
    """Whether one of them stays on this node."""
    return any(
        sides.election_with(name, failed).settle({name}) == frozenset(name) for sides in members
    )


def _on_one_node(elections: Sequence[Sides], name: str) -> Iterator[ElectionFinding]:
    """Instances that move together on this node alone.

    One failed on the node without the group: the other node did not take that one, as it could not
    take both, and nobody held its VIP.
    """
    other = "B" if name == "A" else "A"
    groups: dict[str, list[Sides]] = {}
    for sides in elections:
        groups.setdefault(sides.instance(name).group, []).append(sides)
    for group, members in groups.items():
        theirs = {sides.instance(other).group for sides in members}
        if not group or len(members) == 1 or (len(theirs) == 1 and theirs != {""}):
            continue
        own = [sides.instance(name) for sides in members]
        apart = len({_what_moves(sides) for sides in members}) > 1
        yield ElectionFinding(
            FAILURE if apart else WARNING,
            "GROUP_ON_ONE_NODE",
            f"vrrp_sync_group {group} moves {' and '.join(each.name for each in own)} together on"
            f" {name}, and nothing does on {other}: when one of them fails there alone, {name} does"
            " not take it, and nobody has its VIP; write the same group on both nodes",
            own[0].where,
        )


def _what_moves(sides: Sides) -> object:
    """What one election has to be alike in, for all of a group to be won and lost at once."""
    return tuple(
        (
            each.interface,
            each.priority,
            frozenset((tracker.label, tracker.weight) for tracker in each.trackers),
        )
        for each in (sides.a, sides.b)
    )
