"""Rows of real servers and of documented ones; README.md says which is which."""

import json
from functools import cache
from pathlib import Path
from typing import Optional

Row = dict[str, Optional[str]]


def rows(server: str, name: str) -> list[Row]:
    """What ``server`` (mysql-9.7) answers to ``name`` (globals_open); yours to change."""
    return [dict(row) for row in _file(server, name)["rows"]]


def statement(server: str, name: str) -> str:
    """The statement these rows answer."""
    return str(_file(server, name)["statement"])


@cache
def _file(server: str, name: str) -> dict:
    return dict(json.loads((Path(__file__).parent / server / f"{name}.json").read_text()))
