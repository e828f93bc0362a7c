"""What check_mysql loads every second, and notify_master before a node can take over."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

from tests.unit.doubles.check_process import ROOT, Node, server
from tests.unit.doubles.fake_server import listening

EXPENSIVE = {"argparse", "collections", "contextlib", "enum", "functools", "json", "logging", "re"}
EXPENSIVE |= {
    "select",
    "socket",
    "subprocess",
    "typing",
    "psutil",
    "sh",
    "hashlib",
    "_mysql_connector",
}

HEALTHY = """
check check.look check.one_run check.program check.verdict check.watch
config config.file_format config.kinds config.options
mysql mysql.errors mysql.facts mysql.probe mysql.queries mysql.session mysql.wire mysql.wire_client
mysql.wire_login
network network.link network.vip
state state.files state.marks
bounded lean mysqld_process node report
"""
"""The files of ours that a check opens which only asks whether all is still well, besides
kachecks/__init__. Each costs a tenth of a millisecond, every second on every node: the list may
get shorter."""

LOADED = re.compile(r"import time:.*\| +(\S+)$", re.MULTILINE)
"""A line of python -X importtime."""


def test_the_files_that_a_healthy_check_opens(tmp_path: Path) -> None:
    node = Node(tmp_path)
    now = time.clock_gettime(time.CLOCK_BOOTTIME)
    (node.run_dir / "main.look").write_text(
        f"{now:.3f} 0 0 no 0 0.000 0.000 no 0.000 0.000 0.000  0 "
    )
    started = round(time.time()) - 93784  # the server is not called mysqld: known by its uptime
    (node.run_dir / "main.mysqld").write_text(f"0 {started} contact\n{node.socket}\n{node.socket}")
    (node.run_dir / "main.maintenance").write_text("none")
    with listening(node.socket, server()):
        assert node.check("--fence")[0] == 0  # a first verdict is told and remembered
        command = node.command("--fence")
        command.insert(command.index(sys.executable), "PYTHONPROFILEIMPORTTIME=1")
        ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    opened = {name for name in LOADED.findall(ran.stderr) if name.startswith("kachecks")}
    assert opened == {"kachecks", *(f"kachecks.{name}" for name in HEALTHY.split())}


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
