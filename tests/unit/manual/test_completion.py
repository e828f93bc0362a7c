"""bash, with a completion sourced, asked what it offers."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest

from kachecks.commands.doctor.tables import ALL_RULES
from kachecks.commands.main import PARTS
from manual.completion_bash import completions

SCRIPTS = completions()


def offered(line: str, directory: Path) -> list[str]:
    """For the last word of ``line``, broken into words as bash does."""
    words = [part for word in line.split(" ") for part in split_at_equals(word)]
    name = words[0]
    array = " ".join(map(shlex.quote, words))
    script = (
        f"{SCRIPTS[name]}\nCOMP_WORDS=({array}) COMP_CWORD={len(words) - 1}\n"
        f'set -u; _{name}; printf "%s\\n" "${{COMPREPLY[@]}}"'
    )
    ran = subprocess.run(
        ["bash", "--norc", "-c", script], cwd=directory, capture_output=True, text=True, check=True
    )
    assert ran.stderr == ""
    return [each for each in ran.stdout.splitlines() if each]


def split_at_equals(word: str) -> list[str]:
    option, equals, value = word.partition("=")
    if not equals:
        return [word]
    return [option, "=", value] if value else [option, "="]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("kachecks ", [*PARTS, "--help", "--version"]),
        ("kachecks sw", ["switchover"]),
        ("kachecks switchover --dr", ["--dry-run"]),
        ("kachecks maintenance o", ["on", "off"]),
        ("kachecks maintenance on --f", ["--for"]),
        ("kachecks maintenance on --for ", []),
        ("kachecks doctor --explain state_b", ["STATE_BACKUP"]),
        ("kachecks doctor --explain --js", ["--json"]),
        ("kachecks status --watch --js", ["--json"]),
        ("kachecks status --format=", ["text", "json", "nagios", "prometheus"]),
        ("kachecks status --format=na", ["nagios"]),
        ("kachecks elect one", ["one.conf"]),
        ("kachecks elect one.conf t", ["two words.conf"]),
        ("kachecks elect one.conf --addr", ["--address-a", "--address-b"]),
        ("kachecks nothing ", []),
        ("check_mysql --f", ["--fence"]),
        ("check_mysql --defaults-file on", ["one.conf"]),
        ("check_mysql --defaults-file=on", ["one.conf"]),
        ("check_mysql --defaults-file=", ["one.conf", "two words.conf"]),
        ("notify_down --also tw", ["two words.conf"]),
        ("notify_master --d", ["--defaults-file", "--dry-run"]),
        ("notify_backup -", None),
    ],
)
def test_offered(line: str, expected: list[str] | None, tmp_path: Path) -> None:
    for name in ("one.conf", "two words.conf"):
        (tmp_path / name).touch()
    found = offered(line, tmp_path)
    if expected is None:
        assert {"--defaults-file", "--dry-run", "-v", "--verbose", "-h"} <= set(found)
    else:
        assert sorted(found) == sorted(expected)


def test_every_rule_of_doctor_is_offered(tmp_path: Path) -> None:
    found = offered("kachecks doctor --explain ", tmp_path)
    assert found == [rule.name for rule in ALL_RULES]


@pytest.mark.parametrize("name", SCRIPTS)
def test_it_is_bound_to_its_program(name: str) -> None:
    ran = subprocess.run(
        ["bash", "--norc", "-c", f"{SCRIPTS[name]}\ncomplete -p {name}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert (ran.stdout, ran.stderr) == (f"complete -F _{name} {name}\n", "")
