"""Let go of the VIP in order: who gets it makes itself the writer (arrival), so that this member
has to know neither who that is nor how.

A failure before the permit is withdrawn changes nothing.
"""

from __future__ import annotations

from kachecks.bounded import Budget
from kachecks.cluster.departure import depart
from kachecks.cluster.facts import Group
from kachecks.cluster.probe import NoEngine, probe
from kachecks.lean import suppress
from kachecks.mysql import cluster_queries as queries
from kachecks.mysql.errors import SessionError
from kachecks.mysql.facts import text_of
from kachecks.mysql.session import Session, ask
from kachecks.node import Node
from kachecks.state.files import StateError
from kachecks.transitions.record import Outcome, Steps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kachecks.cluster.facts import Member

LOOK = 2.0
"""Seconds for all that is asked beforehand."""

VIP_LEAVES = 2.0
"""Seconds for keepalived to remove the VIP once the permit is withdrawn; it needs 10 ms."""

SUCCESSOR = 5.0
"""Seconds for another host to answer for the VIP, and to be the writer: three adverts at most, and
the start of its hook."""

PAUSE = 0.02


def objections(node: Node) -> list[str]:
    """Why this member should not hand over now; each is a sentence with its cure."""
    try:
        session = node.servers.connect_local(LOOK)
    except SessionError as error:
        return [f"this server cannot be asked: {error}"]
    try:
        budget = Budget(node.clock, LOOK)
        member = probe(session, budget)
        if isinstance(member, NoEngine):
            return [member.said]
        return [*_of_member(node, member), *_of_channels(session, member, budget)]
    except SessionError as error:
        return [f"this server cannot be asked: {error}"]
    finally:
        session.close()


def _of_member(node: Node, member: Member) -> list[str]:
    found = [each for each in (member.no_quorum, member.outside) if each]
    if not found and not member.others_fit(node.config.max_queue):
        found.append("no other member is fit to take over (kachecks status)")
    if isinstance(member, Group) and not found and not member.all_online:
        waits = [
            f"{each.name} is {each.state}" for each in member.members if each.state != "ONLINE"
        ]
        found.append(f"{', '.join(waits)}: until all are ONLINE, no other one can be made primary")
    return found


def _of_channels(session: Session, member: Member, budget: Budget) -> list[str]:
    if not isinstance(member, Group):
        return []
    names = ask(
        session,
        queries.ASYNCHRONOUS_CHANNELS,
        budget.left(),
        lambda rows: [text_of(row, "name") for row in rows],
    )
    if not names:
        return []
    return [
        "this member replicates from outside the group, and no other one can be made primary"
        " meanwhile: STOP REPLICA on it first"
    ]


def hand_over(node: Node, steps: Steps) -> Outcome:
    """Withdraw the permit, see the VIP leave, cut its clients, see another one serve.

    The caller holds the lock. Raises OSError: the kernel's address tables cannot be read;
    StateError: the run directory cannot be used.
    """
    begun = node.clock.now()
    node.marks.mark_leaving()
    node.marks.withdraw_permit()
    if not _vip_left(node):
        node.marks.unmark_leaving()
        node.marks.grant_permit()
        why = (
            f"keepalived has not removed the VIP within {VIP_LEAVES:g} s: does its vrrp_instance"
            " track the permit? (kachecks doctor)"
        )
        return Outcome("leave", "kept", why, done=False, changed=True)
    steps.done("the VIP leaves")
    left = depart(node, steps, node.config.fence_timeout)
    serves, seconds = _another_serves(node), node.clock.now() - begun
    if serves:
        steps.done("another member serves")
        gap = f"{1000 * seconds:.0f} ms after the permit was withdrawn"
        why = f"another member has the VIP and is the writer, {gap}; {left.why}"
        return Outcome("leave", "handed over", why, done=True, changed=True)
    why = f"the VIP has left, and no other member serves after {seconds:.0f} s; {left.why}"
    return Outcome("leave", "left", why, done=False, changed=True)


def _vip_left(node: Node) -> bool:
    budget = Budget(node.clock, VIP_LEAVES)
    while node.network.vip_here():
        if budget.over:
            return False
        node.marks.mark_leaving()
        node.clock.sleep(PAUSE)
    return True


def _another_serves(node: Node) -> bool:
    """Another host answers for the VIP and, with Group Replication, another member is primary."""
    budget = Budget(node.clock, SUCCESSOR)
    while not budget.over:
        with suppress(StateError):
            node.marks.mark_leaving()
        with suppress(OSError):
            if node.network.holder_elsewhere() and _writes_elsewhere(node):
                return True
        node.clock.sleep(PAUSE)
    return False


def _writes_elsewhere(node: Node) -> bool:
    """True also where this member cannot be asked any more."""
    try:
        session = node.servers.connect_local(LOOK)
    except SessionError:
        return True
    try:
        member = probe(session, Budget(node.clock, LOOK))
        return not isinstance(member, Group) or bool(member.not_writer)
    except SessionError:
        return True
    finally:
        session.close()


def let_go(node: Node, steps: Steps, forced: bool) -> Outcome:
    """Hand over where the VIP is here, else cut who is left of its clients. The caller holds the
    lock, or has waited for it.

    Args:
        forced: whatever speaks against it; keepalived is about to end.

    Raises OSError, StateError as ``hand_over``.
    """
    if not node.network.vip_here():
        return depart(node, steps, node.config.fence_timeout)
    against = [] if forced else objections(node)
    if against:
        return Outcome("leave", "refused", "; ".join(against), done=False, changed=False)
    steps.done("look")
    return hand_over(node, steps)
