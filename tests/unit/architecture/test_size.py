"""A function is read as a whole: it fits on a screen, and its call on a line."""

from __future__ import annotations

import ast

from tests.unit.architecture.sources import modules

LONGEST = 40
"""Lines, with the signature and without the docstring."""

MOST_PARAMETERS = 6
"""Without self."""

TO_BE_MENDED: set[str] = set()
"""Functions that are too long or take too much. The list only shrinks."""


def offences(module: ast.Module) -> dict[str, str]:
    """Names of functions, each with what is wrong."""
    found = {}
    for each in ast.walk(module):
        if isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef)):
            lines = _lines(each) - (_lines(each.body[0]) if ast.get_docstring(each) else 0)
            given = [*each.args.posonlyargs, *each.args.args, *each.args.kwonlyargs]
            parameters = len([one for one in given if one.arg not in ("self", "cls")])
            if lines > LONGEST or parameters > MOST_PARAMETERS:
                found[each.name] = f"{lines} lines, {parameters} parameters"
    return found


def _lines(node: ast.stmt) -> int:
    return (node.end_lineno or 0) - node.lineno + 1


def test_functions_are_short() -> None:
    found = {
        f"{path}:{name}": wrong
        for path, module in modules().items()
        for name, wrong in offences(module).items()
    }
    assert {name: wrong for name, wrong in found.items() if name not in TO_BE_MENDED} == {}
    assert set(TO_BE_MENDED) - set(found) == set(), "mended: take it off the list"


def test_what_is_too_much() -> None:
    long = "def long():\n" + "    pass\n" * LONGEST
    wide = "def wide(self, a, b, /, c, d, *, e, f, g): pass\n"
    fine = "def fine(self, a, b, c, d, e, f):\n    'What it does.'\n" + "    pass\n" * (LONGEST - 1)
    assert offences(ast.parse(f"{long}{wide}{fine}")) == {
        "long": "41 lines, 0 parameters",
        "wide": "1 lines, 7 parameters",
    }
