"""Room and writability of file systems, and one that never answers."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from kachecks import mysqld_process
from kachecks.mysql import disks
from kachecks.mysql.disks import Disks, look_at, statfs
from kachecks.mysqld_process import Process
from kachecks.node import Servers
from tests.unit.doubles.changing import failing
from tests.unit.doubles.simulation import config

MIB = 2**20
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root for a mount")


class FileSystems(dict[str, SimpleNamespace]):
    """statvfs, as it would answer for these paths."""

    def add(self, path: str, free: int, read_only: bool = False) -> None:
        flags = os.ST_RDONLY if read_only else 0
        # f_bavail is what is left for others than root; f_bfree is more.
        self[path] = SimpleNamespace(
            f_flag=flags | os.ST_NOSUID, f_bavail=free // 4096, f_bfree=10**9,
            f_frsize=4096, f_bsize=MIB,
        )  # fmt: skip

    def statvfs(self, path: str) -> SimpleNamespace:
        return self[path]


@pytest.fixture
def systems(monkeypatch: pytest.MonkeyPatch) -> FileSystems:
    made = FileSystems()
    monkeypatch.setattr(disks.os, "statvfs", made.statvfs)
    return made


def test_patience() -> None:
    """A check has nine seconds for everything."""
    assert disks.PATIENCE == 1.0


def look(*directories: str, root: str = "", min_free: int = 64 * MIB, binlog: str = "") -> Disks:
    return look_at(root, directories, binlog, min_free)


@pytest.mark.parametrize(("free", "full"), [(64 * MIB, False), (64 * MIB - 4096, True)])
def test_min_free(systems: FileSystems, free: int, full: bool) -> None:
    """Of what mysqld, which is not root, may use."""
    systems.add("/proc/7/root/data", free)
    found = look("/data", root="/proc/7/root")
    assert found == (Disks(full="/data has 63 MiB left, min_free is 64 MiB") if full else Disks())


def test_read_only(systems: FileSystems) -> None:
    systems.add("/data", 10**12, read_only=True)
    assert look("/data") == Disks(read_only="/data is mounted read-only")


def test_each_directory_is_named(systems: FileSystems) -> None:
    systems.add("/data", 10**12)
    systems.add("/log", MIB, read_only=True)
    systems.add("/tmp", 0)  # noqa: S108
    assert look("/data", "/log", "/tmp") == Disks(  # noqa: S108
        full="/log has 1 MiB left, min_free is 64 MiB; /tmp has 0 MiB left, min_free is 64 MiB",
        read_only="/log is mounted read-only",
    )


def test_nothing_to_look_at() -> None:
    assert look() == Disks()


def test_a_real_file_system(tmp_path: Path) -> None:
    assert look(str(tmp_path), min_free=1) == Disks()
    assert "MiB left" in look(str(tmp_path), min_free=2**60).full


def test_what_cannot_be_found_out_is_not_wrong(tmp_path: Path) -> None:
    assert look(str(tmp_path / "missing")) == Disks()


def test_statfs_raises_what_the_kernel_says(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        statfs(str(tmp_path), ("/missing",), 1)


@needs_root
def test_a_real_read_only_mount(tmp_path: Path) -> None:
    """In a mount namespace of its own."""
    code = (
        "import sys\nfrom kachecks.mysql.disks import look_at\n"
        "print(look_at('', (sys.argv[1],), '', 1).read_only)"
    )
    script = f'mount -t tmpfs -o ro none {tmp_path} && exec "$@"'
    ran = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, "sh", sys.executable, "-c", code, tmp_path],
        cwd=Path(__file__).parents[3], check=True, timeout=10, capture_output=True, text=True,
    )  # fmt: skip
    assert ran.stdout == f"{tmp_path} is mounted read-only\n"


# What moves --------------------------------------------------------------------------------------


def test_the_newest_binary_log(tmp_path: Path) -> None:
    """By its number, which has seven digits after 999999."""
    for name in (
        "binlog.999999",
        "binlog.1000000",
        "binlog.index",
        "binlog.~rec~",
        "other.2000000",
    ):
        (tmp_path / name).write_text(name)
    found = look(str(tmp_path), binlog=str(tmp_path / "binlog"), min_free=1)
    assert found.binlog == f"binlog.1000000:{len('binlog.1000000')}"
    assert found.device == "" or found.device.isdecimal()


@pytest.mark.parametrize("binlog", ["", "/missing/binlog", "{}/none"])
def test_no_binary_log(tmp_path: Path, binlog: str) -> None:
    assert look(str(tmp_path), binlog=binlog.format(tmp_path), min_free=1) == Disks()


# One that does not answer ------------------------------------------------------------------------


@pytest.fixture
def dead(monkeypatch: pytest.MonkeyPatch) -> None:
    """statfs never comes back, as on a network disk whose server is gone."""
    monkeypatch.setattr(disks.os, "statvfs", lambda _path: time.sleep(30))
    monkeypatch.setattr(disks, "PATIENCE", 0.05)


def end(child: int) -> None:
    os.kill(child, 9)
    os.waitpid(child, 0)


@pytest.mark.usefixtures("dead")
def test_a_dead_disk() -> None:
    begin = time.monotonic()
    child = look("/data", "/log").mute
    assert time.monotonic() - begin < 0.6
    assert child is not None
    assert mysqld_process.runs(child)
    os.kill(child.pid, 9)
    while mysqld_process.runs(child):
        assert time.monotonic() - begin < 5
        time.sleep(0.01)
    os.kill(child.pid, 0)  # a zombie, which hangs no more
    os.waitpid(child.pid, 0)


@pytest.mark.usefixtures("dead")
def test_no_second_child_beside_one_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither of this process (status --watch) nor of an earlier check."""
    servers, again = (Servers(config()) for _ in range(2))
    here = Process(os.getpid(), 0)
    first = servers.look_at_disks(here, ("/data",), "", None).mute
    assert first is not None
    monkeypatch.setattr(disks, "look_at", failing(AssertionError("a second child")))
    assert servers.look_at_disks(here, ("/data",), "", None) == Disks(mute=first)
    assert again.look_at_disks(here, ("/data",), "", first) == Disks(mute=first)
    end(first.pid)


def test_the_disk_answers_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    servers, here = Servers(config()), Process(os.getpid(), 0)
    with monkeypatch.context() as patch:
        patch.setattr(disks.os, "statvfs", lambda _path: time.sleep(30))
        patch.setattr(disks, "PATIENCE", 0.05)
        child = servers.look_at_disks(here, (str(tmp_path),), "", None).mute
    assert child is not None
    os.kill(child.pid, 9)
    while mysqld_process.runs(child):
        time.sleep(0.01)
    assert servers.look_at_disks(here, (str(tmp_path),), "", child).mute is None
    with pytest.raises(ChildProcessError):  # no zombie is kept
        os.waitpid(child.pid, os.WNOHANG)


@pytest.mark.parametrize("started", [0, 1])
def test_a_child_whose_pid_was_given_to_another(tmp_path: Path, started: int) -> None:
    hanging = Process(os.getpid() if started else 999999999, started)
    servers = Servers(config())
    assert not servers.look_at_disks(Process(os.getpid(), 0), (str(tmp_path),), "", hanging).mute
