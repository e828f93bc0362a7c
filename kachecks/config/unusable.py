"""Whom to tell of an option file that cannot be used."""

from __future__ import annotations

import time

from kachecks.alert import end, of_option_file, problem
from kachecks.config.file_format import SPACE, ConfigError, exposed, read
from kachecks.report import alert


def tell(path: str, last: str, severity: str, entry: dict[str, object]) -> None:
    """Start the alert program: that of the option file, where one can be told, else the last one.
    An option file that cannot be used names nothing else that is certain."""
    program = alert_program(path) or last
    if program:
        alert(program, of_option_file(path, problem("", severity, time.time(), entry)), exposed)


def tell_of_end(path: str, program: str, age: float) -> None:
    """Start the alert program, if there is one: the option file can be used again, ``age`` seconds
    after people were told that it cannot."""
    if program:
        over = f"UNKNOWN is over; {path} can be used again"
        alert(program, of_option_file(path, end("", "UNKNOWN", time.time() - age, over)), exposed)


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
