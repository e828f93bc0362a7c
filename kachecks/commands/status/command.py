"""kachecks status: both nodes side by side on one screen."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from kachecks.command_line import operator_parser
from kachecks.config.options import load

if TYPE_CHECKING:
    from kachecks.commands.status.facts import Status
    from kachecks.commands.status.judgement import Summary
    from kachecks.commands.status.terminal import Window

    Seen = tuple[Status, Summary]

_EPILOG = """\
Nothing is changed. This node is asked over its socket, the other one by [peer] of the option file,
both at the same time; a node that cannot be reached costs a second. Run by root, it also asks
keepalived for its state, and on the link who else answers for the VIP.

exit status:
  0  one node serves, the other one is fit to take over, nothing is seen to be wrong
  1  one node serves, and something is wrong
  2  no node is seen to serve, or both are open
  3  the option file or the command line cannot be used

examples:
  kachecks status
  kachecks status --watch
  kachecks status --json | jq .other.server.lacks.transactions"""


def main(argv: Sequence[str] | None = None) -> int:
    """Look, show, return the exit status of what was seen (of the last look, with --watch)."""
    options = parser().parse_args(argv)
    config = load(options.defaults_file)
    # The look needs the driver and psutil; --help and the manual do not.
    from kachecks.asking import Asking
    from kachecks.commands.status import terminal
    from kachecks.commands.status.json import as_json
    from kachecks.commands.status.judgement import NOT_SERVING, summary
    from kachecks.commands.status.probe import Looking, hurried_node
    from kachecks.commands.status.text import screen

    looking = Looking(hurried_node(config), Asking())
    last = NOT_SERVING

    def seen() -> Seen:
        nonlocal last
        status = looking.look()
        told = summary(status)
        last = told.status
        return status, told

    def drawn(seen: Seen, window: Window, paint: terminal.Painter) -> list[str]:
        if options.json:
            return [json.dumps(as_json(*seen), indent=None if options.watch else 2)]
        return screen(*seen, window, paint)

    if options.watch is not None:
        from kachecks.commands.status.watch import watch

        watch(seen, drawn, options.watch)
    else:
        lines = drawn(seen(), terminal.window(beside=1), terminal.painter(sys.stdout))
        with suppress(OSError, ValueError):  # a closed pipe does not change the answer
            terminal.write("\n".join(lines) + "\n")
    return last


def parser() -> argparse.ArgumentParser:
    """The command line."""
    parsing = operator_parser(
        "kachecks status",
        "Show both nodes side by side: who has the VIP, who is open, replication both ways, the"
        " verdict of the check, the last transitions.",
        _EPILOG,
    )
    parsing.add_argument("--json", action="store_true", help="for programs; keys in docs/status.md")
    parsing.add_argument(
        "--watch",
        metavar="SECONDS",
        nargs="?",
        type=_seconds,
        const=1.0,
        help="draw it again every so many seconds (default 1), until Ctrl-C",
    )
    return parsing


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0.2 <= seconds <= 86400:
        raise argparse.ArgumentTypeError(f"found {text}, expected 0.2 to 86400 seconds")
    return seconds
