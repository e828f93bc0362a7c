"""kachecks rejoin: may this node come back, and which transactions does it alone have?"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence

from kachecks.command_line import duration, operator_parser
from kachecks.commands.of_pairs import load_pair
from kachecks.commands.rejoin.facts import NOT_YET
from kachecks.config.options import Config
from kachecks.report import say_lines

_EPILOG = """\
Nothing is changed on either node. Run it on the node that is to come back; run on the active node,
it says the same about the pair. What each node lacks of the other is watched for a second, so that
transactions that are only on their way do not count.

exit status:
  0  both nodes have the same, and replicate: this node may come back, or is back
  1  not yet: what is in the way will pass by itself
  2  an operator has to decide; the choices are listed
  3  this node's server, the option file or the command line cannot be used

examples:
  kachecks rejoin
  kachecks rejoin --json | jq .only_here.transactions
  kachecks rejoin --wait 10m"""

PAUSE = 5.0
"""Seconds between two looks with --wait."""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    parsing = operator_parser(
        "kachecks rejoin",
        "Say whether this node may come back: which transactions each node alone has, what keeps"
        " them from flowing to the other one, and what the choices are.",
        _EPILOG,
    )
    parsing.add_argument("--json", action="store_true", help="for programs; unknown is null")
    parsing.add_argument(
        "--wait",
        metavar="TIME",
        type=duration(0, 86400),
        default=0.0,
        help="while what is in the way may pass by itself (exit 1), look again for so long, such as"
        " 10m",
    )
    return parsing


def main(argv: Sequence[str] | None = None) -> int:
    """Look, judge, tell; the exit status. Raises ConfigError, SessionError, OSError."""
    options = parser().parse_args(argv)
    config = load_pair(options.defaults_file, "rejoin")
    end = time.monotonic() + options.wait
    while True:
        status, told = _look(config, options.json)
        left = end - time.monotonic()
        if status != NOT_YET or left <= 0:
            break
        time.sleep(min(PAUSE, left))
    say_lines(told)
    return status


def _look(config: Config, as_data: bool) -> tuple[int, str]:
    """The exit status, and what is to be said. Raises SessionError: this node's server."""
    # The look needs the driver; --help and the manual do not.
    from kachecks.commands.rejoin.probe import compare
    from kachecks.commands.rejoin.report import as_json, as_text
    from kachecks.commands.rejoin.rules import conclusion, findings
    from kachecks.mysql.errors import NoGtids
    from kachecks.mysql.session import SessionError
    from kachecks.node import Node

    try:
        seen = compare(Node(config))
    except NoGtids as error:
        raise SessionError(f"this node's server: {error}") from None
    except SessionError as error:
        raise SessionError(
            f"this node's server cannot be asked: {error}; start it (my.cnf has it boot closed), or"
            f" mend [client] in {config.path}"
        ) from None
    found = findings(seen, config)
    status, _ = conclusion(seen, found)
    if as_data:
        return status, json.dumps(as_json(seen, found), indent=2)
    return status, as_text(seen, found)
