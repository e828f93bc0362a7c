"""The command line of the hooks: what keepalived.conf has is read without argparse, and alike."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest

from kachecks.commands.main import main as kachecks
from kachecks.hooks import common, notify_backup, notify_master
from kachecks.hooks.common import Options
from kachecks.lean import plain_options
from tests.unit.doubles.option_files import OsOf

FILE = "--defaults-file=/etc/kachecks/second.cnf"


@pytest.mark.parametrize("arguments", [[], [FILE], [FILE, "--defaults-file=/x"], ["--stop", FILE]])
def test_read_as_argparse_reads_it(arguments: list[str]) -> None:
    quick = plain_options(arguments, Options(), {"--stop": "stop"})
    slow = notify_backup.parser().parse_args(arguments)
    assert quick is not None
    for name, value in quick._asdict().items():
        assert getattr(slow, name) == value


@pytest.mark.parametrize(
    "argument", ["-v", "--dry-run", "--help", "--stop", "x", "--defaults-file"]
)
def test_left_to_argparse(argument: str) -> None:
    assert plain_options([FILE, argument], Options(), {}) is None


def test_a_wrong_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        notify_master.main(["--stop"])
    assert exit_.value.code == 2
    assert "unrecognized arguments: --stop" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("program", "arguments"),
    [
        (notify_master.main, ["--x\x1b[2J\ny"]),
        (kachecks, ["\x1b[2J\ny"]),
        (kachecks, ["elect", "a", "b", "--x\x1b[2J\ny"]),
        (kachecks, ["doctor", "--explain=\x1b[2J\ny"]),
        (kachecks, ["status", "--defaults-file=/nowhere/\x1b[2J\ny"]),
    ],
)
def test_a_wrong_command_line_moves_no_cursor(
    program: Callable[[list[str]], int], arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """It may come from a script, and that has it from elsewhere."""
    with suppress(SystemExit):
        program(arguments)
    told = "".join(capsys.readouterr())
    assert "?[2J Y" in told.upper()
    assert told.replace("\n", "").isprintable()


def test_the_option_file_named_is_the_one_read(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(common, "log", lambda *_, **__: None)
    assert notify_master.main(["--defaults-file=/nowhere/k.cnf"]) == 3
    assert "notify_master: /nowhere/k.cnf: cannot be read" in capsys.readouterr().err


def test_a_part_of_the_suite_that_cannot_be_loaded(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def body(*_: object) -> int:
        raise ModuleNotFoundError("No module named 'kachecks.mysql.wire'")

    for name in ("log", "load", "node_for"):
        monkeypatch.setattr(common, name, lambda *_, **__: None)
    monkeypatch.setattr(common, "os", OsOf(0))
    assert common.run_hook("notify_master", Options(), body) == 3
    assert capsys.readouterr().err == (
        "notify_master: cannot be loaded: No module named 'kachecks.mysql.wire'; install kachecks"
        " again\n"
    )
