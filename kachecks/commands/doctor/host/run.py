"""doctor runs programs: the check as keepalived runs it, keepalived -t, systemctl. Each has a
deadline."""

from __future__ import annotations

import json
import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from kachecks.commands.doctor.conf.setup import CHECK, Command
from kachecks.commands.doctor.host.facts import CheckRun, KeepalivedProgram
from kachecks.commands.doctor.host.files import PATH
from kachecks.config.options import Config
from kachecks.keepalived.process import UNIT, KeepalivedError, find

_PATIENCE = 3.0  # s, for keepalived and systemctl
_TERM_PATIENCE = 2.0  # s that keepalived itself waits before SIGKILL
_SHOWN = 300  # letters of what a program says
_UNIT_PROPERTIES = (
    "Id", "LoadState", "UnitFileState", "NeedDaemonReload", "After", "CapabilityBoundingSet",
    "ExecStop", "ExecStopPost", "TimeoutStopUSec", "Restart", "RestartUSec", "StartLimitBurst",
    "StartLimitIntervalUSec", "ExecMainStartTimestampMonotonic",
)  # fmt: skip


def keepalived(conf: str, config_id: str | None) -> KeepalivedProgram:
    """keepalived as installed on this host, and what it says about the file."""
    path = shutil.which("keepalived", path=f"{os.environ.get('PATH', '')}:{PATH}") or ""
    if not path:
        return KeepalivedProgram()
    told = _output([path, "--version"])
    command = [path, "-t", "-f", conf, *(["-i", config_id] if config_id else [])]
    tested = _output(command) if os.geteuid() == 0 else None
    version = _version(told[1]) if told else None
    if tested is None:
        return KeepalivedProgram(path, version)
    complaints = tuple(line for line in tested[1].splitlines() if line.strip())
    return KeepalivedProgram(path, version, tested[0], complaints)


def systemd_unit(unit: str = UNIT) -> Mapping[str, str] | None:
    """Properties of a unit. None: no systemd runs here; empty: systemctl does not answer."""
    if not os.path.isdir("/run/systemd/system"):  # sd_booted(3)
        return None
    names = ",".join(_UNIT_PROPERTIES)
    told = _output(["systemctl", "show", f"--property={names}", "--", unit])
    if told is None or told[0] != 0:
        return {}
    found: dict[str, str] = {}
    for line in told[1].splitlines():
        name, _, value = line.partition("=")
        found[name] = f"{found[name]}\n{value}" if name in found else value
    return found


def passing(command: Command, user: str, seconds: float) -> CheckRun:
    """Run the check once, without --fence, so that it changes nothing.

    Args:
        seconds: what keepalived gives it.
    """
    words = [word for word in command.words if word != "--fence"]
    return _run([*words, "--json"], user, seconds)


def failing(command: Command, user: str, seconds: float, config: Config) -> CheckRun:
    """The same with a server that does not exist, so the check must fail."""
    with tempfile.TemporaryDirectory(prefix="kachecks-doctor-") as directory:
        os.chmod(directory, 0o755)  # noqa: S103 - for the user of the script; nothing secret in it
        file = Path(directory, "kachecks.cnf")
        file.write_text(_dead_end(config, directory), encoding="utf-8")
        file.chmod(0o644)
        words: list[str] = []
        dropped = False
        for word in command.words:
            if dropped or word == "--fence" or word.startswith("--defaults-file"):
                dropped = word == "--defaults-file"
                continue
            words.append(word)
        at = next(n for n, word in enumerate(words) if word.rpartition("/")[2] == CHECK)
        words[at + 1 : at + 1] = [f"--defaults-file={file}", "--json"]
        return _run(words, user, seconds)


def _dead_end(config: Config, directory: str) -> str:
    return (
        f"[kachecks]\nvip = {', '.join(config.vips)}\npeer = {config.peer}\nname = doctor\n"
        f"run_dir = {directory}\nstate_dir = {directory}\n"
        f"[client]\nuser = nobody\nsocket = {directory}/no-server.sock\n"
    )


