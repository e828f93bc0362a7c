"""kachecks status on a member of a cluster: the cluster as this member sees it, and who has the
VIP. No other member is asked."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from kachecks.check.verdict import CRITICAL, WARNING
from kachecks.check.verdict import FINE as FINE_WORD
from kachecks.cluster.facts import Galera, Group
from kachecks.cluster.one_run import Run
from kachecks.cluster.verdict import MemberVerdict, severity_of
from kachecks.commands.status.cells import BAD, FAINT, GOOD, TITLE, WARN
from kachecks.commands.status.judgement import FINE, NOT_SERVING
from kachecks.commands.status.terminal import Painter, Window
from kachecks.commands.text import wrap
from kachecks.lean import shown
from kachecks.node import Node
from kachecks.state.audit_log import History, NoHistory
from kachecks.state.transition import Transition

if TYPE_CHECKING:
    from kachecks.cluster.facts import Member

SOMETHING_WRONG = 1


class MemberStatus(NamedTuple):
    """All of it."""

    time: float  # s since the epoch
    pair: str  # the name of the option file's instance
    vips: tuple[str, ...]
    vip_here: bool
    holder: str  # MAC address of another host that answers for the VIP; "" nobody does
    holder_said: str  # why that is not known; "" it is
    member: Member | None
    verdict: MemberVerdict
    transitions: tuple[Transition, ...]
    transitions_said: str  # why they are not known


def look(node: Node, history: History) -> MemberStatus:
    """Changes nothing. Raises OSError: the kernel's tables cannot be read."""
    run = Run(node, act=False)
    try:
        seen, verdict = run.look()
    finally:
        run.close()
    holder, holder_said = _holder(node)
    transitions, said = _transitions(history)
    config = node.config
    return MemberStatus(
        time=time.time(),
        pair=config.name,
        vips=config.vips,
        vip_here=seen.vip_here,
        holder=holder,
        holder_said=holder_said,
        member=seen.member,
        verdict=verdict,
        transitions=transitions,
        transitions_said=said,
    )


def _holder(node: Node) -> tuple[str, str]:
    try:
        return node.network.holder_elsewhere(), ""
    except OSError as error:
        return "", f"who else answers for the VIP is not known: {error}"


def _transitions(history: History) -> tuple[tuple[Transition, ...], str]:
    try:
        return history.last_transitions(), ""
    except NoHistory as error:
        return (), str(error)


def problems(status: MemberStatus) -> list[str]:
    """What is wrong, each a sentence; the first is the worst."""
    return [*_of_vip(status), *_of_verdict(status), *_of_others(status)]


def _of_vip(status: MemberStatus) -> Iterator[str]:
    if status.vip_here and status.holder:
        yield f"the VIP is here, and another host ({status.holder}) answers for it, too"
    if not status.vip_here and not status.holder and not status.holder_said:
        yield "the VIP is nowhere: it is not here, and nobody answers for it"


def _of_verdict(status: MemberStatus) -> Iterator[str]:
    if status.verdict.problem:
        yield f"{status.verdict.reason}: {status.verdict.sentence}"


def _of_others(status: MemberStatus) -> Iterator[str]:
    if not isinstance(status.member, Group):
        return
    for each in status.member.members:
        if each.state != "ONLINE" and each.id != status.member.id:
            yield f"member {each.name} is {each.state}"


def status_of(status: MemberStatus) -> int:
    """The exit status: 0 well, 1 something is wrong, 2 nobody is seen to serve."""
    nowhere = not status.vip_here and not status.holder and not status.holder_said
    failing_holder = status.vip_here and bool(status.verdict.status)
    if nowhere or failing_holder or (status.vip_here and status.holder):
        return NOT_SERVING
    return SOMETHING_WRONG if problems(status) else FINE


def sentence(status: MemberStatus) -> str:
    """The worst that is wrong, else what is well."""
    found = problems(status)
    return found[0] if found else status.verdict.sentence


