"""What doctor's rules are made of: a rule, what it found, and how a table of rules is judged. Pure.

Every section of doctor is one table: rules, each with a function over frozen facts. ``--explain``
and the manual print the same rules, so they cannot tell anything else than what is checked.
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
    the reason as its sentence. It is never silent, as silence means that all is well.
    """

    sentence: str  # the thing and its value
    where: str = ""  # FILE or FILE:LINE
    node: str = HERE
    cure: str = ""  # the rule's cure with this thing's name; "" where the general one says it all
    checked: bool = True
    elsewhere: bool = False  # not checked, and only doctor on the other node can


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
        """What could not be checked is a warning, whatever the rule; 0 where it never can be."""
        if self.checked:
            return self.rule.level
        return 0 if self.elsewhere else WARNING


Facts = TypeVar("Facts")
Check = Callable[[Facts], Iterable[Found]]
Table = Sequence[tuple[Rule, Callable[[Facts], Iterable[Found]]]]


def not_checked(why: str, node: str = HERE, where: str = "", elsewhere: bool = False) -> Found:
    """For a rule whose facts are not to be had; ``why`` names what was in the way.

    Args:
        elsewhere: that is so on every right pair, as only the other node knows: said, but no
            reason for an exit status.
    """
    return Found(why, where, node, checked=False, elsewhere=elsewhere)


def judge(table: Table[Facts], facts: Facts) -> list[Finding]:
    """Every rule of the table, in its order."""
    return [
        Finding(
            rule,
            found.node,
            found.sentence,
            found.where,
            found.cure or rule.cure,
            found.checked,
            found.elsewhere,
        )
        for rule, check in table
        for found in check(facts)
    ]


def rules(table: Table[Facts]) -> tuple[Rule, ...]:
    """The rules alone, for --explain and the manual."""
    return tuple(rule for rule, _ in table)