def environment() -> dict[str, str]:
    """The environment that the running keepalived passes to its scripts, or what systemd would give
    it."""
    with suppress(KeepalivedError, OSError):
        found = find()
        if found:
            entries = Path(f"/proc/{found.pid}/environ").read_bytes().split(b"\0")
            pairs = (os.fsdecode(entry).partition("=") for entry in entries if entry)
            return {name: value for name, _, value in pairs}
    return {"PATH": PATH}


def _run(words: Sequence[str], user: str, seconds: float) -> CheckRun:
    """Run it as keepalived does: its environment, in /, no supplementary groups, a session of its
    own."""
    command = " ".join(words)
    try:
        account = pwd.getpwnam(user)
    except KeyError:
        return CheckRun(command, user, None, error=f"there is no user {user}")
    uid, gid = account.pw_uid, account.pw_gid
    identity: dict[str, Any] = {}
    if os.geteuid() == 0:
        identity = {"user": uid, "group": gid, "extra_groups": [gid]}
    try:
        process = subprocess.Popen(
            words,
            **identity,
            env=environment(),
            cwd="/",
            umask=0o022,
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
    except OSError as error:
        return CheckRun(
            command, user, None, error=f"{error.strerror}: {error.filename or words[0]}"
        )
    try:
        output, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        status = _end(process)
        error_ = f"it had not ended after {seconds:g} s"
        return CheckRun(
            command, user, None, error=error_ + ("" if status == -15 else ", nor by TERM")
        )
    said, reason = _said(output)
    return CheckRun(command, user, process.returncode, said, reason=reason)


def _end(process: subprocess.Popen[bytes]) -> int | None:
    """End the process group by TERM, then by KILL. A process in uninterruptible sleep is left
    behind."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=_TERM_PATIENCE)
            return process.returncode
    return None


def _said(output: bytes) -> tuple[str, str]:
    """The last line as a sentence for people, and the reason if the line is JSON, else ""."""
    lines = output.decode("utf-8", "replace").strip().splitlines()
    last = lines[-1] if lines else ""
    with suppress(ValueError, TypeError, KeyError):
        entry = json.loads(last)
        return str(entry["sentence"])[:_SHOWN], str(entry["reason"])
    return last[:_SHOWN], ""


def _output(words: Sequence[str]) -> tuple[int, str] | None:
    """Exit status, negative for a signal, and everything said; None where it cannot be run or does
    not end."""
    import sh

    try:
        run = sh.Command(words[0])
        said = run(
            *words[1:],
            _timeout=_PATIENCE,
            _err_to_out=True,
            _tty_out=False,
            _ok_code=tuple(range(256)),
            _return_cmd=True,
        )
    except (sh.CommandNotFound, sh.TimeoutException):
        return None
    except sh.ErrorReturnCode as error:  # ended by a signal
        return error.exit_code, error.stdout.decode("utf-8", "replace")
    return said.exit_code, said.stdout.decode("utf-8", "replace")


def _version(text: str) -> tuple[int, ...] | None:
    """(2, 2, 7) of "Keepalived v2.2.7 (01/16,2022)"."""
    found = re.search(r"(?<!\S)v(\d+(?:\.\d+)+)(?!\S)", text)
    return tuple(map(int, found[1].split("."))) if found else None


def running_keepalived() -> tuple[tuple[str, ...] | None, int | None]:
    """Of the keepalived that serves this host: its command line, () there is none, None not
    allowed; and its capabilities."""
    import psutil

    with suppress(KeepalivedError, psutil.Error, OSError):
        found = find()
        return (tuple(found.process.cmdline()), capabilities_of(found.pid)) if found else ((), None)
    return None, None


def capabilities_of(pid: int) -> int | None:
    """What a process may do, and what it starts as root: proc_pid_status(5), CapEff, CapBnd."""
    sets = {}
    with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as file:
        for line in file:
            name, _, value = line.partition(":")
            if name in ("CapEff", "CapBnd"):
                sets[name] = int(value, 16)
    return sets["CapEff"] & sets["CapBnd"] if len(sets) == 2 else None
