"""One configuration in many spellings: all that keepalived's parser allows, mixed at random."""

from __future__ import annotations

import random
from collections.abc import Iterable
from pathlib import Path
from typing import Union

#: A keyword with its parameters, or that and the statements of its block.
Content = Union[str, tuple[str, list["Content"]]]

CONFIG_ID = "node1"


class Noise:
    """Writes statements down in a directory, the main file and those it includes."""

    def __init__(self, dice: random.Random, directory: Path) -> None:
        self._dice = dice
        self._directory = directory
        self._names = 0

    def write(self, contents: Iterable[Content]) -> Path:
        """The main file."""
        path = self._directory / "keepalived.conf"
        path.write_text("\n".join(self._lines(contents)) + "\n")
        return path

    def _lines(self, contents: Iterable[Content]) -> list[str]:
        lines: list[str] = []
        for content in contents:
            if isinstance(content, tuple):
                written = self._block(*content)
            else:
                written = self._statement(content)
            if self._dice.random() < 0.15:
                written = [f"include {self._file(written)}"]
            lines += self._disturbed(written)
        return lines

    def _block(self, head: str, inner: list[Content]) -> list[str]:
        lines = self._lines(inner)
        style = self._dice.randrange(4)
        if self._dice.random() < 0.006:  # no spelling, but a mistake
            return [head, *(lines if self._dice.random() < 0.6 else []), "}"]
        if style == 0:
            return [head, "{", *lines, "}"]
        if style == 1:
            return [f"{head}{{", *lines, "}"]
        if style == 2 and len(lines) == 1 and not set(lines[0]) & set("!#") and inner == lines:
            return [f"{head} {{ {lines[0]} }}"]
        if style == 3 and len(lines) > 1:
            return [f"{head} {{{lines[0]}", *lines[1:], "}"]
        return [f"{head} {{", *lines, " }  "]

    def _statement(self, text: str) -> list[str]:
        words = text.split(" ")  # a no-break space is no blank
        style = self._dice.randrange(8)
        if style == 0 and len(words) > 1:
            name = self._name()
            return [f"${name}={words[-1]}", " ".join([*words[:-1], f"${{{name}}}"])]
        if style == 1 and len(words) > 1:
            name = self._name()
            return [
                f"@^{CONFIG_ID} ${name}=1",
                f"${name}={' '.join(words[1:])}",
                f"{words[0]} ${name}",
            ]
        if style == 2:
            return [f"@{CONFIG_ID} {text}"]
        if style == 3:
            return [f"@other {words[0]} 1", f"@^other\t{text}"]
        if style == 4:
            name = self._name()
            return [f"${name}= \\", f" {text} \\", f"   @other {text} 3 \\", "", f"${name}"]
        if style == 5 and len(words) > 1:
            return [f'{words[0]} "{words[1]}" {" ".join(words[2:])}']
        return [text]

    def _disturbed(self, lines: list[str]) -> list[str]:
        """Comments, blank lines and blanks, but not inside a definition of several lines."""
        if any(line.endswith("\\") for line in lines):
            return lines
        done = []
        for line in lines:
            done += self._dice.choice([[], [], [], [""], ["# } x"], ["  ! y {"]])
            note = self._dice.choice(["", "", "  ", " # note {", "!}"])
            done.append(self._dice.choice(["", "  ", "\t"]) + line + note)
        return done

    def _file(self, lines: list[str]) -> str:
        """A file with these lines; how it is named in `include`."""
        name = f"{self._name()}.inc"
        path = self._directory / name
        path.write_text("\n".join(lines) + "\n")
        return self._dice.choice([name, str(path), name.replace(".inc", ".[h-j]n?")])

    def _name(self) -> str:
        self._names += 1
        return f"N{self._names}"
