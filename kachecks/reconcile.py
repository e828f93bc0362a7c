"""Where the VIP is decides, not the name of the hook that was called.

keepalived starts hooks without waiting for them, so they overlap, come in any order, and may be
killed. Each therefore takes the lock, looks whether the VIP is here now, and brings MySQL to
match; the last one to run sees the last truth.
"""

from __future__ import annotations

from kachecks.demotion import demote
from kachecks.host import Budget, Host
from kachecks.promotion import VipGone, promote
from kachecks.steps import Outcome, Steps

DEMOTION_LOCK_PATIENCE = 1.0
"""Seconds to wait for the lock before closing without it: closing is always safe."""

PROMOTION_LOCK_PATIENCE = 20.0
"""Seconds to wait for another hook at work before opening: never without the lock."""

ATTEMPTS = 5
"""Promotions to begin anew after one was interrupted (a session with a server ended)."""


def reconcile(host: Host, cause: str, patience: float) -> Outcome:
    """Promote or demote, whichever the VIP says now; recorded in the audit log.

    Args:
        cause: who asks, for the audit log.
        patience: seconds a demotion may take.

    Raises:
        OSError: the kernel's address tables cannot be read.
        StateError: the run directory cannot be used.
    """
    locked = False
    try:
        for attempt in range(ATTEMPTS):
            steps = Steps(host)
            here = host.vip_here()
            if not locked:
                locked = take_lock(host, "promote" if here else "demote", expect_vip=here)
                here = host.vip_here()
                steps.done("lock")
            if not here:
                return demotion(host, steps, cause, patience)
            if not locked:
                return _lock_busy(steps, cause)
            try:
                outcome = promote(host, steps)
            except VipGone:
                steps.done("the VIP has left")
                return demotion(host, steps, cause, patience)
            steps.record(outcome, cause)
            if outcome.outcome != "interrupted" or attempt == ATTEMPTS - 1:
                return outcome
            host.sleep(0.1)
        raise AssertionError("not reached")
    finally:
        host.unlock()


def demotion(host: Host, steps: Steps, cause: str, patience: float) -> Outcome:
    """Demote and record it. The caller has the lock, or has waited for it."""
    outcome = demote(host, steps, patience)
    steps.record(outcome, cause)
    return outcome


def take_lock(host: Host, purpose: str, expect_vip: bool) -> bool:
    """Wait for the pair's lock as long as ``purpose`` allows, or until the VIP moves."""
    waits = DEMOTION_LOCK_PATIENCE if purpose == "demote" else PROMOTION_LOCK_PATIENCE
    budget = Budget(host, waits)
    pause = 0.002
    while not host.try_lock(purpose):
        if budget.over or (purpose == "promote" and host.vip_here() != expect_vip):
            return False
        host.sleep(min(pause, budget.left()))
        pause = min(pause * 2, 0.05)
    return True


def _lock_busy(steps: Steps, cause: str) -> Outcome:
    why = "another hook is still at work; it, or the next one, sees to it"
    outcome = Outcome("promote", "lock busy", why, done=False, changed=False)
    steps.record(outcome, cause)
    return outcome
