"""The programs that have a page and a completion each, and their parsers."""

from __future__ import annotations

import argparse
from importlib import import_module

PROGRAMS = {
    "check_mysql": (
        "check.program",
        "may this node hold the virtual IP? keepalived asks every second",
    ),
    "notify_master": (
        "hooks.notify_master",
        "the virtual IP has come: open this node's MySQL, safely",
    ),
    "notify_backup": ("hooks.notify_backup", "the virtual IP has left: close this node's MySQL"),
    "notify_down": (
        "hooks.notify_down",
        "give this node up: close MySQL first, stop keepalived last",
    ),
}
"""Beside the parts of ``kachecks``: module, and the line of whatis."""


def parser_of(module: str) -> argparse.ArgumentParser:
    """The parser of a program, or of a part (``commands.status.command``)."""
    parsing: argparse.ArgumentParser = import_module(f"kachecks.{module}").parser()
    return parsing
