"""Small files, the lock and the audit log: between real processes, on real files."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shlex
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kachecks.state import audit_log, files
from kachecks.state.files import Disk, Files, Late, Lock, StateError

ROOT = Path(__file__).parents[3]
BUSY = 4.0
"""Seconds that a machine with other things to do may add."""
HANGS = 12.0
"""Seconds for which a dead disk hangs here: whoever waits for it fails the test, and ends."""
HOLD = """
import sys, time
from kachecks.state.files import Files, Lock
lock = Lock(sys.argv[1], Files())
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


def lock_at(path: str) -> Lock:
    return Lock(path, Files())


def is_free(path: str) -> bool:
    with Path(path).open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True


# The lock ----------------------------------------------------------------------------------------


def test_one_holder(path: str) -> None:
    first, second = lock_at(path), lock_at(path)
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
    mine = lock_at(path)
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
    first = lock_at(path)
    for purpose in ("a rather long purpose", "demote"):
        assert first.try_to_take(purpose)
        assert lock_at(path).purpose_of_holder() == purpose
        first.release()


@pytest.mark.usefixtures("holder")
def test_a_lock_without_its_purpose_is_still_a_lock(path: str) -> None:
    os.truncate(path, 0)
    assert not lock_at(path).try_to_take("demote")
    assert lock_at(path).purpose_of_holder() == "unknown"


def test_children_do_not_inherit_it(path: str) -> None:
    lock = lock_at(path)
    assert lock.try_to_take("demote")
    with subprocess.Popen(["sleep", "30"], close_fds=False) as child:
        lock.release()
        try:
            assert is_free(path)
        finally:
            child.kill()


def test_private(path: str) -> None:
    assert lock_at(path).try_to_take("demote")
    assert Path(path).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("made", ["nothing", "a file"])
def test_unusable_directory(tmp_path: Path, made: str) -> None:
    directory = tmp_path / "run"
    if made == "a file":
        directory.touch()
    with pytest.raises(StateError, match=r"cannot open the lock .*/run/main.lock: ") as caught:
        lock_at(f"{directory}/main.lock").try_to_take("demote")
    assert "install kachecks.tmpfiles.conf" in str(caught.value)
    assert lock_at(f"{directory}/main.lock").purpose_of_holder() == ""
    with pytest.raises(StateError, match=r"cannot write .*/run/main.open: "):
        Files().write(f"{directory}/main.open", "x")
    assert Files().read(f"{directory}/main.open") == ""
    Files().remove(f"{directory}/main.open")


FULL = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # every write fails, as on a full tmpfs
from kachecks.state.files import Files, Lock, StateError
def at(path): return Lock(path, Files())
lock = at(sys.argv[1])
print(lock.try_to_take("demote"), at(sys.argv[1]).try_to_take("promote"))
lock.release()
print(at(sys.argv[1]).try_to_take("promote"))
try:
    Files().write(sys.argv[1], "text")
except StateError as error:
    print(error)
"""


def test_full_directory(path: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", FULL, path],
        cwd=ROOT, check=True, timeout=5, capture_output=True, text=True,
    )  # fmt: skip
    assert ran.stdout == f"True False\nTrue\ncannot write {path}: File too large\n"
    assert [each.name for each in Path(path).parent.iterdir()] == ["main.lock"]


def test_half_a_text_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """write(2) takes what there is room for, and says how much that was."""
    mark = tmp_path / "main.look"
    mark.write_text("before")
    write = os.write
    monkeypatch.setattr(os, "write", lambda file, content: write(file, content[:3]))
    with pytest.raises(StateError, match="No space left on device"):
        Files().write(str(mark), "afterwards")
    assert [each.read_text() for each in tmp_path.iterdir()] == ["before"]


def test_a_full_directory_does_not_make_everything_news(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else every check would log and page, each second."""
    mark = str(tmp_path / "none" / "main.verdict")
    times = iter(range(1_000_000, 1_000_120))
    monkeypatch.setattr(time, "time", lambda: next(times) + 0.5)
    assert [Files().is_news(mark, "UNKNOWN 0") for _ in range(120)].count(True) == 2


