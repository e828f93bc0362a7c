"""Stand-ins of keepalived, and a system with or without systemd."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kachecks.keepalived import process as keepalived_process
from tests.unit.doubles.keepalived_processes import Start


@pytest.fixture
def start() -> Iterator[Start]:
    """Start processes that end with the test."""
    started = []

    def popen(*arguments: object) -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen([str(argument) for argument in arguments]))
        return started[-1]

    yield popen
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def keepalived(tmp_path: Path) -> Path:
    """A stand-in: sleeps, and by its executable is called keepalived."""
    return Path(shutil.copy(shutil.which("sleep") or "", tmp_path / "keepalived"))


@pytest.fixture
def no_systemd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keepalived_process, "_SYSTEMD", "/no-systemd")


@pytest.fixture
def systemctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Make this a system run by systemd, with a systemctl that is this shell script."""
    programs = tmp_path / "bin"
    programs.mkdir()
    log = tmp_path / "systemctl.log"
    monkeypatch.setattr(keepalived_process, "_SYSTEMD", str(tmp_path))
    monkeypatch.setattr(keepalived_process, "_SBIN", [])
    monkeypatch.setattr(keepalived_process, "_COMMAND_SECONDS", 0.3)

    def write(script: str) -> Path:
        file = programs / "systemctl"
        file.write_text(f'#!/bin/sh\necho "$*" >> {log}\n{script}\n')
        file.chmod(0o755)
        monkeypatch.setenv("PATH", str(programs))
        return log

    return write
