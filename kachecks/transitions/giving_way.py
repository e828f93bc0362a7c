"""Giving the VIP away, and being fit for it again.

A node that was superseded, or whose promotion was refused, lets go of the VIP at once and stays
unfit until it can tell that the election is real or that the service has no holder. So a cut
between the nodes moves the VIP once, and the two never take turns.
"""

from __future__ import annotations

from kachecks.mysql.probe import probe_access
from kachecks.mysql.session import Refused, SessionError, Unreachable
from kachecks.node import Budget, Host

HOLD = 10.0
"""Seconds for which a node that gave way does not come back by itself."""

VIP_PATIENCE = 1.0
"""Seconds for keepalived to remove the VIP once the permit is withdrawn; it needs 10 ms."""

CLOSED_FOR = 1.0
"""Seconds for which a holder is found closed, with no hook at work, before the check acts: a
notify_master that keepalived has just started needs a moment to take the lock."""

PEER_PATIENCE = 1.0
WITNESS_PATIENCE = 0.5


def give_way(host: Host, why: str) -> None:
    """Let go of the VIP now, without waiting for the next check. Raises StateError."""
    host.mark_gave_way(why)
    host.withdraw_permit()
    budget = Budget(host, VIP_PATIENCE)
    while host.vip_here():
        if budget.over:
            return  # keepalived has no permit to watch: its next check fails by the mark
        host.sleep(0.01)
    redirect_clients(host)


def redirect_clients(host: Host) -> None:
    """Tell the neighbours where the VIP is now, if another host has it.

    Their caches still lead to this host: without it, clients stay out for about 4 s (measured).
    """
    try:
        other = host.network.holder_elsewhere()
        if other:
            host.network.announce(other)
    except OSError as error:
        host.progress(f"the VIP's new holder cannot be announced: {error}")


def may_return(host: Host) -> str:
    """Why a node that gave way is fit again, "" while it is not.

    Raises OSError: the network cannot be looked at.
    """
    mark = host.gave_way()
    if mark is None:
        return "it did not give way"
    if host.network.hears_peer():
        return "adverts of the peer are heard again"
    if host.now() - mark.at < HOLD or host.network.holder_elsewhere():
        return ""
    witnesses = host.config.witnesses
    if ask_peer(host) != "open":
        return "nobody answers for the VIP, and the peer is not open"
    if witnesses and host.network.answers(witnesses, WITNESS_PATIENCE):
        return "nobody answers for the VIP, and a witness answers here"
    return ""


def ask_peer(host: Host) -> str:
    """What the peer's server is: open, closed, gone (refusing, silent) or unanswered."""
    try:
        session = host.connect_peer(PEER_PATIENCE)
    except (Refused, Unreachable):
        return "gone"
    except SessionError:
        return "unanswered"
    try:
        return "open" if probe_access(session, PEER_PATIENCE).writable else "closed"
    except SessionError:
        return "unanswered"
    finally:
        session.close()


def stays_closed(host: Host) -> bool:
    """The holder stays closed, and no hook is at work, for CLOSED_FOR seconds from now.

    Nothing is remembered between checks: one that was killed cannot leave a wrong first look.
    """
    budget = Budget(host, CLOSED_FOR)
    while True:
        if not host.vip_here() or host.lock_purpose():
            return False
        if budget.over:
            return not host.is_leaving() and _is_closed(host)
        host.sleep(min(0.05, budget.left()))


def _is_closed(host: Host) -> bool:
    try:
        session = host.connect_local(PEER_PATIENCE)
    except SessionError:
        return False
    try:
        return not probe_access(session, PEER_PATIENCE).writable
    except SessionError:
        return False
    finally:
        session.close()
