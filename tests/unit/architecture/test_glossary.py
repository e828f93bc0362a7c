"""The glossary has every word for what a server is, and every file in our directories."""

from __future__ import annotations

import re

from kachecks.mysql import errors
from tests.unit.architecture.sources import ROOT
from tests.unit.architecture.test_file_names import KINDS


def words(heading: str) -> list[str]:
    """What the tables of this section explain, in their order."""
    text = (ROOT / "docs/glossary.md").read_text()
    section = text.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    assert section, heading
    rows = re.findall(r"^\| (.+?) \|", section, re.MULTILINE)
    found = [word.strip(" `") for row in rows for word in row.split(",")]
    return [word for word in found if word != "word"]


def test_the_words_for_a_server_are_those_of_errors() -> None:
    of_errors = {
        value for name, value in vars(errors).items() if name.isupper() and isinstance(value, str)
    }
    answers, more = words("What a server is")[:8], words("What a server is")[8:]
    assert set(answers) == of_errors
    assert more == ["gone", "down", "silent", "stuck"]


def test_every_file_is_explained_once() -> None:
    explained = words("What is left in the run and state directories")
    assert sorted(explained) == sorted(KINDS - {"none"})
