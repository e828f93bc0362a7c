"""A rule about one variable of a server, made from one line of a table. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from kachecks.commands.doctor.rule import Found, Row, row
from kachecks.commands.doctor.server.facts import Server, is_on

IN_MY_CNF = "in [mysqld] of my.cnf on both nodes"
"""The end of a cure. MariaDB reads [mysqld] too."""

Good = Callable[[str], bool]


class Variable(NamedTuple):
    """A variable and its right values. A server that does not have it passes."""

    names: tuple[str, ...]  # what it is called, newest first
    good: Good
    mariadb: bool | None = None  # the only family that the rule is about; None: both


def setting(name: str, level: int, variable: Variable, want: str, why: str) -> Row[Server]:
    """A rule about one variable; ``want``, "sync_binlog = 1", for the rule's line and its cure."""
    cure = f"set {want} {IN_MY_CNF}"

    def finder(server: Server) -> Iterator[Found]:
        here = server.name_of(*variable.names)
        if here is None or variable.mariadb not in (None, server.version.mariadb):
            return
        value = server.variables[here]
        if not variable.good(value):
            origin = server.came_from(here)
            auto = origin.kind == "mysqld-auto.cnf"
            yield Found(
                f"{here} is {value or 'empty'}{whence(origin.kind)}",
                origin.path,
                f"RESET PERSIST {here} (mysqld-auto.cnf has it), and {cure}" if auto else "",
            )

    return row(name, level, finder, want, why, cure)


def whence(kind: str) -> str:
    """The end of a sentence about a value: where it comes from (Origin.kind)."""
    return {
        "default": ", the default",
        "command line": ", from the command line",
        "statement": ", set by a statement since its start",
        "mysqld-auto.cnf": ", from mysqld-auto.cnf",
    }.get(kind, "")


def at_most(most: float) -> Good:
    """A number, no larger."""
    return lambda value: _number(value) <= most


def one_of(*wanted: str) -> Good:
    """A word, in capitals here."""
    return lambda value: value.upper() in wanted


def _number(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        return 0.0


def off(value: str) -> bool:
    """A switch that is not on."""
    return not is_on(value)
