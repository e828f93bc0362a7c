"""Says in words why two configurations do not fail over as they should. Pure.

The well-known rule for weights, |priority A - priority B| < |weight|, covers only a special case:
both nodes have the same check with the same weight, every sum stays within 1 to 254, and nopreempt
is not set. Here the election itself is computed, for every case.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from kachecks.keepalived.election import same_peer, why_dropped
from kachecks.keepalived.instance import OWNER, Instance
from kachecks.keepalived.situations import WELL, Sides
from kachecks.keepalived.tracker import Tracker

WARNING, FAILURE = 1, 2


class ElectionFinding(NamedTuple):
    """One thing that is not as it should be."""

    level: int  # WARNING or FAILURE, the exit status it asks for
    code: str
    sentence: str
    where: str  # FILE:LINE


def findings(sides: Sides) -> list[ElectionFinding]:
    """Everything that was found, the worst first."""
    found = [
        *_ends(sides),
        *_without_vip(sides),
        *_dropped_adverts(sides),
        *_sources(sides),
        *_checks(sides),
        *_settings(sides),
        *_corrections(sides),
    ]
    return sorted(found, key=lambda finding: -finding.level)


def _ends(sides: Sides) -> Iterator[ElectionFinding]:
    for name in "AB":
        instance = sides.instance(name)
        if instance.ends:
            where, _, why = instance.ends.partition(": ")
            yield ElectionFinding(
                FAILURE,
                "KEEPALIVED_ENDS",
                f"keepalived does not run on {name}, with none of its instances: {why}",
                where,
            )


def _without_vip(sides: Sides) -> Iterator[ElectionFinding]:
    for name in "AB":
        instance = sides.instance(name)
        if not instance.ends and not instance.vips and not instance.excluded:
            yield ElectionFinding(
                FAILURE,
                "NO_VIP",
                f"the instance on {name} has no address: nothing can fail over to {name}",
                instance.where,
            )


def _sources(sides: Sides) -> Iterator[ElectionFinding]:
    for instance in (sides.a, sides.b):
        if instance.family == 6 and instance.peers and not instance.source:
            yield ElectionFinding(
                FAILURE,
                "IPV6_UNICAST_SOURCE",
                "unicast with IPv6 needs unicast_src_ip: without it keepalived binds the link-local"
                " address, which fails, and stays in FAULT",
                instance.where,
            )


def _dropped_adverts(sides: Sides) -> Iterator[ElectionFinding]:
    if sides.a.ends or sides.b.ends:
        return
    peer = same_peer(sides.a, sides.b)
    if peer:
        yield ElectionFinding(
            FAILURE,
            "SAME_PEER",
            f"unicast_peer names only {peer} on both nodes, so that at least one of them never"
            " hears the other: name on each node the address of the other one",
            sides.b.where,
        )
    for receiver, sender in () if peer else ("AB", "BA"):
        own, other = sides.instance(receiver), sides.instance(sender)
        why = why_dropped(own, other)
        if why:
            held = sides.election().settle({sender})
            end = "two MASTERs" if held == frozenset("AB") else "no real election"
            yield ElectionFinding(
                FAILURE,
                "ADVERTS_DROPPED",
                f"{receiver} does not accept the adverts of {sender}: {why}; the result is {end}",
                own.where,
            )
    one, other = sides.a, sides.b
    if one.version == other.version == 3 and one.advert_int != other.advert_int:
        yield ElectionFinding(
            WARNING,
            "ADVERT_INTERVALS",
            f"advert_int is {one.advert_int:g} s on A and {other.advert_int:g} s on B: a node that"
            " starts waits three of its own intervals, and may become MASTER before it hears the"
            " other one",
            other.where,
        )


_BY_NUMBER = ("WEIGHT_THE_WRONG_WAY", "WEIGHT_WITH_NOPREEMPT", "WEIGHT_TOO_SMALL")
"""Of a file these are true of some numbers in it, and which it will hold its configuration does not
tell."""
_ASSUMED = "; all this if the file holds 0 or 1: another number counts times the weight"


def _checks(sides: Sides) -> Iterator[ElectionFinding]:
    """Whether a failing check moves the VIP away from each node that can hold it for long."""
    a, b = sides.a, sides.b
    if a.ends or b.ends or why_dropped(a, b) or why_dropped(b, a):
        return  # there is no election
    for name in "AB":
        holder, other = sides.instance(name), "B" if name == "A" else "A"
        if sides.election().settle({name}) != frozenset(name):
            continue  # with both well the other node takes it: there is nothing to move from here
        if not holder.trackers:
            yield ElectionFinding(
                WARNING,
                "NO_CHECK",
                f"{name} tracks nothing: the VIP leaves it only when keepalived, the host or the"
                " link fails, not when the service does",
                holder.where,
            )
            continue
        stuck = [each for each in holder.trackers if not _moves(sides, name, other, [each])]
        never = bool(stuck) and not _moves(sides, name, other, list(holder.trackers))
        for tracker in stuck:
            code, why = _why_stuck(sides, name, other, tracker)
            assumed = tracker.kind == "file" and code in _BY_NUMBER
            why += _ASSUMED if assumed else ""
            level = FAILURE if never and not assumed else WARNING
            yield ElectionFinding(level, code, why, tracker.where)


def _moves(sides: Sides, name: str, other: str, trackers: list[Tracker]) -> bool:
    failed = frozenset(tracker.label for tracker in trackers)
    return sides.election_with(name, failed).settle({name}) == frozenset(other)


def _why_stuck(sides: Sides, name: str, other: str, tracker: Tracker) -> tuple[str, str]:
    """Code and sentence for a failure on ``name`` that leaves the VIP there."""
    holder, standby = sides.instance(name), sides.instance(other)
    election = sides.election_with(name, frozenset([tracker.label]))
    left, ready = (election.a, election.b) if name == "A" else (election.b, election.a)
    said = f"{tracker.label} failing on {name} leaves the VIP there: "
    if ready.priority is None:
        return "STANDBY_IN_FAULT", said + f"{other} is in FAULT even when its checks are well"
    if holder.priority == OWNER:
        return "OWNER", said + f"priority {OWNER} is never changed by a check; use one below it"
    well = sides.election_with(name, WELL)
    before = (well.a if name == "A" else well.b).priority or 0
    if left.priority is None:  # `reverse` on one that is well already: told by the table
        return "NOT_MOVED", said + f"{other} does not take it"
    fell = f"the priority goes from {before} to {left.priority}"
    if left.priority >= before:
        return "WEIGHT_THE_WRONG_WAY", said + f"{fell}, so it does not fall; is `reverse` meant?"
    if standby.nopreempt:
        return "WEIGHT_WITH_NOPREEMPT", said + (
            f"{fell}, but {other} has nopreempt and takes over from nobody who still sends adverts;"
            " without a weight (weight 0) the failure is FAULT, which it sees"
        )
    return "WEIGHT_TOO_SMALL", said + (
        f"{fell}, {_beside(left.priority, ready.priority)} the {ready.priority} of {other}. The"
        " rule is |priority A - priority B| < |weight|, here"
        f" {before - ready.priority} < {before - left.priority}, which does not hold"
        + _cut(tracker, before - left.priority)
        + _cure(sides, name, other, tracker, before - ready.priority)
    )


def _beside(left: int, ready: int) -> str:
    return "no lower than" if left == ready else "still above"


def _cut(tracker: Tracker, drop: int) -> str:
    if drop == abs(tracker.weight):
        return ""
    return f" (the weight of {tracker.weight} counts as {drop}: priorities end at 1 and 254)"


def _cure(sides: Sides, name: str, other: str, tracker: Tracker, gap: int) -> str:
    """The cure: a weight that moves the VIP on both nodes, if there is one, or weight 0, which
    always does."""
    least = gap + 1 if tracker.weight > 0 else -(gap + 1)
    mended = Sides(
        _with_weight(sides.a, tracker, least), _with_weight(sides.b, tracker, least), sides.higher
    )
    if _moves(mended, name, other, [tracker]):
        return f"; use a weight of {least} or stronger on both nodes, or 0, which makes it FAULT"
    return "; use weight 0, which makes it FAULT"


def _with_weight(instance: Instance, tracker: Tracker, weight: int) -> Instance:
    return instance._replace(
        trackers=tuple(
            one._replace(weight=weight) if one.label == tracker.label else one
            for one in instance.trackers
        )
    )


def _settings(sides: Sides) -> Iterator[ElectionFinding]:
    a, b = sides.a, sides.b
    well = sides.election()
    if well.a.priority is not None and well.a.priority == well.b.priority:
        yield ElectionFinding(
            WARNING,
            "EQUAL_PRIORITIES",
            f"both have priority {well.a.priority} when well: whichever starts first holds the VIP,"
            " and when two MASTERs meet, the one with the higher address keeps it"
            + (f" ({sides.higher})" if sides.higher else "")
            + "; make them differ",
            b.where,
        )
    if a.nopreempt != b.nopreempt:
        with_it, without = ("A", "B") if a.nopreempt else ("B", "A")
        yield ElectionFinding(
            WARNING,
            "NOPREEMPT_ON_ONE_NODE",
            f"{with_it} has nopreempt and {without} has not: {without} takes the VIP from"
            f" {with_it} whenever its priority is higher, {with_it} never takes it from {without}",
            sides.instance(without).where,
        )
    for name, node in (("A", well.a), ("B", well.b)):
        instance = sides.instance(name)
        if node.priority is None and not instance.ends:
            cause = "unicast_fault_no_peer" if instance.faulty else "`weight 0 reverse`"
            yield ElectionFinding(
                FAILURE,
                "FAULT_WHEN_WELL",
                f"{name} is in FAULT while all it tracks is well, and never holds the VIP;"
                f" {cause} does that",
                instance.where,
            )
        yield from _clamped(name, instance)


def _clamped(name: str, instance: Instance) -> Iterator[ElectionFinding]:
    """Sums outside 1 to 254 make weights count for less than is written."""
    if instance.priority == OWNER:
        return
    effects = [
        [tracker.effect(failed) or 0 for failed in (False, True)] for tracker in instance.trackers
    ]
    most = instance.priority + sum(max(pair) for pair in effects)
    least = instance.priority + sum(min(pair) for pair in effects)
    for reached, counted in ((most, min(most, OWNER - 1)), (least, max(least, 1))):
        if reached != counted:
            yield ElectionFinding(
                WARNING,
                "PRIORITY_CUT",
                f"the priority of {name} with its weights can reach {reached}, which counts as"
                f" {counted}: the weights count for less than is written",
                instance.where,
            )


def _corrections(sides: Sides) -> Iterator[ElectionFinding]:
    for instance in (sides.a, sides.b):
        for note in instance.notes:
            where, _, sentence = note.partition(": ")
            yield ElectionFinding(WARNING, "NOT_AS_WRITTEN", sentence, where)
