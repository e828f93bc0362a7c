"""Who may change a file that root runs or believes. Pure."""

from __future__ import annotations

import stat

from kachecks.commands.doctor.host.facts import Part


def unsafe(part: Part) -> str:
    """Why somebody besides root may change this, "" nobody may.

    The rule of keepalived's enable_script_security (lib/notify.c): root's, and writable by root
    alone; a directory with the sticky bit may be writable.
    """
    if part.uid != 0:
        return f"{part.path} belongs to uid {part.uid}"
    if stat.S_ISDIR(part.mode) and part.mode & stat.S_ISVTX:
        return ""
    if part.mode & 0o002:
        return f"anybody may write to {part.path} (mode {part.mode & 0o7777:04o})"
    if part.mode & 0o020 and part.gid != 0:
        return f"gid {part.gid} may write to {part.path} (mode {part.mode & 0o7777:04o})"
    return ""


def mending(part: Part) -> str:
    """The command that makes it safe."""
    owner = f"chown root:root {part.path}" if part.uid != 0 else ""
    mode = f"chmod go-w {part.path}" if part.mode & 0o022 else ""
    return " && ".join(command for command in (owner, mode) if command)
