"""kachecks rejoin: may this node come back, and which transactions does it alone have?"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence

from kachecks.command_line import UNUSABLE, operator_parser
from kachecks.commands.of_pairs import load_pair
from kachecks.report import say, say_lines

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
  until kachecks rejoin; do sleep 10; done     # 1, 2 and 3 go on"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    parsing = operator_parser(
        "kachecks rejoin",
        "Say whether this node may come back: which transactions each node alone has, what keeps"
        " them from flowing to the other one, and what the choices are.",
        _EPILOG,
    )
    parsing.add_argument("--json", action="store_true", help="for programs; unknown is null")
    return parsing


def main(argv: Sequence[str] | None = None) -> int:
    """Look, judge, tell; the exit status. Raises ConfigError, OSError."""
    options = parser().parse_args(argv)
    config = load_pair(options.defaults_file, "rejoin")
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
        say(f"kachecks rejoin: this node's server: {error}")
        return UNUSABLE
    except SessionError as error:
        say(
            f"kachecks rejoin: this node's server cannot be asked: {error}; start it (my.cnf has it"
            f" boot closed), or mend [client] in {config.path}"
        )
        return UNUSABLE
    found = findings(seen, config)
    status, _ = conclusion(seen, found)
    told = json.dumps(as_json(seen, found), indent=2) if options.json else as_text(seen, found)
    say_lines(told)
    return status
