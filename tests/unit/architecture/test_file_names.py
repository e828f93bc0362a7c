"""The names of the files in the run and state directories are known to kachecks/state alone."""

from __future__ import annotations

import re

from kachecks.state import files
from tests.unit.architecture.sources import HOLE, modules, texts

KINDS = {
    value
    for name, value in vars(files).items()
    if name.isupper() and isinstance(value, str) and value.isidentifier()
}
"""What ends these names: ``lock``, ``permit``, ``jsonl`` ..."""

OF_A_PAIR = re.compile(rf".*{HOLE}/{HOLE}\.(\w+|{HOLE})")
"""``f"{directory}/{name}.kind"``, whatever the kind."""

ENDS = re.compile(rf"(|.*{HOLE})\.({'|'.join(sorted(KINDS))})")


def names(text: str) -> bool:
    return bool(OF_A_PAIR.fullmatch(text) or ENDS.fullmatch(text))


def test_the_names_are_those_of_state() -> None:
    assert {"lock", "check", "signs", "open", "permit", "alone", "maintenance", "jsonl"} <= KINDS
    assert names(f"{HOLE}/{HOLE}.new")
    assert names(f"{HOLE}.permit")
    assert names(".jsonl")
    assert not names("keepalived.json")


def test_only_state_names_its_files() -> None:
    elsewhere = {
        name: found
        for name, module in modules().items()
        if not name.startswith("state/")
        and (found := [text for text in texts(module) if names(text)])
    }
    assert elsewhere == {}
