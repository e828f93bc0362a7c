"""A system with a layer over it: what is installed there goes with the layer."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import TracebackType

from tests.lab.hosts.namespaces import Namespaces

_ROOT = "/mnt/system"
_LAY = f"""
set -e
mount -t tmpfs none /mnt
mkdir /mnt/upper /mnt/work {_ROOT}
mount -t overlay -o lowerdir="$0",upperdir=/mnt/upper,workdir=/mnt/work none {_ROOT}
mount -t proc proc {_ROOT}/proc
mount --rbind /dev {_ROOT}/dev
mount -t tmpfs none {_ROOT}/run
"""


class Overlay:
    """In memory, without a network, and with nothing of this machine running in it."""

    def __init__(self, system: Path = Path("/")) -> None:
        """`system`: this machine's, or a tree."""
        self._inside = Namespaces()
        self._inside.run(["sh", "-c", _LAY, str(system)])

    def __enter__(self) -> Overlay:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._inside.kill()

    def run(
        self, script: str, *, check: bool = True, timeout: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """A shell script inside; with `check` LabError says what went wrong."""
        argv = ["chroot", _ROOT, "sh", "-ec", script]
        return self._inside.run(argv, check=check, timeout=timeout)

    def put(self, path: str, data: bytes) -> None:
        """A file inside."""
        argv = ["chroot", _ROOT, "sh", "-c", 'cat > "$0"', path]
        child = self._inside.popen(argv, stdin=subprocess.PIPE)
        child.communicate(data, timeout=60)
        assert child.returncode == 0

    def take(self, path: str) -> bytes:
        """A file from inside."""
        child = self._inside.popen(["chroot", _ROOT, "cat", path], stdout=subprocess.PIPE)
        data, _ = child.communicate(timeout=60)
        assert child.returncode == 0
        return bytes(data)
