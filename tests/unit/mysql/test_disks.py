"""Room and writability of file systems, and one that never answers."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from kachecks.mysql import disks
from kachecks.mysql.disks import Disks, look_at, statfs

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


@pytest.fixture
def note(tmp_path: Path) -> Path:
    return tmp_path / "main.disk"


def test_patience() -> None:
    """A check has nine seconds for everything."""
    assert disks.PATIENCE == 1.0


def look(note: Path, *directories: str, root: str = "", min_free: int = 64 * MIB) -> Disks:
    return look_at(root, directories, min_free, str(note))


@pytest.mark.parametrize(("free", "full"), [(64 * MIB, False), (64 * MIB - 4096, True)])
def test_min_free(systems: FileSystems, note: Path, free: int, full: bool) -> None:
    """Of what mysqld, which is not root, may use."""
    systems.add("/proc/7/root/data", free)
    found = look(note, "/data", root="/proc/7/root")
    assert found == (Disks(full="/data has 63 MiB left, min_free is 64 MiB") if full else Disks())


def test_read_only(systems: FileSystems, note: Path) -> None:
    systems.add("/data", 10**12, read_only=True)
    assert look(note, "/data") == Disks(read_only="/data is mounted read-only")


def test_each_directory_is_named(systems: FileSystems, note: Path) -> None:
    systems.add("/data", 10**12)
    systems.add("/log", MIB, read_only=True)
    systems.add("/tmp", 0)  # noqa: S108
    assert look(note, "/data", "/log", "/tmp") == Disks(  # noqa: S108
        full="/log has 1 MiB left, min_free is 64 MiB; /tmp has 0 MiB left, min_free is 64 MiB",
        read_only="/log is mounted read-only",
    )


def test_nothing_to_look_at(note: Path) -> None:
    assert look(note) == Disks()


def test_a_real_file_system(tmp_path: Path, note: Path) -> None:
    assert look(note, str(tmp_path), min_free=1) == Disks()
    assert "MiB left" in look(note, str(tmp_path), min_free=2**60).full
    assert not note.exists()


def test_what_cannot_be_found_out_is_not_wrong(tmp_path: Path, note: Path) -> None:
    assert look(note, str(tmp_path / "missing")) == Disks()


def test_statfs_raises_what_the_kernel_says(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        statfs(str(tmp_path), ("/missing",), 1)


@needs_root
def test_a_real_read_only_mount(tmp_path: Path) -> None:
    """In a mount namespace of its own."""
    code = (
        "import sys\nfrom kachecks.mysql.disks import look_at\n"
        "print(look_at('', (sys.argv[1],), 1, sys.argv[1] + '.note').read_only)"
    )
    script = f'mount -t tmpfs -o ro none {tmp_path} && exec "$@"'
    ran = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, "sh", sys.executable, "-c", code, tmp_path],
        cwd=Path(__file__).parents[3], check=True, timeout=10, capture_output=True, text=True,
    )  # fmt: skip
    assert ran.stdout == f"{tmp_path} is mounted read-only\n"


# One that does not answer ------------------------------------------------------------------------


@pytest.fixture
def dead(monkeypatch: pytest.MonkeyPatch, note: Path) -> Iterator[None]:
    """statfs never comes back, as on a network disk whose server is gone."""

    def hang(_path: str) -> None:
        time.sleep(30)

    monkeypatch.setattr(disks.os, "statvfs", hang)
    monkeypatch.setattr(disks, "PATIENCE", 0.05)
    yield
    if note.exists():
        end(int(note.read_text().split()[0]))


def end(child: int) -> None:
    os.kill(child, 9)
    os.waitpid(child, 0)


@pytest.mark.usefixtures("dead")
def test_a_dead_disk(note: Path) -> None:
    begin = time.monotonic()
    assert look(note, "/data", "/log") == Disks(
        mute="a file system of /data, /log does not answer within 0.05 s"
    )
    assert time.monotonic() - begin < 0.6


@pytest.mark.usefixtures("dead")
def test_no_second_child_beside_one_that_hangs(note: Path) -> None:
    """A check every second would fill the host with them."""
    look(note, "/data")
    first = note.read_text()
    assert look(note, "/data") == Disks(mute="a file system of /data still does not answer")
    assert note.read_text() == first


def test_the_disk_answers_again(
    note: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(disks.os, "statvfs", lambda _path: time.sleep(30))
        patch.setattr(disks, "PATIENCE", 0.05)
        assert look(note, "/data").mute
    end(int(note.read_text().split()[0]))
    assert look(note, str(tmp_path), min_free=1) == Disks()
    assert not note.exists()


@pytest.mark.parametrize("text", ["{pid} 1.5", "{pid}", "none", "999999999 1.0", "-7 1"])
def test_a_note_that_names_nobody_or_another(note: Path, tmp_path: Path, text: str) -> None:
    """The pid was given to somebody else since, or the file is damaged."""
    note.write_text(text.format(pid=os.getpid()))
    assert look(note, str(tmp_path), min_free=1) == Disks()
    assert not note.exists()
