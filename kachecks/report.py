"""What people get to read: syslog, the operator's terminal, the alert program.

Text of servers, files and people is shown, never obeyed: whatever leaves here has passed ``shown``.

Nothing here waits for whoever is told: a log daemon, a pager or a screen that hangs must not hold
up a verdict or a hook.
"""

from __future__ import annotations

import os
import sys

from kachecks.lean import shown, suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

DEV_LOG = "/dev/log"
"""The log daemon's socket: journald's, rsyslogd's."""

LOG_PATIENCE = 0.1
"""Seconds for the log daemon to make room for one line."""

SCREEN_PATIENCE = 0.3
"""Seconds for a terminal, or whoever reads a pipe, to make room for one line."""

AT_ONCE = 1000
"""Characters for which there certainly is room where there is any: PIPE_BUF is 4,096 bytes. GTID
sets are longer."""

LONGEST_LINE = 2000
"""Characters of one line in syslog, which takes at least 2,048 bytes (RFC 5424) and often no more
than 8 KiB; the audit log has the whole text."""

DAEMON, WARNING, NOTICE = 3 << 3, 4, 5
"""A facility and two priorities of syslog(3)."""


def log(text: str, problem: bool = False) -> None:
    """One line to syslog, from ``kachecks``; keepalived throws a script's own output away.

    The line is sent as syslog(3) sends it, but is lost where the log daemon hangs and no longer
    empties its socket. syslog(3) waits for ever then, with a lock that its next call, openlog(3)
    too, needs while it holds the interpreter's: not one thread of the process went on (measured,
    Python 3.11), and keepalived would end the check as hung and move the VIP for that.
    """
    from _socket import SOCK_DGRAM, SOCK_STREAM

    priority = DAEMON | (WARNING if problem else NOTICE)
    line = f"<{priority}>kachecks[{os.getpid()}]: {shown(text, LONGEST_LINE)}".encode()
    try:
        _send(SOCK_DGRAM, line)
    except OSError as error:
        from errno import EPROTOTYPE

        if error.errno == EPROTOTYPE:  # a stream: some syslog-ng, where a NUL ends a line
            with suppress(OSError):
                _send(SOCK_STREAM, line + b"\0")


def _send(kind: int, line: bytes) -> None:
    """Raises OSError: also where there is no room within LOG_PATIENCE."""
    from _socket import AF_UNIX, SOCK_CLOEXEC, socket

    daemon = socket(AF_UNIX, kind | SOCK_CLOEXEC)
    try:
        daemon.settimeout(LOG_PATIENCE)
        daemon.connect(DEV_LOG)
        daemon.send(line)
    finally:
        daemon.close()


def say(text: str, stream: str = "stdout") -> None:
    """One line for the person who runs the program by hand; waits for who reads it."""
    _write(f"{shown(text)}\n", stream)


def say_lines(text: str, stream: str = "stdout") -> None:
    """The same for text of our own making that has several lines, such as a table or JSON."""
    _write("".join(f"{shown(line)}\n" for line in text.split("\n")), stream)


def _write(text: str, stream: str) -> None:
    # A closed pipe, a full disk or a poor LANG must not change the exit status.
    with suppress(AttributeError, OSError, ValueError):
        file = getattr(sys, stream)
        try:
            print(text, end="", file=file, flush=True)
        except UnicodeEncodeError:  # nothing of it was written: now with ? for what is not there
            text = text.encode(file.encoding, "replace").decode(file.encoding)
            print(text, end="", file=file, flush=True)


def _may_be_full(file: int) -> bool:
    """It is a pipe, a socket or a terminal. keepalived gives its scripts /dev/null."""
    kind = os.fstat(file).st_mode & 0o170000
    return kind in (0o010000, 0o140000) or os.isatty(file)


class Terminal:
    """Somebody's screen, or a log daemon. One that was stopped with Ctrl-S, or a pipe that nobody
    reads, must not stop us while this node is closed, or keepalived still runs.

    After a line that could not be written in time, no more lines are written.
    """

    def __init__(self, stream: str = "stdout") -> None:
        self._stream = stream
        self._stuck = False

    def say(self, text: str) -> None:
        """One line, within SCREEN_PATIENCE seconds, or as much of it as there is room for."""
        line = f"{shown(text)}\n"
        for begin in range(0, len(line), AT_ONCE):
            self._stuck = self._stuck or not self._has_room()
            if not self._stuck:
                _write(line[begin : begin + AT_ONCE], self._stream)

    def _has_room(self) -> bool:
        try:
            stream = getattr(sys, self._stream)
            if not _may_be_full(stream.fileno()):
                return True
            import select

            return bool(select.select([], [stream], [], SCREEN_PATIENCE)[1])
        except (AttributeError, OSError, ValueError, TypeError):  # no file, or a closed one
            return True


def alert(program: str, record: dict[str, object], exposed: Callable[[str], str]) -> None:
    """Start the operator's program with the record as JSON on its stdin, and let it go.

    Its texts are as ``shown``, in full, since the program may send them to a screen.

    If it cannot be started, syslog says so.

    Args:
        exposed: says who else than root may change what is at a path; what anybody may change is
            not run. It is asked in the new process, since the program's disk may hang.
    """
    import json

    from kachecks.children import let_go

    def cannot(error: BaseException) -> None:
        cure = "; alert takes no arguments: write a script" if " " in program else ""
        log(f"alert program {program} cannot be run: {error}{cure}", problem=True)

    def must_be_roots() -> None:
        others = exposed(program)
        if others:
            raise PermissionError(f"{others}: chown root:root and chmod go-w")

    told = {key: _all_shown(each) for key, each in record.items()}
    try:
        let_go([program], json.dumps(told, ensure_ascii=False), cannot, must_be_roots)
    except OSError as error:
        cannot(error)


def _all_shown(value: object) -> object:
    """The texts in a value of a record, where steps are lists of names and times."""
    if isinstance(value, (list, tuple)):
        return [_all_shown(each) for each in value]
    return shown(value) if isinstance(value, str) else value
