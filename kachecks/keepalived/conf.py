"""keepalived.conf as a tree of blocks, each statement with the file and line it stands in.

Statements are split as keepalived splits them: at line ends, and at braces outside double quotes.
So ``virtual_ipaddress { 10.0.0.100/24 }`` on one line, a brace glued to its word, and an opening
brace on the next line are all the same. The tree has only what keepalived takes.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from kachecks.keepalived.blocks import Statement, parse
from kachecks.keepalived.conf_lines import ConfError, Lines

__all__ = ["Conf", "ConfError", "Statement", "own_config_id", "read"]


class Conf(NamedTuple):
    """A whole configuration."""

    path: str
    root: Statement  # without words of its own
    ids: frozenset[str]  # named by conditional lines, such as @main
    notes: tuple[str, ...]  # what keepalived passes over, sentences with FILE:LINE
    ends: str  # where and why keepalived ends when it reads it, "" it does not
    version: tuple[int, int] | None  # of the keepalived that reads it, None: not known


def own_config_id() -> str:
    """The id keepalived uses without ``-i``: this host's name up to the first dot."""
    return os.uname().nodename.partition(".")[0]


def read(path: str, config_id: str | None = None, version: tuple[int, int] | None = None) -> Conf:
    """Read the configuration at ``path`` as ``keepalived -i config_id`` of this version would.

    Without a version no keyword is too new for it.

    Raises:
        ConfError: a file that cannot be read, or quotes, conditions or definitions that do not fit
            together; one sentence with file and line.
    """
    copied = version is None or version >= (2, 2)
    lines = Lines(own_config_id() if config_id is None else config_id, copied)
    parsed = parse(lines.read(path), version)
    return Conf(
        path,
        Statement((), path, parsed.statements),
        frozenset(lines.ids),
        (*lines.notes, *parsed.notes),
        lines.ends or parsed.ends,
        version,
    )
