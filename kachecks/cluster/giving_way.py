"""When a member that gave way may hold the VIP again."""

from __future__ import annotations

from kachecks.node import Node
from kachecks.transitions.giving_way import ADVERTS_HEARD, HOLD


def may_return(node: Node, vip_here: bool) -> str:
    """Why it is fit again, "" while it is not. Who has the VIP is told by the link alone: the
    cluster has its own quorum, and a second holder is no second truth.

    Raises OSError: the network cannot be looked at.
    """
    mark = node.marks.gave_way()
    if mark is None:
        return "it did not give way"
    if not vip_here and node.network.hears_peer():
        return ADVERTS_HEARD
    if node.clock.now() - mark.at < HOLD or node.network.holder_elsewhere():
        return ""
    return "nobody else answers for the VIP"
