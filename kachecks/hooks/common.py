"""What the three hooks share: the option file, the node (real or in a dry run), the guard around
both.

While notify_master starts, nobody can write. So what only -v, --dry-run or an odd command line
needs is imported where it is needed.
"""

from __future__ import annotations

import os

from kachecks.config.options import DEFAULT_PATH, Config, ConfigError, load
from kachecks.lean import NamedTuple
from kachecks.node import Node, Outside, VerboseVoice
from kachecks.report import Terminal, log
from kachecks.state.files import USABLE, Files, StateError, note_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from typing import Any

say = Terminal().say
"""One line for a person, or for the journal, that never holds up a hook."""

DONE = 0
REFUSED = 1
UNUSABLE = 3


class Options(NamedTuple):
    """The command line that keepalived.conf has for notify_master and notify_backup."""

    defaults_file: str = DEFAULT_PATH
    stop: bool = False
    verbose: bool = False
    dry_run: bool = False


WITHOUT = {
    "notify_master": "nothing is opened without it",
    "notify_backup": "nothing is closed without it: if this server is open it stays so until it is"
    " mended, or the other node closes it",
    "notify_down": "nothing is closed without it, so keepalived and its VIP are left as they are",
}
"""What it means that an option file cannot be used. It alone names the server and our account, and
allows a SIGKILL; so no hook can do anything to a server. A VIP that left an open server would be
worse than one that stays."""


def run_hook(
    program: str,
    options: Options | argparse.Namespace,
    body: Callable[[Node, Any], int],
    *expected: type[Exception],
) -> int:
    """Load the option file, run ``body`` on this node; the exit status.

    Args:
        expected: what ``body`` raises with a sentence for people.
    """
    told: tuple[type[Exception], ...] = (ConfigError, StateError, *expected)
    try:
        config = load(options.defaults_file)
    except ConfigError as error:
        sentence = f"{program}: {error}; {WITHOUT[program]}"
        status = _unusable(sentence)
        if not options.dry_run and os.geteuid() == 0:
            alert_of_unusable(options.defaults_file, sentence)
        return status
    try:
        if options.dry_run:
            return _dry_run(config, options, body)
        if os.geteuid() != 0:
            return _unusable(f"{program} must run as root: it acts on mysqld and on /run")
        return body(node_for(config, options), options)
    except told as error:
        return _unusable(f"{program}: {error}")
    except Exception as error:
        if options.verbose:
            raise
        if isinstance(error, ImportError):
            return _unusable(f"{program}: cannot be loaded: {error}; install kachecks again")
        return _unusable(f"{program}: unexpected {type(error).__name__}: {error}")


def alert_of_unusable(path: str, sentence: str) -> None:
    """Start the alert program that this option file names, or has named when it was last usable."""
    from kachecks.alert import CRITICAL
    from kachecks.config.unusable import tell

    program = Files().read(note_of(path, USABLE)).partition("\n")[2]
    tell(path, program, CRITICAL, {"reason": "UNKNOWN", "exit": UNUSABLE, "sentence": sentence})


def _dry_run(
    config: Config, options: Options | argparse.Namespace, body: Callable[[Node, Any], int]
) -> int:
    from kachecks.transitions.dry_run import DryRunOver

    try:
        return body(node_for(config, options), options)
    except DryRunOver as over:
        say(f"  {over}")
        return DONE


def node_for(config: Config, options: Options | argparse.Namespace) -> Node:
    """The node of this option file: real, real and verbose, or in a dry run."""
    if options.dry_run:
        from kachecks.transitions.dry_run import DryRun

        return Node(config, DryRun(config))
    return Node(config, Outside(config, VerboseVoice() if options.verbose else None))


def _unusable(sentence: str) -> int:
    log(sentence, problem=True)
    Terminal("stderr").say(sentence)
    return UNUSABLE
