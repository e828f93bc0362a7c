"""Bring this member to match the VIP: where the VIP is decides, not which hook was called."""

from __future__ import annotations

from kachecks.cluster.arrival import Arrival
from kachecks.cluster.departure import depart
from kachecks.node import Node
from kachecks.transitions.giving_way import give_way, redirect_clients
from kachecks.transitions.record import Outcome, Steps
from kachecks.transitions.refusal import Refusal, StandAside
from kachecks.transitions.waiting_for_lock import lock_to_demote, lock_to_promote


def reconcile(node: Node, cause: str, patience: float) -> Outcome:
    """Become the writer if the VIP is here now, else cut its clients; the outcome is recorded.

    Args:
        cause: who asked for it, for the audit log.
        patience: seconds that cutting may take.

    Raises:
        OSError: the kernel's address tables cannot be read.
        StateError: the run directory cannot be used.
    """
    steps = Steps(node)
    here = node.network.vip_here()
    locked = lock_to_promote(node) if here else lock_to_demote(node, patience)
    try:
        if node.network.vip_here():
            outcome = _arrive(node, steps, locked)
        else:
            steps.done("lock")
            outcome = depart(node, steps, patience)
        if outcome.outcome == "left" and node.marks.gave_way() is not None:
            redirect_clients(node)
        steps.record(outcome, cause)
        return outcome
    finally:
        node.lock.release()


def _arrive(node: Node, steps: Steps, locked: bool) -> Outcome:
    if not locked:
        why = "another hook is still at work: it will finish this"
        return Outcome("promote", "lock busy", why, done=False, changed=False)
    mark = node.marks.gave_way()
    if mark is not None:
        why = f"this node has given way ({mark.why}); the check says when it may return"
        return Outcome("promote", "not now", why, done=False, changed=False)
    node.lock.try_to_take("promote")  # held already; says what it is now held for
    steps.done("lock")
    try:
        return Arrival(node, steps).run()
    except StandAside:
        steps.done("the VIP has left, or is about to")
        return depart(node, steps, node.config.fence_timeout)
    except Refusal as refusal:
        give_way(node, str(refusal))
        return Outcome("promote", "refused", str(refusal), done=False, changed=True)
