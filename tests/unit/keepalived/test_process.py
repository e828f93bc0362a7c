"""Finding keepalived, with real processes: stand-ins of that name."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from kachecks.keepalived.process import NotKeepalived, find, stop
from tests.unit.doubles.keepalived_processes import (
    ROOT,
    Start,
    as_nobody,
    found,
    needs_root,
    pid_file,
    running,
    wait_until,
)

# An ancestor -----------------------------------------------------------------------------------

TELL = "from kachecks.keepalived.process import find; print(find([], '').process.pid, find([], ''))"


@pytest.mark.parametrize(
    ("programs", "expected"),
    [
        (["keepalived"], 0),
        (["keepalived", "keepalived"], 0),  # parent and VRRP child
        (["keepalived", "keepalived", "sh"], 0),  # the script is a shell's
        (["keepalived", "sh", "keepalived", "sh"], 2),  # what lies above is another's
    ],
)
def test_the_topmost_keepalived_directly_above(
    tmp_path: Path, programs: list[str], expected: int
) -> None:
    shutil.copy(shutil.which("dash") or shutil.which("sh") or "", tmp_path / "keepalived")
    shutil.copy(tmp_path / "keepalived", tmp_path / "sh")
    command = f'"{sys.executable}" -c "{TELL}"'
    for number, program in reversed(list(enumerate(programs))):
        script = tmp_path / f"script{number}"
        # `:` keeps the shell from giving itself up for its last command.
        script.write_text(f"echo $$\n{command}\n:\n")
        command = f'"{tmp_path / program}" "{script}"'
    ran = subprocess.run(
        [tmp_path / programs[0], tmp_path / "script0"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    *pids, told = ran.stdout.splitlines()
    assert told == f"{pids[expected]} keepalived (pid {pids[expected]}, ancestor)"


def test_no_ancestor_no_unit_no_pid_file(tmp_path: Path) -> None:
    assert find([str(tmp_path / "missing.pid")]) is None


# A pid file ------------------------------------------------------------------------------------


def test_pid_file(tmp_path: Path, keepalived: Path, start: Start) -> None:
    process = start(keepalived, 30)
    files = pid_file(tmp_path, process.pid)
    wait_until(lambda: find(files))
    seen = find(files)
    assert seen is not None
    assert (seen.pid, seen.found_by, seen.where) == (process.pid, "pid file", files[1])
    assert str(seen) == f"keepalived (pid {process.pid}, pid file {files[1]})"


def test_after_an_upgrade_of_the_package(tmp_path: Path, keepalived: Path, start: Start) -> None:
    process = running(start, keepalived)
    keepalived.unlink()
    assert find(pid_file(tmp_path, process.pid)) is not None


@pytest.mark.parametrize("reaped", [True, False])
def test_a_pid_file_that_outlived_its_process(
    tmp_path: Path, keepalived: Path, start: Start, reaped: bool
) -> None:
    process = start(keepalived, 30)
    process.kill()
    if reaped:
        process.wait()
    else:
        wait_until(lambda: psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE)
    assert find(pid_file(tmp_path, process.pid)) is None


def test_another_process_has_the_pid(tmp_path: Path, start: Start) -> None:
    process = start("sleep", 30)
    files = pid_file(tmp_path, process.pid)
    wait_until(lambda: psutil.Process(process.pid).name() == "sleep")
    with pytest.raises(NotKeepalived) as caught:
        find(files)
    assert str(caught.value) == (
        f"{files[1]} names process {process.pid}, which is sleep and not keepalived"
    )


def test_a_name_alone_is_not_enough(tmp_path: Path, start: Start) -> None:
    link = tmp_path / "bin" / "keepalived"
    link.parent.mkdir()
    link.symlink_to(shutil.which("sleep") or "")
    with pytest.raises(NotKeepalived):
        find(pid_file(tmp_path, running(start, link).pid))


@pytest.mark.parametrize("content", ["", "abc", "-1", "0", "12 34", "1" * 5000])
def test_a_pid_file_without_a_pid(tmp_path: Path, content: str) -> None:
    files = pid_file(tmp_path, content)
    with pytest.raises(NotKeepalived, match=f"^{files[1]} holds no process id$"):
        find(files)


def test_a_good_pid_file_after_a_bad_one(tmp_path: Path, keepalived: Path, start: Start) -> None:
    process = start(keepalived, 30)
    bad = tmp_path / "bad.pid"
    bad.write_text("abc")
    files = [str(bad), *pid_file(tmp_path, process.pid)]
    wait_until(lambda: psutil.Process(process.pid).name() == "keepalived")
    seen = find(files)
    assert seen is not None
    assert seen.where == files[2]


@needs_root
def test_another_network_namespace(tmp_path: Path, keepalived: Path, start: Start) -> None:
    process = start("unshare", "--net", keepalived, 30)
    wait_until(lambda: psutil.Process(process.pid).name() == "keepalived")
    with pytest.raises(NotKeepalived, match="a keepalived of another network namespace"):
        find(pid_file(tmp_path, process.pid))


@needs_root
def test_another_pid_namespace(tmp_path: Path, keepalived: Path, start: Start) -> None:
    process = start("unshare", "--pid", "--fork", "--kill-child", keepalived, 30)
    wait_until(lambda: [c.name() for c in psutil.Process(process.pid).children()] == ["keepalived"])
    child = psutil.Process(process.pid).children()[0]
    with pytest.raises(NotKeepalived, match="a keepalived of another pid namespace"):
        find(pid_file(tmp_path, child.pid))


@pytest.fixture
def public() -> Iterator[Path]:
    """A directory that everybody may enter, unlike tmp_path."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        yield Path(directory)


@needs_root
def test_only_root_may(keepalived: Path, start: Start, public: Path) -> None:
    process = running(start, keepalived)
    files, pid = pid_file(public, process.pid), process.pid
    assert as_nobody(lambda: find(files)) == (
        f"NoPermission: cannot look at process {pid}: only root may do it"
    )
    assert as_nobody(lambda: stop(found(process))) == (
        f"NoPermission: cannot stop keepalived (pid {pid}, pid file /a.pid): only root may do it"
    )
    Path(files[1]).chmod(0o600)
    assert as_nobody(lambda: find(files)) == (
        f"NoPermission: cannot read {files[1]}: only root may do it"
    )
    assert process.poll() is None


@needs_root
def test_only_root_may_stop_without_pidfd(
    keepalived: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "pidfd_open", raising=False)
    process = start(keepalived, 30)
    assert as_nobody(lambda: stop(found(process))).startswith("NoPermission: cannot stop")
    assert process.poll() is None
