"""The check closes this node's server before the VIP leaves, or because it has left."""

from __future__ import annotations

from kachecks.bounded import Budget
from kachecks.check.verdict import Observation, Verdict, judge
from kachecks.mysql.errors import CLOSED
from kachecks.node import Node
from kachecks.state.files import StateError
from kachecks.transitions.demotion import demote, demote_mute, kill_open_server
from kachecks.transitions.giving_way import ask_peer, unmark_alone_on_closing
from kachecks.transitions.record import Outcome, Steps
from kachecks.transitions.waiting_for_lock import lock_to_demote


def close_for(node: Node, verdict: Verdict, mute: str, patience: float) -> Outcome | None:
    """Close the server because of this verdict; None where a hook is dealing with it.

    Args:
        mute: why the server counts as hung, "" where it does not.
        patience: seconds to close it in.
    """
    steps = Steps(node)
    locked = lock_to_demote(node, patience)
    try:
        if not verdict.status and (not locked or node.network.vip_here()):
            return None  # a hook is at work, or has just brought the VIP here
        outcome = demote_mute(node, steps, mute) if mute else demote(node, steps, patience)
        if verdict.reason == "ISOLATED" and outcome.outcome == "not closed":
            # When its own time is over, the other node relies on this server being closed or dead
            # (two_clocks).
            outcome = kill_open_server(node, steps, outcome.why)
        if outcome.done or node.marks.trouble_changed(outcome.why):
            steps.record(outcome, f"check_mysql: {verdict.reason}")
        if outcome.changed and verdict.reason != "ISOLATED":  # it cannot be asked then
            unmark_alone_on_closing(node)
        return outcome
    finally:
        node.lock.release()


TAKEN_OVER_WITHIN = 2.0
"""Seconds for the VIP to appear on another host when it has left a node that served."""


def give_way_where_nobody_serves(node: Node, seen: Observation, verdict: Verdict) -> Verdict:
    """This check has closed the server that served, as the VIP is not here. If it is nowhere and
    the peer is closed too, the option file may name another VIP than keepalived has here: then this
    node gives way, so that keepalived lets go of whatever it has, and the peer takes over."""
    try:
        if not _nobody_serves(node):
            return verdict
        vips = ", ".join(node.config.vips)
        why = (
            f"closed, as the VIP ({vips}) is not here, but nobody else has it, and the peer is"
            f" closed: is vip in {node.config.path} the address in keepalived.conf?"
        )
        node.marks.mark_gave_way(why)
        node.marks.mark_failing()  # a promotion sees this, or else this run sees the VIP
        if node.network.vip_here():
            node.marks.unmark_gave_way()
            node.marks.unmark_failing()
            return verdict
    except (OSError, StateError):  # nobody can tell, or remember it
        return verdict
    return judge(seen._replace(gave_way=why), node.config)


def _nobody_serves(node: Node) -> bool:
    """Nobody has the VIP, the peer is closed, and no hook is at work, for TAKEN_OVER_WITHIN."""
    budget = Budget(node.clock, TAKEN_OVER_WITHIN)
    while not (
        node.network.vip_here()
        or node.marks.is_leaving()
        or node.lock.purpose_of_holder()
        or node.network.holder_elsewhere()
        or ask_peer(node) != CLOSED
    ):
        if budget.over:
            return True
        node.clock.sleep(0.1)
    return False
