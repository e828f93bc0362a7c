"""A rule about one variable of a server, made from one line of a table. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Callable

from kachecks.commands.doctor.rule import Found, Rule
from kachecks.commands.doctor.server.facts import Server, is_on

Good = Callable[[str], bool]
Line = tuple[Rule, Callable[[Server], Iterator[Found]]]

IN_MY_CNF = "in [mysqld] of my.cnf on both nodes"
"""The end of a cure. MariaDB reads [mysqld] too."""


def setting(
    name: str,
    level: int,
    names: tuple[str, ...],
    good: Good,
    want: str,
    why: str,
    mariadb: bool | None = None,
) -> Line:
    """A rule about one variable, and the function that checks it.

    Args:
        names: what the variable is called, newest first.
        want: "sync_binlog = 1", for the rule's line and its cure.
        mariadb: the only family that the rule is about; None: both.
    """
    rule = Rule(name, level, want, why, f"set {want} {IN_MY_CNF}")

    def check(server: Server) -> Iterator[Found]:
        here = server.name_of(*names)
        if here is None or mariadb not in (None, server.version.mariadb):
            return
        value = server.variables[here]
        if not good(value):
            origin = server.came_from(here)
            auto = origin.kind == "mysqld-auto.cnf"
            yield Found(
                f"{here} is {value or 'empty'}{whence(origin.kind)}",
                origin.path,
                server.node,
                f"RESET PERSIST {here} (mysqld-auto.cnf has it), and {rule.cure}" if auto else "",
            )

    return rule, check


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
