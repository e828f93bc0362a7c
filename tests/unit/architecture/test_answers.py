"""Rows of a server are read in one place (mysql.session.ask), where an answer that makes no sense
becomes an error that everybody is prepared for."""

from __future__ import annotations

import ast

from tests.unit.architecture.sources import modules

PASSED_ON = {
    "mysql/session.py",
    "mysql/driver.py",
    "mysql/hurried.py",
    "transitions/dry_run.py",
}
"""ask itself; whose rows it gets; and who pretends to be a session."""


def rows_read(module: ast.Module) -> list[int]:
    """Lines in which a session is asked, and its rows are used."""
    unused = {id(node.value) for node in ast.walk(module) if isinstance(node, ast.Expr)}
    return [
        node.lineno
        for node in ast.walk(module)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "query"
        and id(node) not in unused
    ]


def test_rows_are_read_in_one_place() -> None:
    read = {name: rows_read(module) for name, module in modules().items() if name not in PASSED_ON}
    assert {name: lines for name, lines in read.items() if lines} == {}


def test_it_is_looked_for() -> None:
    assert rows_read(ast.parse("x = session.query(sql, 1.0)[0]"))
    assert not rows_read(ast.parse("session.query(sql, 1.0)"))
    assert rows_read(modules()["mysql/session.py"])
