"""Telling people must never change what is done: no hang, no exception, no status."""

from __future__ import annotations

import json
import sys
import syslog
import time
from pathlib import Path
from typing import Any

import pytest

from kachecks import report


def test_a_log_daemon_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(syslog, "syslog", lambda *_: time.sleep(10))
    begin = time.monotonic()
    report.log("a line")
    assert time.monotonic() - begin < 5


def test_what_is_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[Any] = []
    monkeypatch.setattr(syslog, "syslog", lambda *line: said.append(line))
    report.log("fine")
    report.log("trouble", problem=True)
    assert said == [(syslog.LOG_NOTICE, "fine"), (syslog.LOG_WARNING, "trouble")]


@pytest.mark.parametrize("error", [BrokenPipeError, UnicodeEncodeError("ascii", "ä", 0, 1, "no")])
def test_a_terminal_that_is_gone_or_poor(
    monkeypatch: pytest.MonkeyPatch, error: type[OSError] | ValueError
) -> None:
    class Out:
        def write(self, _text: str) -> int:
            raise error

        def flush(self) -> None:
            raise error

    monkeypatch.setattr(sys, "stdout", Out())
    report.say("ä")


def test_the_alert_program_gets_the_record(tmp_path: Path) -> None:
    program, got = tmp_path / "page", tmp_path / "got"
    program.write_text(f"#!/bin/sh\ncat > {got}.new; mv {got}.new {got}\n")
    program.chmod(0o755)
    report.alert(str(program), {"transition": "promote", "why": "ä"})
    end = time.monotonic() + 10
    while not got.exists():
        assert time.monotonic() < end
        time.sleep(0.01)
    assert json.loads(got.read_text()) == {"transition": "promote", "why": "ä"}


def test_an_alert_program_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(report, "log", lambda text, **_: said.append(text))
    report.alert("/nowhere/page", {})
    assert said
    assert "/nowhere/page" in said[0]


def test_an_alert_program_that_does_not_read(tmp_path: Path) -> None:
    program = tmp_path / "page"
    program.write_text("#!/bin/sh\nexec sleep 5\n")
    program.chmod(0o755)
    begin = time.monotonic()
    report.alert(str(program), {"why": "x" * 200_000})
    assert time.monotonic() - begin < 4


def test_a_screen_that_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-S: one line is waited for, and no other."""
    asked: list[str] = []

    def hangs(text: str) -> None:
        asked.append(text)
        time.sleep(5)

    monkeypatch.setattr(report, "say", hangs)
    monkeypatch.setattr(report, "LOG_PATIENCE", 0.05)
    terminal = report.Terminal()
    terminal.say("one")
    terminal.say("two")
    assert asked == ["one"]


def test_a_screen_that_runs(capsys: pytest.CaptureFixture[str]) -> None:
    terminal = report.Terminal()
    terminal.say("one")
    terminal.say("two")
    assert capsys.readouterr().out == "one\ntwo\n"
