"""Give the VIP away, and decide when this node is fit for it again.

A node that was superseded, or whose promotion was refused, lets go of the VIP at once. It stays
unfit until it can tell that VRRP works between the nodes, or that nobody has the VIP. So a cut
between the nodes moves the VIP once, and the two never take turns.

An advert that is heard here is no proof that keepalived heeds it: it drops those of another
version, interval, virtual router or password. Who has returned on the strength of one and is
superseded again knows better, and then waits until nobody has the VIP.
"""

from __future__ import annotations

from kachecks.bounded import Budget
from kachecks.mysql.errors import CLOSED, GONE, OPEN
from kachecks.mysql.probe import condition
from kachecks.node import Node
from kachecks.state.files import StateError

HOLD = 10.0
"""Seconds for which a node that gave way does not return unless it hears the peer's adverts."""

AGAIN = 60.0
"""Seconds after a return on the strength of adverts within which a node that is superseded once
more takes it that keepalived does not heed them. With adverts of 1 s a turn takes 17 s."""

UNHEEDED = 3600.0
"""Seconds for which adverts do not count then: keepalived.conf may have been mended meanwhile, or
it was VRRP itself that came and went."""

ADVERTS_HEARD = "adverts of the peer are heard again"

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


def mark_superseded(node: Node) -> str:
    """Mark that this node gave way because the peer took over; the sentence that says so."""
    why = "the VIP is here, but this server is closed and the peer is open: it took over"
    heard_for = node.marks.heard_for()
    again = heard_for is not None and heard_for < AGAIN
    if again:
        why += (
            f" again, {heard_for:.0f} s after this node had returned because it heard adverts of"
            " the peer. keepalived does not heed them, so they no longer count: do versions,"
            " intervals, virtual_router_ids or passwords differ? (kachecks doctor --peer-config)"
        )
    try:
        node.marks.mark_gave_way(why, again)
    except StateError as error:
        why = f"{why}; but {error}"
    return why


def may_return(node: Node, vip_here: bool = False) -> str:
    """Why a node that gave way is fit again, "" while it is not.

    Args:
        vip_here: the VIP has not left (somebody has added it by hand, say). Then adverts say only
            that the other node has it, too, and a witness does not make up for an open peer.

    Raises OSError: the network cannot be looked at.
    """
    mark = node.marks.gave_way()
    if mark is None:
        return "it did not give way"
    deaf = mark.unheeded and node.clock.now() - mark.at < UNHEEDED
    if not vip_here and not deaf and node.network.hears_peer():
        return ADVERTS_HEARD
    if node.clock.now() - mark.at < HOLD or node.network.holder_elsewhere():
        return ""
    witnesses = () if vip_here else node.config.witnesses
    if ask_peer(node) != OPEN:
        return "nobody else answers for the VIP, and the peer is not open"
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
