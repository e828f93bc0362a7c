"""The option file that operators copy has every key, and its comments show the true defaults."""

from __future__ import annotations

import re

from kachecks.config.options import KEYS
from tests.unit.architecture.sources import ROOT

TEXT = (ROOT / "keepalived-snippets/kachecks.cnf").read_text()
IN_ONE_LINE = re.compile(r"# (ssl-\w+(?:, ssl-\w+)*) as in MySQL's own clients")


def given() -> dict[tuple[str, str], tuple[str | None, bool]]:
    """By group and key: the value, None where it is only named; and whether it is a comment."""
    found: dict[tuple[str, str], tuple[str | None, bool]] = {}
    group = ""
    for line in TEXT.splitlines():
        if head := re.fullmatch(r"\[(\w+)\]", line):
            group = head[1]
        elif several := IN_ONE_LINE.fullmatch(line):
            for name in several[1].split(", "):
                found[group, name.replace("-", "_")] = (None, True)
        elif one := re.fullmatch(r"(# )?(\w+) *= *(\S+)", line):
            found[group, one[2]] = (one[3], bool(one[1]))
    return found


def test_it_has_every_key_and_no_other() -> None:
    assert set(given()) == {(key.group, key.name) for key in KEYS}


def test_what_is_required_is_not_a_comment() -> None:
    for key in KEYS:
        if key.required:
            assert not given()[key.group, key.name][1], key.name


def test_the_comments_show_the_defaults() -> None:
    defaults = {(key.group, key.name): key.default for key in KEYS if key.default is not None}
    shown = {
        key: value
        for key, (value, commented) in given().items()
        if commented and value is not None and key in defaults
    }
    assert len(shown) > 15
    assert shown == {key: defaults[key] for key in shown}
