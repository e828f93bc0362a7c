"""The check closes this node's server before the VIP leaves, or because it has left."""

from __future__ import annotations

from kachecks.check.verdict import Verdict
from kachecks.node import Node
from kachecks.transitions.demotion import demote, demote_mute, kill_open_server
from kachecks.transitions.giving_way import unmark_alone_on_closing
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
