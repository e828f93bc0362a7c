"""The late mark on a real disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from kachecks.state.files import Disk
from kachecks.state.known_late import KnownLate
from kachecks.state.marks import Known

KNOWN = Known(asked_at=90.0, served_at=100.0, wanted_at=60.0)


def test_all_of_it_is_read_back(tmp_path: Path) -> None:
    mark = KnownLate(str(tmp_path), "main", Disk())
    mark.mark(KNOWN._replace(wanted="1-1-5", blind=True, received="1-1-9"))
    assert mark.read(500.0) == Known(490.0, 500.0, 460.0, "1-1-5", True, "1-1-9")


def test_the_mark_of_an_earlier_version(tmp_path: Path) -> None:
    (tmp_path / "main.late").write_text("40 10 1-1-5")
    known = KnownLate(str(tmp_path), "main", Disk()).read(500.0)
    assert known == Known(490.0, 500.0, 460.0, "1-1-5")


def read_back(directory: Path, wanted: str) -> Known | None:
    mark = KnownLate(str(directory), "main", Disk())
    mark.mark(KNOWN._replace(wanted=wanted))
    return mark.read(500.0)


@pytest.mark.parametrize("length", [0, 40, 3900, 50_000])
def test_it_is_read_back_as_if_the_peer_had_served_until_now(tmp_path: Path, length: int) -> None:
    known = read_back(tmp_path, "x" * length)
    assert known == Known(490.0, 500.0, 460.0, "x" * length)
