"""The files of keepalived-snippets, the same that a reader sees, and how they are filled in.

Each names in its head the words in capitals that it holds. The paragraph that does so is for who
fills the file in by hand, and is left out of what is filled in.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

DIRECTORY = os.path.join(os.path.dirname(__file__), "../../snippets")
"""In the package as installed; in a checkout a link to ``keepalived-snippets``."""

_DECLARED = re.compile(r"^(?:#|--)   ([A-Z][A-Z0-9]*_[A-Z0-9_, ]*[A-Z0-9])  ", re.MULTILINE)
_BY_HAND = "words in capitals"


class SetupError(Exception):
    """The files cannot be made: one sentence with the cure."""


def snippet(name: str) -> str:
    """The text of a file, as it is. Raises SetupError."""
    path = os.path.normpath(os.path.join(DIRECTORY, name))
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError as error:
        raise SetupError(
            f"{path} cannot be read: {error.strerror}; install kachecks again"
        ) from None


def declared(text: str) -> set[str]:
    """The words in capitals that a snippet says it holds."""
    return {word for found in _DECLARED.findall(text) for word in found.split(", ")}


def filled(text: str, words: Mapping[str, object]) -> str:
    """A snippet with each of its words replaced, in code and comments alike.

    Raises SetupError: one of them has no value, so that it would be left over.
    """
    left_over = sorted(declared(text) - set(words))
    if left_over:
        raise SetupError(f"nothing was given for {', '.join(left_over)} of the snippets")
    longest_first = sorted(words, key=len, reverse=True)  # NODE_ADDRESSES before NODE_ADDRESS
    found = re.compile("|".join(map(re.escape, longest_first)))
    return found.sub(lambda match: str(words[match[0]]), _without_instructions(text))


def with_option(text: str, key: str, value: str) -> str:
    """An option file with one key set where it stands, as a comment or not.

    Raises SetupError: it does not stand there exactly once.
    """
    return replaced(text, rf"^(?:# )?({key} *)=.*$", rf"\g<1>= {value}")


def replaced(text: str, pattern: str, new: str) -> str:
    """The text with the one place that fits ``pattern`` replaced by ``new`` (re.sub).

    Raises SetupError: there is no such place, or more than one.
    """
    text, places = re.subn(pattern, new, text, flags=re.MULTILINE)
    if places != 1:
        raise SetupError(f"{pattern} is {places} times in a snippet, expected once")
    return text


def body(text: str) -> str:
    """A snippet without its head: the comment that it begins with."""
    return re.sub(r"\A(?:#.*\n)+\n", "", text)


def _without_instructions(text: str) -> str:
    """Paragraphs of the head are parted by lines with nothing but the mark of a comment."""
    head = re.match(r"(?:(?:#|--).*\n)*", text)
    length = head.end() if head else 0
    paragraphs = re.split(r"^(?:#|--)\n", text[:length], flags=re.MULTILINE)
    mark = "--\n" if text.startswith("--") else "#\n"
    return mark.join(part for part in paragraphs if _BY_HAND not in part) + text[length:]
