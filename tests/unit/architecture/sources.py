"""The package as its source tells it: every module as a tree."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "kachecks"

HOLE = "\0"
"""Stands in a text for each value that an f-string puts there."""


@cache
def modules() -> dict[str, ast.Module]:
    """Every module by its path below kachecks/, such as ``mysql/queries.py``; the scripts too."""
    paths = [*PACKAGE.rglob("*.py"), *(PACKAGE / "programs").iterdir()]
    return {
        str(path.relative_to(PACKAGE)): ast.parse(path.read_text())
        for path in sorted(paths)
        if path.is_file()
    }


def texts(module: ast.AST) -> Iterator[str]:
    """Its string literals, an f-string as one with HOLEs; not what only describes (docstrings)."""
    for child in ast.iter_child_nodes(module):
        if isinstance(child, ast.JoinedStr):
            parts = [
                str(part.value) if isinstance(part, ast.Constant) else HOLE for part in child.values
            ]
            yield "".join(parts)
        elif isinstance(child, ast.Constant) and isinstance(child.value, str):
            if not isinstance(module, ast.Expr):
                yield child.value
        else:
            yield from texts(child)
