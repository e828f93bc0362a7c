"""notify_backup (also for notify_fault and notify_stop): the VIP has left, so close this node's
server."""

from __future__ import annotations

import sys

from kachecks.hooks.common import DONE, REFUSED, Options, run_hook
from kachecks.lean import plain_options
from kachecks.node import Node
from kachecks.report import say
from kachecks.transitions.reconcile import reconcile

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

STOP_PATIENCE = 0.3
"""Seconds for a demotion in notify_stop: keepalived kills that hook after one second."""


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
    patience = STOP_PATIENCE if options.stop else node.config.fence_timeout
    outcome = reconcile(node, "notify_backup", patience)
    if not options.verbose and not options.dry_run:
        say(f"{outcome.transition}: {outcome.outcome}: {outcome.why}")
    return DONE if outcome.done else REFUSED


if __name__ == "__main__":
    sys.exit(main())
