"""notify_backup (also for notify_fault and notify_stop): the VIP has left, so close this node's
server."""

from __future__ import annotations

import sys

from kachecks.hooks.common import DONE, REFUSED, Options, run_hook, say
from kachecks.lean import plain_options, suppress
from kachecks.node import Node
from kachecks.transitions.reconcile import demotion, reconcile
from kachecks.transitions.record import Outcome, Steps

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

STOP_PATIENCE = 0.3
"""Seconds for a demotion in notify_stop, at least."""

STOP_ENDS = 0.6
"""Seconds from that hook's start in which a server that answers slowly, on a busy host, is not
killed: keepalived kills the hook itself after one second."""


def main(argv: list[str] | None = None) -> int:
    """Bring MySQL to match the VIP; see ``reconcile``."""
    arguments = sys.argv[1:] if argv is None else argv
    options = plain_options(arguments, Options(), {"--stop": "stop"}) or parser().parse_args(
        arguments
    )
    return run_hook("notify_backup", options, _demote)


def parser() -> argparse.ArgumentParser:
    """The command line, as people use it."""
    from kachecks.command_line import hook_parser

    parsing = hook_parser(
        "notify_backup",
        "The VIP has left: close writes and cut the clients. With the VIP on this host it opens"
        " instead, if that is safe.",
        "  notify_backup --dry-run\n  notify_backup -v",
    )
    parsing.add_argument(
        "--stop",
        action="store_true",
        help="for notify_stop: keepalived gives that hook one second, so hurry",
    )
    return parsing


def _demote(node: Node, options: Options | argparse.Namespace) -> int:
    patience = stop_patience(node) if options.stop else node.config.fence_timeout
    try:
        outcome = _reconcile(node, patience)
    except OSError as error:
        if node.config.cluster or _vip_is_here(node):
            raise
        # Where the VIP is cannot be told (no file descriptor is left), but keepalived has just said
        # that it has gone. A check opens again what was closed in error.
        node.telling.progress(f"closing: {error}")
        outcome = demotion(node, Steps(node), "notify_backup", patience)
    if not options.verbose and not options.dry_run:
        say(f"{outcome.transition}: {outcome.outcome}: {outcome.why}")
    return DONE if outcome.done else REFUSED


def _reconcile(node: Node, patience: float) -> Outcome:
    if node.config.cluster:
        from kachecks.cluster.reconcile import reconcile as of_cluster

        return of_cluster(node, "notify_backup", patience)
    return reconcile(node, "notify_backup", patience)


def _vip_is_here(node: Node) -> bool:
    """False also where that cannot be told."""
    with suppress(OSError):
        return node.network.vip_here()
    return False


def stop_patience(node: Node) -> float:
    """Seconds for a demotion in notify_stop."""
    with suppress(OSError):  # of /proc
        return max(STOP_PATIENCE, STOP_ENDS - node.clock.seconds_running())
    return STOP_PATIENCE


if __name__ == "__main__":
    sys.exit(main())
