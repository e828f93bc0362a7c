"""The passwords of kachecks' own accounts: the same on both nodes, since replication carries them.

Node 1 gets random ones; node 2 takes over what is in node 1's option file. They go from file to
file, never over a command line or a terminal.
"""

from __future__ import annotations

import os
import secrets
import string
from typing import NamedTuple

from kachecks.commands.setup.snippets import SetupError
from kachecks.config.options import load

LENGTH = 32
_PLAIN = frozenset(string.ascii_letters + string.digits + "-_.,:+=/@%!*~^$&()<>?|{}[]")
"""Mean themselves in quotes of SQL as well as in an option file."""


class Passwords(NamedTuple):
    """Of [client] and of [peer]."""

    local: str
    peer: str

    def __repr__(self) -> str:
        return "Passwords(***)"


def passwords(named: str | None, present: str, node: int) -> Passwords:
    """Those to write: of the option file ``named``, else of the one at ``present``, else new ones.

    Raises:
        SetupError: there is neither, and node 1 has made some already.
        ConfigError: the file is of no use as an option file.
    """
    path = named or (present if os.path.lexists(present) else None)
    if path is not None:
        return taken_from(path)
    if node == 1:
        return Passwords(random(), random())
    raise SetupError(
        "node 2 has the passwords of node 1: copy its kachecks.cnf to here, readable by you alone,"
        " and name it with --passwords-from FILE"
    )


def taken_from(path: str) -> Passwords:
    """Of an option file. Raises SetupError, ConfigError."""
    config = load(path, "--passwords-from")
    found = Passwords(config.local.password or "", config.remote.password or "")
    for group, password in zip(("client", "peer"), found):
        if not password:
            raise SetupError(f"{path}: [{group}] has no password, expected one")
        if not _PLAIN.issuperset(password):
            raise SetupError(
                f"{path}: the password in [{group}] has a character that SQL or an option file"
                " would read as another: take letters, digits and -_.,:+=/@%!*~^$&()<>?|{}[] only"
            )
    return found


def random() -> str:
    """A new one, with a character of each kind that validate_password may want (MySQL)."""
    kinds = (string.ascii_lowercase, string.ascii_uppercase, string.digits, "-_.+=")
    letters = [secrets.choice(kind) for kind in kinds]
    letters += [secrets.choice("".join(kinds)) for _ in range(LENGTH - len(kinds))]
    secrets.SystemRandom().shuffle(letters)
    return "".join(letters)