# Small files -------------------------------------------------------------------------------------


def test_files(tmp_path: Path) -> None:
    mark = str(tmp_path / "main.open")
    assert Files().read(mark) == ""
    for text in ("4711 123456", "4712"):
        Files().write(mark, text)
        assert Files().read(mark) == text
    Files().remove(mark)
    Files().remove(mark)
    assert Files().read(mark) == ""
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    """No reader sees half of it."""
    mark = tmp_path / "main.open"
    Files().write(str(mark), "4711 1")
    with mark.open() as file:
        Files().write(str(mark), "4711 2")
        assert file.read() == "4711 1"


def test_news(tmp_path: Path) -> None:
    mark = tmp_path / "main.verdict"
    assert Files().is_news(str(mark), "OK 0")
    before = mark.stat().st_ino
    assert not Files().is_news(str(mark), "OK 0")
    assert mark.stat().st_ino == before  # what is right is not written again
    assert Files().is_news(str(mark), "LAG 24")
    Files().forget(str(mark))
    Files().forget(str(mark))
    assert list(tmp_path.iterdir()) == []


def test_a_mark_that_cannot_be_removed(tmp_path: Path) -> None:
    (tmp_path / "main.open" / "inside").mkdir(parents=True)
    with pytest.raises(StateError, match="cannot remove"):
        Files().remove(str(tmp_path / "main.open"))
    Files().forget(str(tmp_path / "main.open"))


# On a disk ---------------------------------------------------------------------------------------


def append(directory: Path, record: dict[str, object]) -> None:
    """To the audit log there."""
    audit_log.append(Disk(), str(directory / "main.jsonl"), record)


HANGS_THERE = """
import os
from kachecks.state import files
def hang(directory):
    if os.path.exists(f"{directory}/hangs"):  # a FIFO: whoever opens it waits for a writer
        open(f"{directory}/hangs").close()
files.must_be_roots = hang
"""
APPENDS = f"""
import sys
{HANGS_THERE}
from kachecks.state import audit_log
from kachecks.state.files import Disk, Files, Lock
def append(): audit_log.append(Disk(), sys.argv[1] + "/main.jsonl", dict())
"""


