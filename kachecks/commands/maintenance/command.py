"""kachecks maintenance: an operator keeps this node out of the election for a while."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence

from kachecks.command_line import UNUSABLE, duration, not_empty, operator_parser
from kachecks.commands.switchover.command import switch
from kachecks.commands.text import span
from kachecks.config.options import load
from kachecks.node import Node
from kachecks.report import say
from kachecks.state.files import StateError
from kachecks.state.maintenance_mark import in_local_time

LONGEST = 30 * 86400.0
"""Seconds. Nothing should last longer without somebody looking at it again."""

_EPILOG = """\
While it lasts the check fails here (MAINTENANCE), so a standby does not take the VIP, whatever
happens to the other node. An active node keeps the VIP, and serves; with --leave it hands over
first, as kachecks switchover does, and goes on serving without maintenance if that is refused or
rolled back. A server that dies or hangs loses the VIP all the same.

exit status:
  0  done; without on or off: no maintenance is in force
  1  without on or off: it is in force; with --leave: the switchover was refused or rolled back
  2  with --leave: as of kachecks switchover
  3  the option file, a directory or the command line cannot be used, or it cannot be told whether
     one is in force

examples:
  kachecks maintenance on --for 2h --reason 'new disks'
  kachecks maintenance on --for 1d --reason 'new kernel' --leave
  kachecks maintenance
  kachecks maintenance off"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    parsing = operator_parser(
        "kachecks maintenance",
        "Keep this node out of the election for a while, with a reason that everybody sees, or say"
        " what is in force.",
        _EPILOG,
    )
    parsing.add_argument(
        "what", nargs="?", choices=["on", "off"], help="without either: say what is in force"
    )
    parsing.add_argument(
        "--for",
        dest="seconds",
        metavar="TIME",
        type=duration(60, LONGEST),  # whoever writes a bare number means minutes
        help="how long, such as 30m, 2h or 1d12h; at most 30d",
    )
    parsing.add_argument("--reason", metavar="TEXT", help="why, for everybody who looks")
    parsing.add_argument(
        "--owner", metavar="NAME", type=not_empty, help="who is at work (default: who runs this)"
    )
    parsing.add_argument(
        "--leave",
        action="store_true",
        help="hand over first, where this is the active node",
    )
    return parsing


def main(argv: Sequence[str] | None = None) -> int:
    """Declare, end or show it; the exit status. Raises ConfigError, StateError."""
    parsing = parser()
    options = parsing.parse_args(argv)
    if options.what == "on" and not (options.seconds and (options.reason or "").strip()):
        parsing.error("on needs --for TIME and --reason TEXT")
    given = (options.seconds, options.reason, options.owner, options.leave or None)
    if options.what != "on" and given != (None,) * len(given):
        parsing.error("--for, --reason, --owner and --leave go with on")
    node = Node(load(options.defaults_file))
    if options.what is None:
        return _show(node)
    if os.geteuid() != 0:
        say("kachecks maintenance must run as root: it writes to run_dir and state_dir")
        return UNUSABLE
    return _declare(node, options) if options.what == "on" else _end(node)


def _show(node: Node) -> int:
    """Raises StateError: the mark cannot be read."""
    try:
        mark = node.maintenance_mark.certain()
    except StateError as error:
        cure = "; run it as root" if os.geteuid() else ""
        raise StateError(f"whether one is in force cannot be told: {error}{cure}") from None
    if mark is None:
        say("no maintenance is in force on this node")
        return 0
    say(f"{mark.sentence} (until then {span(mark.until - time.time())})")
    return 1


def _declare(node: Node, options: argparse.Namespace) -> int:
    if options.leave and node.network.vip_here():
        status = switch(node)
        if status:
            say("not in maintenance: this node has not handed over")
            return status
    now = float(int(time.time()))
    owner = "".join(_as_text(_owner(options.owner)).split())
    reason = " ".join(_as_text(options.reason).split())
    mark = in_local_time(now, now + options.seconds, owner or "unknown", reason)
    node.maintenance_mark.declare(mark)
    _record(node, "begun", mark.sentence)
    say(mark.sentence)
    say(_consequence(node))
    return 0


def _consequence(node: Node) -> str:
    if not node.network.vip_here():
        return "from the next check on this node cannot take the VIP, until the maintenance ends"
    return "this node has the VIP and keeps it; should its mysqld die, the VIP leaves all the same"


def _end(node: Node) -> int:
    mark, unread = None, ""
    try:
        mark = node.maintenance_mark.certain()
    except StateError as error:
        unread = str(error)
    node.maintenance_mark.end()
    if unread:
        say(f"from now on none is in force; whether one was cannot be told: {unread}")
        return 0
    if mark is None:
        say("no maintenance was in force on this node")
        return 0
    _record(node, "ended", f"ended before its time: {mark.sentence}")
    say(f"ended: {mark.sentence}")
    return 0


def _record(node: Node, outcome: str, why: str) -> None:
    entry: dict[str, object] = {
        "transition": "maintenance",
        "outcome": outcome,
        "why": why,
        "cause": "kachecks maintenance",
    }
    node.telling.record(entry, problem=False)


def _as_text(given: str) -> str:
    """What a terminal sent that is no UTF-8 could be neither printed nor kept: ? in its place."""
    return given.encode("utf-8", "replace").decode()


def _owner(given: str | None) -> str:
    """Who is at work: the name given, or the account that called sudo, or this account."""
    import getpass

    if given:
        return given
    if os.environ.get("SUDO_USER"):
        return os.environ["SUDO_USER"]
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no name for this uid
        return str(os.getuid())
