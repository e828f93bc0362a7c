"""notify_master: the VIP has come, so open this node's server if that is safe."""

from __future__ import annotations

import sys

from kachecks.hooks.common import DONE, REFUSED, Options, run_hook, say
from kachecks.lean import plain_options
from kachecks.node import Node
from kachecks.transitions.reconcile import reconcile

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse


def main(argv: list[str] | None = None) -> int:
    """Bring MySQL to match the VIP; see ``reconcile``."""
    arguments = sys.argv[1:] if argv is None else argv
    options = plain_options(arguments, Options(), {}) or parser().parse_args(arguments)
    return run_hook("notify_master", options, _promote)


def parser() -> argparse.ArgumentParser:
    """The command line, as people use it."""
    from kachecks.command_line import hook_parser

    return hook_parser(
        "notify_master",
        "The VIP has come: see to it that the other node does not write, apply all that was"
        " received, open writes. Without the VIP on this host it closes instead.",
        "  notify_master --dry-run    # what a promotion would do here, statement by statement\n"
        "  notify_master -v           # promote now, and say how far it is",
    )


def _promote(node: Node, options: Options | argparse.Namespace) -> int:
    if node.config.cluster:
        from kachecks.cluster.reconcile import reconcile as bring
    else:
        bring = reconcile
    outcome = bring(node, "notify_master", node.config.fence_timeout)
    if not options.verbose and not options.dry_run:
        say(f"{outcome.transition}: {outcome.outcome}: {outcome.why}")
    return DONE if outcome.done else REFUSED


if __name__ == "__main__":
    sys.exit(main())
