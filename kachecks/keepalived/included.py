"""Which files an include of keepalived.conf names, and whether keepalived ends for one it misses.

``includer``, ``includem``, ``includew``, ``includeb`` and ``includea`` make demands, and
``include_check`` makes demands of every include (open_and_check_glob and check_glob_file in
lib/parser.c). keepalived goes on reading, and ends after the last line.
"""

from __future__ import annotations

import glob
import itertools
import os
import re
import stat
from collections.abc import Sequence
from typing import NamedTuple

INCLUDES = {
    "include": "",
    "includer": "r",
    "includem": "rm",
    "includew": "rmw",
    "includeb": "rb",
    "includea": "rmwb",
}
"""What each demands: every match can be read (r); a name without braces exists (m); a pattern
matches something (w); and so does each choice of braces (b). Tried with ``keepalived -t``."""

_CHECKS = {"read": "r", "match": "rm", "wildcard_match": "rw", "brace_match": "rb"}
"""Of include_check; the manual's `readable` is not known to 2.2.7."""

_MOST_FILES = 1000  # that match
_MOST_NAMES = 1000  # that braces in the name of an included file may stand for


class TooMany(Exception):
    """The braces stand for more names than are looked for."""


class Included(NamedTuple):
    """What an include comes to."""

    files: tuple[str, ...]  # to be read, in order
    missed: tuple[tuple[str, str], ...]  # a sentence, and the letter of who demands otherwise


def included(directory: str, name: str) -> Included:
    """The files that ``name``, which is relative to ``directory``, stands for: glob(3).

    Raises:
        TooMany: its braces cannot be looked through.
    """
    files: list[str] = []
    missed: list[tuple[str, str]] = []
    choices = _expanded(name)
    empty = False
    for choice in choices:
        pattern = os.path.join(directory, choice)
        matches = sorted(itertools.islice(glob.iglob(_of_python(pattern)), _MOST_FILES))
        files += matches
        if matches:
            continue
        if _is_missing(pattern):
            missed.append((f"no file matches {choice}", "b" if len(choices) > 1 else "m"))
        else:
            empty = True
    if empty and not files:
        missed.append((f"no file matches {name}", "w"))
    refused = [
        (f"{each} is passed over: it {why}", "r") for each in files if (why := refusal(each))
    ]
    return Included(tuple(each for each in files if not refusal(each)), (*missed, *refused))


def _is_missing(pattern: str) -> bool:
    """It is no pattern, or one in a directory that is not there."""
    magic = re.search(r"[*?[]", pattern)
    return magic is None or not os.path.isdir(os.path.dirname(pattern[: magic.start()]) or ".")


_GLOB = re.compile(r"\\(.)|\[([!^]?)(\]?(?:\[:\w+:\]|\\.|[^]\\])*)\]")
_CLASSES = {
    "digit": "0-9",
    "lower": "a-z",
    "upper": "A-Z",
    "alpha": "a-zA-Z",
    "alnum": "a-zA-Z0-9",
    "xdigit": "0-9a-fA-F",
    "punct": "!-/:-@[-`{-~",
    "blank": " \t",
    "space": " \t\n\v\f\r",
}


def _of_python(pattern: str) -> str:
    """The pattern of glob(3) as one of Python's, which knows no ``\\``, ``[^``, ``[:digit:]``."""

    def put(found: re.Match[str]) -> str:
        if found[1]:
            return glob.escape(found[1])
        inner = re.sub(r"\[:(\w+):\]", lambda one: _CLASSES.get(one[1], ""), found[3])
        letters = re.sub(r"\\(.)", r"\1", inner)
        return f"[!{letters}]" if found[2] else f"[{letters}]"

    return _GLOB.sub(put, pattern)


def demanded(options: Sequence[str], before: str) -> tuple[str, list[str]]:
    """What ``include_check`` with these options makes every include demand, and the options that
    keepalived passes over. ``before``: what was demanded until then."""
    if not options:
        return "rmwb", []
    demands, unknown = set(before), []
    for place, option in enumerate(options):
        sign = option[0] if option[0] in "+-" else ""
        if not sign and place:
            unknown.append(option)
            continue
        if not sign:
            demands.clear()
        letters = _CHECKS.get(option[len(sign) :], "")
        if not letters:
            unknown.append(option)
        elif sign:
            letter = letters[-1]
            demands = demands - {letter} if sign == "-" else demands | {letter}
        else:
            demands |= set(letters)
    return "".join(sorted(demands)), unknown


def refusal(path: str) -> str:
    """Why keepalived would not read this file, "" if it would."""
    try:
        mode = os.stat(path).st_mode
    except ValueError:
        return "cannot be read: a NUL is in its name"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    if not stat.S_ISREG(mode):
        return "is not a regular file"
    if mode & (stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH):
        return "is executable, which keepalived refuses: chmod -x"
    if not os.access(path, os.R_OK):
        return "cannot be read: Permission denied"
    return ""


def _expanded(pattern: str) -> list[str]:
    """``a{b,c{d,e}}`` as abcd's alternatives: ab, acd, ace."""
    waiting, done = [pattern], []
    while waiting:
        first = waiting.pop()
        alternatives = _first_braces(first)
        if alternatives:
            waiting += reversed(alternatives)
        else:
            done.append(first)
        if len(waiting) + len(done) > _MOST_NAMES:
            raise TooMany(f"stands for more than {_MOST_NAMES} names of files")
    return done


def _first_braces(pattern: str) -> list[str]:
    """The pattern with each choice of its first braces; none: no braces, or not in pairs."""
    start = pattern.find("{")
    depth, cuts = 0, [start]
    for position in range(max(start, 0), len(pattern)):
        letter = pattern[position]
        depth += {"{": 1, "}": -1}.get(letter, 0)
        if (letter == "," and depth == 1) or (letter == "}" and depth == 0):
            cuts.append(position)
        if letter == "}" and depth == 0:
            tail = pattern[position + 1 :]
            inner = [pattern[one + 1 : other] for one, other in zip(cuts, cuts[1:])]
            return [pattern[:start] + choice + tail for choice in inner]
    return []
