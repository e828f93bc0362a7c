"""What all command lines have in common."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kachecks.check import program
from kachecks.commands import main as kachecks
from kachecks.commands.doctor import command as doctor
from kachecks.commands.rejoin import probe
from kachecks.hooks import notify_backup
from kachecks.mysql.session import Unreachable
from manual.parser import Option, options
from manual.programs import PROGRAMS, parser_of
from tests.unit.doubles.option_files import NEEDED

MODULES = {
    **{name: module for name, (module, _) in PROGRAMS.items()},
    **{f"kachecks {name}": f"commands.{name}.command" for name in kachecks.PARTS},
}
TAKEN = {
    name: [
        each for each in options(parser_of(module)) if each.is_file or each.value in ("ID", "NAME")
    ]
    for name, module in MODULES.items()
}
NAMING = [(name, each) for name, taken in TAKEN.items() for each in taken if each.names]


@pytest.mark.parametrize(("name", "option"), NAMING)
def test_an_empty_name_is_not_taken_as_none_given(
    name: str, option: Option, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parser_of(MODULES[name]).parse_args([f"{option.names[0]}="])
    assert ended.value.code == (3 if name.startswith("kachecks") else 2)
    assert f"argument {option.names[0]}: found " in capsys.readouterr().err


def test_nor_is_an_empty_option_file(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        notify_backup.main(["--defaults-file="])
    assert "--defaults-file: found nothing, expected a name" in capsys.readouterr().err
    assert program.main(["--defaults-file="], lambda _: False, lambda _: "") == 2


def test_nor_an_empty_file_of_elect(capsys: pytest.CaptureFixture[str]) -> None:
    assert kachecks.main(["elect", "", "b.conf"]) == 3
    assert "argument A.conf: found nothing" in capsys.readouterr().err


def test_a_part_without_a_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert kachecks.main([""]) == 3
    assert "there is no part ''; there are setup, " in capsys.readouterr().err


NOWHERE = "--defaults-file=/nonexistent/k.cnf"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["rejoin", "--json", NOWHERE], "/nonexistent/k.cnf: cannot be read"),
        (["status", "--json", NOWHERE], "/nonexistent/k.cnf: cannot be read"),
        (["status", "--format=json", NOWHERE], "/nonexistent/k.cnf: cannot be read"),
        (["status", "--format", "json", NOWHERE], "/nonexistent/k.cnf: cannot be read"),
        (["doctor", "--json", "--explain", "NOPE"], "there is no rule NOPE"),
        (["elect", "--json", "/nonexistent/a", "b"], "/nonexistent/a: cannot be read"),
        (["elect", "--json"], "wrong command line: the following arguments are required"),
        (["status", "--json", "--bogus"], "wrong command line: unrecognized arguments: --bogus"),
        (["nope", "--json"], "there is no part nope"),
    ],
)
def test_what_is_no_use_is_told_as_json(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert kachecks.main(arguments) == 3
    out = capsys.readouterr().out
    assert list(json.loads(out)) == ["error"]
    assert words in json.loads(out)["error"]


def test_a_server_that_is_down_is_told_as_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def compare(_node: object) -> None:
        raise Unreachable("nobody listens on /s")

    monkeypatch.setattr(probe, "compare", compare)
    file = tmp_path / "k.cnf"
    file.write_text(NEEDED)
    asked = ["rejoin", f"--defaults-file={file}"]
    assert kachecks.main([*asked, "--json"]) == 3
    told = json.loads(capsys.readouterr().out)["error"]
    assert told.startswith("this node's server cannot be asked: nobody listens on /s; start it")
    assert kachecks.main(asked) == 3
    assert capsys.readouterr() == ("", f"kachecks rejoin: {told}\n")


def test_nothing_but_answers_is_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["status", "--bogus"], ["elect"], ["rejoin", NOWHERE], ["nope"]):
        assert kachecks.main(arguments) == 3
        assert capsys.readouterr().out == ""


@pytest.mark.parametrize("form", [["--format=nagios"], ["--format", "nagios"]])
@pytest.mark.parametrize("wrong", ["--bogus", "--watch=2s", "--defaults-file="])
def test_nagios_is_told_of_a_wrong_command_line(
    form: list[str], wrong: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert kachecks.main(["status", *form, wrong]) == 3
    out, err = capsys.readouterr()
    assert out.startswith("KACHECKS UNKNOWN: wrong command line: ")
    assert wrong.partition("=")[0] in out
    assert out.count("\n") == 1
    assert err.startswith("usage: kachecks status")


def test_the_table_of_rules_is_no_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main(["--explain", "--json"], lambda _: False, lambda _: "") == 2
    assert "not allowed with" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(24, "Too many open files"), "no more files can be opened: raise the limit (ulim"),
        (ImportError("x.so: Too many open files"), "no more files can be opened: raise the limit"),
        (RuntimeError("can't start new thread"), "there is no memory for it, or no more threads:"),
        (MemoryError(), "there is no memory for it, or no more threads: raise the limits ("),
        (OSError(12, "Cannot allocate memory"), "there is no memory for it, or no more threads: "),
        (ImportError("no x"), "cannot be loaded: no x; install kachecks again"),
        (KeyError("x"), "unexpected KeyError: 'x'"),
    ],
)
def test_a_limit_that_is_too_low_is_named(
    error: Exception,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(_arguments: list[str]) -> int:
        raise error

    monkeypatch.setattr(doctor, "main", fail)
    assert kachecks.main(["doctor"]) == 3
    assert capsys.readouterr().err.startswith(f"kachecks doctor: {told}")
    assert kachecks.main(["doctor", "--json"]) == 3
    assert json.loads(capsys.readouterr().out)["error"].startswith(told)


@pytest.mark.parametrize(
    "arguments",
    [["doctor", "--defaults-file=rel"], ["setup", "--to=rel", "--server=mysql"]],
)
def test_a_current_directory_that_is_gone(
    arguments: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert kachecks.main(arguments) == 3
    told = f"kachecks {arguments[0]}: rel: the current directory is gone: give the whole path"
    assert capsys.readouterr().err.startswith(told)
