"""--dry-run leaves nothing behind: every mark that a hook writes is only pretended."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from kachecks.config.options import parse
from kachecks.mysqld_process import Process
from kachecks.transitions.dry_run import RehearsalHost

MYSQLD = Process(4711, 1000)

WRITES: list[tuple[str, Callable[[RehearsalHost], object]]] = [
    ("mark_open", lambda host: host.mark_open(MYSQLD)),
    ("remember_server", lambda host: host.remember_server(MYSQLD, True)),
    ("note_events_off", lambda host: host.note_events_off(MYSQLD)),
    ("mark_gave_way", lambda host: host.mark_gave_way("why")),
    ("withdraw_permit", lambda host: host.withdraw_permit()),
    ("mark_leaving", lambda host: host.mark_leaving()),
    ("refusal_changed", lambda host: host.refusal_changed("why")),
    ("record", lambda host: host.record({"outcome": "opened"}, problem=True)),
    ("try_lock", lambda host: host.try_lock("promote")),
    ("unlock", lambda host: host.unlock()),
]


@pytest.fixture
def host(tmp_path: Path) -> RehearsalHost:
    text = f"[kachecks]\nvip = 10.0.0.100\npeer = 10.0.0.1\nrun_dir = {tmp_path}\n"
    return RehearsalHost(parse(f"{text}state_dir = {tmp_path}\nalert = /bin/false\n", "k.cnf"))


@pytest.mark.parametrize(("name", "write"), WRITES, ids=[name for name, _ in WRITES])
def test_nothing_is_written(
    host: RehearsalHost, tmp_path: Path, name: str, write: Callable[[RehearsalHost], object]
) -> None:
    write(host)
    assert list(tmp_path.iterdir()) == [], name


def test_an_opening_is_not_noted(host: RehearsalHost, tmp_path: Path) -> None:
    host.note_opening_told()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("mark", "remove"),
    [
        ("main.open", lambda host: host.unmark_open()),
        ("main.events", lambda host: host.take_events_note(MYSQLD)),
        ("main.refusal", lambda host: host.forget_refusal()),
    ],
    ids=["open", "events", "refusal"],
)
def test_nothing_is_removed(
    host: RehearsalHost, tmp_path: Path, mark: str, remove: Callable[[RehearsalHost], object]
) -> None:
    (tmp_path / mark).write_text("4711 1000")
    remove(host)
    assert (tmp_path / mark).read_text() == "4711 1000"
