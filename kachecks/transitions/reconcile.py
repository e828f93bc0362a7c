"""Bring MySQL to match the VIP: where the VIP is decides, not which hook was called.

keepalived starts hooks without waiting for them, so they overlap, come in any order, and may be
killed. So each of them takes the lock, looks whether the VIP is here now, and promotes or demotes.
The last one to run acts on what is true at the end.
"""

from __future__ import annotations

from kachecks.bounded import Budget
from kachecks.mysql.errors import CLOSED
from kachecks.mysql.probe import condition
from kachecks.node import Node
from kachecks.state.files import StateError
from kachecks.transitions.demotion import demote
from kachecks.transitions.giving_way import (
    give_way,
    redirect_clients,
    unmark_alone_on_closing,
)
from kachecks.transitions.promotion import promote
from kachecks.transitions.record import Outcome, Steps
from kachecks.transitions.refusal import StandAside
from kachecks.transitions.waiting_for_lock import lock_to_demote, lock_to_promote

ATTEMPTS = 5
"""How often a promotion is tried in all, if it is interrupted each time (a session with a server
has ended). The pauses between the attempts add up to 1.5 s."""

READ_BACK = 1.0
"""Seconds to connect to this node's server after a promotion that was interrupted, and to ask
it."""


def reconcile(node: Node, cause: str, patience: float) -> Outcome:
    """Promote if the VIP is here now, else demote; the outcome is recorded in the audit log.

    Args:
        cause: who asked for it, for the audit log.
        patience: seconds a demotion may take.

    Raises:
        OSError: the kernel's address tables cannot be read.
        StateError: the run directory cannot be used, which only stops a promotion.
    """
    locked = False
    try:
        steps = Steps(node)  # one record for all attempts: a later one must not hide a fencing
        for attempt in range(ATTEMPTS):
            here = node.network.vip_here()
            if not locked:
                locked = lock_to_promote(node) if here else lock_to_demote(node, patience)
                here = node.network.vip_here()
                steps.done("lock")
            if not here:
                return demotion(node, steps, cause, patience)
            if not locked:
                return _lock_busy(steps, cause)
            waiting = _not_now(node)
            if waiting is not None:
                return waiting
            node.lock.try_to_take("promote")  # held already; says what it is now held for
            try:
                outcome = _promotion(node, steps)
            except StandAside:
                steps.done("the VIP has left, or is about to")
                return demotion(node, steps, cause, patience)
            if outcome.outcome != "interrupted" or attempt == ATTEMPTS - 1:
                return _promoted(node, steps, outcome, cause)
            steps.done(f"interrupted: {outcome.why}")
            node.clock.sleep(0.1 * 2**attempt)
        raise AssertionError("not reached")
    finally:
        node.lock.release()


def reopen(node: Node, cause: str, patience: float) -> Outcome:
    """Open a server again that this very program has just closed, while the VIP has stayed here.

    The caller holds the lock. A refused promotion is tried again, and the VIP is given away only
    after ``patience`` seconds: the peer was well a moment ago, and may soon be well again.

    Raises StateError: the run directory cannot be used.
    """
    budget = Budget(node.clock, patience)
    while True:
        steps = Steps(node)
        node.lock.try_to_take("promote")
        try:
            outcome = _promotion(node, steps)
        except StandAside:
            steps.done("the VIP has left, or is about to")
            return demotion(node, steps, cause, node.config.fence_timeout)
        if outcome.done or budget.over:
            return _promoted(node, steps, outcome, cause)
        node.clock.sleep(0.2)


def _promotion(node: Node, steps: Steps) -> Outcome:
    """Promote; what nobody has thought of is an outcome, too, or the VIP would stay on a node that
    is closed. Raises StandAside."""
    try:
        return promote(node, steps)
    except StandAside:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, somebody must serve
        known = isinstance(error, (StateError, OSError))
        why = str(error) if known else f"unexpected {type(error).__name__}: {error}"
        return Outcome("promote", "failed", why, done=False, changed=False)


def _not_now(node: Node) -> Outcome | None:
    """Why this node is not to be opened now, None if it may be. What happens later is up to the
    check."""
    mark = node.marks.gave_way()
    if mark is not None:
        why = f"this node has given way ({mark.why}); the check says when it may return"
    elif node.marks.is_leaving():
        why = "this node is being closed in order to leave"
    else:
        return None
    return Outcome("promote", "not now", why, done=False, changed=False)


def _promoted(node: Node, steps: Steps, outcome: Outcome, cause: str) -> Outcome:
    """Record how a promotion ended. A node that did not open gives the VIP back."""
    if outcome.outcome == "already open" or outcome.done:
        node.marks.forget_refusal()
        steps.record(outcome, cause)
        if outcome.changed or not outcome.done:  # it has been recorded
            node.marks.note_opening_told()
        return outcome
    if node.marks.refusal_changed(outcome.why):  # it will be tried again: one alert for each reason
        steps.record(outcome, cause)
    if outcome.outcome == "not now":  # it is a member of a cluster: nothing is ours to move
        return outcome
    if outcome.outcome == "refused" or not _may_be_open(node, outcome):
        give_way(node, outcome.why)
    return outcome


def _may_be_open(node: Node, outcome: Outcome) -> bool:
    """After a promotion that was interrupted, or has failed. Such a server keeps the VIP, since the
    other node could only open beside it. If it is dead or hung, the next check fails and gives the
    VIP away. One that has failed may have been open before."""
    if outcome.outcome == "interrupted" and node.marks.open_mark() is None:
        return False
    return condition(node.servers.connect_local, READ_BACK) != CLOSED


def demotion(node: Node, steps: Steps, cause: str, patience: float) -> Outcome:
    """Demote and record it. The caller holds the lock, or has waited for it long enough."""
    outcome = demote(node, steps, patience)
    steps.record(outcome, cause)
    if outcome.changed:
        unmark_alone_on_closing(node)
    if outcome.done and node.marks.gave_way() is not None and not node.network.vip_here():
        redirect_clients(node)
    return outcome


def _lock_busy(steps: Steps, cause: str) -> Outcome:
    why = "another hook is still at work: it, or the next check, will finish this"
    outcome = Outcome("promote", "lock busy", why, done=False, changed=False)
    steps.record(outcome, cause)
    return outcome
