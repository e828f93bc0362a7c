"""One look for monitoring, and more before anything is called critical."""

from __future__ import annotations

from pathlib import Path

import pytest

from kachecks.commands.status import command, keepalived_state, monitor
from kachecks.commands.status.facts import Status
from kachecks.commands.status.keepalived_state import must_run
from kachecks.keepalived.process import KeepalivedError, NotFound
from tests.unit.doubles.status_samples import ACTIVE, SILENT, STANDBY, STATUS, server

MOVING = STATUS._replace(here=ACTIVE._replace(server=server(1, writable=False)))
"""The VIP is here, nobody is open."""


class Looks:
    """Each look finds the next of these."""

    def __init__(self, *seen: Status) -> None:
        self.seen = list(seen)
        self.slept: list[float] = []

    def look(self) -> Status:
        return self.seen.pop(0)


@pytest.mark.parametrize(
    ("seen", "word"),
    [
        ((STATUS,), "OK"),
        ((STATUS._replace(there=SILENT),), "DEGRADED"),
        ((MOVING, STATUS), "OK"),
        ((MOVING, MOVING, STATUS), "OK"),
        ((MOVING,) * monitor.LOOKS, "NOT SERVING"),
    ],
)
def test_only_what_is_critical_is_looked_at_again(seen: tuple[Status, ...], word: str) -> None:
    looks = Looks(*seen)
    status, told = monitor.confirmed(looks.look, looks.slept.append)
    assert (told.word, status) == (word, seen[-1])
    assert looks.seen == []
    assert looks.slept == [monitor.PAUSE] * (len(seen) - 1)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """An option file; the pair is as in STATUS."""
    monkeypatch.setattr(monitor.Looking, "look", lambda _self: STATUS)
    path = tmp_path / "k.cnf"
    path.write_text("[kachecks]\nvip = 10.0.0.100\npeer = 10.0.0.2\nmax_lag = 7\n")
    path.chmod(0o600)
    return f"--defaults-file={path}"


def test_nagios(told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main([told, "--format=nagios"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("KACHECKS OK: a serves, b stands by and looks fit from here | ")
    assert ";7;" in said  # max_lag is the threshold


def test_prometheus(told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main([told, "--format", "prometheus"]) == 0
    assert 'kachecks_severity{pair="main"} 0\n' in capsys.readouterr().out


def test_the_metrics_are_written_whatever_they_say(
    told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(monitor, "PAUSE", 0.0)
    monkeypatch.setattr(monitor.Looking, "look", lambda _self: MOVING)
    assert command.main([told, "--format=prometheus"]) == 0
    assert 'kachecks_severity{pair="main"} 2\n' in capsys.readouterr().out
    assert command.main([told, "--format=nagios"]) == 2


def test_an_option_file_that_cannot_be_used_is_unknown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main([f"--defaults-file={tmp_path}/none", "--format=nagios"]) == 3
    said = capsys.readouterr().out
    assert said.startswith(f"KACHECKS UNKNOWN: {tmp_path}/none")
    assert len(said.splitlines()) == 1


def test_a_look_that_fails_is_unknown(
    told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delattr(monitor.Looking, "look")
    assert command.main([told, "--format=nagios"]) == 3
    assert capsys.readouterr().out.startswith("KACHECKS UNKNOWN: unexpected AttributeError")


def test_the_formats_of_monitoring_do_not_watch(capsys: pytest.CaptureFixture[str]) -> None:
    for each in command.FOR_MONITORING:
        with pytest.raises(SystemExit) as ended:
            command.main(["--watch", f"--format={each}"])
        assert ended.value.code == 3
        assert "--watch goes with text and json" in capsys.readouterr().err


def test_one_format_at_a_time(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(["--json", "--format=nagios"])
    assert "not allowed with" in capsys.readouterr().err
    assert command.parser().parse_args(["--json"]).format == "json"
    assert command.parser().parse_args([]).format == "text"


def test_keepalived_is_looked_for_and_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keepalived_state, "find", lambda: None)
    with pytest.raises(NotFound):
        must_run()
    monkeypatch.setattr(keepalived_state, "find", lambda: object())
    with pytest.raises(KeepalivedError, match="not asked"):
        must_run()
    assert STANDBY.vrrp is None
