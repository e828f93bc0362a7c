"""keepalived logs a line whenever it is asked, so it is asked when something changes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from kachecks.commands.status import keepalived_state as module
from kachecks.commands.status.keepalived_state import SETTLES, KeepalivedState
from kachecks.keepalived import ask_state
from kachecks.keepalived.ask_state import Untold
from kachecks.keepalived.process import NotFound
from kachecks.keepalived.vrrp_state import Vrrp
from tests.unit.doubles.simulation import World

BACKUP = Vrrp("mysql", "BACKUP", 1795367442.0, 249, 249)


class Looks:
    """One a second, for as long as a week."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.world = World().but(vip=False)
        self.now = 1000.0
        self.asked = 0
        self.answer: Any = BACKUP
        self.runs = True
        self.found: Any = self.keepalived()
        monkeypatch.setattr(module.time, "monotonic", lambda: self.now)
        monkeypatch.setattr(module, "find", lambda: self.found)
        monkeypatch.setattr(ask_state, "ask_keepalived", self.ask_keepalived)
        monkeypatch.setattr(KeepalivedState, "_carrier", lambda _self: self.carrier)
        self.carrier = "up\n"
        self.state = KeepalivedState(self.world.node)

    def keepalived(self) -> Any:
        return SimpleNamespace(process=SimpleNamespace(is_running=lambda: self.runs))

    def ask_keepalived(self, _vips: object) -> Vrrp:
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def look(self, times: int) -> int:
        """How often keepalived was asked meanwhile."""
        before = self.asked
        for _ in range(times):
            self.now += 1.0
            if isinstance(self.answer, Exception):
                with pytest.raises(type(self.answer)):
                    self.state.ask()
            else:
                assert self.state.ask() == self.answer
        return self.asked - before


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Looks:
    return Looks(monkeypatch)


def test_one_look(looks: Looks) -> None:
    assert looks.look(1) == 1


def test_a_quiet_week(looks: Looks) -> None:
    assert looks.look(10_000) <= SETTLES


@pytest.mark.parametrize("sign", ["vip", "verdict", "permit", "carrier", "restart"])
def test_something_changes(looks: Looks, sign: str) -> None:
    """It is asked for as long as keepalived may take to act on it."""
    looks.look(100)
    if sign == "vip":
        looks.world.vip = True
    elif sign == "verdict":
        looks.world.node.marks.verdict_changed("LAG 24")
    elif sign == "permit":
        looks.world.node.marks.withdraw_permit()
    elif sign == "carrier":
        looks.carrier = "down\n"
    else:
        looks.runs, looks.found = False, None
        looks.answer = NotFound("no keepalived is running here")
    assert looks.look(1) == 1
    assert 0 < looks.look(100) <= SETTLES


def test_keepalived_is_started_again(looks: Looks) -> None:
    looks.found, looks.answer = None, NotFound("no keepalived is running here")
    looks.look(10)
    looks.found, looks.answer = looks.keepalived(), BACKUP
    assert looks.look(1) == 1


def test_one_that_does_not_tell_is_not_asked_each_second_either(looks: Looks) -> None:
    """Where json_file_location has moved the file it writes it, and its line, all the same."""
    looks.answer = Untold("has not written it")
    assert looks.look(1000) <= SETTLES
