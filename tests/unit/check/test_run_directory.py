"""What lies in the run directory is no mark, or the directory is not root's: as real processes."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from kachecks.check import program
from kachecks.config.options import parse
from kachecks.state import files
from tests.unit.doubles.check_process import HAS_OWN_RUN, PROGRAM, ROOT, Node, needs_root, server
from tests.unit.doubles.fake_server import listening


def fifo(path: Path) -> None:
    os.mkfifo(path, 0o600)


def directory(path: Path) -> None:
    path.mkdir()


def zeros(path: Path) -> None:
    path.symlink_to("/dev/zero")


def garbage(path: Path) -> None:
    path.write_bytes(b"nan inf \xff\0 -1\n" * 3)


KINDS = [
    "check",
    "look",
    "mysqld",
    "open",
    "gave_way",
    "leaving",
    "verdict",
    "maintenance",
    "signs",
]


@needs_root
@pytest.mark.parametrize("make", [fifo, directory, zeros, garbage])
@pytest.mark.parametrize("kind", KINDS)
def test_a_mark_that_is_none(node: Node, kind: str, make: Callable[[Path], None]) -> None:
    """Nothing hangs or breaks; where a lock cannot be taken, or a mark not written, an open node
    keeps the VIP, and it is told which."""
    make(node.run_dir / f"main.{kind}")
    with listening(node.socket, server("open")):
        status, printed = node.check("--fence", holder=True)
    assert status == 0, printed
    assert printed.count("\n") == 1
    reason, _, sentence = printed.partition(": ")
    assert reason in ("OK", "UNKNOWN", "RECEIVER_STOPPED")
    if reason == "UNKNOWN":
        assert f"{node.run_dir}/main." in sentence
        assert "Traceback" not in sentence
        assert "unexpected" not in sentence


@needs_root
def test_a_run_directory_that_anybody_may_write(node: Node) -> None:
    """Whose marks are these? A holder keeps the VIP, a standby does not take it."""
    node.run_dir.chmod(0o1777)
    with listening(node.socket, server("open")):
        status, printed = node.check("--fence", holder=True)
    said = f"{node.run_dir} is not used: anybody may write to {node.run_dir} (mode 1777)"
    assert (status, printed.partition(": ")[0]) == (0, "UNKNOWN")
    assert said in printed
    node.socket.unlink()
    with listening(node.socket, server("closed")):
        assert node.check("--fence")[0] == 30
    assert list(node.run_dir.iterdir()) == []


@needs_root
def test_where_nothing_is_to_be_written_it_is_noticed_too(node: Node) -> None:
    now = time.clock_gettime(time.CLOCK_BOOTTIME)
    look = f"{now:.3f} 0 0 no 0 0.000 0.000 no 0.000 0.000 0.000  0 "
    started = round(time.time()) - 93784  # by its uptime
    (node.run_dir / "main.look").write_text(look)
    (node.run_dir / "main.mysqld").write_text(f"0 {started} contact\n{node.socket}\n{node.socket}")
    (node.run_dir / "main.maintenance").write_text("none")
    with listening(node.socket, server()):
        assert node.check("--fence")[0] == 0
        node.run_dir.chmod(0o777)
        status, printed = node.check("--fence")
    assert status == 30
    assert f"UNKNOWN: {node.run_dir} is not used" in printed


# What belongs to no pair -------------------------------------------------------------------------

GOOD = "[kachecks]\nvip = 10.99.88.77\npeer = 10.99.88.1\nalert = /bin/page\nrun_dir = "
NOTED = "10.99.88.77\n/bin/page"


def noted(path: Path, monkeypatch: pytest.MonkeyPatch, run_dir: str) -> str:
    """What is noted of an option file with this run_dir, where ``path`` is the one as packaged."""
    for module in (program, files):
        monkeypatch.setattr(module, "SHARED_RUN_DIR", str(path))
    program._note_usable(parse(f"{GOOD}{run_dir}\n", "/etc/k.cnf"), "/etc/k.cnf")
    note = path / "etc_k.cnf.usable"
    return note.read_text() if note.exists() else ""


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    return tmp_path / "shared"


def test_it_is_made_where_nobody_has_made_it(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """tmpfiles.d makes the run_dir of the option file, if that."""
    assert noted(shared, monkeypatch, "/run/elsewhere") == NOTED
    assert stat.S_IMODE(shared.stat().st_mode) == 0o700


def test_the_run_directory_of_a_pair_is_not_made(
    shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has its own rule in doctor, and tmpfiles.d."""
    assert noted(shared, monkeypatch, str(shared)) == ""
    assert not shared.exists()


@pytest.mark.parametrize("run_dir", ["/run/elsewhere", "shared"])
def test_one_that_is_there_stays_as_it_is(
    shared: Path, monkeypatch: pytest.MonkeyPatch, run_dir: str
) -> None:
    shared.mkdir(mode=0o755)
    assert noted(shared, monkeypatch, run_dir.replace("shared", str(shared))) == NOTED
    assert stat.S_IMODE(shared.stat().st_mode) == 0o755


def of_somebody_else(shared: Path) -> None:
    shared.mkdir(mode=0o700)
    os.chown(shared, 65534, 65534)


def anybodys(shared: Path) -> None:
    shared.mkdir()
    shared.chmod(0o1777)


def link_to_somebody_elses(shared: Path) -> None:
    of_somebody_else(shared.with_name("theirs"))
    shared.symlink_to("theirs")


def a_file(shared: Path) -> None:
    shared.write_text("x")


@needs_root
@pytest.mark.parametrize("make", [of_somebody_else, anybodys, link_to_somebody_elses, a_file])
def test_one_that_others_own_is_not_used(
    shared: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], None]
) -> None:
    """Nor is it put right: what is in it is not ours."""
    make(shared)
    before = shared.stat()
    assert noted(shared, monkeypatch, "/run/elsewhere") == ""
    after = shared.stat()
    assert (after.st_mode, after.st_uid) == (before.st_mode, before.st_uid)
    assert not shared.is_dir() or list(shared.iterdir()) == []


BARE = 'mount -t tmpfs run /run; umask 0; "$@"; stat -c "%a %U" /run/kachecks'


@needs_root
@pytest.mark.skipif(not HAS_OWN_RUN, reason="needs a mount namespace")
def test_the_check_makes_it(node: Node) -> None:
    """In a /run that has nothing in it, and whatever umask keepalived has."""
    bare = ["unshare", "--mount", "sh", "-c", BARE]
    command = [sys.executable, str(PROGRAM), f"--defaults-file={node.file}", "--fence"]
    with listening(node.socket, server()):
        ran = subprocess.run(
            [*bare, "sh", *command], cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, timeout=15,
            capture_output=True, text=True, check=True,
        )  # fmt: skip
    assert ran.stdout.splitlines()[-1] == "700 root"
