"""A keepalived that is asked for its state. The signal itself is the lab's (test_status)."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path

import psutil
import pytest

from kachecks.keepalived import ask_state
from kachecks.keepalived.ask_state import Untold, ask_keepalived
from kachecks.keepalived.process import Keepalived, NotFound
from tests.unit.keepalived.test_vrrp_state import MASTER, VIP, WRITTEN


class Asked:
    """A keepalived that is asked and writes, or does not."""

    def __init__(self, directory: Path) -> None:
        self.file = directory / "keepalived.json"
        self.signals: list[int] = []
        self.writes: list[str] = [json.dumps([WRITTEN])]

    def send(self, _keepalived: Keepalived, number: int) -> None:
        self.signals.append(number)
        for text in self.writes:
            self.file.write_text(text)


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Asked:
    found, made = Keepalived(psutil.Process(), "pid file", "/run/keepalived.pid"), Asked(tmp_path)
    monkeypatch.setattr(ask_state, "find", lambda: found)
    monkeypatch.setattr(ask_state, "_signal_number", lambda _found, _patience: 36)
    monkeypatch.setattr(ask_state, "_send", made.send)
    monkeypatch.setattr(ask_state, "_path", lambda _found: str(made.file))
    return made


def test_keepalived_is_asked_and_its_file_read(asked: Asked) -> None:
    assert ask_keepalived([VIP]) == MASTER
    assert asked.signals == [36]


def test_form_with_other_lists_beside_the_instances(asked: Asked) -> None:
    asked.writes = [json.dumps({"vrrp": [WRITTEN], "track_process": []})]  # json_version 2
    assert ask_keepalived([VIP]) == MASTER


def test_no_instance_of_ours_names_those_there_are(asked: Asked) -> None:
    with pytest.raises(Untold, match=r"no vrrp_instance with 10\.0\.0\.1; it has: mysql"):
        ask_keepalived(["10.0.0.1"])  # not a prefix of 10.0.0.100 either
    asked.writes = ["[]"]
    with pytest.raises(Untold, match="it has: none"):
        ask_keepalived([VIP])


def test_file_from_before_is_not_taken_for_an_answer(asked: Asked) -> None:
    asked.file.write_text(json.dumps([WRITTEN]))
    an_hour_ago = time.time() - 3600
    os.utime(asked.file, (an_hour_ago, an_hour_ago))
    asked.writes = []
    with pytest.raises(Untold, match=r"has not written .* within 0\.02 s.*json_file_location"):
        ask_keepalived([VIP], 0.02)


def test_half_of_a_file_is_read_again(asked: Asked) -> None:
    text = json.dumps([WRITTEN])
    asked.writes = [text[:100]]
    rest = threading.Timer(0.02, lambda: asked.file.write_text(text))
    rest.start()
    assert ask_keepalived([VIP], 5) == MASTER
    rest.join()


@pytest.mark.usefixtures("asked")
def test_file_of_somebody_else_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ask_state, "_owner", lambda _found: os.getuid() + 1)
    with pytest.raises(Untold):
        ask_keepalived([VIP], 0.02)


def test_link_is_not_followed(asked: Asked, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text(json.dumps([WRITTEN]))
    asked.file.symlink_to(elsewhere)
    asked.writes = []
    with pytest.raises(Untold):
        ask_keepalived([VIP], 0.02)


def test_no_keepalived(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ask_state, "find", lambda: None)
    with pytest.raises(NotFound, match="no keepalived is running here"):
        ask_keepalived([VIP])


def test_signal_goes_to_none_that_has_not_prepared_for_it() -> None:
    """The default action of a real-time signal ends a process."""
    this = Keepalived(psutil.Process(), "pid file", "x")
    assert not ask_state._prepared(this.process, 36)
