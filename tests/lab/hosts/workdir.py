"""A lab's work directory, and the sweeping away of those whose lab was killed."""

import contextlib
import os
import shutil
import tempfile
import time
from pathlib import Path

_OWNER = "owner"
_UNOWNED_FOR = 600  # s: a directory without owner file may be one that is just being made


def create() -> Path:
    """A new directory `lab-…` under $TMPDIR or /var/tmp; sweeps first."""
    parent = Path(os.environ.get("TMPDIR", "/var/tmp"))  # noqa: S108 mkdtemp picks the name
    sweep(parent)
    directory = Path(tempfile.mkdtemp(prefix="lab-", dir=parent))
    directory.chmod(0o755)
    adopt(directory)
    return directory


def adopt(directory: Path) -> None:
    """Record this process as the owner."""
    directory.mkdir(parents=True, exist_ok=True)
    new = directory / f".{_OWNER}"
    new.write_text(f"{os.getpid()} {_start_time(os.getpid())}\n")
    new.rename(directory / _OWNER)  # another lab that sweeps meanwhile never reads half of it


def sweep(parent: Path) -> None:
    """Remove the work directories under `parent` whose owner process is gone."""
    for directory in parent.glob("lab-*"):
        with contextlib.suppress(OSError):
            if _abandoned(directory):
                shutil.rmtree(directory)


def _abandoned(directory: Path) -> bool:
    try:
        pid, start_time = (directory / _OWNER).read_text().split()
    except FileNotFoundError:
        return directory.is_dir() and time.time() - directory.stat().st_mtime > _UNOWNED_FOR
    return _start_time(int(pid)) != start_time


def _start_time(pid: int) -> str:
    """In clock ticks since boot; empty if there is no such process. Tells a reused pid apart."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return ""
    return stat.rpartition(")")[2].split()[19]
