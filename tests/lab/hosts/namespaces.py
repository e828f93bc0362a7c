"""A set of namespaces: a process that holds them open, and the way into them.

Everything dies with the lab, even by SIGKILL: `setpriv --pdeathsig` kills `unshare` when the
thread that started it ends, `unshare --kill-child` kills pid 1 of the namespaces, and the kernel
kills the rest with pid 1. So start namespaces from a thread that outlives them.
"""

import contextlib
import os
import signal
import subprocess
import sys
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional, Union

from tests.lab.error import LabError
from tests.lab.hosts.process import CHECKOUT

Argument = Union[str, Path]

#: As under systemd: nothing of the shell or the virtual environment that the lab runs in.
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C.UTF-8",
    "HOME": "/root",
}
SYSTEM_PYTHON = "/usr/bin/python3" if Path("/usr/bin/python3").exists() else sys.executable


class Namespaces:
    """A network, process, mount and host-name namespace; with a `room`, a file system to match."""

    #: What is made by `unshare`, what is entered by `nsenter`, and what becomes pid 1 with `room`.
    _made: Sequence[str] = ("--net", "--pid", "--mount", "--uts")
    _entered: Sequence[str] = _made
    _program: Sequence[Argument] = ("-I", "-S", Path(__file__).with_name("room.py"))

    def __init__(self, room: Optional[str] = None) -> None:
        argv: list[Argument] = ["setpriv", "--pdeathsig", "KILL", "unshare", *self._made]
        argv += ["--fork", "--kill-child", "--propagation", "private"]
        argv += [SYSTEM_PYTHON, *self._program]
        self._holder = subprocess.Popen(
            argv + ([room] if room else []),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=CHECKOUT,
            env=ENVIRONMENT,
            start_new_session=True,  # Ctrl-C is for the lab, not for every node
            text=True,
        )
        assert self._holder.stdout is not None
        ready = self._holder.stdout.readline()
        if not ready.strip():
            _, error = self._holder.communicate()
            raise LabError(f"the namespaces did not come up: {error.strip()}")
        #: Pid 1 of the namespaces, as the host counts.
        self.pid = int(ready)
        self._children: weakref.WeakSet[subprocess.Popen[Any]] = weakref.WeakSet()

    def enter(self, argv: Sequence[Argument]) -> list[str]:
        """The command that runs `argv` inside."""
        into = ["nsenter", "-t", str(self.pid), *self._entered, "--"]
        return into + [str(word) for word in argv]

    def popen(self, argv: Sequence[Argument], **options: Any) -> "subprocess.Popen[Any]":
        """Start `argv` inside. Killing the returned process kills `argv` too."""
        options.setdefault("env", ENVIRONMENT)
        guarded = self.enter(["setpriv", "--pdeathsig", "KILL", "--", *argv])
        child = subprocess.Popen(guarded, **options)
        self._children.add(child)
        return child

    def run(
        self,
        argv: Sequence[Argument],
        *,
        input: Optional[str] = None,
        check: bool = True,
        timeout: Optional[float] = 30,
        **options: Any,
    ) -> "subprocess.CompletedProcess[str]":
        """Run `argv` inside and wait; its output is captured as text.

        With `check`, a status other than 0 raises LabError, which tells what was on stderr.
        """
        options = {
            "stdin": subprocess.DEVNULL if input is None else subprocess.PIPE,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            "text": True,
            **options,
        }
        with self.popen(argv, **options) as child:
            try:
                out, err = child.communicate(input, timeout=timeout)
            except BaseException:
                child.kill()
                raise
        if check and child.returncode:
            command = " ".join(map(str, argv))
            raise LabError(f"{command}: status {child.returncode}: {(err or out or '').strip()}")
        return subprocess.CompletedProcess(list(map(str, argv)), child.returncode, out, err)

    def spawn(self, argv: Sequence[Argument], log: Path) -> int:
        """Start a daemon that belongs to pid 1 inside, as one started by systemd would.

        Its output is appended to `log`. Returns its pid inside the namespaces.
        """
        with log.open("ab") as output:
            started = self.run(
                ["setsid", "--fork", "sh", "-c", 'echo $$; exec "$@" >&2', "sh", *argv],
                stderr=output,
            )
        return int(started.stdout)

    def alive(self) -> bool:
        return self._holder.poll() is None

    def continue_children(self) -> None:
        """nsenter stops itself when its child is stopped, and must be continued with it."""
        for child in list(self._children):
            if child.poll() is None:
                child.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL for pid 1 and with it everything inside; returns when all of it is gone."""
        if self.alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
        self.wait_gone()

    def wait_gone(self, timeout: Optional[float] = None) -> int:
        """Until pid 1 has ended by itself, or was killed; the signal that it died of, negative.

        Raises subprocess.TimeoutExpired after `timeout` seconds.
        """
        status = self._holder.wait(timeout)
        for pipe in (self._holder.stdout, self._holder.stderr):
            if pipe:
                pipe.close()
        return status
