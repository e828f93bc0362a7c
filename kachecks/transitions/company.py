"""When a lone node is alone no more: its peer is back, and may take what this node lacks.

An open holder looks at its peer every few seconds only, and a node that stops being open cannot
tell afterwards what the peer has taken since. So the mark goes as soon as anything shows the peer
alive, and is looked at once more when this node closes.
"""

from __future__ import annotations

from kachecks.mysql.errors import GONE
from kachecks.mysql.facts import Facts, channels_from
from kachecks.node import Node


def notice_peer(node: Node, facts: Facts) -> None:
    """Replication from the peer is connected, so it lives. Raises StateError.

    Where it has just died without a word, the server notices after replica_net_timeout, and the
    next looks at the peer set the mark again.
    """
    last = node.marks.last_look()
    if last is None or last.alone is False:
        return
    lives = any(each.receiving for each in channels_from(facts.channels, node.config.peer))
    if lives and node.served_alone.unmark():
        node.marks.remember_look(last._replace(alone=False))


def closing(node: Node) -> None:
    """This server is closed, or dead: from now on the peer may be open, if it is there at all."""
    last = node.marks.last_look()
    if last is not None and last.alone is False:
        return
    if not node.served_alone.is_marked():
        return
    from kachecks.transitions.giving_way import ask_peer

    if ask_peer(node) not in GONE:
        node.served_alone.unmark()
