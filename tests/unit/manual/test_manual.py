"""The manual says all that the programs know, in roff that formatters accept."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kachecks.check import verdict
from kachecks.command_line import hook_parser
from kachecks.commands.doctor import tables as doctor_sections
from kachecks.commands.main import PARTS
from kachecks.config import options as config
from manual.pages import pages, write
from manual.parser import epilog, options
from manual.programs import PROGRAMS, parser_of
from manual.roff import Page, escaped

ROOT = Path(__file__).parents[3]
PAGES = {page.file: page.text() for page in pages()}
PARSERS = {
    **{f"{name}.8": parser_of(module) for name, (module, _) in PROGRAMS.items()},
    **{f"kachecks-{part}.8": parser_of(f"commands.{part}.command") for part in PARTS},
}


def plain(text: str) -> str:
    """As a reader sees it, unfilled."""
    text = re.sub(r"\\f[BIR]", "", text)
    for coded, meant in (("\\-", "-"), ("\\(aq", "'"), ("\\(ga", "`"), ("\\(ti", "~")):
        text = text.replace(coded, meant)
    return " ".join(text.replace("\\e", "\\").split())


def test_a_page_for_everything() -> None:
    assert set(PAGES) == {*PARSERS, "kachecks.8", "kachecks.cnf.5"}


@pytest.mark.parametrize("name", PARSERS)
def test_a_page_has_its_options_and_statuses(name: str) -> None:
    said = plain(PAGES[name])
    for option in options(PARSERS[name]):
        for each in option.names or (option.value,):
            assert each in said
        assert " ".join(option.help.split()) in said
    statuses = epilog(PARSERS[name].epilog or "").statuses
    assert statuses
    for number, meaning in statuses:
        assert f".TP {number}" in said
        assert meaning in said or name == "check_mysql.8"


def test_every_verdict_rule_and_key_is_told() -> None:
    check, doctor = plain(PAGES["check_mysql.8"]), plain(PAGES["kachecks-doctor.8"])
    for rule in verdict.RULES:
        assert f".TP {rule.status} {rule.reason} {rule.meaning}." in check
    for each in doctor_sections.ALL_RULES:
        assert f".TP {each.name} (" in doctor
        assert " ".join(each.cure.split()) in doctor
    option_file = plain(PAGES["kachecks.cnf.5"])
    for key in config.KEYS:
        assert f".TP {key.name} = {key.kind.expected} " in option_file


def test_the_same_page_wherever_and_whenever_it_is_built(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("kachecks.commands.elect.command.own_config_id", lambda: "builder.example")
    monkeypatch.setattr("time.time", lambda: 1e9)
    written = write(str(tmp_path))
    for name, text in PAGES.items():
        assert (tmp_path / f"share/man/man{name[-1]}/{name}").read_text() == text
        assert "builder" not in text
    assert "share/bash-completion/completions/kachecks" in written
    assert "share/zsh/site-functions/_kachecks" in written
    assert "share/fish/vendor_completions.d/kachecks.fish" in written


@pytest.mark.parametrize("name", PAGES)
def test_only_macros_and_escapes_that_every_formatter_knows(name: str) -> None:
    known = {".TH", ".SH", ".PP", ".TP", ".br", ".nf", ".fi", ".RS", ".RE", ".nh", ".ad", '.\\"'}
    for line in PAGES[name].splitlines():
        assert line.isascii()
        assert not line.startswith("'")
        if line.startswith("."):
            assert line.split()[0] in known
        else:
            assert not re.sub(r"\\(?:[-e&]|f[BIR]|\(aq|\(ga|\(ha|\(ti)", "", line).count("\\")


@pytest.mark.parametrize(
    "command",
    [["mandoc", "-Tlint", "-Wwarning"], ["groff", "-man", "-ww", "-Tascii", "-z"]],
    ids=lambda command: command[0],
)
def test_formatters_have_nothing_to_say(command: list[str], tmp_path: Path) -> None:
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    for name, text in PAGES.items():
        (tmp_path / name).write_text(text)
        ran = subprocess.run([*command, name], cwd=tmp_path, capture_output=True, text=True)
        complaints = (ran.stdout + ran.stderr).splitlines()
        assert [each for each in complaints if "missing date" not in each] == []


def test_text_comes_out_as_it_was() -> None:
    assert escaped("--a 'b' \\n ^~`") == "\\-\\-a \\(aqb\\(aq \\en \\(ha\\(ti\\(ga"
    assert escaped("\u00e9") == "\\[u00E9]"
    page = Page("x", 8, "1", "y")
    page.paragraph(".hidden\n'quoted'")
    assert "\n\\&.hidden\n\\(aqquoted\\(aq\n" in page.text()


def test_an_epilog_is_taken_apart() -> None:
    told = epilog(
        "Prose\nof two lines.\n\nexit status:\n  0  good\n  1  bad\n     and worse\n\n"
        "examples:\n  x --y\n\nAfterwards."
    )
    assert told.prose == ("Prose\nof two lines.", "Afterwards.")
    assert told.statuses == (("0", "good"), ("1", "bad and worse"))
    assert told.examples == ("x --y",)


def test_options_of_a_parser() -> None:
    parsing = hook_parser("p", "d", "  p -v")
    parsing.add_argument("--also", action="append", metavar="FILE", help="50%% of it")
    parsing.add_argument("what", nargs="?", choices=["on", "off"])
    also, what = options(parsing)[-2:]
    assert (also.names, also.is_file, also.repeats, also.help) == (
        ("--also",), True, True, "50% of it",
    )  # fmt: skip
    assert (what.names, what.value, what.optional) == ((), "on|off", True)


def test_it_is_built_without_what_kachecks_needs_at_run_time(tmp_path: Path) -> None:
    """A build has setuptools and nothing else."""
    code = (
        "import sys\n"
        "for name in ('psutil', 'sh', 'mysql', '_mysql_connector'):\n"
        "    sys.modules[name] = None\n"
        "from manual.pages import write\n"
        "write(sys.argv[1])"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path], cwd=ROOT, check=True)
    assert (tmp_path / "share/man/man8/kachecks.8").stat().st_size > 1000
