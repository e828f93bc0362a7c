"""How much there is of a peer whose server neither answers nor refuses: a holder, a host, or
nothing.

This is asked only when SQL has failed. A kernel answers ARP for its addresses even while every
process on the host hangs. So if another host answers for the VIP, the peer is still a holder, only
one that cannot be asked.
"""

from __future__ import annotations

from kachecks.config.two_clocks import ADVERTS_MISSED
from kachecks.mysql.facts import Channel
from kachecks.mysql.probe import processlist, readers_of
from kachecks.mysql.session import SessionError
from kachecks.node import Node
from kachecks.transitions.refusal import Refusal
from kachecks.transitions.sessions import Sessions

HOLDER_PROBES = 3
HOLDER_PAUSE = 0.4
"""Seconds between the probes for the VIP: a node that is just letting go of it has about a
second."""

PING_PATIENCE = 0.3
"""Seconds for a ping between the two nodes of a pair."""

WITNESS_PATIENCE = 0.5
"""Seconds for the first of the witnesses to answer."""

LIST_PATIENCE = 1.0
"""Seconds to connect to this server, and as many for its process list; the session of the promotion
is not used meanwhile."""


class Presence:
    """What was found, the strongest sign first."""

    HOLDER = "its host answers for the VIP (mysqld hangs, or a firewall drops its port)"
    ON_LINK = "its host answers ARP"
    HOST = "its host is alive (mysqld hangs, or a firewall drops its port)"
    NONE = "nothing answers"


AT_ONCE = 0.08
"""Seconds for a look at what answers within one or two milliseconds, if it is there at all."""

LEAST_SILENCE = 0.8
"""Seconds of silence within which nobody is taken for dead. That of VRRP counts, two advert
intervals at least: with VRRPv3 a host that stands still for half a second is not gone."""


def nothing_is_there(sessions: Sessions) -> bool:
    """Whether nothing of the peer's host answers at once, in any way, on the link of the VIP.

    False where it does, and where that cannot be told so fast: then presence_of_peer has to look.
    Asked when SQL has found nobody.
    """
    node = sessions.node
    seconds = max(AT_ONCE, LEAST_SILENCE - ADVERTS_MISSED * node.config.advert_int)
    sessions.keep_alive()
    try:
        return node.network.nothing_on_link(seconds)
    except OSError:
        return False


def presence_of_peer(sessions: Sessions, host_answered: bool) -> str:
    """Look for the peer by other means than SQL.

    Args:
        host_answered: its kernel has answered an attempt to connect.

    Raises:
        Refusal: we cannot look for it (no permission, no such interface).
        VipGone, Leaving: this node is not to be promoted any more.
        Interrupted: this node's own server has ended our session.
    """
    sessions.keep_alive()  # up to 2 s have passed with the peer
    network = sessions.node.network
    try:
        if _is_holder(sessions):
            return Presence.HOLDER
        if network.peer_on_link():
            return Presence.ON_LINK
        if host_answered or network.answers([sessions.node.config.peer], PING_PATIENCE):
            return Presence.HOST
    except OSError as error:
        raise Refusal(f"whether the peer's host is alive cannot be told: {error}") from None
    return Presence.NONE


def is_holder(sessions: Sessions) -> bool:
    """Whether another host has answered for the VIP since this promotion began, and goes on to.

    Raises:
        Refusal: we cannot look for it.
        VipGone, Leaving: this node is not to be promoted any more.
    """
    try:
        return bool(sessions.holder_elsewhere()) and _is_holder(sessions)
    except OSError as error:
        raise Refusal(f"whether another host has the VIP cannot be told: {error}") from None


def _is_holder(sessions: Sessions) -> bool:
    for probe in range(HOLDER_PROBES):
        if probe:
            sessions.pause(HOLDER_PAUSE)
        if not sessions.node.network.holder_elsewhere():
            return False
    return True


def still_connected(node: Node, channels: tuple[Channel, ...]) -> bool:
    """The peer's receiver or ours still has a live connection, so the peer's mysqld has not ended.

    A server that shuts down closes its port first and may commit for seconds.

    Args:
        channels: from the peer, as they are now.

    Raises OSError.
    """
    if any(channel.receiving for channel in channels):
        return True
    from_peer = node.servers.connections_from_peer()
    return bool(from_peer) and _may_read_from(node, from_peer)


def _may_read_from(node: Node, from_peer: set[int]) -> bool:
    """The peer's receiver is one of these connections, or nobody can tell: then it is not taken for
    dead. The list may be too much for a session, so it is asked in one of its own."""
    try:
        session = node.servers.connect_local(LIST_PATIENCE)
        try:
            return bool(readers_of(processlist(session, LIST_PATIENCE)) & from_peer)
        finally:
            session.close()
    except SessionError:
        return True


def sees_the_link(sessions: Sessions) -> bool:
    """The peer's host, which has just answered, or a witness is seen on the link of the VIP. Else
    it proves nothing that nobody answers for the VIP: a switch may drop the probes, or this node
    is cut off from its clients.

    Where the peer is not on that link, and without a witness, nothing can tell: then True.

    Raises Refusal: they cannot be looked for.
    """
    network, witnesses = sessions.node.network, sessions.node.config.witnesses
    try:
        if network.peer_on_link():
            return True
        if network.peer_is_neighbour():
            return False
        return not witnesses or network.answers(witnesses, WITNESS_PATIENCE)
    except OSError as error:
        raise Refusal(f"whether this node's link works cannot be told: {error}") from None


def must_see_a_witness(sessions: Sessions, found: str) -> None:
    """Refuse if no witness answers: then it is this node that is cut off, whatever it believes of
    the peer.

    Nothing happens where the option file names no witness.

    Raises:
        Refusal: none answers.
    """
    witnesses = sessions.node.config.witnesses
    if not witnesses:
        return
    try:
        seen = sessions.node.network.answers(witnesses, WITNESS_PATIENCE)
    except OSError as error:
        raise Refusal(f"{found}, and the witness cannot be asked: {error}") from None
    if not seen:
        raise Refusal(
            f"{found}, and no witness ({', '.join(witnesses)}) answers: it is this node that is"
            " cut off"
        )
