"""What the three hooks share: option file, real or rehearsed node, and a guard around it all."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable

from kachecks.config import Config, ConfigError, load
from kachecks.host import Host, TalkingHost
from kachecks.keepalived_process import KeepalivedError
from kachecks.rehearsal import RehearsalHost, RehearsalOver
from kachecks.report import log, say
from kachecks.state import StateError

DONE = 0
REFUSED = 1
UNUSABLE = 3


def run_hook(
    parsing: argparse.ArgumentParser,
    argv: list[str] | None,
    body: Callable[[Host, argparse.Namespace], int],
) -> int:
    """Parse, load the option file, run ``body`` on this node; the exit status."""
    options = parsing.parse_args(argv)
    try:
        host = host_for(load(options.defaults_file), options)
        if not options.dry_run and os.geteuid() != 0:
            return _unusable(f"{parsing.prog} must run as root: it acts on mysqld and on /run")
        return body(host, options)
    except (ConfigError, StateError, KeepalivedError) as error:
        return _unusable(f"{parsing.prog}: {error}")
    except RehearsalOver as over:
        say(f"  {over}")
        return DONE
    except Exception as error:
        if options.verbose:
            raise
        return _unusable(f"{parsing.prog}: unexpected {type(error).__name__}: {error}")


def host_for(config: Config, options: argparse.Namespace) -> Host:
    """The node of this option file: real, talking, or rehearsed."""
    if options.dry_run:
        return RehearsalHost(config)
    return TalkingHost(config) if options.verbose else Host(config)


def _unusable(sentence: str) -> int:
    log(sentence, problem=True)
    print(sentence, file=sys.stderr)
    return UNUSABLE
