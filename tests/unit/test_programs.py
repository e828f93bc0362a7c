"""The scripts as installed: Ctrl-C, and a suite that cannot be loaded."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.doubles.check_process import BUSY, PROGRAM, ROOT

HOOKS = ("notify_master", "notify_backup", "notify_down")
PROGRAMS = sorted(path.name for path in PROGRAM.parent.iterdir() if path.is_file())


def ended(name: str, path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The program, with what is at ``path`` for its suite."""
    return subprocess.run(
        [sys.executable, str(PROGRAM.with_name(name)), *arguments],
        cwd="/", env={**os.environ, "PYTHONPATH": str(path)}, timeout=3 * BUSY,
        capture_output=True, text=True,
    )  # fmt: skip


def suite(directory: Path, text: str) -> Path:
    """A package of our name that holds this."""
    (directory / "kachecks").mkdir()
    (directory / "kachecks/__init__.py").write_text(text)
    return directory


def test_these_are_all() -> None:
    assert sorted((*HOOKS, "check_mysql", "kachecks")) == PROGRAMS


@pytest.mark.parametrize("name", PROGRAMS)
def test_interrupted_while_it_loads(name: str, tmp_path: Path) -> None:
    found = ended(name, suite(tmp_path, "raise KeyboardInterrupt"))
    assert (found.returncode, found.stdout, found.stderr) == (130, "", "")


@pytest.mark.parametrize("name", ["check_mysql", *HOOKS])
def test_interrupted_at_work(name: str, tmp_path: Path) -> None:
    """As it opens its option file. What is on the way out has run."""
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sys\n"
        "def hook(event, found):\n"
        "    if event == 'open' and found[0] == '/nonexistent/k.cnf':\n"
        "        raise KeyboardInterrupt\n"
        f"sys.path.insert(0, {str(ROOT)!r})\n"
        "sys.addaudithook(hook)\n"
    )
    found = ended(name, tmp_path, "--defaults-file=/nonexistent/k.cnf")
    assert (found.returncode, found.stdout, found.stderr) == (130, "", "")


@pytest.mark.parametrize("text", ["raise ImportError('half of it')", "def", "import nonesuch"])
@pytest.mark.parametrize("name", [*HOOKS, "kachecks"])
def test_a_suite_that_cannot_be_loaded(name: str, text: str, tmp_path: Path) -> None:
    """It is being upgraded, say. Exit status 1 would mean: refused."""
    found = ended(name, suite(tmp_path, text))
    assert found.returncode == 3
    assert found.stderr.startswith(f"{name}: cannot be loaded: ")
    assert found.stderr.endswith("; install kachecks again\n")
    assert found.stderr.count("\n") == 1


def test_a_part_that_cannot_be_loaded(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        f"import sys\nsys.path.insert(0, {str(ROOT)!r})\n"
        "sys.modules['kachecks.commands.status.command'] = None\n"
    )
    found = ended("kachecks", tmp_path, "status")
    assert found.returncode == 3
    assert found.stderr.startswith("kachecks status: cannot be loaded: ")
    assert found.stderr.endswith("; install kachecks again\n")


@pytest.mark.parametrize("name", PROGRAMS)
def test_as_packaged_nothing_of_python_s_environment_counts(name: str, tmp_path: Path) -> None:
    _, *how = runpy.run_path(str(ROOT / "packages/make.py"))["INTERPRETER"].split()
    hostile = {
        "PYTHONPATH": str(suite(tmp_path, "raise ImportError")),
        "PYTHONHOME": "/nonexistent",
        "PYTHONIOENCODING": "bogus",
        "PYTHONINSPECT": "1",
    }
    found = subprocess.run(
        [sys.executable, *how, str(PROGRAM.with_name(name)), "--version"],
        cwd="/", env={**os.environ, **hostile}, timeout=3 * BUSY, capture_output=True, text=True,
    )  # fmt: skip
    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout.startswith(f"{name} ")
