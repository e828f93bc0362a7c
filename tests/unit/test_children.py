"""Work in a child: what comes back, and what its hanging or dying leaves behind."""

from __future__ import annotations

import fcntl
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kachecks import children as module
from kachecks.children import LONGEST_TEXT, Answer, in_child, let_go
from tests.unit.doubles.changing import failing


@pytest.fixture
def children() -> Iterator[list[int]]:
    """Those that hang: ended and reaped after the test."""
    hanging: list[int] = []
    yield hanging
    for child in hanging:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def hang() -> str:
    time.sleep(30)
    return "too late"


def test_its_text_comes_back() -> None:
    answer = in_child(lambda: f"from {os.getpid()}", 5.0)
    assert answer == Answer(f"from {answer.pid}", answer.pid, ended=True)
    assert answer.pid != os.getpid()


@pytest.mark.parametrize(
    ("text", "back"),
    [
        ("", ""),
        ("grüße", "grüße"),
        ("a" * LONGEST_TEXT, "a" * LONGEST_TEXT),
        ("a" * 200_000, "a" * LONGEST_TEXT),  # more than a pipe holds: cut, and never waited for
        ("a" + "ü" * LONGEST_TEXT, "a" + "ü" * (LONGEST_TEXT // 2 - 1) + "\ufffd"),
        ("\udcff", "?"),
    ],
)
def test_any_text(text: str, back: str) -> None:
    assert LONGEST_TEXT + 1 <= 4096  # PIPE_BUF: written at once, whatever the pipe's size
    assert in_child(lambda: text, 5.0).text == back


@pytest.mark.parametrize(
    "work",
    [
        failing(OSError("dead disk")),
        failing(KeyboardInterrupt()),
        failing(SystemExit(7)),
        lambda: os.kill(os.getpid(), signal.SIGKILL),
    ],
)
def test_nothing_is_raised_here(work: Callable[[], str]) -> None:
    answer = in_child(work, 5.0)
    assert answer.text is None
    assert answer.ended


def test_one_that_hangs_is_not_waited_for(children: list[int]) -> None:
    begin = time.monotonic()
    answer = in_child(hang, 0.05)
    children.append(answer.pid)
    assert 0.04 < time.monotonic() - begin < 0.5
    assert answer == Answer(None, answer.pid, ended=False)
    os.kill(answer.pid, 0)  # it is still there


def test_no_child_and_no_descriptor_is_left() -> None:
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a number is all
    answers = [in_child(lambda: "done", 5.0) for _ in range(5)]
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208
    for answer in answers:
        with pytest.raises(ChildProcessError):
            os.waitpid(answer.pid, os.WNOHANG)


def test_one_that_has_ended_late_is_reaped() -> None:
    """By the next call: status --watch runs for weeks."""
    hanging = in_child(hang, 0.02)
    os.kill(hanging.pid, signal.SIGKILL)
    os.waitid(os.P_PID, hanging.pid, os.WEXITED | os.WNOWAIT)
    in_child(lambda: "", 5.0)
    with pytest.raises(ChildProcessError):
        os.waitpid(hanging.pid, os.WNOHANG)


def test_not_too_many_hang(children: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_abandoned", set())  # those of other tests still hang
    for _ in range(module.MOST_ABANDONED):
        children.append(in_child(hang, 0.01).pid)
    with pytest.raises(OSError, match="others still hang"):
        in_child(lambda: "", 1.0)
    os.kill(children[0], signal.SIGKILL)
    os.waitpid(children.pop(0), 0)
    assert in_child(lambda: "room", 5.0).text == "room"


def test_one_that_hangs_holds_no_lock_of_ours(tmp_path: Path, children: list[int]) -> None:
    """A flock ends when the last process that has its descriptor closes it."""
    with (tmp_path / "low").open("w") as low:
        answer = None
        with (tmp_path / "high").open("w") as high:
            fcntl.flock(low, fcntl.LOCK_EX)
            os.dup2(high.fileno(), 700)  # above those of its pipe
            fcntl.flock(700, fcntl.LOCK_EX)
            answer = in_child(hang, 0.05)
            children.append(answer.pid)
            os.close(700)
    for name in ("low", "high"):
        with (tmp_path / name).open("w") as again:
            fcntl.flock(again, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_slow_child_is_waited_for_to_its_end() -> None:
    def work() -> str:
        time.sleep(0.05)
        return "at last"

    assert in_child(work, 5.0).text == "at last"


def test_no_child_can_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    unavailable = BlockingIOError(11, "Resource temporarily unavailable")
    monkeypatch.setattr(module.os, "fork", failing(unavailable))
    with pytest.raises(OSError, match="temporarily unavailable"):
        in_child(lambda: "", 1.0)


def test_a_program_whose_disk_hangs_holds_no_lock_of_ours(tmp_path: Path) -> None:
    """Whoever may have changed it is looked up on that very disk, in the new process."""
    pipe = tmp_path / "pid"
    os.mkfifo(pipe)

    def first() -> None:
        with pipe.open("w") as told:
            told.write(str(os.getpid()))
        time.sleep(30)

    lock = tmp_path / "lock"
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        let_go(["/bin/true"], "", lambda _: None, first)
        child = int(pipe.read_text())
    try:
        with lock.open("w") as again:
            fcntl.flock(again, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
