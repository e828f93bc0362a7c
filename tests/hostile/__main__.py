"""What each program does when it meets each hostile server: exit status, seconds, peak memory.

python -m tests.hostile [--side peer|local] [--program NAME] [REGEX]   (root; an hour for all)

Every run has network, processes and /run of its own. What is wrong stands at the end of a line: a
program that has not ended in time, has grown too large, or shows a traceback or the password.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.hostile.behaviours import BEHAVIOURS, right
from tests.unit.doubles.check_process import PASSWORD, ROOT, VIP, Node
from tests.unit.doubles.fake_server import Behaviour, listening

PROGRAMS = {
    "check_mysql": ["check_mysql", "--fence"],
    "notify_master": ["notify_master"],
    "notify_backup": ["notify_backup"],
    "notify_down": ["notify_down", "--keep-keepalived"],
    "status": ["kachecks", "status"],
    "doctor": ["kachecks", "doctor"],
    "rejoin": ["kachecks", "rejoin"],
    "switchover": ["kachecks", "switchover"],
}
SIDES = ("peer", "local")

LONGEST, LARGEST = 30.0, 64.0
"""Seconds, and MiB, that no program may take."""

PEER = "10.99.88.1"

INSIDE = f"""
mount -t tmpfs tmpfs /run && ip link set lo up || exit
ip addr add {VIP}/32 dev lo && ip addr add {PEER}/32 dev lo && exec "$@"
"""

LAUNCHER = """
import os, resource, sys
child = os.fork()
if not child:
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
    os.execv(sys.argv[2], sys.argv[2:])
_, status, usage = os.wait4(child, 0)
with open(sys.argv[1], "w") as file:
    print(os.waitstatus_to_exitcode(status), usage.ru_maxrss, file=file)
"""
"""Starts the program from a small process: what its parent takes up counts as the child's, too."""


class Outcome(NamedTuple):
    """What came of one run."""

    status: int | None  # None: it had to be killed
    seconds: float
    mebibytes: float
    said: str

    @property
    def wrong(self) -> str:
        """What no program may do; "" is right."""
        if self.status is None:
            return "does not end"
        found = [
            (self.status < 0, "killed by a signal"),
            (self.mebibytes > LARGEST, "too large"),
            ("Traceback" in self.said, "traceback"),
            (PASSWORD in self.said, "shows the password"),
            (any(not each.isprintable() and each != "\n" for each in self.said), "odd output"),
        ]
        return ", ".join(what for is_so, what in found if is_so)


def main() -> int:
    parsing = argparse.ArgumentParser("python -m tests.hostile")
    parsing.add_argument("--side", choices=SIDES)
    parsing.add_argument("--program", choices=list(PROGRAMS))
    parsing.add_argument("behaviour", nargs="?", default="", metavar="REGEX")
    parsing.add_argument("-v", "--verbose", action="store_true", help="show what is said, too")
    asked = parsing.parse_args()
    if os.getpid() != 1:
        apart = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        inside = [sys.executable, "-m", "tests.hostile", *sys.argv[1:]]
        os.execvp(apart[0], [*apart, "sh", "-c", INSIDE, "sh", *inside])  # noqa: S606
    print(f"{'behaviour':50}{'of the':7}{'program':15}{'exit':>5}{'s':>7}{'MiB':>6}")
    wrong = 0
    for name in (name for name in BEHAVIOURS if re.search(asked.behaviour, name)):
        for side in [asked.side] if asked.side else SIDES:
            for program in [asked.program] if asked.program else PROGRAMS:
                outcome = met(name, side, program)
                wrong += bool(outcome.wrong)
                status = "-" if outcome.status is None else outcome.status
                print(
                    f"{name:50}{side:7}{program:15}{status:>5}{outcome.seconds:7.2f}"
                    f"{outcome.mebibytes:6.0f}  {outcome.wrong}",
                    flush=True,
                )
                if asked.verbose:
                    print(outcome.said)
    return 1 if wrong else 0


def met(behaviour: str, side: str, program: str) -> Outcome:
    """One program meets one server; the other server is right."""
    lies = BEHAVIOURS[behaviour]
    other = ("1", "9a387c66-e665-11f1-b3c0-02000a000002")
    peer, local = (lies, right("open", other)) if side == "peer" else (right("closed", other), lies)
    with tempfile.TemporaryDirectory() as directory, world(Path(directory), peer, local) as node:
        name, *options = PROGRAMS[program]
        command = [str(Path(sys.executable).parent / name), *options]
        file = f"--defaults-file={node.file}"
        return run([command[0], *command[1:2], file, *command[2:]])


@contextmanager
def world(directory: Path, peer: Behaviour, local: Behaviour) -> Iterator[Node]:
    """A node, whose VIP is here, and both servers."""
    node = Node(directory)
    with listening(None, peer, PEER) as port, listening(node.socket, local):
        node.options(f"[peer]\nport = {port}", peer=PEER, peer_check=1)
        yield node


def run(command: list[str]) -> Outcome:
    """Run it to its end, or kill it."""
    with tempfile.NamedTemporaryFile("r") as told:
        launch = [sys.executable, "-I", "-S", "-c", LAUNCHER, told.name, *command]
        begin = time.monotonic()
        with subprocess.Popen(
            launch, cwd="/", env={**os.environ, "PYTHONPATH": str(ROOT)}, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        ) as process:  # fmt: skip
            try:
                said, _ = process.communicate(timeout=LONGEST)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                said, _ = process.communicate()
        seconds = time.monotonic() - begin
        status, size = (told.read().split() or [None, "0"])[:2]
    text = said.decode("utf-8", "backslashreplace")
    return Outcome(None if status is None else int(status), seconds, int(size) / 1024, text)


if __name__ == "__main__":
    sys.exit(main())
