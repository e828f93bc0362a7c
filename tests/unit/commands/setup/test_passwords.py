"""Random ones on node 1, the same ones on node 2, and none where anybody could read it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kachecks.commands.setup.files import files
from kachecks.commands.setup.passwords import LENGTH, Passwords, passwords, random, taken_from
from kachecks.commands.setup.snippets import SetupError
from kachecks.config.options import DEFAULT_PATH, ConfigError, parse
from tests.unit.commands.setup.samples import NODE1, SECRETS
from tests.unit.doubles.option_files import NEEDED


def written(path: Path, text: str, mode: int = 0o600) -> str:
    path.write_text(text)
    path.chmod(mode)
    return str(path)


def with_passwords(local: str, peer: str) -> str:
    return f"{NEEDED}[client]\npassword = {local}\n[peer]\npassword = {peer}\n"


def test_node_1_makes_two(tmp_path: Path) -> None:
    made = passwords(None, str(tmp_path / "none"), 1)
    assert made.local != made.peer
    for each in made:
        assert len(each) == LENGTH
        for kind in ("[a-z]", "[A-Z]", "[0-9]", "[-_.+=]"):
            assert re.search(kind, each)


def test_a_random_one_means_itself_in_an_option_file() -> None:
    for _ in range(50):
        made = Passwords(random(), random())
        text = {each.path: each.text for each in files(NODE1, made)}[DEFAULT_PATH]
        config = parse(text, "FILE")
        assert (config.local.password, config.remote.password) == made


def test_node_2_does_not(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"copy its kachecks\.cnf to here, readable by you alone"):
        passwords(None, str(tmp_path / "none"), 2)


@pytest.mark.parametrize("node", [1, 2])
def test_those_of_a_file_count(tmp_path: Path, node: int) -> None:
    present = written(tmp_path / "present", with_passwords("p1", "p2"))
    named = written(tmp_path / "named", with_passwords("n1", "n2"))
    assert passwords(None, present, node) == ("p1", "p2")
    assert passwords(named, present, node) == ("n1", "n2")


def test_a_file_that_others_can_read(tmp_path: Path) -> None:
    path = written(tmp_path / "open", with_passwords("a", "b"), 0o644)
    with pytest.raises(ConfigError, match="only its owner can read: chmod 600"):
        taken_from(path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (NEEDED, r"\[client\] has no password"),
        (with_passwords("fine", '"it\'s"'), r"the password in \[peer\] has a character"),
        (with_passwords("a\\\\b", "fine"), r"the password in \[client\] has a character"),
    ],
)
def test_a_file_without_what_can_be_used(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SetupError, match=said) as raised:
        taken_from(written(tmp_path / "file", text))
    assert "it's" not in str(raised.value)


def test_they_are_not_shown() -> None:
    assert SECRETS.local not in f"{SECRETS} {SECRETS!r}"
