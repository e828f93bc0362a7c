"""Whom to tell of an option file that cannot be used."""

from __future__ import annotations

import os

from kachecks.config.file_format import SPACE, ConfigError, exposed, read
from kachecks.report import alert


def tell(path: str, last: str, entry: dict[str, object]) -> None:
    """Start the alert program: that of the option file, where one can be told, else the last one.
    An option file that cannot be used names nothing else that is certain."""
    program = alert_program(path) or last
    if program:
        alert(program, {"host": os.uname().nodename, "path": path, **entry}, exposed)


def alert_program(path: str) -> str:
    """The last absolute path after ``alert =``; "" where there is none, or where somebody else
    may have written it."""
    try:
        text, _ = read(path)
    except ConfigError:
        return ""
    program = ""
    for line in text.split("\n"):
        key, given, value = line.partition("=")
        if given and key.strip(SPACE).lower() == "alert":
            program = value.partition("#")[0].strip(SPACE).strip("\"'")
    return program if program.startswith("/") else ""
