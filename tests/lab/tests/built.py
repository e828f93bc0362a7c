"""What `make packages` makes, built once for all tests that install it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.lab.hosts.process import CHECKOUT


class Built:
    """Wheel, sdist, and two releases of each package."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def make(self) -> None:
        self.directory.mkdir()
        build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", self.directory]
        self._run([*build, CHECKOUT])
        for release in "12":
            make = [sys.executable, CHECKOUT / "packages/make.py", self.one("*.whl")]
            self._run([*make, self.directory / f"made{release}"], RELEASE=release)

    def _run(self, argv: list[object], **environment: str) -> None:
        done = subprocess.run(
            [str(word) for word in argv],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr

    def one(self, pattern: str) -> Path:
        (found,) = self.directory.glob(pattern)
        return found
