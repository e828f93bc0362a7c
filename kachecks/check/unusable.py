"""People are told of an option file that cannot be used, by the alert program that it names."""

from __future__ import annotations

import os

from kachecks.config.file_format import SPACE, ConfigError, read
from kachecks.report import alert

FENCING_IS_OFF = "; fencing is off: until this is mended, nothing on this node can close its server"


def tell(path: str, entry: dict[str, object]) -> None:
    """Start the alert program, where one can be told. An option file that cannot be used names
    nothing else that is certain."""
    program = alert_program(path)
    if program:
        alert(program, {"host": os.uname().nodename, "path": path, **entry})


def alert_program(path: str) -> str:
    """The last absolute path after ``alert =``; "" where there is none, or where somebody else than
    the file's owner, us, may have written it."""
    try:
        if os.stat(path).st_uid != os.geteuid():
            return ""
        text, mode = read(path)
    except (OSError, ConfigError):
        return ""
    if mode & 0o022:
        return ""
    program = ""
    for line in text.split("\n"):
        key, given, value = line.partition("=")
        if given and key.strip(SPACE).lower() == "alert":
            program = value.partition("#")[0].strip(SPACE).strip("\"'")
    return program if program.startswith("/") else ""
