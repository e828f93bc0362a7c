"""Giving the VIP away, and being fit for it again.

A node that was superseded, or whose promotion was refused, lets go of the VIP at once and stays
unfit until it can tell that the election is real or that the service has no holder. So a cut
between the nodes moves the VIP once, and the two never take turns.
"""

from __future__ import annotations

from kachecks.bounded import Budget
from kachecks.mysql.errors import CLOSED, GONE, OPEN
from kachecks.mysql.probe import condition
from kachecks.node import Node

HOLD = 10.0
"""Seconds for which a node that gave way does not come back by itself."""

VIP_PATIENCE = 1.0
"""Seconds for keepalived to remove the VIP once the permit is withdrawn; it needs 10 ms."""

CLOSED_FOR = 1.0
"""Seconds for which a holder is found closed, with no hook at work, before the check acts: a
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
            return  # keepalived has no permit to watch: its next check fails by the mark
        node.clock.sleep(0.01)
    redirect_clients(node)


def redirect_clients(node: Node) -> None:
    """Tell the neighbours where the VIP is now, if another host has it.

    Their caches still lead to this host: without it, clients stay out for about 4 s (measured).
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
    """This server is closed, or dead: from now on the peer may be open, if it is there at all.

    An open holder looks at its peer every few seconds only, and a node that stops being open cannot
    tell afterwards what the peer has taken since. So the alone mark goes as soon as anything shows
    the peer alive, and is looked at once more here.
    """
    last = node.marks.last_look()
    if last is not None and last.alone is False:
        return
    if node.served_alone.is_marked() and ask_peer(node) not in GONE:
        node.served_alone.unmark()


def stays_closed(node: Node) -> bool:
    """The holder stays closed, and no hook is at work, for CLOSED_FOR seconds from now.

    Nothing is remembered between checks: one that was killed cannot leave a wrong first look.
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
