"""What the pages say of tables is what the tables say; the README stays short, and the Chinese one
says the same."""

from __future__ import annotations

import re

from kachecks import __version__
from kachecks.check.verdict import explain
from kachecks.commands.doctor.tables import RULES
from tests.unit.architecture.sources import ROOT

README = (ROOT / "README.md").read_text()
CHINESE = (ROOT / "README.zh-CN.md").read_text()


def test_the_number_of_rules() -> None:
    text = (ROOT / "docs/operate.md").read_text()
    numbers = {int(each) for each in re.findall(r"(\d+) named preconditions|of (\d+) rules", text)
               for each in each if each}  # fmt: skip
    assert numbers == {len(RULES)}


def test_the_table_of_the_check() -> None:
    table = "".join(f"    {line}\n" for line in explain().splitlines())
    assert table in (ROOT / "docs/reference.md").read_text()


def test_the_version() -> None:
    said = re.search(r"^## Status\n\n(\S+)\. Seen", README, re.MULTILINE)
    assert said and said.group(1) == __version__
    assert f"{__version__}。" in CHINESE


def test_it_is_read_in_minutes() -> None:
    """Bars of tables and marks count as words."""
    assert len(README.split()) <= 1200
    assert len(CHINESE) <= len(README)


def test_the_test_command_is_named() -> None:
    assert "exec make test\n" in (ROOT / ".ci/run").read_text()
    assert "`make test`" in README
    assert "`make test`" in CHINESE


def test_both_languages_lead_to_the_same_places() -> None:
    ours, theirs = (
        set(re.findall(r"\]\(([^)#\s]+)", text)) - {"README.md", "README.zh-CN.md"}
        for text in (README, CHINESE)
    )
    assert ours == theirs


def test_both_languages_have_the_same_figures() -> None:
    ours, theirs = (re.findall(r"[\d.,]+ s \([\d.,]+ s\)", text) for text in (README, CHINESE))
    assert len(ours) > 20
    assert ours == theirs


def test_both_languages_have_the_same_commands() -> None:
    ours, theirs = (commands(text) for text in (README, CHINESE))
    assert len(ours) > 5
    assert ours == theirs


def commands(text: str) -> list[str]:
    """What is to be typed, without what is said of it."""
    lines = (line for line in text.splitlines() if line.startswith("    "))
    return [line.partition(" # ")[0].strip() for line in lines]
