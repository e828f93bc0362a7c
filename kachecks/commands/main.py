"""kachecks, the operator's command: finds the part that was asked for, and guards it."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from importlib import import_module
from typing import NoReturn

from kachecks import __version__
from kachecks.command_line import UNUSABLE, WrongCommandLine, asks_for, unexpected, unusable
from kachecks.config.options import ConfigError
from kachecks.keepalived.process import KeepalivedError
from kachecks.lean import pasted
from kachecks.mysql.session import SessionError
from kachecks.report import say, say_lines
from kachecks.state.files import StateError

PARTS = {
    "setup": "write the files of this node, filled in, for review or in place",
    "status": "both nodes side by side: who holds the VIP, who is open, replication, verdict",
    "doctor": "is the setup right? Every precondition as a rule, with a cure",
    "elect": "who holds the VIP in every situation, by keepalived.conf of both nodes",
    "switchover": "hand the VIP and the writes over to the other node, losing nothing",
    "maintenance": "keep this node out of the election for a while, with a reason",
    "rejoin": "may this node come back, and which transactions does it alone have?",
}
"""Every part and its purpose; each is a package of this name."""

INTERRUPTED = 130
"""128 + SIGINT, as shells report it."""


def main(argv: list[str] | None = None) -> int:
    """Run the part that the first argument names; its exit status."""
    arguments = sys.argv[1:] if argv is None else argv
    if not arguments or arguments[0] in ("-h", "--help"):
        say_lines(usage())
        return 0 if arguments else UNUSABLE
    if arguments[0] == "--version":
        say(f"kachecks {__version__}")
        return 0
    name, as_data = arguments[0], asks_for("json", arguments)
    if name not in PARTS:
        parts = ", ".join(PARTS)
        return unusable("kachecks", f"there is no part {pasted(name)}; there are {parts}", as_data)
    program = f"kachecks {name}"
    try:
        status: int = import_module(f"kachecks.commands.{name}.command").main(arguments[1:])
    except WrongCommandLine as wrong:
        return unusable(program, wrong.sentence, as_data) if as_data else UNUSABLE
    except (ConfigError, StateError, KeepalivedError, SessionError) as error:
        return unusable(program, str(error), as_data)
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:
        if {"-v", "--verbose"} & set(arguments):
            raise
        return unusable(program, unexpected(error), as_data)
    return status


def run() -> NoReturn:
    """The program. It ends without taking the interpreter down, as threads may still wait for a
    server.

    Otherwise it may crash after everything was said (SIGSEGV, seen with the check).
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # it was closed: whoever writes is told so, by OSError
            setattr(sys, name, open(os.devnull))  # noqa: SIM115 - until the process ends
    status = main()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(status)


def usage() -> str:
    """The text of --help."""
    width = max(map(len, PARTS))
    parts = "\n".join(f"  {name:<{width}}  {purpose}" for name, purpose in PARTS.items())
    return (
        "usage: kachecks PART [options]\n\n"
        "The operator's view of keepalived's virtual IP and the MySQL pair behind it.\n\n"
        f"{parts}\n\n"
        "kachecks PART --help says more. A file, a server or a command line that is no use:"
        f" exit {UNUSABLE}."
    )


if __name__ == "__main__":
    run()
