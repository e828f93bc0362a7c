"""find_modules_at_once finds what Python finds, as the programs use it: in a process of its own."""

from __future__ import annotations

import json
import os
import py_compile
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.doubles.check_process import ROOT

SCRIPT = """
import importlib, json, pkgutil, sys
import kachecks
from kachecks.lean import PACKAGES, _AtOnce, find_modules_at_once

def told(spec):
    return [spec.name, spec.origin, spec.cached, spec.has_location, spec.parent,
            spec.submodule_search_locations and list(spec.submodule_search_locations)]

wrong, found = [], 0
for each in pkgutil.walk_packages(kachecks.__path__, "kachecks."):
    package = importlib.import_module(each.name.rpartition(".")[0])
    ours = _AtOnce.find_spec(each.name, package.__path__)
    if ours is None:
        continue
    found += 1
    theirs = importlib.machinery.PathFinder.find_spec(each.name, package.__path__)
    same = ours.loader.get_code(each.name) == theirs.loader.get_code(each.name)
    if told(ours) != told(theirs) or not same:
        wrong.append([told(ours), told(theirs)])
find_modules_at_once()
try:
    importlib.import_module("kachecks.check.nothing")
except ModuleNotFoundError as error:
    missing = error.name
print(json.dumps({"wrong": wrong, "found": found, "missing": missing,
                  "first": sys.meta_path[0] is _AtOnce}))
"""


def test_it_finds_what_python_finds() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=ROOT, capture_output=True, text=True, check=True
    )
    told = json.loads(ran.stdout)
    assert told["wrong"] == []
    assert told["found"] > 80
    assert told["first"]
    assert told["missing"] == "kachecks.check.nothing"


# What it takes for the module's code --------------------------------------------------------------

SAYS = """
import sys
from kachecks.lean import find_modules_at_once
find_modules_at_once()
from kachecks.network import told
print(told.WORD, type(told.__spec__.loader).__name__)
"""
MODULE = "kachecks/network/told.py"
OLD, NEW = "WORD = 'old'\n", "WORD = 'new'\n"


def written_again(module: Path) -> None:
    """As long as before, a second later."""
    module.write_text(NEW)
    later = module.stat().st_mtime + 1
    os.utime(module, (later, later))


def longer(module: Path) -> None:
    """In the same second."""
    unnoticed(module, f"{NEW}# and more\n")


def unnoticed(module: Path, text: str = NEW) -> None:
    """Written, and its time is as before."""
    before = module.stat()
    module.write_text(text)
    os.utime(module, ns=(before.st_atime_ns, before.st_mtime_ns))


def never_compiled(module: Path) -> None:
    unnoticed(module)
    shutil.rmtree(module.parent / "__pycache__")


def cut_short(module: Path) -> None:
    unnoticed(module)
    cached(module).write_bytes(cached(module).read_bytes()[:15])


def of_another_python(module: Path) -> None:
    written = cached(module).read_bytes()
    cached(module).write_bytes(b"\0\0\r\n" + written[4:])
    unnoticed(module)


def checked_by_its_content(module: Path) -> None:
    """Whatever its time says (PEP 552)."""
    compiled(module, py_compile.PycInvalidationMode.CHECKED_HASH)
    unnoticed(module)


def kept_elsewhere(module: Path) -> None:
    """Nothing lies where Python would look."""
    cached(module).rename(module.with_name("told.pyc"))
    unnoticed(module)


def cached(module: Path) -> Path:
    (found,) = (module.parent / "__pycache__").glob("told.*")
    return found


def compiled(module: Path, mode: py_compile.PycInvalidationMode | None = None) -> None:
    py_compile.compile(str(module), doraise=True, invalidation_mode=mode)


@pytest.fixture
def module(tmp_path: Path) -> Path:
    """A module in a copy of the package, with its byte code."""
    (tmp_path / "kachecks/network").mkdir(parents=True)
    for each in ("__init__.py", "lean.py", "network/__init__.py"):
        shutil.copy(ROOT / "kachecks" / each, tmp_path / "kachecks" / each)
    module = tmp_path / MODULE
    module.write_text(OLD)
    compiled(module, py_compile.PycInvalidationMode.TIMESTAMP)
    return module


def said(module: Path, *options: str) -> str:
    ran = subprocess.run(
        [sys.executable, *options, "-c", SAYS],
        cwd=module.parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    return ran.stdout


def test_byte_code_that_is_current_is_taken(module: Path) -> None:
    """The source is there, and not looked into: its size and time are as they were."""
    unnoticed(module)
    assert said(module) == "old _Loader\n"


@pytest.mark.parametrize(
    "change",
    [
        written_again,
        longer,
        never_compiled,
        cut_short,
        of_another_python,
        checked_by_its_content,
        kept_elsewhere,
    ],
)
def test_any_other_is_not(module: Path, change: Callable[[Path], None]) -> None:
    change(module)
    assert said(module) == "new _Loader\n"


def test_an_optimizing_python_has_its_own(module: Path) -> None:
    unnoticed(module)
    assert said(module, "-O") == "new _Loader\n"
