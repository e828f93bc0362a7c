"""notify_down: this node gives up the VIP. It closes first and stops keepalived last.

keepalived has no hook before it releases the VIP, so whoever decides to leave must close the
server before keepalived hears of it.
"""

from __future__ import annotations

import argparse
import sys

from kachecks.bounded import Budget
from kachecks.command_line import hook_parser, not_empty
from kachecks.config.options import ConfigError, load
from kachecks.hooks.common import (
    DONE,
    REFUSED,
    UNUSABLE,
    alert_of_unusable,
    node_for,
    run_hook,
    say,
)
from kachecks.keepalived.process import KeepalivedError
from kachecks.lean import suppress
from kachecks.node import Node
from kachecks.report import log
from kachecks.state.files import StateError
from kachecks.transitions.catching_up import wait_for_peer
from kachecks.transitions.reconcile import demotion
from kachecks.transitions.record import Outcome, Steps
from kachecks.transitions.waiting_for_lock import lock_to_demote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

PEER_PATIENCE = 2.0
"""Seconds to wait for the peer to have everything, if it answers. It fetches the rest by itself
later."""

VIP_PATIENCE = 2.0
"""Seconds to hold the lock until keepalived has removed the VIP."""


def main(argv: list[str] | None = None) -> int:
    """Close, wait for the peer, then stop keepalived as the very last act."""
    options = _sorted_out(parser().parse_args(argv))
    return run_hook("notify_down", options, _leave_all, KeepalivedError)


def _sorted_out(options: argparse.Namespace) -> argparse.Namespace:
    """The same, less the option files that cannot be used: they do not stop the pairs of the others
    from being closed. Where all are broken, the first one is left, to be refused."""
    usable, options.broken = [], []
    files = [options.defaults_file, *options.also]
    for number, file in enumerate(files):
        try:
            load(file, "--also" if number else "--defaults-file")
        except ConfigError as error:
            options.broken.append((file, str(error)))
        else:
            usable.append(file)
    options.defaults_file, *options.also = usable or files[:1]
    return options


def parser() -> argparse.ArgumentParser:
    """The command line."""
    parsing = hook_parser(
        "notify_down",
        "Give this node up: close writes and cut the clients, wait up to 2 s for the peer to have"
        " everything, and only then stop keepalived, which releases the VIP.",
        "  notify_down                # this host is about to be shut down\n"
        "  notify_down --dry-run\n"
        "  notify_down --also=/etc/kachecks/second.cnf",
    )
    parsing.add_argument(
        "--keep-keepalived",
        action="store_true",
        help="do not stop keepalived: for ExecStop=, since systemd stops it",
    )
    parsing.add_argument(
        "--drop-vip",
        action="store_true",
        help="remove a VIP that a dead keepalived has left behind: for ExecStopPost=",
    )
    parsing.add_argument(
        "--force",
        action="store_true",
        help="stop keepalived on a standby too, and where the server could not be closed",
    )
    parsing.add_argument(
        "--also",
        action="append",
        type=not_empty,
        default=[],
        metavar="FILE",
        help="option file of another pair on this host: keepalived serves it too, so it is closed"
        " as well (may be given several times)",
    )
    return parsing


def _leave_all(node: Node, options: argparse.Namespace) -> int:
    for path, sentence in options.broken:
        log(f"notify_down: not closed: {sentence}", problem=True)
        if not options.dry_run:
            alert_of_unusable(path, f"notify_down: not closed: {sentence}")
        say(f"not closed: {sentence}")
    if options.broken and not (options.keep_keepalived or options.drop_vip or options.force):
        # keepalived has to go on for them, so closing the others would only be an outage.
        say("nothing was done: keepalived serves that pair, too (--force stops it all the same)")
        return UNUSABLE
    status = leave(node, options, [node_for(load(file), options) for file in options.also])
    return UNUSABLE if options.broken else status


