"""Nobody reads, or nobody can be told: the exit status of each program stays what it is."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.unit.doubles.check_process import BUSY, PROGRAM, ROOT

PYTHON = (sys.executable, "-W", "error")
NAMES = ("check_mysql", "notify_master", "notify_backup", "notify_down", "kachecks")
PROGRAMS = {name: (*PYTHON, str(PROGRAM.with_name(name))) for name in NAMES}
FILE = "--defaults-file=/nonexistent/k.cnf"
STATUSES = {
    ("check_mysql", FILE): 30,
    ("check_mysql", "--json", FILE): 30,
    ("check_mysql", "--explain"): 0,
    ("check_mysql", "--help"): 0,
    ("check_mysql", "--fense"): 2,
    ("notify_master", "--version"): 0,
    ("notify_backup", "--nope"): 2,
    ("notify_down", "--help"): 0,
    ("notify_down", "--dry-run", FILE): 3,
    ("kachecks",): 3,
    ("kachecks", "--help"): 0,
    ("kachecks", "--version"): 0,
    ("kachecks", "nope"): 3,
    ("kachecks", "doctor", "--explain"): 0,
    ("kachecks", "status", "--help"): 0,
    ("kachecks", "status", "--nope"): 3,
    ("kachecks", "status", FILE): 3,
    ("kachecks", "elect"): 3,
}
NOBODY = {
    "closed": "<&- >&- 2>&-",
    "a full disk": ">/dev/full 2>&1",
}


def status_of(command: tuple[str, ...], redirected: str, stdout: int | None = None) -> int:
    """By a shell, as sh has them all."""
    program = (*PROGRAMS[command[0]], *command[1:])
    asked = ["sh", "-c", f'exec "$@" {redirected}', "sh", *program]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.call(asked, cwd="/", env=environment, stdout=stdout, timeout=3 * BUSY)


@pytest.mark.parametrize("redirected", NOBODY.values(), ids=NOBODY)
@pytest.mark.parametrize("command", STATUSES, ids=" ".join)
def test_nobody_can_be_told(command: tuple[str, ...], redirected: str) -> None:
    assert status_of(command, redirected) == STATUSES[command]


@pytest.mark.parametrize("command", STATUSES, ids=" ".join)
def test_whoever_reads_has_gone(command: tuple[str, ...]) -> None:
    """As with ``| true``."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        assert status_of(command, "2>&1", stdout=writing) == STATUSES[command]
    finally:
        os.close(writing)


def test_who_minds_is_told_that_stdout_was_closed() -> None:
    """Metrics that nobody gets must not be exit status 0."""
    program = (
        "import sys; from kachecks.commands import main\n"
        "def write():\n"
        "    try: sys.stdout.write('metrics')\n"
        "    except OSError: return 3\n"
        "    return 0\n"
        "main.main = write; main.run()"
    )
    for redirected, status in ((">&-", 3), (">/dev/null", 0)):
        asked = ["sh", "-c", f'exec "$@" {redirected}', "sh", sys.executable, "-c", program]
        assert subprocess.call(asked, cwd=ROOT, timeout=BUSY) == status
