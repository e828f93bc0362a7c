"""What people get to read: syslog, the operator's terminal, the alert program."""

from __future__ import annotations

from kachecks.lean import suppress

LOG_PATIENCE = 0.3
"""Seconds to wait for the log daemon."""


def log(text: str, problem: bool = False) -> None:
    """One line to syslog, from ``kachecks``; keepalived throws a script's own output away.

    A log daemon that hangs, and no longer empties its socket, is not waited for: keepalived would
    end a waiting check as hung, and the VIP would move for that.
    """
    import syslog

    from kachecks.bounded import GivenUp, within

    syslog.openlog("kachecks", syslog.LOG_PID, syslog.LOG_DAEMON)
    priority = syslog.LOG_WARNING if problem else syslog.LOG_NOTICE
    with suppress(GivenUp):
        within(LOG_PATIENCE, syslog.syslog, priority, text)


def say(text: str) -> None:
    """One line for the person who runs the program by hand."""
    # A closed pipe, a full disk or a poor LANG must not change the exit status.
    with suppress(OSError, ValueError):
        print(text, flush=True)


class Terminal:
    """Somebody's screen. One that was stopped with Ctrl-S must not stop us while this node is
    closed.

    After a line that could not be written in time, no more lines are written.
    """

    def __init__(self) -> None:
        self._stuck = False

    def say(self, text: str) -> None:
        """One line, within LOG_PATIENCE seconds."""
        from kachecks.bounded import GivenUp, within

        if not self._stuck:
            try:
                within(LOG_PATIENCE, say, text)
            except GivenUp:
                self._stuck = True


def alert(program: str, record: dict[str, object]) -> None:
    """Start the operator's program with the record as JSON on its stdin, and let it go.

    It runs in a session of its own, so that neither keepalived's signals nor our end reach it.
    If it cannot be started, syslog says so.
    """
    import json
    import subprocess

    text = json.dumps(record, ensure_ascii=False).encode()
    try:
        process = subprocess.Popen(
            [program],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        if process.stdin is not None:
            process.stdin.write(text[:60000])  # less than a pipe holds: this never waits
            process.stdin.close()
    except OSError as error:
        log(f"alert program {program} cannot be run: {error}", problem=True)
