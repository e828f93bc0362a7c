"""A hook whose option file cannot be used acts on nothing, and people are told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kachecks.hooks import common, notify_backup, notify_down, notify_master
from kachecks.hooks.common import UNUSABLE
from kachecks.state import files
from kachecks.state.files import USABLE, Files, note_of
from tests.unit.doubles.alerts import must_be_as_promised

HOOKS: dict[str, Callable[[list[str]], int]] = {
    "notify_master": notify_master.main,
    "notify_backup": notify_backup.main,
    "notify_down": notify_down.main,
}
LAST = "/bin/last"
GOOD = "[kachecks]\nvip = 10.0.0.100\npeer = 10.0.0.2\n"

each_hook = pytest.mark.parametrize("hook", HOOKS)


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Whom it has told: "syslog" or a program, and what."""
    told: list[tuple[str, str]] = []

    def page(program: str, record: dict[str, Any], _: object) -> None:
        must_be_as_promised(record)
        assert record["path"].startswith(str(tmp_path))
        assert record["severity"] == "critical"
        assert (record["reason"], record["exit"]) == ("UNKNOWN", UNUSABLE)
        told.append((program, record["sentence"]))

    def log(text: str, problem: bool = False) -> None:
        assert problem
        told.append(("syslog", text))

    for module in (common, notify_down):
        monkeypatch.setattr(module, "log", log)
    monkeypatch.setattr("kachecks.config.unusable.alert", page)
    monkeypatch.setattr(common.os, "geteuid", lambda: 0)
    monkeypatch.setattr(files, "SHARED_RUN_DIR", str(tmp_path / "run"))
    (tmp_path / "run").mkdir(mode=0o700)
    return told


def option_file(directory: Path, text: str, name: str = "k.cnf") -> str:
    """It was usable before, and then had LAST as its alert program."""
    file = directory / name
    file.write_text(text)
    file.chmod(0o600)
    Files().write(note_of(str(file), USABLE), f"10.0.0.100\n{LAST}")
    return str(file)


@each_hook
@pytest.mark.parametrize(
    ("text", "why", "program"),
    [
        ("", "is empty", LAST),
        ("[kachecks]\nvip = 10.0.0.100\n", "found neither peer nor", LAST),
        (f"{GOOD}max_lagg = 3\nalert = /bin/page\n", "unknown key max_lagg", "/bin/page"),
    ],
)
def test_the_last_alert_program_is_told(
    tmp_path: Path, told: list[tuple[str, str]], hook: str, text: str, why: str, program: str
) -> None:
    path = option_file(tmp_path, text)
    assert HOOKS[hook]([f"--defaults-file={path}"]) == UNUSABLE
    (to, sentence), (second, same) = told
    assert (to, second, same) == ("syslog", program, sentence)
    assert sentence.startswith(f"{hook}: {path}")
    assert why in sentence
    assert sentence.endswith(common.WITHOUT[hook])


@each_hook
def test_a_file_that_never_was_usable(
    tmp_path: Path, told: list[tuple[str, str]], hook: str
) -> None:
    """Nothing names a program."""
    assert HOOKS[hook]([f"--defaults-file={tmp_path}/none.cnf"]) == UNUSABLE
    assert [to for to, _ in told] == ["syslog"]


@each_hook
@pytest.mark.parametrize("how", ["a dry run", "not root"])
def test_who_only_looks_tells_no_program(
    tmp_path: Path,
    told: list[tuple[str, str]],
    monkeypatch: pytest.MonkeyPatch,
    hook: str,
    how: str,
) -> None:
    if how == "not root":
        monkeypatch.setattr(common.os, "geteuid", lambda: 1000)
    dry = ["--dry-run"] if how == "a dry run" else []
    assert HOOKS[hook]([f"--defaults-file={option_file(tmp_path, '')}", *dry]) == UNUSABLE
    assert LAST not in dict(told)


@pytest.mark.parametrize("option", ["--force", "--keep-keepalived", "--drop-vip", ""])
def test_the_vip_stays(
    tmp_path: Path, told: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    """It would leave a server that is open: nobody has looked for keepalived, or for the VIP."""
    monkeypatch.setattr("kachecks.node.Keepalived", None)
    path = option_file(tmp_path, "")
    arguments = [f"--defaults-file={path}", *([option] if option else [])]
    assert notify_down.main(arguments) == UNUSABLE
    assert told[0][1].endswith("keepalived and its VIP are left as they are")


def test_what_names_another_file_is_the_option_that_named_this_one(
    tmp_path: Path, told: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify_down, "node_for", lambda *_: None)
    good = option_file(tmp_path, GOOD)
    assert notify_down.main([f"--defaults-file={good}", "--also=/nonexistent"]) == UNUSABLE
    assert "/nonexistent: cannot be read: No such file or directory; --also=FILE" in told[0][1]


def test_each_pair_that_is_not_closed_is_told(
    tmp_path: Path, told: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify_down, "node_for", lambda *_: None)
    good = option_file(tmp_path, GOOD)
    bad = [option_file(tmp_path, "", name) for name in ("two.cnf", "three.cnf")]
    also = [f"--also={path}" for path in bad]
    assert notify_down.main([f"--defaults-file={good}", *also]) == UNUSABLE
    for path in bad:
        sentence = f"notify_down: not closed: {path}: is empty, expected an option file with"
        assert [to for to, said in told if said.startswith(sentence)] == ["syslog", LAST]