def severity(status: MemberStatus) -> str:
    """How bad it is, in a word of monitoring."""
    number = status_of(status)
    if number == NOT_SERVING:
        return CRITICAL
    if status.verdict.problem:
        return severity_of(status.verdict)
    return WARNING if number else FINE_WORD


def as_json(status: MemberStatus) -> dict[str, Any]:
    """For programs."""
    member = status.member
    return {
        "time": status.time,
        "name": status.pair,
        "vip": list(status.vips),
        "vip_here": status.vip_here,
        "holder_elsewhere": status.holder or None,
        "status": status_of(status),
        "problems": problems(status),
        "severity": severity(status),
        "check": {
            "reason": status.verdict.reason,
            "exit": status.verdict.status,
            "sentence": status.verdict.sentence,
            "role": status.verdict.role,
        },
        "engine": None if member is None else member.engine,
        "quorum": None if member is None else not (member.no_quorum or member.outside),
        "writer": None if member is None else member.is_writer,
        "group": _group(member) if isinstance(member, Group) else None,
        "galera": _galera(member) if isinstance(member, Galera) else None,
        "transitions": [each._asdict() for each in status.transitions],
    }


def _group(member: Group) -> dict[str, Any]:
    rows = [
        {**each._asdict(), "this": each.id == member.id, "view": each.view or None}
        for each in member.members
    ]
    return {"expel_seconds": member.expel_seconds, "members": rows}


def _galera(member: Galera) -> dict[str, Any]:
    return member._asdict()


def screen(status: MemberStatus, window: Window, paint: Painter) -> list[str]:
    """Every line."""
    width = max(window.width, 60)
    right = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(status.time))
    left = f"kachecks {status.pair}  VIP {', '.join(status.vips)}"
    lines = [paint(f"{left:<{width - len(right)}}{right}", FAINT)]
    found, number = problems(status), status_of(status)
    style = {FINE: GOOD, NOT_SERVING: BAD}.get(number, WARN)
    word = {FINE: "OK", NOT_SERVING: "NOT SERVING"}.get(number, "WARNING")
    lines += [paint(each, style) for each in wrap(shown(f"{word}: {sentence(status)}"), width)]
    lines += ["", *_rows(status, width, paint), ""]
    lines.append(paint("Last transitions of this node", TITLE))
    lines += [
        part
        for each in status.transitions
        for part in wrap(
            shown(f"  {each.time}  {each.transition}: {each.outcome}: {each.why}"),
            width,
            rest="    ",
        )
    ]
    if not status.transitions:
        lines.append(paint(f"  {shown(status.transitions_said) or 'none in the audit log'}", FAINT))
    for problem in found[1:]:
        lines += [paint(each, WARN) for each in wrap(shown(f"wrong: {problem}"), width, rest="  ")]
    return lines


def _rows(status: MemberStatus, width: int, paint: Painter) -> Iterator[str]:
    holder = f"another host, {status.holder}" if status.holder else "nowhere"
    holder = status.holder_said or holder
    yield f"VIP       {'here' if status.vip_here else shown(holder)}"
    check = f"{status.verdict.reason}, exit {status.verdict.status} ({status.verdict.role})"
    yield f"check     {check}"
    member = status.member
    if member is None:
        return
    quorum = member.no_quorum or member.outside
    yield f"quorum    {shown(quorum) if quorum else 'yes'}"
    if isinstance(member, Galera):
        yield from wrap(f"member    {member.said}, {member.queue} queued", width, rest=" " * 10)
        yield f"members   {member.size}: {member.addresses}"
        return
    yield paint(f"{'member':<32} {'state':<12} {'role':<10} queued", TITLE)
    for each in member.members:
        name = f"{each.name}{' (this)' if each.id == member.id else ''}"
        queued = "?" if each.queued is None else str(each.queued)
        yield f"{name:<32} {each.state:<12} {each.role or '-':<10} {queued:>6}"