def leave(node: Node, options: argparse.Namespace, others: Sequence[Node] = ()) -> int:
    """Close, let go of the VIP, return the exit status.

    Args:
        others: the other pairs on this host, which the same keepalived serves. All are closed,
            and their locks held, before it is stopped.

    Raises:
        KeepalivedError: it is not certain which keepalived to stop; nothing was done.
        StateError, OSError: lock, marks or address tables cannot be used.
    """
    nodes = [node, *others]
    was_here = any(each.network.vip_here() for each in nodes)
    stops = not (options.keep_keepalived or options.drop_vip)
    if stops and (was_here or options.force):
        node.keepalived.find()  # a node that could not let go of the VIP is better left open
    # Whoever stops keepalived leaves, even from a standby: the VIP may come at this very moment.
    if was_here or not stops or options.force:
        for each in nodes:  # first of all: a promotion at work stands aside, and the lock is free
            _stay_closed(each)
    try:
        return _let_go(nodes, options, was_here, stops)
    finally:
        for each in nodes:
            each.lock.release()


def _let_go(nodes: list[Node], options: argparse.Namespace, was_here: bool, stops: bool) -> int:
    """Close all of them, let their peers catch up, stop keepalived as the very last act."""
    outcomes = [_close(each, options) for each in nodes]
    if not options.force and not all(outcome.done for outcome in outcomes):
        for each in nodes:
            each.marks.unmark_leaving()
        of_pairs = not all(each.config.cluster for each in nodes)
        why = ": if the VIP left now, this server would stay open" if of_pairs else ""
        say(f"keepalived is left running{why}")
        return REFUSED
    if options.drop_vip:
        for each in nodes:
            say(each.keepalived.drop_vip())
    if stops and not was_here and not options.force:
        say("the VIP is elsewhere: keepalived is left running (--force stops it too)")
        return DONE
    for each, outcome in zip(nodes, outcomes):
        _wait_for_peer(each, outcome)
    for each in nodes:
        _stay_closed(each)
    if not stops:
        return DONE
    say(nodes[0].keepalived.stop())
    # A promotion that had the lock may have opened in between: nobody else would look now.
    again = [_look_once_more(each) for each in nodes]
    return DONE if options.force or all(outcome.done for outcome in again) else REFUSED


def _close(node: Node, options: argparse.Namespace) -> Outcome:
    steps = Steps(node)
    lock_to_demote(node, node.config.fence_timeout)
    if node.config.cluster:
        outcome = _hand_over(node, steps, options)
    else:
        outcome = demotion(node, steps, "notify_down", node.config.fence_timeout)
    if not options.verbose and not options.dry_run:
        say(f"{outcome.transition}: {outcome.outcome}: {outcome.why}")
    return outcome


def _hand_over(node: Node, steps: Steps, options: argparse.Namespace) -> Outcome:
    """A member of a cluster closes nothing: it lets go of the VIP while another one can have it."""
    from kachecks.cluster.handing_over import let_go

    ends_anyway = options.force or options.keep_keepalived or options.drop_vip
    outcome = let_go(node, steps, forced=ends_anyway)
    steps.record(outcome, "notify_down")
    return outcome


def _look_once_more(node: Node) -> Outcome:
    _wait_for_vip_to_leave(node)
    if node.config.cluster:
        from kachecks.cluster.departure import depart

        return depart(node, Steps(node), node.config.fence_timeout)
    return demotion(node, Steps(node), "notify_down", node.config.fence_timeout)


def _stay_closed(node: Node) -> None:
    """Renew the leaving mark: neither a check nor a hook opens while the VIP is on its way out."""
    with suppress(StateError):  # without a run directory nothing can be opened either
        node.marks.mark_leaving()


def _wait_for_peer(node: Node, outcome: Outcome) -> None:
    """Let the peer fetch what this node has committed, while both are there to do it."""
    if outcome.position:
        say(wait_for_peer(node, PEER_PATIENCE, lambda _: _stay_closed(node)).said)


def _wait_for_vip_to_leave(node: Node) -> None:
    """Keep the lock, so that no hook opens this node again before the VIP has left it."""
    budget = Budget(node.clock, VIP_PATIENCE)
    while node.network.vip_here() and not budget.over:
        _stay_closed(node)
        node.clock.sleep(0.02)


if __name__ == "__main__":
    sys.exit(main())
