"""A planned switchover, step by step: close here, wait for the peer, let the VIP go, see it open.

keepalived on both nodes and the peer's own notify_master do the rest; nothing is done on the peer
from here. What this one leaves undone (it may be killed at any step) the next checks finish: a
closed holder is promoted again, a withdrawn permit is given back after 2 s.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from kachecks.mysql.facts import Facts
from kachecks.mysql.probe import probe
from kachecks.mysql.session import Session, SessionError
from kachecks.node import Budget, Host
from kachecks.state.files import StateError
from kachecks.transitions.catching_up import wait_for_peer
from kachecks.transitions.demotion import NotClosed, close_server
from kachecks.transitions.reconcile import reopen
from kachecks.transitions.record import Outcome, Steps

if TYPE_CHECKING:
    from kachecks.transitions.catching_up import EachRound

CAUSE = "kachecks switchover"

LOCK_PATIENCE = 1.0
"""Seconds to wait for a hook at work on this node."""

VIP_PATIENCE = 1.0
"""Seconds for keepalived to let go of the VIP; it needs 10 ms."""

TAKEOVER_PATIENCE = 5.0
"""Seconds for the peer to take the VIP and open; it needs 0.1 to 0.3 s."""

RETURN_PATIENCE = 15.0
"""Seconds more for either node to serve: keepalived here takes a VIP that nobody has after three
adverts, and notify_master opens this server again."""

REOPEN_PATIENCE = 10.0
"""Seconds in which this node tries to open again before it gives the VIP away."""

LOOK = 0.2
"""Seconds for one attempt to reach a server through the VIP: a SYN that is lost between its two
owners would be sent again only after a second."""


class RolledBack(Exception):
    """The VIP has not left, and must not: the reason."""


class Opened(NamedTuple):
    """The peer serves."""

    through_vip: bool  # seen through the VIP, not only at the peer's own address
    facts: Facts


def hand_over(host: Host, catch_up: float, tell: EachRound = lambda _count: None) -> Outcome:
    """Hand over; recorded in the audit log. The caller has seen that nothing speaks against it.

    Args:
        catch_up: seconds for the peer to apply everything once this node is closed.
        tell: called while the peer is waited for, with what counts the transactions left.

    Raises:
        StateError: the run directory cannot be used; nothing was done.
        OSError: the kernel's address tables cannot be read.
    """
    steps = Steps(host)
    if not _locked(host):
        why = f"another program of this pair is at work on this node, to {host.lock_purpose()}"
        return _recorded(steps, Outcome("switchover", "refused", why, done=False, changed=False))
    try:
        if not host.vip_here():
            why = "the VIP has left this node"
            outcome = Outcome("switchover", "refused", why, done=False, changed=False)
        else:
            outcome = _hand_over(host, steps, catch_up, tell)
    finally:
        host.unlock()
    return _recorded(steps, outcome)


def _hand_over(host: Host, steps: Steps, catch_up: float, tell: EachRound) -> Outcome:
    host.mark_leaving()
    begun = host.now()
    position = ""
    try:
        position = _close(host, steps)
        _wait_for_peer(host, steps, catch_up, tell)
        peer = host.connect_peer(1.0)
        try:
            _release(host, steps)
            opened = _see_it_open(host, peer)
        finally:
            peer.close()
    except (RolledBack, SessionError, StateError) as error:
        return _reopen(host, steps, str(error), position)
    except Exception as error:  # noqa: BLE001 - a bug must not leave this node closed
        return _reopen(host, steps, f"unexpected {type(error).__name__}: {error}", position)
    if opened is None:
        return _nobody_yet(host, steps, position)
    steps.done("open there")
    gap = (host.now() - begun) * 1000
    seen = "through the VIP" if opened.through_vip else "there; the VIP cannot be reached from here"
    why = f"the peer has the VIP and is open, seen {seen}; no writes for {gap:.0f} ms"
    return Outcome("switchover", "handed over", why, done=True, changed=True, position=position)


def _locked(host: Host) -> bool:
    """Raises StateError."""
    budget = Budget(host, LOCK_PATIENCE)
    while not host.try_lock("switchover"):
        if budget.over:
            return False
        host.sleep(0.01)
    return True


def _close(host: Host, steps: Steps) -> str:
    """Close, killing nothing but connections; the position. Raises RolledBack, SessionError."""
    budget = Budget(host, host.config.fence_timeout)
    try:
        closed, position = close_server(host, steps, budget, budget.left(at_most=1.0))
    except NotClosed as error:
        raise RolledBack(f"this server cannot be closed: {error}") from None
    if closed is not None and not closed.quiet:
        raise RolledBack(f"this server is not closed to everybody{closed.remark}")
    return position


def _wait_for_peer(host: Host, steps: Steps, seconds: float, tell: EachRound) -> None:
    """Raises RolledBack."""

    def go_on(count: Callable[[], int | None]) -> None:
        host.mark_leaving()
        tell(count)

    caught = wait_for_peer(host, seconds, go_on)
    steps.done("peer has everything" if caught.done else "peer does not have everything")
    if not caught.done:
        raise RolledBack(caught.said)


def _release(host: Host, steps: Steps) -> None:
    """Let keepalived give the VIP away. Raises RolledBack: it does not."""
    host.mark_leaving()
    host.withdraw_permit()
    budget = Budget(host, VIP_PATIENCE)
    while host.vip_here():
        if budget.over:
            host.grant_permit()
            raise RolledBack(
                f"keepalived has kept the VIP for {VIP_PATIENCE:g} s without the permit: it must"
                " track the permit file (track_file; kachecks doctor)"
            )
        host.sleep(0.002)
    steps.done("VIP gone")
    # From here on the VIP decides: should it come back, the hooks may open. The one that
    # keepalived starts now wants the lock. The permit is given back at once: this node does not
    # preempt, and takes the VIP only if nobody else does.
    host.unmark_leaving()
    host.unlock()
    with suppress(StateError):  # the next check gives it back
        host.grant_permit()
    host.unmark_alone()


def _see_it_open(host: Host, peer: Session) -> Opened | None:
    """Wait until the peer is open, and reached through the VIP; None: it is not in time."""
    budget = Budget(host, TAKEOVER_PATIENCE)
    pause = 0.002
    while not budget.over and not host.vip_here():
        facts = None
        with suppress(SessionError):
            facts = probe(peer, 1.0)
        if facts is not None and facts.writable:
            return _through_vip(host, facts)
        host.sleep(pause)
        pause = min(pause * 1.5, 0.02)
    return None


def _through_vip(host: Host, facts: Facts) -> Opened:
    budget = Budget(host, 1.0)
    while not budget.over:
        try:
            session = host.connect_vip(LOOK)
            try:
                seen = probe(session, LOOK)
            finally:
                session.close()
            if seen.identity == facts.identity and seen.writable:
                return Opened(True, facts)
        except SessionError:
            pass
        host.sleep(0.005)
    return Opened(False, facts)


def _reopen(host: Host, steps: Steps, why: str, position: str) -> Outcome:
    """The VIP is still here: open again, by the same promotion as ever, with time of its own."""
    steps.done(f"rolled back: {why}")
    host.unmark_leaving()
    try:
        outcome = reopen(host, f"{CAUSE}, rolled back", REOPEN_PATIENCE)
    except StateError as error:  # never without the lock
        outcome = Outcome("promote", "refused", str(error), done=False, changed=False)
    if outcome.transition == "demote":
        return _nobody_yet(host, steps, position)
    if outcome.done:
        said = f"{why}; this node is open again"
        return Outcome("switchover", "rolled back", said, done=False, changed=True)
    said = f"{why}; and this node is not open again: {outcome.why}"
    return Outcome("switchover", "not serving", said, done=False, changed=True, position=position)


def _nobody_yet(host: Host, steps: Steps, position: str) -> Outcome:
    """The peer has not opened. keepalived brings the VIP back here if nobody holds it."""
    steps.done("the peer has not opened")
    budget = Budget(host, RETURN_PATIENCE)
    why = "the peer has not opened, see its audit log and check_mysql -v there"
    while not budget.over:
        if host.vip_here():
            if _is_open(host.connect_local):
                said = f"{why}; the VIP has come back, and this node is open again"
                return Outcome("switchover", "rolled back", said, done=False, changed=True)
        elif _is_open(host.connect_peer):
            said = "the peer has the VIP and is open, but that took longer than it should"
            return Outcome(
                "switchover", "handed over", said, done=True, changed=True, position=position
            )
        host.sleep(0.05)
    said = f"{why}; and this node does not serve either: see kachecks status on both"
    return Outcome("switchover", "not serving", said, done=False, changed=True, position=position)


def _is_open(connect: Callable[[float], Session]) -> bool:
    with suppress(SessionError):
        session = connect(0.5)
        try:
            return probe(session, 0.5).writable
        finally:
            session.close()
    return False


def _recorded(steps: Steps, outcome: Outcome) -> Outcome:
    with suppress(StateError):
        steps.record(outcome, CAUSE)
    return outcome
