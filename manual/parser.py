"""What a command line's parser tells the manual and the completion. Pure."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from typing import NamedTuple


class Option(NamedTuple):
    """One option or argument."""

    names: tuple[str, ...]  # () for an argument by position
    value: str  # what follows, in words; "" nothing
    optional: bool  # the value, or the argument, may be left out
    choices: tuple[str, ...]
    repeats: bool
    help: str

    @property
    def is_file(self) -> bool:
        """Its value is the name of a file, or of a directory."""
        return self.value.endswith(("FILE", "DIR", ".conf"))


def values(option: Option) -> tuple[str, ...]:
    """Those that it may have, where they can be listed."""
    if option.value == "RULE":
        from kachecks.commands.doctor.tables import ALL_RULES

        return tuple(rule.name for rule in ALL_RULES)
    return option.choices


class Epilog(NamedTuple):
    """The text after the options, by its headings."""

    prose: tuple[str, ...]  # paragraphs
    statuses: tuple[tuple[str, str], ...]  # number, meaning
    examples: tuple[str, ...]


def options(parsing: argparse.ArgumentParser) -> list[Option]:
    """In the order of --help."""
    return [_option(parsing, each) for each in parsing._actions]


def _option(parsing: argparse.ArgumentParser, action: argparse.Action) -> Option:
    choices = tuple(map(str, action.choices or ()))
    value = ""
    if action.nargs != 0:
        value = "|".join(choices) if choices else str(action.metavar or action.dest.upper())
    formatter = parsing._get_formatter()
    return Option(
        names=tuple(action.option_strings),
        value=value,
        optional=action.nargs in ("?", "*"),
        choices=choices,
        repeats=isinstance(action, argparse._AppendAction) or action.nargs in ("*", "+"),
        help=formatter._expand_help(action) if action.help else "",
    )


_STATUS = re.compile(r" +(\d+)  (.*)")


def epilog(text: str) -> Epilog:
    """Take it apart: ``exit status`` with its numbers, ``examples``, and prose."""
    prose: list[str] = []
    statuses: list[tuple[str, str]] = []
    examples: list[str] = []
    for block in text.strip().split("\n\n"):
        heading, *lines = block.splitlines()
        if heading.startswith("exit status"):
            statuses += _statuses(lines)
        elif heading.startswith("examples"):
            examples += [line.strip() for line in lines]
        elif block:
            prose.append(block)
    return Epilog(tuple(prose), tuple(statuses), tuple(examples))


def _statuses(lines: list[str]) -> Iterator[tuple[str, str]]:
    """A line without a number goes on with the one before it."""
    number, meaning = "", ""
    for line in lines:
        found = _STATUS.match(line)
        if found:
            if number:
                yield number, meaning
            number, meaning = found[1], found[2]
        else:
            meaning += f" {line.strip()}"
    if number:
        yield number, meaning
