"""keepalived.conf as a tree of blocks, each statement with the file and line it stands in.

Statements are split as keepalived splits them: at line ends, and at braces outside double quotes.
So ``virtual_ipaddress { 10.0.0.100/24 }`` on one line, a brace glued to its word, and an opening
brace on the next line are all the same. What the statements mean does not matter here: a keyword
unknown to keepalived is a statement like any other.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import NamedTuple

from kachecks.keepalived.conf_lines import ConfError, Line, Lines, words_of

__all__ = ["Conf", "ConfError", "Statement", "own_config_id", "read"]


class Statement(NamedTuple):
    """A keyword with its parameters and, where it has braces, its block."""

    words: tuple[str, ...]
    where: str  # FILE:LINE
    block: tuple[Statement, ...] | None  # None: no braces

    @property
    def name(self) -> str:
        return self.words[0]

    @property
    def value(self) -> str:
        """The first parameter, "" where there is none."""
        return self.words[1] if len(self.words) > 1 else ""

    def all(self, *names: str) -> list[Statement]:
        """Statements of the block with one of these names, in order."""
        return [inner for inner in self.block or () if inner.name in names]

    def last(self, *names: str) -> Statement | None:
        """The last such statement, for those where a later one replaces an earlier one in
        keepalived."""
        found = self.all(*names)
        return found[-1] if found else None

    def entries(self, *names: str) -> list[Statement]:
        """Lines in the blocks of these names, such as the addresses of ``virtual_ipaddress``."""
        return [entry for inner in self.all(*names) for entry in inner.block or ()]


class Conf(NamedTuple):
    """A whole configuration."""

    path: str
    root: Statement  # without words of its own
    ids: frozenset[str]  # named by conditional lines, such as @main
    notes: tuple[str, ...]  # what keepalived ignores without an error


def own_config_id() -> str:
    """The id keepalived uses without ``-i``: this host's name up to the first dot."""
    return os.uname().nodename.partition(".")[0]


def read(path: str, config_id: str | None = None) -> Conf:
    """Read the configuration at ``path`` as ``keepalived -i config_id`` would.

    Raises:
        ConfError: a file that cannot be read, or braces, quotes, conditions or definitions that do
            not fit together; one sentence with file and line.
    """
    lines = Lines(own_config_id() if config_id is None else config_id)
    block = _tree(path, lines.read(path))
    return Conf(path, Statement((), path, block), frozenset(lines.ids), tuple(lines.notes))


class _Open(NamedTuple):
    """A block that is not closed yet."""

    words: tuple[str, ...]
    where: str
    inner: list[Statement]


def _tree(path: str, lines: Iterable[Line]) -> tuple[Statement, ...]:
    blocks = [_Open((), path, [])]
    may_open = False  # the last line was a statement
    for line in lines:
        inner = blocks[-1].inner
        if line.text == "{":
            if not may_open:
                raise ConfError(f"{line.where}: a block opens ({{) with no keyword before it")
            opened = inner.pop()
            blocks.append(_Open(opened.words, opened.where, []))
        elif line.text == "}":
            if len(blocks) == 1:
                raise ConfError(f"{line.where}: }} closes a block that was never opened")
            closed = blocks.pop()
            blocks[-1].inner.append(Statement(closed.words, closed.where, tuple(closed.inner)))
        else:
            inner.append(Statement(_words(line), line.where, None))
        may_open = line.text not in ("{", "}")
    if len(blocks) > 1:
        left = blocks[-1]
        raise ConfError(f"{left.where}: the block of {' '.join(left.words)} is not closed")
    return tuple(blocks[0].inner)


def _words(line: Line) -> tuple[str, ...]:
    """Words between blanks; double quotes hold one together and are taken off.

    There are no escapes: keepalived knows them only in a few values, such as scripts, which it
    splits once more.
    """
    parts = line.text.split('"')
    if len(parts) % 2 == 0:
        raise ConfError(f'{line.where}: a quote (") is opened and not closed')
    words: list[str] = []
    for number, part in enumerate(parts):
        words += [part] if number % 2 else words_of(part)
    return tuple(words)
