"""What check_mysql loads every second, and notify_master before a node can take over."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.doubles.check_process import HAS_OWN_RUN, ROOT, Node, server
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

OF_PYTHON = {"__future__", "_operator", "_socket", "fcntl", "gc"}
HASHES = {"_sha1", "_sha2", "_sha256"}  # for the login
PIPE = {"select"}  # what it prints is read here; keepalived gives it /dev/null
"""Python's own modules of such a check. ``errno`` alone takes as long as one of ours."""

OPENED = Counter(
    cnf=1, usable=1, check=1, look=1, gave_way=1, leaving=1, failing=1, permit=1,
    maintenance=1, mysqld=2, open=2, lost=1, verdict=1, stat=3,
)  # fmt: skip
"""What else a closed node's check opens: how often, by the ends of the names. It may get less."""

LOADED = re.compile(r"import time:.*\| +(\S+)$", re.MULTILINE)
"""A line of python -X importtime."""

WITNESSED = """
import os, runpy, sys

def told(event, given):
    if event == "open":
        os.write(2, f"opened {given[0]}\\n".encode())

sys.argv = sys.argv[1:]
sys.addaudithook(told)
runpy.run_path(sys.argv[0], run_name="__main__")
"""
"""Runs a program, and says which files it opens."""


@pytest.fixture
def settled(tmp_path: Path) -> Iterator[Node]:
    """Its last checks were good, and no closer look is due."""
    node = Node(tmp_path)
    node.options(peer_check=60)
    now = time.clock_gettime(time.CLOCK_BOOTTIME)
    (node.run_dir / "main.look").write_text(
        f"{now:.3f} 0 0 no 0 0.000 0.000 no 0.000 0.000 0.000  0 "
    )
    started = round(time.time()) - 93784  # the server is not called mysqld: known by its uptime
    (node.run_dir / "main.mysqld").write_text(f"0 {started} contact\n{node.socket}\n{node.socket}")
    (node.run_dir / "main.maintenance").write_text("none")
    with listening(node.socket, server()):
        assert node.check("--fence")[0] == 0  # a first verdict is told and remembered
        yield node


def modules(command: list[str]) -> set[str]:
    """Those that it loads."""
    python = command.index(sys.executable)
    timed = [*command[:python], "PYTHONPROFILEIMPORTTIME=1", *command[python:]]
    ran = subprocess.run(timed, cwd=ROOT, capture_output=True, text=True, check=True)
    return set(LOADED.findall(ran.stderr))


def is_ours(name: str) -> bool:
    return name.partition(".")[0] == "kachecks"


def test_the_modules_of_a_healthy_check(settled: Node) -> None:
    found = modules(settled.command("--fence"))
    ours = {name for name in found if is_ours(name)}
    assert ours == {"kachecks", *(f"kachecks.{name}" for name in HEALTHY.split())}
    bare = modules(["env", sys.executable, "-c", "pass"])
    assert found - ours - bare - HASHES - PIPE <= OF_PYTHON


@pytest.mark.skipif(not HAS_OWN_RUN, reason="needs root for a /run of its own")
def test_the_files_that_a_healthy_check_opens(settled: Node) -> None:
    """Each of them takes about ten microseconds, every second on every node."""
    command = settled.command("--fence")
    program = command.index(sys.executable) + 1
    command[program:program] = ["-c", WITNESSED]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    opened = [line.split(" ", 1)[1] for line in ran.stderr.splitlines()]
    # Modules, and the program itself; the table of addresses is read again where it is long.
    elsewhere = (str(ROOT), sys.prefix, sys.base_prefix, "/proc/self/net")
    ends = [
        re.split(r"[./](?=\w+$)", path)[-1] for path in opened if not path.startswith(elsewhere)
    ]
    assert Counter(ends) == OPENED


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


def test_asking_the_peer_loads_what_tls_needs() -> None:
    """And who is on the link: a promotion does so before it opens, a check every few seconds."""
    loaded = loaded_by("import kachecks.check.deep_look, kachecks.network.neighbours")
    beyond = loaded - loaded_by("import ssl")
    assert "kachecks.transitions.demotion" not in beyond
    assert {name for name in beyond if not is_ours(name)} <= {*OF_PYTHON, "_struct", "zlib"}
