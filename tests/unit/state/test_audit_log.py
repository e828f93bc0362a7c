"""The end of an audit log, whatever its state."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from kachecks.state import audit_log as status_history
from kachecks.state.audit_log import TAIL, History, NoHistory, append
from kachecks.state.files import Disk
from kachecks.state.transition import Transition


def record(number: int, **more: object) -> dict[str, object]:
    return {
        "time": f"2026-11-22T17:24:{number:02}.000Z",
        "host": "a",
        "name": "main",
        "transition": "promote",
        "outcome": "opened",
        "why": "all is applied",
        "cause": "notify_master",
        "milliseconds": 72.4,
        "steps": [["lock", 0.1]],
        **more,
    }


def write(directory: Path, *lines: str) -> None:
    (directory / "main.jsonl").write_text("".join(lines))


def last_transitions(directory: str, name: str) -> tuple[Transition, ...]:
    return History(directory, name).last_transitions()


def last(directory: Path) -> list[str]:
    return [each.time[17:19] for each in last_transitions(str(directory), "main")]


def test_the_last_three_as_they_were_recorded(tmp_path: Path) -> None:
    for number in range(5):
        append(Disk(), str(tmp_path / "main.jsonl"), record(number))
    append(Disk(), str(tmp_path / "other.jsonl"), record(9))
    assert last(tmp_path) == ["04", "03", "02"]
    newest = last_transitions(str(tmp_path), "main")[0]
    assert newest == Transition(
        "2026-11-22T17:24:04.000Z", "promote", "opened", "all is applied", "notify_master", 72.4
    )


def test_text_of_a_server_is_kept_whole_and_obeyed_by_no_screen(tmp_path: Path) -> None:
    why = "a\x1b[2J\x9b\u202e\udc80\x7f\nb" + "c" * 5000
    append(Disk(), str(tmp_path / "main.jsonl"), record(1, why=why))
    written = (tmp_path / "main.jsonl").read_text(encoding="utf-8")
    assert written.endswith("\n") and written[:-1].isprintable() and written.isascii()
    assert json.loads(written)["why"] == why
    assert last_transitions(str(tmp_path), "main")[0].why[:20] == "a?[2J???? bccccccccc"


def test_no_log_yet(tmp_path: Path) -> None:
    assert last(tmp_path) == []


def test_damaged_lines_are_passed_over(tmp_path: Path) -> None:
    lines = [json.dumps(record(number)) + "\n" for number in range(3)]
    odd = ["[]\n", "null\n", '{"time": 1}\n', "\xff\xfe\n", lines[1][:40] + "\n"]
    write(tmp_path, lines[0], *odd, lines[2], lines[1][:60])
    assert last(tmp_path) == ["02", "00"]


def test_missing_values_are_no_error(tmp_path: Path) -> None:
    write(tmp_path, json.dumps({"time": "t", "transition": "leave", "milliseconds": "?"}))
    assert last_transitions(str(tmp_path), "main") == (Transition("t", "leave", "", "", "", None),)


def test_only_the_end_of_a_large_log_is_read(tmp_path: Path) -> None:
    path = tmp_path / "main.jsonl"
    with path.open("wb") as file:
        file.truncate(1 << 40)  # a terabyte of holes
        file.seek(0, os.SEEK_END)
        file.write(b"\n" + json.dumps(record(7)).encode() + b"\n")
    assert last(tmp_path) == ["07"]


def test_a_record_longer_than_what_is_read_is_passed_over(tmp_path: Path) -> None:
    lines = [json.dumps(record(number)) + "\n" for number in (1, 3)]
    write(tmp_path, lines[0], json.dumps(record(2, position="x" * TAIL)) + "\n", lines[1])
    assert last(tmp_path) == ["03"]


@pytest.mark.parametrize("letter", ["x", "ü", "\U0001f600", '"'])
def test_long_sentences_are_cut(tmp_path: Path, letter: str) -> None:
    for number in range(3):
        append(Disk(), str(tmp_path / "main.jsonl"), record(number, why=letter * 5000))
    found = last_transitions(str(tmp_path), "main")
    assert len(found) == 3
    assert all(each.why.startswith(letter * 20) and each.why.endswith("...") for each in found)


def test_disk_that_hangs_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "main.jsonl")  # whoever opens it waits for a writer
    monkeypatch.setattr(status_history, "PATIENCE", 0.02)
    history = History(str(tmp_path), "main")
    with pytest.raises(NoHistory, match=r"its disk has not answered in 0\.02 s"):
        history.last_transitions()
    monkeypatch.setattr(status_history, "in_child", None)  # no second child beside the first
    with pytest.raises(NoHistory, match="its disk still does not answer"):
        history.last_transitions()
    monkeypatch.undo()
    (tmp_path / "main.jsonl").open("wb").close()  # lets the child go
    (tmp_path / "main.jsonl").unlink()
    os.waitid(os.P_PID, history._stuck, os.WEXITED | os.WNOWAIT)
    assert history.last_transitions() == ()


def test_why_it_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "main.jsonl").mkdir()
    with pytest.raises(NoHistory, match=r"main\.jsonl cannot be read: Is a directory"):
        last(tmp_path)
