"""The very files that an operator copies, with their words in capitals replaced."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Optional

from kachecks.commands.setup.snippets import filled
from tests.lab.hosts.process import CHECKOUT

SNIPPETS = CHECKOUT / "keepalived-snippets"

Words = Mapping[str, object]
"""What replaces the words in capitals."""


def fill(file: Path, words: Words) -> str:
    """The text of `file` with each of `words` replaced, as `kachecks setup` does it."""
    return filled(file.read_text(), words)


def with_options(text: str, options: Mapping[str, Optional[object]]) -> str:
    """An option file with `options` set, each named `section.key`, or removed where None."""
    for name, value in options.items():
        section, _, key = name.rpartition(".")
        head = f"[{section}]\n"
        before, found, rest = text.partition(head)
        following = re.search(r"^\[", rest, re.M)
        end = following.start() if following else len(rest)
        inside = re.sub(rf"^{key}\s*=.*\n", "", rest[:end], flags=re.M)
        if value is not None:
            inside = f"{key} = {value}\n{inside}"
        text = before + (found or head) + inside + rest[end:]
    return text


def uncommented(text: str, *keys: str) -> str:
    """An option file with the options switched on that it has as comments: by how they begin."""
    return re.sub(rf"^# *((?:{'|'.join(keys)})\w*\s*=)", r"\1", text, flags=re.M)


def without_comments(text: str) -> str:
    """keepalived.conf text less the lines that are comments, or empty."""
    lines = text.splitlines(keepends=True)
    return "".join(line for line in lines if line.partition("#")[0].strip())


def without_blocks(text: str, *keywords: str) -> str:
    """keepalived.conf text less the lines that start with a keyword, blocks to their end."""
    kept, depth = [], 0
    for line in text.splitlines(keepends=True):
        code = line.partition("#")[0]
        words = code.split()
        if depth or (words and words[0] in keywords):
            depth += code.count("{") - code.count("}")
        else:
            kept.append(line)
    return "".join(kept)
