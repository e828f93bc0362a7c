"""What is left to do without a usable option file: keep the VIP where it is, and tell people."""

from __future__ import annotations

import os

from kachecks.config.file_format import SPACE, ConfigError, exposed, read
from kachecks.lean import suppress
from kachecks.network.vip import here
from kachecks.report import alert

FENCING_IS_OFF = "; fencing is off: until this is mended, nothing on this node can close its server"


def is_here(vips: str) -> bool:
    """One of these addresses is on this host; False also where that cannot be told.

    They are those of the last time when the option file was usable. It may be empty by now, and the
    server that it named is open: as nothing can close it, its VIP must not leave.
    """
    for vip in vips.split(","):
        with suppress(OSError, ValueError):
            if here([vip]):
                return True
    return False


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
