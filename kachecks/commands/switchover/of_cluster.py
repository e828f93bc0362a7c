"""kachecks switchover on a member of a cluster: who gets the VIP makes itself the writer."""

from __future__ import annotations

from kachecks.cluster.handing_over import hand_over, objections
from kachecks.node import Node
from kachecks.transitions.record import Outcome, Steps
from kachecks.transitions.waiting_for_lock import lock_to_hand_over

CAUSE = "kachecks switchover"


def reasons_against(node: Node) -> list[str]:
    """Why this member should not hand over; each is a sentence with its cure. Raises OSError."""
    if not node.network.vip_here():
        return ["the VIP is not on this host: run it on the node that has it (kachecks status)"]
    return objections(node)


def switch_member(node: Node) -> Outcome:
    """Hand over and record it. Raises OSError, StateError."""
    steps = Steps(node)
    if not lock_to_hand_over(node):
        why = "a hook is at work on this node: try again"
        return Outcome("leave", "refused", why, done=False, changed=False)
    try:
        outcome = hand_over(node, steps)
        steps.record(outcome, CAUSE)
        return outcome
    finally:
        node.lock.release()
