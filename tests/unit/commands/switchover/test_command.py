"""kachecks switchover: its command line and exit statuses."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from kachecks.commands.switchover import command as switchover
from kachecks.transitions.record import Outcome
from tests.unit.doubles.option_files import OsOf
from tests.unit.doubles.simulation import OPEN
from tests.unit.doubles.switchovers import active


@pytest.fixture
def option_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    file = tmp_path / "k.cnf"
    file.write_text("[kachecks]\nvip = 10.0.0.100\npeer = 10.0.0.1\n")
    monkeypatch.setattr(switchover, "os", OsOf(0))
    return f"--defaults-file={file}"


@pytest.mark.parametrize(
    ("outcome", "status"),
    [("handed over", 0), ("refused", 1), ("rolled back", 1), ("not serving", 2)],
)
def test_exit_statuses(
    option_file: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    outcome: str,
    status: int,
) -> None:
    world = active()
    handlers: list[object] = []

    def ends(*_: object) -> Outcome:
        handlers.extend(signal.getsignal(each) for each in (signal.SIGINT, signal.SIGHUP))
        return Outcome("switchover", outcome, "so", done=False, changed=True)

    monkeypatch.setattr(switchover, "node_for", lambda *_: world.node)
    monkeypatch.setattr(switchover, "hand_over", ends)
    before = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGHUP)]
    try:
        assert switchover.main([option_file]) == status
    finally:
        for number, handler in zip((signal.SIGINT, signal.SIGHUP), before):
            signal.signal(number, handler)
    assert capsys.readouterr().out == f"{outcome}: so\n"
    assert handlers == [signal.SIG_IGN] * 2  # a lost terminal must not leave this node closed


def test_refused_before_anything(
    option_file: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world = active().but(a__lag="30", a__of_b=5)
    monkeypatch.setattr(switchover, "node_for", lambda *_: world.node)
    assert switchover.main([option_file]) == 1
    assert capsys.readouterr().out.startswith("refused: the peer: it is 30 s behind")
    assert world.b.access == OPEN


@pytest.mark.parametrize("seconds", ["0", "-1", "inf", "nan", "1e11", "3601", "soon"])
def test_how_long_to_wait(option_file: str, seconds: str) -> None:
    with pytest.raises(SystemExit) as ended:
        switchover.main([option_file, f"--catch-up={seconds}"])
    assert ended.value.code == 3


def test_not_root(option_file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(switchover, "os", OsOf(1000))
    assert switchover.main([option_file]) == 3
