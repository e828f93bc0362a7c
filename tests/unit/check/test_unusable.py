"""An option file that cannot be used: people are told once."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from kachecks.check import program
from kachecks.check.unusable import alert_program

PATIENCE = 5.0
"""Seconds for a program of one line to run."""


@pytest.fixture
def logged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    said: list[str] = []
    monkeypatch.setattr(program, "log", lambda text, **_: said.append(text))
    monkeypatch.setattr(program, "SHARED_RUN_DIR", str(tmp_path))
    return said


def option_file(directory: Path, text: str, mode: int = 0o600) -> str:
    file = directory / "k.cnf"
    file.write_text(text)
    file.chmod(mode)
    return str(file)


def run(path: str, *, here: bool = True) -> int:
    return program.main(["--fence", f"--defaults-file={path}"], lambda _: here)


def test_alerts_once_and_says_that_fencing_is_off(tmp_path: Path, logged: list[str]) -> None:
    page, told = tmp_path / "page", tmp_path / "told"
    page.write_text(f"#!/bin/sh\ncat >> {told}\necho >> {told}\n")
    page.chmod(0o755)
    path = option_file(tmp_path, f"[kachecks]\nvip = 10.0.0.100\nalert = {page}\nmax_lagg = 3\n")
    assert [run(path), run(path), run(path, here=False)] == [0, 0, program.UNKNOWN]
    end = time.monotonic() + PATIENCE
    while not (told.exists() and told.read_text().endswith("}\n")) and time.monotonic() < end:
        time.sleep(0.01)
    (line,) = told.read_text().splitlines()
    assert [json.loads(line)["sentence"]] == logged
    assert "unknown key max_lagg" in line
    assert "fencing is off" in line


@pytest.mark.parametrize(("second", "told"), [(60.5, True), (90.0, False)])
def test_without_a_run_directory_people_are_told_once_a_minute(
    tmp_path: Path, logged: list[str], monkeypatch: pytest.MonkeyPatch, second: float, told: bool
) -> None:
    monkeypatch.setattr(program, "SHARED_RUN_DIR", str(tmp_path / "missing"))
    monkeypatch.setattr("kachecks.state.files.time.time", lambda: second)
    started = tmp_path / "started"
    path = option_file(tmp_path, f"alert = /usr/bin/touch\n[x]\n# {started}\n")
    monkeypatch.setattr("kachecks.check.unusable.alert", lambda *_: started.touch())
    assert run(path) == 0
    assert bool(logged) == started.exists() == told


@pytest.mark.parametrize(
    ("text", "mode", "expected"),
    [
        ("[kachecks]\nalert = /bin/page # why\n", 0o600, "/bin/page"),
        ('alert="/bin/page"', 0o644, "/bin/page"),
        ("alert = /bin/one\nALERT = /bin/two", 0o600, "/bin/two"),
        ("alert = /bin/page", 0o620, ""),  # somebody else may have written that
        ("alert = /bin/page", 0o602, ""),
        ("alert = page", 0o600, ""),
        ("alert", 0o600, ""),
        ("alert =", 0o600, ""),
        ("# alert = /bin/page", 0o600, ""),
        ("", 0o600, ""),
    ],
)
def test_whom_it_names(tmp_path: Path, text: str, mode: int, expected: str) -> None:
    assert alert_program(option_file(tmp_path, text, mode)) == expected


def test_a_file_that_is_not_there_names_nobody(tmp_path: Path) -> None:
    assert alert_program(str(tmp_path / "missing")) == ""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give a file away")
def test_a_file_of_somebody_else_names_nobody(tmp_path: Path) -> None:
    path = option_file(tmp_path, "alert = /bin/page")
    os.chown(path, 65534, 65534)
    assert alert_program(path) == ""
