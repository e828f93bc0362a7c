"""Lock, marks and audit log: between real processes, on real files."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kachecks.mysqld_process import Process
from kachecks.state import files
from kachecks.state.files import Lock, StateError

ROOT = Path(__file__).parents[3]
BUSY = 4.0
"""Seconds that a machine with other things to do may add."""
HANGS = 12.0
"""Seconds for which a dead disk hangs here: whoever waits for it fails the test, and ends."""
HOLD = """
import sys, time
from kachecks.state.files import Lock
lock = Lock(sys.argv[1])
print(lock.try_to_take(sys.argv[2]), flush=True)
time.sleep(30)
"""


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "main.lock")


@pytest.fixture
def holder(path: str) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock, to promote."""
    command = [sys.executable, "-c", HOLD, path, "promote"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "True\n"
        yield process
        process.kill()


def is_free(path: str) -> bool:
    with Path(path).open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True


# The lock ----------------------------------------------------------------------------------------


def test_one_holder(path: str) -> None:
    first, second = Lock(path), Lock(path)
    assert first.try_to_take("promote")
    assert not second.try_to_take("demote")
    assert second.purpose_of_holder() == "promote"
    first.release()
    first.release()
    assert second.purpose_of_holder() == ""
    assert second.try_to_take("demote")
    assert first.purpose_of_holder() == "demote"
    second.release()


def test_between_processes(path: str, holder: subprocess.Popen[str]) -> None:
    mine = Lock(path)
    assert not mine.try_to_take("demote")
    assert mine.purpose_of_holder() == "promote"
    holder.send_signal(signal.SIGSTOP)  # a stopped holder holds it still
    assert not mine.try_to_take("demote")
    holder.kill()
    holder.wait()
    assert mine.purpose_of_holder() == ""  # whatever its text says
    assert mine.try_to_take("demote")
    mine.release()


def test_the_purpose_replaces_a_longer_one(path: str) -> None:
    first = Lock(path)
    for purpose in ("a rather long purpose", "demote"):
        assert first.try_to_take(purpose)
        assert Lock(path).purpose_of_holder() == purpose
        first.release()


@pytest.mark.usefixtures("holder")
def test_a_lock_without_its_purpose_is_still_a_lock(path: str) -> None:
    os.truncate(path, 0)
    assert not Lock(path).try_to_take("demote")
    assert Lock(path).purpose_of_holder() == "unknown"


def test_children_do_not_inherit_it(path: str) -> None:
    lock = Lock(path)
    assert lock.try_to_take("demote")
    with subprocess.Popen(["sleep", "30"], close_fds=False) as child:
        lock.release()
        try:
            assert is_free(path)
        finally:
            child.kill()


def test_private(path: str) -> None:
    assert Lock(path).try_to_take("demote")
    assert Path(path).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("made", ["nothing", "a file"])
def test_unusable_directory(tmp_path: Path, made: str) -> None:
    directory = tmp_path / "run"
    if made == "a file":
        directory.touch()
    with pytest.raises(StateError, match=r"cannot open the lock .*/run/main.lock: ") as caught:
        Lock(f"{directory}/main.lock").try_to_take("demote")
    assert "install kachecks.tmpfiles.conf" in str(caught.value)
    assert Lock(f"{directory}/main.lock").purpose_of_holder() == ""
    with pytest.raises(StateError, match=r"cannot write .*/run/main.open: "):
        files.write_text(f"{directory}/main.open", "x")
    assert files.read_text(f"{directory}/main.open") == ""
    files.remove(f"{directory}/main.open")


FULL = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # every write fails, as on a full tmpfs
from kachecks.state import files
lock = files.Lock(sys.argv[1])
print(lock.try_to_take("demote"), files.Lock(sys.argv[1]).try_to_take("promote"))
lock.release()
print(files.Lock(sys.argv[1]).try_to_take("promote"))
try:
    files.write_text(sys.argv[1], "text")
except files.StateError as error:
    print(error)
"""


def test_full_directory(path: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", FULL, path],
        cwd=ROOT, check=True, timeout=5, capture_output=True, text=True,
    )  # fmt: skip
    assert ran.stdout == f"True False\nTrue\ncannot write {path}: File too large\n"


# Marks -------------------------------------------------------------------------------------------


def test_marks(tmp_path: Path) -> None:
    mark = str(tmp_path / "main.open")
    assert files.read_process(mark) is None
    files.write_process(mark, Process(4711, 123456))
    assert files.read_process(mark) == Process(4711, 123456)
    files.write_process(mark, Process(4712, 123457))
    assert files.read_process(mark) == Process(4712, 123457)
    files.remove(mark)
    files.remove(mark)
    assert files.read_process(mark) is None
    assert list(tmp_path.iterdir()) == []


def test_a_mark_that_is_right_is_not_written_again(tmp_path: Path) -> None:
    mark = tmp_path / "main.open"
    files.write_process(str(mark), Process(4711, 1))
    before = mark.stat().st_ino
    files.write_process(str(mark), Process(4711, 1))
    assert mark.stat().st_ino == before
    files.write_process(str(mark), Process(4711, 2))
    assert mark.stat().st_ino != before  # replaced as a whole: no reader sees half of it


@pytest.mark.parametrize("text", ["", " ", "4711", "4711 ", "4711 x", "x 1", "\0\0", "1 2 3"])
def test_damaged_marks_name_nobody(tmp_path: Path, text: str) -> None:
    mark = tmp_path / "main.open"
    mark.write_text(text)
    assert files.read_process(str(mark)) is None


def test_a_mark_that_cannot_be_removed(tmp_path: Path) -> None:
    (tmp_path / "main.open" / "inside").mkdir(parents=True)
    with pytest.raises(StateError, match="cannot remove"):
        files.remove(str(tmp_path / "main.open"))


# The audit log -----------------------------------------------------------------------------------


def test_audit(tmp_path: Path) -> None:
    first, second = {"outcome": "opened", "why": "grüße"}, {"outcome": "closed"}
    files.append_audit(str(tmp_path), "main", first)
    files.append_audit(str(tmp_path), "main", second)
    lines = (tmp_path / "main.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [first, second]
    assert json.loads((tmp_path / "main.json").read_text()) == second
    assert sorted(file.name for file in tmp_path.iterdir()) == ["main.json", "main.jsonl"]


def test_audit_without_its_directory(tmp_path: Path) -> None:
    files.append_audit(str(tmp_path / "missing"), "main", {})


@pytest.fixture
def hanging(tmp_path: Path) -> Iterator[Path]:
    """A directory whose audit log hangs whoever opens it, as on a dead disk."""
    directory = tmp_path / "state"
    directory.mkdir()
    os.mkfifo(directory / "main.jsonl")

    def release() -> None:
        reader = os.open(directory / "main.jsonl", os.O_RDONLY | os.O_NONBLOCK)
        time.sleep(0.02)
        os.close(reader)

    late = threading.Timer(HANGS, release)
    late.start()
    yield directory
    late.cancel()
    release()


def test_a_hanging_directory_is_not_waited_for(hanging: Path, path: str) -> None:
    lock = Lock(path)
    assert lock.try_to_take("demote")
    begin = time.monotonic()
    files.append_audit(str(hanging), "main", {"outcome": "closed"})
    assert time.monotonic() - begin < files.AUDIT_PATIENCE + BUSY
    lock.release()
    assert is_free(path)  # the child that hangs does not hold it


def test_the_child_outlives_its_parent_without_the_lock(hanging: Path, path: str) -> None:
    code = (
        "import os, sys\nfrom kachecks.state import files\nlock = files.Lock(sys.argv[1])\n"
        "assert lock.try_to_take('demote')\nfiles.append_audit(sys.argv[2], 'main', {})\n"
    )
    subprocess.run(
        [sys.executable, "-c", code, path, hanging],
        cwd=ROOT, check=True, timeout=2 * BUSY,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert is_free(path)


def test_the_child_does_not_hold_a_terminal_or_pipe(hanging: Path) -> None:
    """`ssh node notify_down | tee log` must end although the disk of the audit log is dead."""
    code = (
        "import sys\nfrom kachecks.state import files\n"
        "files.append_audit(sys.argv[1], 'main', {})\n"
    )
    subprocess.run(
        [sys.executable, "-c", code, hanging],
        cwd=ROOT, check=True, timeout=2 * BUSY, capture_output=True,
    )  # fmt: skip


def test_no_descriptors_are_left(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a number is all
    for number in range(5):
        files.append_audit(str(tmp_path), "main", {"number": number})
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


def test_age_of_a_file(tmp_path: Path) -> None:
    """By the wall clock: one from the future is not taken for a fresh one."""
    file = tmp_path / "verdict"
    assert files.age(str(file)) == 0.0
    file.write_text("OK 0")
    assert 0.0 <= files.age(str(file)) < BUSY
    for shift in (-3600, 3600):
        os.utime(file, (0, time.time() + shift))
        assert files.age(str(file)) > 3600 - BUSY
