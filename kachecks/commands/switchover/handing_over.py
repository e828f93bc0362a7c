"""A planned switchover, step by step: close here, wait for the peer, let the VIP go, wait until the
peer is open.

keepalived on both nodes and the peer's own notify_master do the rest; nothing is done on the peer
from here. This program may be killed at any step. The next checks finish what it leaves undone: a
closed holder is promoted again, and a withdrawn permit is given back after 2 s.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from kachecks.bounded import Budget
from kachecks.mysql.errors import OPEN
from kachecks.mysql.facts import Facts
from kachecks.mysql.probe import condition, probe
from kachecks.mysql.session import Session, SessionError
from kachecks.node import Node
from kachecks.state.files import StateError
from kachecks.transitions.catching_up import wait_for_peer
from kachecks.transitions.closing import NotClosed
from kachecks.transitions.demotion import close_server
from kachecks.transitions.reconcile import reopen
from kachecks.transitions.record import Outcome, Steps
from kachecks.transitions.waiting_for_lock import lock_to_hand_over

if TYPE_CHECKING:
    from kachecks.transitions.catching_up import EachRound

CAUSE = "kachecks switchover"

VIP_PATIENCE = 1.0
"""Seconds for keepalived to let go of the VIP; it needs 10 ms."""

TAKEOVER_PATIENCE = 5.0
"""Seconds for the peer to take the VIP and open; it needs 0.1 to 0.3 s."""

RETURN_PATIENCE = 15.0
"""More seconds for either node to serve: keepalived here takes a VIP that nobody has after three
advert intervals, and notify_master opens this server again."""

REOPEN_PATIENCE = 10.0
"""Seconds in which this node tries to open again before it gives the VIP away."""

LOOK = 0.2
"""Seconds for one attempt to reach a server through the VIP. A SYN that is lost while the VIP moves
would be sent again only after a second."""


LOOK_AT = 0.5
"""Seconds for one attempt to reach a server at its own address."""


class RolledBack(Exception):
    """The VIP has not left and must stay; the text says why."""


class Opened(NamedTuple):
    """The peer serves."""

    through_vip: bool  # seen through the VIP, not only at the peer's own address
    facts: Facts


def hand_over(node: Node, catch_up: float, tell: EachRound = lambda _count: None) -> Outcome:
    """Hand over, and record the outcome in the audit log. The caller has seen that nothing speaks
    against it.

    Args:
        catch_up: seconds for the peer to apply everything once this node is closed.
        tell: called while the peer catches up, with a function that counts the transactions left.

    Raises:
        StateError: the run directory cannot be used; nothing was done.
        OSError: the kernel's address tables cannot be read.
    """
    steps = Steps(node)
    if not lock_to_hand_over(node):
        purpose = node.lock.purpose_of_holder()
        why = f"another program of this pair is at work on this node, to {purpose}"
        return _recorded(steps, Outcome("switchover", "refused", why, done=False, changed=False))
    try:
        if not node.network.vip_here():
            why = "the VIP has left this node"
            outcome = Outcome("switchover", "refused", why, done=False, changed=False)
        else:
            outcome = _hand_over(node, steps, catch_up, tell)
    finally:
        node.lock.release()
    return _recorded(steps, outcome)


def _hand_over(node: Node, steps: Steps, catch_up: float, tell: EachRound) -> Outcome:
    node.marks.mark_leaving()
    begun = node.clock.now()
    position = ""
    try:
        position, left = _close(node, steps)
        _wait_for_peer(node, steps, catch_up, tell)
        peer = node.servers.connect_peer(1.0)
        try:
            _release(node, steps)
            opened = _see_it_open(node, peer)
        finally:
            peer.close()
    except (RolledBack, SessionError, StateError) as error:
        return _reopen(node, steps, str(error), position)
    except Exception as error:  # noqa: BLE001 - a bug must not leave this node closed
        return _reopen(node, steps, f"unexpected {type(error).__name__}: {error}", position)
    if opened is None:
        return _nobody_yet(node, steps, position)
    steps.done("open there")
    gap = (node.clock.now() - begun) * 1000
    seen = "through the VIP" if opened.through_vip else "there; the VIP cannot be reached from here"
    why = f"the peer has the VIP and is open, seen {seen}; no writes for {gap:.0f} ms{left}"
    return Outcome("switchover", "handed over", why, done=True, changed=True, position=position)


def _close(node: Node, steps: Steps) -> tuple[str, str]:
    """Close, killing nothing but client connections; the position reached, and what could not be
    done. Raises RolledBack, SessionError."""
    budget = Budget(node.clock, node.config.fence_timeout)
    try:
        closed, position = close_server(node, steps, budget, budget.left(at_most=1.0))
    except NotClosed as error:
        raise RolledBack(f"this server cannot be closed: {error}") from None
    if closed is not None and not closed.quiet:
        raise RolledBack(f"this server is not closed to everybody{closed.remark}")
    return position, "" if closed is None else closed.remark


def _wait_for_peer(node: Node, steps: Steps, seconds: float, tell: EachRound) -> None:
    """Raises RolledBack."""

    def go_on(count: Callable[[], int | None]) -> None:
        node.marks.mark_leaving()
        tell(count)

    caught = wait_for_peer(node, seconds, go_on)
    steps.done("peer has everything" if caught.done else "peer does not have everything")
    if not caught.done:
        raise RolledBack(caught.said)


def _release(node: Node, steps: Steps) -> None:
    """Let keepalived give the VIP away. Raises RolledBack: it does not."""
    node.marks.mark_leaving()
    node.marks.withdraw_permit()
    budget = Budget(node.clock, VIP_PATIENCE)
    while node.network.vip_here():
        if budget.over:
            node.marks.grant_permit()
            raise RolledBack(
                f"keepalived has kept the VIP for {VIP_PATIENCE:g} s without the permit: it must"
                " track the permit file (track_file; kachecks doctor)"
            )
        node.clock.sleep(0.002)
    steps.done("VIP gone")
    # From here on the VIP decides: should it come back, the hooks may open this node. The hook that
    # keepalived starts now needs the lock. The permit is given back at once, as this node does not
    # preempt: it takes the VIP only if nobody else does.
    node.marks.unmark_leaving()
    node.lock.release()
    with suppress(StateError):  # the next check gives it back
        node.marks.grant_permit()
    node.served_alone.unmark()


def _see_it_open(node: Node, peer: Session) -> Opened | None:
    """Wait until the peer is open, and is reached through the VIP; None: it is not open in time."""
    budget = Budget(node.clock, TAKEOVER_PATIENCE)
    pause = 0.002
    while not budget.over and not node.network.vip_here():
        facts = None
        with suppress(SessionError):
            facts = probe(peer, 1.0)
        if facts is not None and facts.writable:
            return _through_vip(node, facts)
        node.clock.sleep(pause)
        pause = min(pause * 1.5, 0.02)
    return None


def _through_vip(node: Node, facts: Facts) -> Opened:
    budget = Budget(node.clock, 1.0)
    while not budget.over:
        try:
            session = node.servers.connect_vip(LOOK)
            try:
                seen = probe(session, LOOK)
            finally:
                session.close()
            if seen.identity == facts.identity and seen.writable:
                return Opened(True, facts)
        except SessionError:
            pass
        node.clock.sleep(0.005)
    return Opened(False, facts)


def _reopen(node: Node, steps: Steps, why: str, position: str) -> Outcome:
    """The VIP is still here, so open again, by an ordinary promotion with REOPEN_PATIENCE."""
    steps.done(f"rolled back: {why}")
    node.marks.unmark_leaving()
    try:
        outcome = reopen(node, f"{CAUSE}, rolled back", REOPEN_PATIENCE)
    except StateError as error:  # never without the lock
        outcome = Outcome("promote", "refused", str(error), done=False, changed=False)
    if outcome.transition == "demote":
        return _nobody_yet(node, steps, position)
    if outcome.done:
        said = f"{why}; this node is open again"
        return Outcome("switchover", "rolled back", said, done=False, changed=True)
    said = f"{why}; and this node is not open again: {outcome.why}"
    return Outcome("switchover", "not serving", said, done=False, changed=True, position=position)


def _nobody_yet(node: Node, steps: Steps, position: str) -> Outcome:
    """The peer has not opened yet. Wait for either node to serve: keepalived brings the VIP back
    here if nobody holds it."""
    steps.done("the peer has not opened")
    budget = Budget(node.clock, RETURN_PATIENCE)
    why = "the peer has not opened, see its audit log and check_mysql -v there"
    while not budget.over:
        if node.network.vip_here():
            if condition(node.servers.connect_local, LOOK_AT) == OPEN:
                said = f"{why}; the VIP has come back, and this node is open again"
                return Outcome("switchover", "rolled back", said, done=False, changed=True)
        elif condition(node.servers.connect_peer, LOOK_AT) == OPEN:
            said = "the peer has the VIP and is open, but that took longer than it should"
            return Outcome(
                "switchover", "handed over", said, done=True, changed=True, position=position
            )
        node.clock.sleep(0.05)
    said = f"{why}; and this node does not serve either: see kachecks status on both"
    return Outcome("switchover", "not serving", said, done=False, changed=True, position=position)


def _recorded(steps: Steps, outcome: Outcome) -> Outcome:
    with suppress(StateError):
        steps.record(outcome, CAUSE)
    return outcome
