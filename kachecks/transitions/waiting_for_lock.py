"""Wait for the pair's lock, before this node's server is closed or opened.

Closing goes on without it, opening never does.
"""

from __future__ import annotations

from kachecks.bounded import Budget
from kachecks.node import Node
from kachecks.state.files import StateError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

DEMOTION_LOCK_PATIENCE = 1.0
"""Seconds to wait for the lock before closing without it: closing is always safe."""

PROMOTION_LOCK_PATIENCE = 20.0
"""Seconds to wait for another hook at work before opening: never without the lock."""

HANDOVER_LOCK_PATIENCE = 1.0
"""Seconds to wait for a hook at work on a node that is to hand over."""


def lock_to_demote(node: Node, patience: float) -> bool:
    """Wait a moment for the lock; False: go on without it, closing is always safe."""
    budget = Budget(node.clock, min(DEMOTION_LOCK_PATIENCE, patience / 3))
    try:
        return _wait_for_lock(node, "demote", lambda: budget.over)
    except StateError as error:
        node.telling.progress(f"going on without the lock: {error}")
        return False


def lock_to_promote(node: Node) -> bool:
    """Wait for the lock while the VIP is here. Raises StateError: never without the lock."""
    budget = Budget(node.clock, PROMOTION_LOCK_PATIENCE)
    return _wait_for_lock(node, "promote", lambda: budget.over or not node.network.vip_here())


def lock_to_hand_over(node: Node) -> bool:
    """Wait a moment for a hook at work. Raises StateError: never without the lock."""
    budget = Budget(node.clock, HANDOVER_LOCK_PATIENCE)
    return _wait_for_lock(node, "switchover", lambda: budget.over)


def _wait_for_lock(node: Node, purpose: str, give_up: Callable[[], bool]) -> bool:
    pause = 0.002
    while not node.lock.try_to_take(purpose):
        if give_up():
            return False
        node.clock.sleep(pause)
        pause = min(pause * 2, 0.05)
    return True
