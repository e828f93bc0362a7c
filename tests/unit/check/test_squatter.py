"""Somebody without any right on this host listens where mysqld once did: as real processes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from kachecks.config.options import Login
from kachecks.mysql.errors import DriverError
from kachecks.mysql.session import Address, Session
from tests.unit.doubles.check_process import BUSY, ROOT, Node, mysqld, needs_root

ALICE = 65534
SQUATTER = """
import ctypes, os, sys, threading
from pathlib import Path
from tests.unit.doubles.fake_server import listening
from tests.unit.doubles.check_process import server
def met(client):
    print("met", flush=True)
    server("open")(client)
os.setgid(%d)
os.setuid(%d)
ctypes.CDLL(None).prctl(15, b"mysqld")
with listening(Path(sys.argv[1]), met):
    print("listening", flush=True)
    threading.Event().wait(30)
"""


@contextmanager
def squatter(at: Path) -> Iterator[subprocess.Popen[str]]:
    """A process of ALICE, which calls itself mysqld and answers as an open server would."""
    command = [sys.executable, "-c", SQUATTER % (ALICE, ALICE), str(at)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "listening\n"
            yield process
        finally:
            process.kill()


@pytest.fixture
def anybodys() -> Iterator[Path]:
    """A directory such as /tmp, and in it, as pytest's own are private."""
    with TemporaryDirectory(dir="/tmp") as name:
        directory = Path(name)
        directory.chmod(0o1777)
        yield directory


@needs_root
@pytest.mark.parametrize(("holder", "status"), [(True, 0), (False, 30)])
def test_nobody_knows_who_listens(
    tmp_path: Path, anybodys: Path, holder: bool, status: int
) -> None:
    """And is not sent the password. Our server may be well: the option file is in error."""
    node = Node(tmp_path)
    node.socket = anybodys / "mysql.sock"
    node.options()
    with squatter(node.socket) as alice:
        exited, said = node.check("--fence", holder=holder)
        alice.kill()
        assert alice.stdout is not None
        assert alice.stdout.read() == ""
    assert (exited, said.partition(":")[0]) == (status, "UNKNOWN")
    assert f"anybody may write to {anybodys} (mode 1777)" in said
    assert not (node.run_dir / "main.open").exists()


@needs_root
def test_a_dead_server_does_not_stay_in_office(tmp_path: Path, anybodys: Path) -> None:
    node = Node(tmp_path)
    with mysqld(node) as process:
        assert node.check("--fence", holder=True)[0] == 0
        process.kill()
        process.wait(BUSY)
    assert (node.run_dir / "main.mysqld").read_text().startswith(f"{process.pid} ")
    node.socket = anybodys / "mysql.sock"
    node.options()
    with squatter(node.socket) as alice:
        exited, said = node.check("--fence", holder=True)
        alice.kill()
        assert alice.stdout is not None
        assert alice.stdout.read() == ""
    assert (exited, said.partition(":")[0]) == (10, "MYSQLD_DOWN")
    assert f"mysqld (pid {process.pid}) has ended" in said


@needs_root
@pytest.mark.parametrize("owner", [0, 27])
def test_who_came_after_it_was_found_out_who_may_listen(anybodys: Path, owner: int) -> None:
    """A socket of root's, in a directory where anybody may have one, has gone meanwhile."""
    path = anybodys / "mysql.sock"
    login = Login("kachecks", "secret", None, 3306, str(path), None, None, None, "PREFERRED")
    with squatter(path):
        with pytest.raises(DriverError, match=f"uid {ALICE} listens on {path}"):
            Session(Address(login, "localhost", str(path), owner), 2.0)
        Session(Address(login, "localhost", str(path), ALICE), 2.0).close()
