"""doctor asks the network: do the witnesses answer, is the other node's VRRP heard."""

from __future__ import annotations

from kachecks.network import interfaces
from kachecks.node import Node

_PATIENCE = 1.0  # s, for each witness


def interface_towards_peer(node: Node) -> str:
    """Where kachecks listens and asks unless the option file says otherwise; "" not known."""
    try:
        return interfaces.towards(node.config.peer)
    except OSError:
        return ""


def silent_witnesses(node: Node) -> tuple[str, ...] | None:
    """Those that do not answer ping; None where we may not ask."""
    try:
        return tuple(
            witness
            for witness in node.config.witnesses
            if not node.network.answers([witness], _PATIENCE)
        )
    except OSError:
        return None


def adverts_heard(node: Node) -> bool | None:
    """Where the VIP is on another host: that host's adverts arrive. None where it is not.

    Takes two adverts' time where nothing is heard.
    """
    try:
        if node.network.vip_here() or not node.network.holder_elsewhere():
            return None
        return node.network.hears_peer()
    except OSError:  # no CAP_NET_RAW, no such interface
        return None
