"""What it costs to run a program: wall and CPU time, peak memory, system calls.

Runs inside a node, next to what it measures, by the system's Python; needs nothing else. On
standard input a JSON object {"programs": {name: {"argv": [...], "env": {...}}}, "times": N}; on
standard output {name: {"wall": [s], "cpu": [s], "status": [...], "memory": bytes, "calls": n}}.
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

_PR_SET_CHILD_SUBREAPER = 36
_WARM_UP = 3
_MEMORY_RUNS = 5
_STRACE = "/usr/bin/strace"


class Run(NamedTuple):
    """Seconds, those of the processes that the program started included."""

    wall: float
    cpu: float
    status: int


def timed(argv: list[str], env: dict[str, str]) -> Run:
    """Run it once, its output thrown away as keepalived does."""
    nowhere = [(os.POSIX_SPAWN_OPEN, number, "/dev/null", os.O_RDWR, 0) for number in (0, 1, 2)]
    begin = time.perf_counter()
    pid = os.posix_spawn(argv[0], argv, env, file_actions=nowhere)
    _, status, usage = os.wait4(pid, 0)
    wall = time.perf_counter() - begin
    return Run(wall, usage.ru_utime + usage.ru_stime, os.waitstatus_to_exitcode(status))


def peak_memory(argv: list[str], env: dict[str, str]) -> int:
    """Bytes of the largest of its processes.

    The kernel counts for a process also what it was before exec: a copy of this Python. So it is
    forked by a shell, which is smaller than anything measured here. The shell ends, this process
    inherits the child (prctl(2), PR_SET_CHILD_SUBREAPER) and tells it to go on.
    """
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
    script = 'exec 3<&0; (read go <&3; exec "$@" 3<&-) >/dev/null 2>&1 & echo $!'
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as go:
        shell = subprocess.run(
            ["/bin/sh", "-c", script, "sh", *argv],
            env=env,
            stdin=reading,
            stdout=subprocess.PIPE,
            check=True,
        )
        os.close(reading)
        go.write(b"go\n")
    _, _, usage = os.wait4(int(shell.stdout), 0)
    return usage.ru_maxrss * 1024


def system_calls(argv: list[str], env: dict[str, str]) -> int | None:
    """How many, of all its processes; None where strace is not installed."""
    if not Path(_STRACE).exists():
        return None
    with tempfile.NamedTemporaryFile("r") as report:
        command = [_STRACE, "-f", "-c", "-o", report.name, *argv]
        subprocess.run(
            command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False
        )
        return total_of(report.read())


def total_of(report: str) -> int | None:
    """The number of calls in the last line of `strace -c`; its errors column may be empty."""
    lines = report.strip().splitlines()
    words = lines[-1].split() if lines else []
    return int(words[3]) if words[-1:] == ["total"] else None


def measure(programs: dict[str, Any], times: int) -> dict[str, Any]:
    """Each program `times` times, in turn, so that whatever else happens hits all alike."""
    runs: dict[str, list[Run]] = {name: [] for name in programs}
    for number in range(_WARM_UP + times):
        for name, program in programs.items():
            run = timed(program["argv"], program["env"])
            if number >= _WARM_UP:
                runs[name].append(run)
    return {
        name: {
            "wall": [run.wall for run in runs[name]],
            "cpu": [run.cpu for run in runs[name]],
            "status": sorted({run.status for run in runs[name]}),
            "memory": max(
                peak_memory(program["argv"], program["env"]) for _ in range(_MEMORY_RUNS)
            ),
            "calls": system_calls(program["argv"], program["env"]),
        }
        for name, program in programs.items()
    }


def main() -> None:
    """Standard input to standard output."""
    wanted = json.load(sys.stdin)
    json.dump(measure(wanted["programs"], wanted["times"]), sys.stdout)


if __name__ == "__main__":
    main()
