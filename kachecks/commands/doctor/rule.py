"""What doctor's rules are made of: a rule, what it found, and how a table of rules is judged. Pure.

Each file of rules ends with its TABLE: one ``row`` for each rule, with the function that looks for
what is wrong. ``--explain`` and the manual print the same rows, so they cannot say anything else
than what is checked. Where many rows are alike, a factory makes their functions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeVar

WARNING, FAILURE = 1, 2
"""How bad a finding is, and the exit status it asks for."""

HERE, PEER, BOTH = "here", "peer", ""
"""The node that a finding is about. BOTH: the pair, or no node at all."""


class Rule(NamedTuple):
    """One precondition of the setup."""

    name: str  # UPPER_CASE, unique in doctor
    level: int  # WARNING or FAILURE
    checked: str  # what must be so, in one line
    why: str  # what happens otherwise
    cure: str  # what to do, in general


class Found(NamedTuple):
    """What a rule's function says about one thing that is not as it must be.

    A rule that cannot be checked (not root, the peer away) yields one with ``checked`` False and
    the reason as its sentence. Such a rule never stays silent, since silence means that all is
    well.
    """

    sentence: str  # the thing and its value
    where: str = ""  # FILE or FILE:LINE
    cure: str = ""  # the rule's cure with this thing's name; "" where the general one says it all
    node: str | None = None  # None: the node whose facts are judged
    checked: bool = True
    elsewhere: bool = False  # not checked, as it should be: for the other node, or a later step


class Finding(NamedTuple):
    """A rule together with what it found."""

    rule: Rule
    node: str
    sentence: str
    where: str
    cure: str
    checked: bool
    elsewhere: bool = False

    @property
    def level(self) -> int:
        """What could not be checked is a warning, whatever the rule; 0 if it cannot be checked
        here and now on any correct node."""
        if self.checked:
            return self.rule.level
        return 0 if self.elsewhere else WARNING


Facts = TypeVar("Facts")
Finder = Callable[[Facts], Iterable[Found]]
Row = tuple[Rule, Callable[[Facts], Iterable[Found]]]
Table = Sequence[tuple[Rule, Callable[[Facts], Iterable[Found]]]]


def row(
    name: str, level: int, finder: Finder[Facts], checked: str, why: str, cure: str
) -> Row[Facts]:
    """One line of a table: a rule, and the function that looks for what violates it."""
    return Rule(name, level, checked, why, cure), finder


def not_checked(
    why: str, where: str = "", node: str | None = None, elsewhere: bool = False
) -> Found:
    """For a rule whose facts could not be got; ``why`` names what was in the way.

    Args:
        elsewhere: only the other node can know, or only a later step of the installation brings
            it, which is so on every correct pair. It is said, but does not change the exit status.
    """
    return Found(why, where, "", node, checked=False, elsewhere=elsewhere)


def judge(table: Table[Facts], facts: Facts, node: str) -> list[Finding]:
    """Every rule of the table, in its order, over the facts about ``node``."""
    return [
        Finding(
            rule,
            node if found.node is None else found.node,
            found.sentence,
            found.where,
            found.cure or rule.cure,
            found.checked,
            found.elsewhere,
        )
        for rule, finder in table
        for found in finder(facts)
    ]


def rules(*tables: Table[Facts]) -> tuple[Rule, ...]:
    """The rules alone, for --explain and the manual."""
    return tuple(rule for table in tables for rule, _ in table)
