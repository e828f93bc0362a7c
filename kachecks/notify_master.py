"""notify_master: the VIP has come; open this node's server, if that is safe."""

from __future__ import annotations

import argparse
import sys

from kachecks.arguments import hook_parser
from kachecks.hook import DONE, REFUSED, run_hook
from kachecks.host import Host
from kachecks.reconcile import reconcile
from kachecks.report import say


def main(argv: list[str] | None = None) -> int:
    """Bring MySQL to match the VIP; see ``reconcile``."""
    return run_hook(parser(), argv, _promote)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    return hook_parser(
        "notify_master",
        "The VIP has come: see to it that the other node does not write, apply all that was"
        " received, open writes. Without the VIP on this host it closes instead.",
        "  notify_master --dry-run    # what a promotion would do here, statement by statement\n"
        "  notify_master -v           # promote now, and say how far it is",
    )


def _promote(host: Host, options: argparse.Namespace) -> int:
    outcome = reconcile(host, "notify_master", host.config.fence_timeout)
    if not options.verbose and not options.dry_run:
        say(f"{outcome.transition}: {outcome.outcome}: {outcome.why}")
    return DONE if outcome.done else REFUSED


if __name__ == "__main__":
    sys.exit(main())
