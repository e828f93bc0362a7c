"""kachecks status: both nodes side by side on one screen."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from kachecks.command_line import WrongCommandLine, asks_for, duration, operator_parser
from kachecks.config.options import Config, load
from kachecks.report import say

if TYPE_CHECKING:
    from kachecks.commands.status.facts import Status
    from kachecks.commands.status.judgement import Summary
    from kachecks.commands.status.terminal import Painter, Window

    Seen = tuple[Status, Summary]

Looked = TypeVar("Looked")

FOR_WATCHING = ("text", "json")
FOR_MONITORING = ("nagios", "prometheus")

_EPILOG = """\
Nothing is changed. This node is asked over its socket, the other one by [peer] of the option file,
both at the same time; a node that cannot be reached costs a second. Run by root, it also asks
keepalived for its state, and on the link who else answers for the VIP.

For monitoring, keepalived is only looked for, as each answer is a line in its log; and what would
be critical is looked at four times within about a second, as the VIP may be on its way.

exit status:
  0  one node serves, the other one is fit to take over, nothing is seen to be wrong;
     nagios: OK; prometheus: the metrics were written, whatever they say
  1  one node serves, and something is wrong; nagios: WARNING, the service goes on
  2  no node is seen to serve, or both are open; nagios: CRITICAL, also where the active node cannot
     take writes, or is about to lose the VIP
  3  the option file or the command line cannot be used; nagios: UNKNOWN, also where the check of a
     node cannot tell; prometheus: also where the metrics could not be written whole

examples:
  kachecks status
  kachecks status --watch
  kachecks status --json | jq .other.server.lacks.transactions
  kachecks status --format=nagios
  kachecks status --format=prometheus > /var/lib/prometheus/node-exporter/kachecks.prom.new"""


def main(argv: Sequence[str] | None = None) -> int:
    """Look, show, return the exit status of what was seen (of the last look, with --watch)."""
    try:
        options = _options(argv)
    except WrongCommandLine as wrong:
        if asks_for("nagios", sys.argv[1:] if argv is None else argv):
            from kachecks.commands.status.nagios import cannot_look

            say(cannot_look(wrong.sentence))
        raise
    if options.format in FOR_WATCHING:
        config = load(options.defaults_file)
        return _show_member(options, config) if config.cluster else _show(options, config)
    from kachecks.commands.status.monitor import tell

    return tell(options.format, options.defaults_file)


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parsing = parser()
    options = parsing.parse_args(argv)
    if options.watch is not None and options.format not in FOR_WATCHING:
        parsing.error(f"--watch goes with {' and '.join(FOR_WATCHING)}")
    return options


def _show(options: argparse.Namespace, config: Config) -> int:
    """To people, or as JSON."""
    # The look needs the driver and psutil; --help and the manual do not.
    from kachecks.asking import Asking
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

    def drawn(seen: Seen, window: Window, paint: Painter) -> list[str]:
        if options.format == "json":
            return [json.dumps(as_json(*seen), indent=None if options.watch else 2)]
        return screen(*seen, window, paint)

    _draw(seen, drawn, options.watch)
    return last


def _show_member(options: argparse.Namespace, config: Config) -> int:
    """The same of a member of a cluster."""
    from kachecks.commands.status import of_cluster
    from kachecks.node import Node
    from kachecks.state.audit_log import History

    node, history = Node(config), History(config.state_dir, config.name)
    last = 0

    def seen() -> of_cluster.MemberStatus:
        nonlocal last
        status = of_cluster.look(node, history)
        last = of_cluster.status_of(status)
        return status

    def drawn(seen: of_cluster.MemberStatus, window: Window, paint: Painter) -> list[str]:
        if options.format == "json":
            told = of_cluster.as_json(seen)
            return [json.dumps(told, indent=None if options.watch else 2)]
        return of_cluster.screen(seen, window, paint)

    _draw(seen, drawn, options.watch)
    return last


def _draw(
    look: Callable[[], Looked],
    draw: Callable[[Looked, Window, Painter], list[str]],
    seconds: float | None,
) -> None:
    """Once, or every so many seconds."""
    from kachecks.commands.status import terminal

    if seconds is not None:
        from kachecks.commands.status.watch import watch

        watch(look, draw, seconds)
        return
    lines = draw(look(), terminal.window(beside=1), terminal.painter(sys.stdout))
    with suppress(OSError, ValueError):  # a closed pipe does not change the answer
        terminal.write("\n".join(lines) + "\n")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    parsing = operator_parser(
        "kachecks status",
        "Show both nodes side by side: who has the VIP, who is open, replication both ways, the"
        " verdict of the check, the last transitions.",
        _EPILOG,
    )
    chosen = parsing.add_mutually_exclusive_group()
    chosen.add_argument(
        "--format",
        choices=FOR_WATCHING + FOR_MONITORING,
        default="text",
        help="text for people (default), json for programs, nagios (Monitoring Plugins) or"
        " prometheus for monitoring",
    )
    chosen.add_argument(
        "--json",
        dest="format",
        action="store_const",
        const="json",
        help="the same as --format=json; keys in docs/status.md",
    )
    parsing.add_argument(
        "--watch",
        metavar="TIME",
        nargs="?",
        type=duration(0.2, 86400),
        const=1.0,
        help="text and json: draw it again every second, or every TIME, until Ctrl-C",
    )
    return parsing
