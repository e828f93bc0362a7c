"""Where the VIP is decides, not the name of the hook that was called.

keepalived starts hooks without waiting for them, so they overlap, come in any order, and may be
killed. Each therefore takes the lock, looks whether the VIP is here now, and brings MySQL to
match; the last one to run sees the last truth.
"""

from __future__ import annotations

from kachecks.node import Budget, Host
from kachecks.transitions import company
from kachecks.transitions.demotion import demote
from kachecks.transitions.giving_way import give_way, redirect_clients
from kachecks.transitions.lock import lock_to_demote, lock_to_promote
from kachecks.transitions.promotion import StandAside, promote
from kachecks.transitions.record import Outcome, Steps

ATTEMPTS = 5
"""Promotions, the first included, of which each was interrupted (a session with a server ended);
with the pauses between them, 1.5 s."""


def reconcile(host: Host, cause: str, patience: float) -> Outcome:
    """Promote or demote, whichever the VIP says now; recorded in the audit log.

    Args:
        cause: who asks, for the audit log.
        patience: seconds a demotion may take.

    Raises:
        OSError: the kernel's address tables cannot be read.
        StateError: the run directory cannot be used, which only stops a promotion.
    """
    locked = False
    try:
        steps = Steps(host)  # one record for all attempts: a later one must not hide a fencing
        for attempt in range(ATTEMPTS):
            here = host.vip_here()
            if not locked:
                locked = lock_to_promote(host) if here else lock_to_demote(host, patience)
                here = host.vip_here()
                steps.done("lock")
            if not here:
                return demotion(host, steps, cause, patience)
            if not locked:
                return _lock_busy(steps, cause)
            waiting = _not_now(host)
            if waiting is not None:
                return waiting
            host.try_lock("promote")  # held already; says what it is now held for
            try:
                outcome = promote(host, steps)
            except StandAside:
                steps.done("the VIP has left, or is about to")
                return demotion(host, steps, cause, patience)
            if outcome.outcome != "interrupted" or attempt == ATTEMPTS - 1:
                return _promoted(host, steps, outcome, cause)
            steps.done(f"interrupted: {outcome.why}")
            host.sleep(0.1 * 2**attempt)
        raise AssertionError("not reached")
    finally:
        host.unlock()


def reopen(host: Host, cause: str, patience: float) -> Outcome:
    """Open a server again that this program has just closed itself; the VIP has not moved.

    The caller has the lock. Only after ``patience`` seconds does a refusal give the VIP away: the
    peer, which was well a moment ago, may be so again.

    Raises StateError: the run directory cannot be used.
    """
    budget = Budget(host, patience)
    while True:
        steps = Steps(host)
        host.try_lock("promote")
        try:
            outcome = promote(host, steps)
        except StandAside:
            steps.done("the VIP has left, or is about to")
            return demotion(host, steps, cause, host.config.fence_timeout)
        if outcome.done or budget.over:
            return _promoted(host, steps, outcome, cause)
        host.sleep(0.2)


def _not_now(host: Host) -> Outcome | None:
    """A node that is leaving, or has given way, is not opened; the check sees to what follows."""
    mark = host.gave_way()
    if mark is not None:
        why = f"this node has given way ({mark.why}); the check says when it may return"
    elif host.is_leaving():
        why = "this node is being closed in order to leave"
    else:
        return None
    return Outcome("promote", "not now", why, done=False, changed=False)


def _promoted(host: Host, steps: Steps, outcome: Outcome, cause: str) -> Outcome:
    """Record how a promotion ended. A node that did not open gives the VIP back."""
    if outcome.outcome == "already open" or outcome.done:
        host.forget_refusal()
        steps.record(outcome, cause)
        if outcome.changed or not outcome.done:  # it has been recorded
            host.note_opening_told()
        return outcome
    if host.refusal_changed(outcome.why):  # it will be tried again: one alert for each reason
        steps.record(outcome, cause)
    # A server that may be open, and does not let itself be asked, keeps the VIP: the other node
    # could only open beside it. If it is dead or hung, the check gives way for it.
    if outcome.outcome == "refused" or host.open_mark() is None:
        give_way(host, outcome.why)
    return outcome


def demotion(host: Host, steps: Steps, cause: str, patience: float) -> Outcome:
    """Demote and record it. The caller has the lock, or has waited for it."""
    outcome = demote(host, steps, patience)
    steps.record(outcome, cause)
    if outcome.changed:
        company.closing(host)
    if outcome.done and host.gave_way() is not None and not host.vip_here():
        redirect_clients(host)
    return outcome


def _lock_busy(steps: Steps, cause: str) -> Outcome:
    why = "another hook is still at work; it, or the next one, sees to it"
    outcome = Outcome("promote", "lock busy", why, done=False, changed=False)
    steps.record(outcome, cause)
    return outcome
