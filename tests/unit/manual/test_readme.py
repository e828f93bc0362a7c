"""What the README says of tables is what the tables say."""

from __future__ import annotations

import re
from pathlib import Path

from kachecks import __version__
from kachecks.check.verdict import explain
from kachecks.commands.doctor.tables import RULES

README = (Path(__file__).parents[3] / "README.md").read_text()


def test_the_number_of_rules() -> None:
    numbers = {int(each) for each in re.findall(r"(\d+) named preconditions|of (\d+) rules", README)
               for each in each if each}  # fmt: skip
    assert numbers == {len(RULES)}


def test_the_table_of_the_check() -> None:
    table = "".join(f"    {line}\n" for line in explain().splitlines())
    assert table in README


def test_the_version() -> None:
    assert re.search(r"^## Status\n\n(\S+)\. Seen", README, re.M).group(1) == __version__  # type: ignore[union-attr]
