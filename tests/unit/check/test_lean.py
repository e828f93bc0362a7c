"""What check_mysql loads every second, and notify_master before a node can take over."""

from __future__ import annotations

import subprocess
import sys

from tests.unit.check.test_check_mysql import ROOT

EXPENSIVE = {"argparse", "collections", "contextlib", "enum", "functools", "json", "logging", "re"}
EXPENSIVE |= {"select", "socket", "subprocess", "typing", "psutil", "sh", "mysql.connector"}


def loaded_by(statement: str) -> set[str]:
    """The modules that a fresh interpreter has after it, and not without it."""
    code = f"import sys; before = set(sys.modules); {statement}"
    code += "; print(*(set(sys.modules) - before))"
    ran = subprocess.run(
        # -S: what a .pth file of this environment loads would hide what kachecks does
        [sys.executable, "-S", "-c", f"import sys; sys.path += {sys.path!r}; {code}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(ran.stdout.split())


def test_the_check_loads_little() -> None:
    loaded = loaded_by("import kachecks.check.program")
    assert "kachecks.check.verdict" in loaded
    assert not loaded & EXPENSIVE
    assert not loaded & {
        f"kachecks.{name}"
        for name in ("check.deep_look", "transitions.giving_way", "mysql.positions")
    }


def test_a_hook_loads_little() -> None:
    loaded = loaded_by("import kachecks.hooks.notify_master")
    assert "kachecks.transitions.promotion" in loaded
    assert not loaded & EXPENSIVE
    assert not loaded & {
        f"kachecks.{name}"
        for name in ("transitions.dry_run", "command_line", "transitions.progress")
    }
