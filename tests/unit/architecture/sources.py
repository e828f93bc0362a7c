"""The package as its source tells it: every module as a tree."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

try:
    import tomllib
except ModuleNotFoundError:  # Python before 3.11
    import tomli as tomllib  # type: ignore[no-redef]

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


def pure_modules() -> set[str]:
    """Modules that import-linter keeps away from every server: they show SQL and send none."""
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    named = {each["name"]: each for each in linter["contracts"]}
    pure = named["Rules and values ask nobody"]
    return {f"{name.partition('.')[2].replace('.', '/')}.py" for name in pure["source_modules"]}


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
