"""Every snippet names its words in capitals, and none is left over."""

from __future__ import annotations

import re

import pytest

from kachecks.commands.setup import snippets
from kachecks.commands.setup.files import _words
from kachecks.commands.setup.snippets import (
    SetupError,
    body,
    declared,
    filled,
    replaced,
    snippet,
    with_option,
)
from tests.unit.architecture.sources import ROOT
from tests.unit.commands.setup.samples import NODE1, SECRETS

FILES = sorted(each.name for each in (ROOT / "keepalived-snippets").iterdir() if each.is_file())
WORDS = _words(NODE1, SECRETS)
ANY_WORD = re.compile("|".join(sorted(WORDS, key=len, reverse=True)))


@pytest.mark.parametrize("name", FILES)
def test_it_is_the_file_that_a_reader_sees(name: str) -> None:
    assert snippet(name) == (ROOT / "keepalived-snippets" / name).read_text()


@pytest.mark.parametrize("name", FILES)
def test_a_snippet_declares_each_word_it_holds(name: str) -> None:
    text = snippet(name)
    code = "".join(line for line in text.splitlines(True) if not re.match("(#|--)   [A-Z]", line))
    assert set(ANY_WORD.findall(code)) == declared(text)


@pytest.mark.parametrize("name", FILES)
def test_nothing_is_left_over(name: str) -> None:
    text = filled(snippet(name), WORDS)
    assert not ANY_WORD.search(text)
    assert "words in capitals" not in text
    assert text[:1] in "#-["


def test_a_word_without_a_value_is_an_error() -> None:
    with pytest.raises(SetupError, match="nothing was given for VIP_PREFIX of the snippets"):
        filled("#   VIP_ADDRESS, VIP_PREFIX  an address\n", {"VIP_ADDRESS": "10.0.0.100"})


def test_longer_words_are_replaced_first_and_values_not_again() -> None:
    words = {"NODE": "NODE_ADDRESS", "NODE_ADDRESS": "10.0.0.1"}
    assert filled("NODE NODE_ADDRESS", words) == "NODE_ADDRESS 10.0.0.1"


def test_only_the_paragraph_for_filling_in_goes() -> None:
    text = "# one\n#\n# replace the words in capitals.\n#   A_B  a word\n#\n# two\n\nA_B # A_B\n"
    assert filled(text, {"A_B": 1}) == "# one\n#\n# two\n\n1 # 1\n"


def test_an_option_is_set_where_it_stands() -> None:
    text = "# socket, and host\n# socket   = /a\n[x]\nport = 1\n"
    assert with_option(text, "socket", "/b") == "# socket, and host\nsocket   = /b\n[x]\nport = 1\n"


@pytest.mark.parametrize("text", ["b\n", "a\na\n"])
def test_a_place_is_there_once(text: str) -> None:
    with pytest.raises(SetupError, match="times in a snippet, expected once"):
        replaced(text, "^a$", "b")


def test_the_body_is_what_follows_the_head() -> None:
    assert body("# head\n#   more\n\n    code # x\n# comment\n") == "    code # x\n# comment\n"


def test_a_package_without_its_snippets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snippets, "DIRECTORY", "/no/such")
    with pytest.raises(SetupError, match=r"^/no/such/x cannot be read: .*install kachecks again"):
        snippet("x")
