"""What all command lines have in common."""

from __future__ import annotations

import pytest

from kachecks.check import program
from kachecks.commands import main as kachecks
from kachecks.hooks import notify_backup
from manual.parser import Option, options
from manual.programs import PROGRAMS, parser_of

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
    with pytest.raises(SystemExit) as ended:
        kachecks.main(["elect", "", "b.conf"])
    assert ended.value.code == 3
    assert "argument A.conf: found nothing" in capsys.readouterr().err


def test_a_part_without_a_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert kachecks.main([""]) == 3
    assert "there is no part ''; there are setup, " in capsys.readouterr().err
