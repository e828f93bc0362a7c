"""The command line of a demo: which servers, and which of its plays."""

from __future__ import annotations

import argparse
from collections.abc import Iterable

from tests.lab.servers.flavour import Flavour
from tests.lab.servers.flavours import ALL_FLAVOURS


def chosen(
    program: str, description: str, kind: str = "", plays: Iterable[str] = ()
) -> tuple[Flavour, list[str]]:
    """The flavour, and the names of the plays: all where none is given.

    Args:
        description: its first line is told.
        kind: what a play is called, "" where there is nothing to choose.
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m tests.lab.demo.{program}", description=description.partition("\n")[0]
    )
    parser.add_argument("--flavour", choices=list(ALL_FLAVOURS), default="mysql")
    known = list(plays)
    if kind:
        parser.add_argument("plays", nargs="*", metavar=kind, help=", ".join(known))
    options = parser.parse_args()
    wanted = getattr(options, "plays", None) or known
    if unknown := set(wanted) - set(known):
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    return ALL_FLAVOURS[options.flavour], wanted
