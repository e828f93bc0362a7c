"""kachecks switchover: hand the VIP and the writes over to the other node, losing nothing."""

from __future__ import annotations

import argparse
import os
import signal
from collections.abc import Sequence

from kachecks.command_line import UNUSABLE, duration, operator_parser
from kachecks.commands.switchover.handing_over import hand_over
from kachecks.commands.switchover.of_cluster import reasons_against, switch_member
from kachecks.commands.switchover.preflight import (
    LONGEST_TRANSACTION,
    look_at_both,
    objections,
)
from kachecks.config.options import load
from kachecks.hooks.common import node_for
from kachecks.mysql import pair
from kachecks.node import Node
from kachecks.report import Terminal, say
from kachecks.transitions.dry_run import DryFiles, DryRunOver
from kachecks.transitions.progress import ProgressLines
from kachecks.transitions.record import Outcome

CATCH_UP = 10.0
"""Seconds for the peer to apply the rest once writes are closed."""

IGNORED = (signal.SIGINT, signal.SIGHUP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU)
"""Signals that must not stop a switchover half-way: a lost terminal, Ctrl-C or Ctrl-Z must not
leave this node closed."""

STATUSES = {"handed over": 0, "refused": 1, "rolled back": 1, "not serving": 2}
STATUSES.update({"kept": 1, "left": 2})  # of a member of a cluster

_EPILOG = f"""\
Run it on the active node. If anything speaks against the switchover, it says so and changes
nothing. Otherwise it closes this node and cuts the clients, waits for the other node to apply
everything, withdraws the permit so that keepalived gives the VIP away, and waits until the other
node is open. If that fails while the VIP is still here, this node opens again.

A member of a cluster (cluster = yes) closes nothing: it lets go of the VIP while another member is
fit, cuts the clients that came through it, and waits until another one has the VIP and is the
writer. --force and --catch-up mean nothing there.

exit status:
  0  handed over
  1  refused, or rolled back: this node serves as before
  2  neither node serves yet; the checks go on trying (kachecks status)
  3  the option file, the run directory or the command line cannot be used

examples:
  kachecks switchover --dry-run
  kachecks switchover
  kachecks switchover --catch-up 60      # a peer that applies slowly

--force goes on in spite of four things: this node could not take the VIP back; lag of more than
{pair.LONGEST_LAG:g} s; transactions open for more than {LONGEST_TRANSACTION:g} s; a peer whose
host says that no keepalived runs there."""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    parsing = operator_parser(
        "kachecks switchover",
        "Hand the VIP and the writes over to the other node, losing nothing.",
        _EPILOG,
    )
    parsing.add_argument(
        "--dry-run",
        action="store_true",
        help="change nothing: print each statement and each act instead",
    )
    parsing.add_argument(
        "--force",
        action="store_true",
        help="go on in spite of what is listed below",
    )
    parsing.add_argument(
        "--catch-up",
        type=duration(0.001, 3600),
        default=CATCH_UP,
        metavar="TIME",
        help="how long the peer may take to apply the rest once writes are closed"
        f" (default {CATCH_UP:g}s)",
    )
    return parsing


def main(argv: Sequence[str] | None = None) -> int:
    """Hand over, or refuse; the exit status. Raises ConfigError, StateError."""
    options = parser().parse_args(argv)
    node = node_for(load(options.defaults_file), options)
    if not options.dry_run and os.geteuid() != 0:
        say("kachecks switchover must run as root: it acts on mysqld and on run_dir")
        return UNUSABLE
    if options.dry_run:
        return _dry_run(node, options)
    return switch(node, options.catch_up, options.force)


def switch(node: Node, catch_up: float = CATCH_UP, force: bool = False) -> int:
    """Look, hand over, tell; the exit status. Raises StateError."""
    if _refused(node, force):
        return STATUSES["refused"]
    for ignored in IGNORED:
        signal.signal(ignored, signal.SIG_IGN)
    if node.config.cluster:
        return _told(switch_member(node))
    outcome = hand_over(node, catch_up, ProgressLines(node.clock.now, Terminal().say))
    return _told(outcome)


def _told(outcome: Outcome) -> int:
    say(f"{outcome.outcome}: {outcome.why}")
    return STATUSES[outcome.outcome]


def _refused(node: Node, force: bool) -> bool:
    if node.config.cluster:
        found = reasons_against(node)
    else:
        found = objections(look_at_both(node), node.config, force)
    for each in found:
        say(f"refused: {each}")
    return bool(found)


def _dry_run(node: Node, options: argparse.Namespace) -> int:
    if _refused(node, options.force):
        return STATUSES["refused"]
    try:
        if node.config.cluster:
            return _told(switch_member(node))
        return _told(hand_over(node, options.catch_up))
    except DryRunOver as over:
        if not (isinstance(node.files, DryFiles) and node.files.permit_withdrawn):
            say(f"  {over}")
            return 0
        say("  would see the VIP leave; the other node's notify_master opens it")
        say("  (notify_master --dry-run there shows how), and this one would wait for that")
    return 0
