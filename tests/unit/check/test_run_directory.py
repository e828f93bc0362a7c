"""What lies in the run directory is no mark, or the directory is not root's: as real processes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.doubles.check_process import Node, needs_root, server
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
