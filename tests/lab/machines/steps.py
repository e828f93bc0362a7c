"""The installation as docs/install.md has it: the very lines that a reader copies."""

from __future__ import annotations

import textwrap

from tests.lab.error import LabError
from tests.lab.hosts.process import CHECKOUT

_SECTION = "## On two nodes, step by step\n"
_BELOW = "\n## "
_PROMPT = "# "


def command(beginning: str, ending: str = "") -> str:
    """The code of the installation from the line that begins so to the line that ends so.

    Without an `ending` it is one line, with those that a backslash joins to it. A root's prompt
    is taken away.

    Raises:
        LabError: no line there begins so, or several do.
    """
    _, _, rest = (CHECKOUT / "docs/install.md").read_text().partition(_SECTION)
    lines = rest.partition(_BELOW)[0].splitlines()
    starts = [number for number, line in enumerate(lines) if _bare(line).startswith(beginning)]
    if len(starts) != 1:
        raise LabError(f"{len(starts)} lines of docs/install.md begin with: {beginning}")
    (start,) = starts
    end = start
    while not lines[end].endswith(ending) if ending else lines[end].endswith("\\"):
        end += 1
    return textwrap.dedent("\n".join([_bare(lines[start]), *lines[start + 1 : end + 1]]))


def _bare(line: str) -> str:
    code = line.strip() if line.startswith("    ") else ""
    return code[len(_PROMPT) :] if code.startswith(_PROMPT) else code
