"""What not every check can afford: the process list and the disks, every peer_check seconds and at
each check while something is wrong."""

from __future__ import annotations

from kachecks.check import stalled
from kachecks.check.deep_look import STATEMENT, look_at_disks
from kachecks.cluster.facts import LEAST_STALL
from kachecks.cluster.verdict import Findings
from kachecks.lean import suppress
from kachecks.mysql.disks import Disks
from kachecks.mysql.errors import SessionError
from kachecks.mysql.probe import processlist
from kachecks.mysql.session import Session
from kachecks.node import Node
from kachecks.state.marks import Look
from kachecks.state.signs import Progress, Sign

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kachecks.cluster.facts import Member


def is_due(node: Node, last: Look | None) -> bool:
    """The last one is peer_check seconds old, or has found something."""
    return last is None or last.wrong or node.clock.now() - last.at >= node.config.peer_check


def look_closer(
    node: Node, session: Session, member: Member, holder: bool, hanging: Sign | None
) -> Findings:
    """Look, changing nothing. What cannot be found out does not count as wrong.

    Args:
        hanging: a check before this one that hangs in the kernel, so no disk may be touched.

    Raises OSError: the disks cannot be looked at.
    """
    before, now = node.marks.signs(), node.clock.now()
    seen: tuple[Sign, ...] = () if hanging is None else (hanging,)
    if holder:
        try:
            seen += stalled.waiting(processlist(session, STATEMENT), now)
        except SessionError:  # it has just answered the check, and that counts
            return Findings(signs=before)
    disks = Disks()
    if hanging is None:
        with suppress(SessionError):
            disks = look_at_disks(node, session, before)
    if disks.mute is not None:
        seen += (stalled.hanging_child(disks.mute, now),)
    progress = stalled.progress_of(session, STATEMENT, disks) if seen else Progress()
    stall = stalled.judged(before, seen, progress, now)
    return Findings(
        stalled=stall.sentence if _outlasts_the_engine(stall.signs.seen, member, now) else "",
        disk_full=disks.full,
        disk_read_only=disks.read_only,
        signs=stall.signs if seen or before.seen else None,
    )


def _outlasts_the_engine(seen: tuple[Sign, ...], member: Member, now: float) -> bool:
    """Each time a member dies, all writers wait until the cluster goes on without it: no check may
    fail for that, or all would."""
    patience = max(member.settles_within, LEAST_STALL)
    return any(now - sign.since >= patience for sign in seen)


def remember(node: Node, found: Findings, holder: bool) -> None:
    """Keep what the next look needs. Raises StateError."""
    before = degraded_before(node.marks.last_look())
    look = Look(
        at=node.clock.now(),
        wrong=found.wrong,
        degraded_before=bool(found.degraded) and (not holder or before),
    )
    node.marks.remember_look(look)
    if found.signs is not None:
        node.marks.remember_signs(found.signs)


def degraded_before(last: Look | None) -> bool:
    """The disk was already in trouble when the VIP came: the others are no better, and they would
    take turns."""
    return last is not None and last.degraded_before
