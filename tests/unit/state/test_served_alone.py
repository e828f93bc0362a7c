"""The alone mark: on a disk, durable, and never waited for."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kachecks import children
from kachecks.children import Answer, in_child
from kachecks.state import served_alone
from kachecks.state.files import Disk
from kachecks.state.served_alone import ServedAlone

OTHERS = "0-1-5,7-1-3"


def alone(directory: Path, name: str = "main") -> ServedAlone:
    return ServedAlone(str(directory), name, Disk())


@pytest.fixture
def synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the child notes what it has told the disk to keep, and whether the mark was there."""
    log, fsync = tmp_path / "synced", os.fsync

    def noting(file: int) -> None:
        name = Path(f"/proc/self/fd/{file}").readlink().name
        marked = (tmp_path / "state" / "main.alone").exists()
        with log.open("a") as lines:
            lines.write(f"{name} {'marked' if marked else 'not'}\n")
        fsync(file)

    monkeypatch.setattr(os, "fsync", noting)
    (tmp_path / "state").mkdir()
    return log


def test_patience() -> None:
    """A check has nine seconds for everything, and looks at the disks too."""
    assert served_alone.PATIENCE == 1.0


def test_it_is_set_and_removed(tmp_path: Path) -> None:
    mark = alone(tmp_path)
    assert not mark.is_marked()
    mark.mark(OTHERS)
    mark.mark(OTHERS)
    assert mark.is_marked()
    assert not alone(tmp_path, "other").is_marked()
    mark.unmark()
    assert not mark.is_marked()
    mark.unmark()
    assert list(tmp_path.iterdir()) == []


def test_a_peer_that_has_lived_since(tmp_path: Path) -> None:
    """It has sent something after the mark was set, so it may have taken more."""
    mark = alone(tmp_path)
    for others in (OTHERS, ""):
        mark.mark(others)
        assert mark.is_marked(others)
        assert not mark.is_marked("0-1-6,7-1-3")
        assert mark.is_marked()
    (tmp_path / "main.alone").write_bytes(b"\xff\xff")
    assert not mark.is_marked("")


def test_it_is_durable(tmp_path: Path, synced: Path) -> None:
    """A power-off right after it must find it as it was set: the file, then its directory."""
    mark = alone(tmp_path / "state")
    mark.mark(OTHERS)
    assert synced.read_text() == "main.alone marked\nstate marked\n"
    synced.unlink()
    mark.unmark()
    assert synced.read_text() == "state not\n"


def test_a_state_directory_that_is_missing(tmp_path: Path) -> None:
    mark = alone(tmp_path / "missing")
    mark.mark(OTHERS)
    mark.unmark()
    assert not mark.is_marked()


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Answer]]:
    """The child hangs, as on a dead disk."""
    answers: list[Answer] = []

    def hangs(_work: object, patience: float) -> Answer:
        assert patience == served_alone.PATIENCE
        answers.append(in_child(lambda: str(time.sleep(30)), 0.05))
        return answers[-1]

    monkeypatch.setattr(children, "in_child", hangs)
    yield answers
    for answer in answers:
        os.kill(answer.pid, 9)
        os.waitpid(answer.pid, 0)


def test_a_dead_disk_has_no_mark(tmp_path: Path, hanging: list[Answer]) -> None:
    """What cannot be read is not there: the node stays closed, and says why."""
    mark = alone(tmp_path)
    mark.mark(OTHERS)
    mark.unmark()
    assert not mark.is_marked()
    assert [answer.ended for answer in hanging] == [False] * 3
