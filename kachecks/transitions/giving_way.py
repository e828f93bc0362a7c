"""Give the VIP away, and decide when this node is fit for it again.

A node that was superseded, or whose promotion was refused, lets go of the VIP at once. It stays
unfit until it can tell that VRRP works between the nodes, or that nobody has the VIP. So a cut
between the nodes moves the VIP once, and the two never take turns.
"""

from __future__ import annotations

from kachecks.bounded import Budget
from kachecks.mysql.errors import CLOSED, GONE, OPEN
from kachecks.mysql.probe import condition
from kachecks.node import Node

HOLD = 10.0
"""Seconds for which a node that gave way does not return unless it hears the peer's adverts."""

VIP_PATIENCE = 1.0
"""Seconds for keepalived to remove the VIP once the permit is withdrawn; it needs 10 ms."""

CLOSED_FOR = 1.0
"""Seconds for which a holder must be closed, with no hook at work, before the check acts: a
notify_master that keepalived has just started needs a moment to take the lock."""

PEER_PATIENCE = 1.0
WITNESS_PATIENCE = 0.5


def give_way(node: Node, why: str) -> None:
    """Let go of the VIP now, without waiting for the next check. Raises StateError."""
    node.marks.mark_gave_way(why)
    node.marks.withdraw_permit()
    budget = Budget(node.clock, VIP_PATIENCE)
    while node.network.vip_here():
        if budget.over:
            return  # keepalived does not watch the permit: its next check fails by the mark
        node.clock.sleep(0.01)
    redirect_clients(node)


def redirect_clients(node: Node) -> None:
    """Tell the neighbours where the VIP is now, if another host has it.

    Their caches still lead to this host, and clients would stay out for about 4 s (measured).
    """
    try:
        other = node.network.holder_elsewhere()
        if other:
            node.network.announce(other)
    except OSError as error:
        node.telling.progress(f"the VIP's new holder cannot be announced: {error}")


def may_return(node: Node) -> str:
    """Why a node that gave way is fit again, "" while it is not.

    Raises OSError: the network cannot be looked at.
    """
    mark = node.marks.gave_way()
    if mark is None:
        return "it did not give way"
    if node.network.hears_peer():
        return "adverts of the peer are heard again"
    if node.clock.now() - mark.at < HOLD or node.network.holder_elsewhere():
        return ""
    witnesses = node.config.witnesses
    if ask_peer(node) != OPEN:
        return "nobody answers for the VIP, and the peer is not open"
    if witnesses and node.network.answers(witnesses, WITNESS_PATIENCE):
        return "nobody answers for the VIP, and a witness answers here"
    return ""


def ask_peer(node: Node) -> str:
    """What the peer's server is, in the words of mysql.errors."""
    return condition(node.servers.connect_peer, PEER_PATIENCE)


def unmark_alone_on_closing(node: Node) -> None:
    """Remove the alone mark unless the peer is still gone, now that this server is closed or dead.

    From now on the peer may be open and take writes that this node will not have. An open holder
    looks at its peer only every few seconds, so the peer may have come back since the last look.
    Hence one more look here.
    """
    last = node.marks.last_look()
    if last is not None and last.alone is False:
        return
    if node.served_alone.is_marked() and ask_peer(node) not in GONE:
        node.served_alone.unmark()


def stays_closed(node: Node) -> bool:
    """Whether the holder stays closed, with no hook at work, for CLOSED_FOR seconds from now.

    Nothing is remembered from check to check, so a check that was killed cannot leave a stale first
    look behind.
    """
    budget = Budget(node.clock, CLOSED_FOR)
    while True:
        if not node.network.vip_here() or node.lock.purpose_of_holder():
            return False
        if budget.over:
            if node.marks.is_leaving():
                return False
            return condition(node.servers.connect_local, PEER_PATIENCE) == CLOSED
        node.clock.sleep(min(0.05, budget.left()))