def test_audit(tmp_path: Path) -> None:
    first: dict[str, object] = {"outcome": "opened", "why": "grüße"}
    second: dict[str, object] = {"outcome": "closed"}
    append(tmp_path, first)
    append(tmp_path, second)
    lines = (tmp_path / "main.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [first, second]
    assert [file.name for file in tmp_path.iterdir()] == ["main.jsonl"]


def test_audit_without_its_directory(tmp_path: Path) -> None:
    append(tmp_path / "missing", {})


@pytest.fixture
def hanging(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory that hangs whoever looks at it, as on a dead disk."""
    directory = tmp_path / "state"
    directory.mkdir()
    os.mkfifo(directory / "hangs")
    monkeypatch.setattr(files, "must_be_roots", files.must_be_roots)  # restored at the end
    exec(HANGS_THERE, {})  # noqa: S102 - the same as in a process of its own

    def release() -> None:
        writer = os.open(directory / "hangs", os.O_RDWR | os.O_NONBLOCK)
        time.sleep(0.02)
        os.close(writer)

    late = threading.Timer(HANGS, release)
    late.start()
    yield directory
    late.cancel()
    release()


def test_a_hanging_directory_is_not_waited_for(hanging: Path, path: str) -> None:
    lock = lock_at(path)
    assert lock.try_to_take("demote")
    begin = time.monotonic()
    append(hanging, {"outcome": "closed"})
    assert time.monotonic() - begin < audit_log.APPEND_PATIENCE + BUSY
    lock.release()
    assert is_free(path)  # the child that hangs does not hold it


def test_the_child_outlives_its_parent_without_the_lock(hanging: Path, path: str) -> None:
    code = (
        f"{APPENDS}lock = Lock(sys.argv[2], Files())\nassert lock.try_to_take('demote')\nappend()\n"
    )
    subprocess.run(
        [sys.executable, "-c", code, hanging, path],
        cwd=ROOT, check=True, timeout=2 * BUSY,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert is_free(path)


def test_the_child_does_not_hold_a_terminal_or_pipe(hanging: Path) -> None:
    """`ssh node notify_down | tee log` must end although the disk of the audit log is dead."""
    subprocess.run(
        [sys.executable, "-c", f"{APPENDS}append()", hanging],
        cwd=ROOT, check=True, timeout=2 * BUSY, capture_output=True,
    )  # fmt: skip


def test_no_descriptors_are_left(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a number is all
    for number in range(5):
        append(tmp_path, {"number": number})
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


def test_a_disk(tmp_path: Path) -> None:
    file = str(tmp_path / "main.alone")
    assert Disk().read(file, BUSY) == ""
    for text in ("first", "grüße"):
        Disk().write(file, text, BUSY)
        assert Disk().read(file, BUSY) == text
    Disk().remove(file, BUSY)
    Disk().remove(file, BUSY)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "use",
    [lambda disk, path: disk.read(path, 0.02), lambda disk, path: disk.append(path, "line", 0.02)],
    ids=["read", "append"],
)
def test_a_disk_that_hangs(hanging: Path, use: Callable[[Disk, str], object]) -> None:
    with pytest.raises(Late, match=r"main\.jsonl: the disk has not answered within 0\.02 s"):
        use(Disk(), str(hanging / "main.jsonl"))


USES: dict[str, Callable[[Disk, str], object]] = {
    "read": lambda disk, path: disk.read(path, BUSY),
    "write": lambda disk, path: disk.write(path, "text", BUSY),
    "append": lambda disk, path: disk.append(path, "line", BUSY),
    "remove": lambda disk, path: disk.remove(path, BUSY),
}


@pytest.mark.parametrize("use", USES)
def test_a_disk_that_cannot_be_used(tmp_path: Path, use: str) -> None:
    """The path is a directory, and not an empty one."""
    (tmp_path / "main.alone" / "inside").mkdir(parents=True)
    with pytest.raises(StateError, match=r"cannot .*main\.alone: (Is a directory|it is not a reg)"):
        USES[use](Disk(), str(tmp_path / "main.alone"))


@pytest.mark.parametrize("use", USES)
def test_no_child_can_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, use: str) -> None:
    def fails() -> int:
        raise OSError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", fails)
    with pytest.raises(StateError, match="no child can be made: Resource temporarily"):
        USES[use](Disk(), str(tmp_path / "main.alone"))


# What is not ours ------------------------------------------------------------------------------

ALICE = 65534
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give a file away")


def a_fifo(path: Path) -> None:
    os.mkfifo(path)


def a_directory(path: Path) -> None:
    path.mkdir()


def a_link(path: Path) -> None:
    (path.parent / "elsewhere").write_text("text of elsewhere")
    path.symlink_to(path.parent / "elsewhere")


def alices(path: Path) -> None:
    path.write_text("text of alice")
    os.chown(path, ALICE, ALICE)


def a_device(path: Path) -> None:
    os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(1, 5))  # /dev/zero, which has no end


NOT_OURS = [
    a_fifo,
    a_directory,
    a_link,
    pytest.param(alices, marks=needs_root),
    pytest.param(a_device, marks=needs_root),
]
not_ours = pytest.mark.parametrize("make", NOT_OURS)


@not_ours
def test_what_is_not_ours_is_not_read(tmp_path: Path, make: Callable[[Path], None]) -> None:
    """And nobody waits for it."""
    path = tmp_path / "main.open"
    make(path)
    assert Files().read(str(path)) == ""
    assert Files().inscription(str(path)) is None
    with pytest.raises(StateError, match=r"cannot read .*main\.open: "):
        Disk().read(str(path), BUSY)
    with pytest.raises(StateError, match=r"cannot write .*main\.open: "):
        Disk().append(str(path), "line", BUSY)
    if make is alices:
        assert path.read_text() == "text of alice"
    if make is a_link:
        assert path.read_text() == "text of elsewhere"


@not_ours
def test_what_is_not_ours_is_no_lock(tmp_path: Path, make: Callable[[Path], None]) -> None:
    path = tmp_path / "main.lock"
    make(path)
    with pytest.raises(StateError, match=r"cannot open the lock .*main\.lock: "):
        lock_at(str(path)).try_to_take("demote")
    assert lock_at(str(path)).purpose_of_holder() == ""


@not_ours
def test_what_is_not_ours_is_replaced(tmp_path: Path, make: Callable[[Path], None]) -> None:
    path = tmp_path / "main.open"
    make(path)
    if make is a_directory:
        with pytest.raises(StateError, match=r"cannot write .*main\.open: Is a directory"):
            Files().write(str(path), "4711 1")
        return
    Files().write(str(path), "4711 1")
    assert Files().read(str(path)) == "4711 1"
    if make is a_link:
        assert (tmp_path / "elsewhere").read_text() == "text of elsewhere"


def test_a_link_in_place_of_the_new_file_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / f"main.open.{os.getpid()}").symlink_to(victim)
    with pytest.raises(StateError, match=r"cannot write .*main\.open"):
        Files().write(str(tmp_path / "main.open"), "4711 1")
    assert victim.read_text() == "precious"
    Files().write(str(tmp_path / "main.open"), "4711 1")  # it is gone now


def test_a_file_without_an_end(tmp_path: Path) -> None:
    path = tmp_path / "main.look"
    with path.open("wb") as file:
        file.truncate(300 << 20)
    assert len(Files().read(str(path))) == files.LARGEST


@needs_root
@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o757])
def test_a_directory_that_others_may_write(tmp_path: Path, mode: int) -> None:
    """What is there, and what is not, may be theirs."""
    directory = tmp_path / "run"
    directory.mkdir()
    directory.chmod(mode)
    path = str(directory / "main.lock")
    said = rf"{directory} is not used: anybody may write to {directory} \(mode {mode:04o}\); look"
    for use in (
        lambda: Files().write(path, "x"),
        lambda: lock_at(path).try_to_take("promote"),
        lambda: Disk().read(path, BUSY),
        lambda: Disk().write(path, "x", BUSY),
        lambda: Disk().append(path, "x", BUSY),
        lambda: Files().must_be_roots(str(directory)),
    ):
        with pytest.raises(StateError, match=said):
            use()
    assert list(directory.iterdir()) == []


def test_a_link_that_leads_in_a_circle_is_not_to_be_changed_by_chmod(tmp_path: Path) -> None:
    link = tmp_path / "a b"
    link.symlink_to(link)
    with pytest.raises(StateError, match=r"symbolic links; mend what namei -l '.*/a b' shows$"):
        Files().must_be_roots(str(link))


@needs_root
def test_how_to_mend_it_may_be_pasted(tmp_path: Path) -> None:
    directory = tmp_path / "it's; touch x"
    directory.mkdir()
    directory.chmod(0o777)
    with pytest.raises(StateError) as caught:
        Files().must_be_roots(str(directory))
    path = str(directory)
    commands = ["chown", "root:root", path, "&&", "chmod", "0700", path]
    assert shlex.split(str(caught.value).rpartition(", then ")[2]) == commands


def test_age_of_a_file(tmp_path: Path) -> None:
    """By the wall clock: one from the future is not taken for a fresh one."""
    file = tmp_path / "verdict"
    assert Files().age(str(file)) == 0.0
    file.write_text("OK 0")
    assert 0.0 <= Files().age(str(file)) < BUSY
    for shift in (-3600, 3600):
        os.utime(file, (0, time.time() + shift))
        assert Files().age(str(file)) > 3600 - BUSY


@pytest.mark.parametrize("text", ["", "a", "\U0001d11e" * 900, "ü" * 901, "1-1-5," * 20_000])
def test_a_file_on_a_disk_is_read_whole(tmp_path: Path, text: str) -> None:
    """GTID sets of many servers are longer than what a child tells at once."""
    path = str(tmp_path / "main.late")
    Disk().write(path, text, 10)
    assert Disk().read(path, 10) == text
