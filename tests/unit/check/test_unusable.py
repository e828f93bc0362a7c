"""An option file that cannot be used: people are told once."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from kachecks.check import program
from kachecks.check.unusable import is_here
from kachecks.config.unusable import alert_program
from kachecks.state import files
from tests.unit.doubles.alerts import as_told, must_be_as_promised
from tests.unit.doubles.check_process import BUSY, HAS_OWN_RUN, Node, mysqld, needs_root

PATIENCE = 5.0
"""Seconds for a program of one line to run."""


@pytest.fixture
def logged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    said: list[str] = []
    monkeypatch.setattr(program, "log", lambda text, **_: said.append(text))
    monkeypatch.setattr(files, "SHARED_RUN_DIR", str(tmp_path))
    return said


def option_file(directory: Path, text: str, mode: int = 0o600) -> str:
    file = directory / "k.cnf"
    file.write_text(text)
    file.chmod(mode)
    return str(file)


def run(path: str, *, here: bool = True) -> int:
    return program.main(["--fence", f"--defaults-file={path}"], lambda _: here, lambda _: str(path))


def test_alerts_once_and_says_that_fencing_is_off(tmp_path: Path, logged: list[str]) -> None:
    page, told = tmp_path / "page", tmp_path / "told"
    page.write_text(f"#!/bin/sh\ncat >> {told}\necho >> {told}\n")
    page.chmod(0o755)
    path = option_file(tmp_path, f"[kachecks]\nvip = 10.0.0.100\nalert = {page}\nmax_lagg = 3\n")
    assert [run(path), run(path), run(path, here=False)] == [0, 0, program.UNKNOWN]
    end = time.monotonic() + PATIENCE
    while not (told.exists() and told.read_text().endswith("}\n")) and time.monotonic() < end:
        time.sleep(0.01)
    (line,) = told.read_text().splitlines()
    begun = json.loads(line)
    must_be_as_promised(begun)
    assert [begun["sentence"]] == logged
    assert "unknown key max_lagg" in line
    assert "fencing is off" in line
    assert (begun["severity"], begun["path"], begun["pair"]) == ("unknown", path, None)


def test_a_mistake_in_keepalived_conf_is_told_once(
    tmp_path: Path, logged: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """keepalived takes the VIP from a node whose check fails, and the server would stay open."""
    told: list[dict[str, object]] = []
    monkeypatch.setattr("kachecks.config.unusable.alert", lambda _, record, __: told.append(record))
    monkeypatch.setattr("kachecks.command_line.log", lambda text, **_: logged.append(text))
    monkeypatch.setattr(program, "check", lambda *_: 0)
    user = [0]
    monkeypatch.setattr(program.os, "geteuid", lambda: user[0])
    path = option_file(
        tmp_path, "[kachecks]\nvip = 10.0.0.100\npeer = 10.0.0.2\nalert = /bin/page\n"
    )

    def mistaken(here: bool) -> int:
        return program.main(["--fense"], lambda _: here, lambda _: path)

    assert [mistaken(True), mistaken(True), mistaken(False)] == [0, 0, program.WRONG_COMMAND_LINE]
    (begun,) = map(as_told, told)
    assert "wrong command line: check_mysql --fense; fencing is off" in str(begun["sentence"])
    assert logged[0] == begun["sentence"]
    assert len(logged) == 1
    assert run(path) == 0
    assert as_told(told[1])["resolved"]
    user[0] = 998
    assert mistaken(True) == program.WRONG_COMMAND_LINE
    assert len(told) == 2


def test_tells_once_that_it_can_be_used_again(
    tmp_path: Path, logged: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[dict[str, object]] = []
    monkeypatch.setattr("kachecks.config.unusable.alert", lambda _, record, __: told.append(record))
    monkeypatch.setattr(program, "check", lambda *_: 0)
    good = "[kachecks]\nvip = 10.0.0.100\npeer = 10.0.0.2\nalert = /bin/page\n"
    path = option_file(tmp_path, f"{good}max_lagg = 3\n")
    assert run(path) == 0
    option_file(tmp_path, good)
    assert [run(path), run(path)] == [0, 0]
    begun, over = map(as_told, told)
    assert (over["id"], over["resolved"], over["path"]) == (begun["id"], True, path)
    assert len(logged) == 1
    option_file(tmp_path, f"{good}max_lagg = 4\n")
    assert run(path) == 0
    assert len(told) == 3


def test_an_end_that_cannot_be_noted_or_told_changes_no_verdict(
    tmp_path: Path, logged: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []

    def tell(path: str, *_: object) -> None:
        told.append(path)
        raise ImportError("the package is being upgraded")

    monkeypatch.setattr("kachecks.config.unusable.tell_of_end", tell)
    monkeypatch.setattr(program, "check", lambda *_: 7)
    good = "[kachecks]\nvip = 10.0.0.100\npeer = 10.0.0.2\nalert = /bin/true\n"
    path = option_file(tmp_path, f"{good}max_lagg = 3\n")
    assert run(path) == 0
    option_file(tmp_path, good)
    with monkeypatch.context() as read_only:
        read_only.setattr(files.Files, "forget", lambda *_: None)
        assert (run(path), told) == (7, [])
    assert (run(path), told) == (7, [path])
    assert len(logged) == 1


@pytest.mark.parametrize(("second", "told"), [(60.5, True), (90.0, False)])
def test_without_a_run_directory_people_are_told_once_a_minute(
    tmp_path: Path, logged: list[str], monkeypatch: pytest.MonkeyPatch, second: float, told: bool
) -> None:
    monkeypatch.setattr(files, "SHARED_RUN_DIR", str(tmp_path / "missing"))
    monkeypatch.setattr("kachecks.state.files.time.time", lambda: second)
    started = tmp_path / "started"
    path = option_file(tmp_path, f"alert = /usr/bin/touch\n[x]\n# {started}\n")
    monkeypatch.setattr("kachecks.config.unusable.alert", lambda *_: started.touch())
    assert run(path) == 0
    assert bool(logged) == started.exists() == told


@pytest.mark.parametrize(
    ("text", "mode", "expected"),
    [
        ("[kachecks]\nalert = /bin/page # why\n", 0o600, "/bin/page"),
        ('alert="/bin/page"', 0o644, "/bin/page"),
        ("alert = /bin/one\nALERT = /bin/two", 0o600, "/bin/two"),
        ("alert = /bin/page", 0o620, ""),  # somebody else may have written that
        ("alert = /bin/page", 0o602, ""),
        ("alert = page", 0o600, ""),
        ("alert", 0o600, ""),
        ("alert =", 0o600, ""),
        ("# alert = /bin/page", 0o600, ""),
        ("", 0o600, ""),
    ],
)
def test_whom_it_names(tmp_path: Path, text: str, mode: int, expected: str) -> None:
    assert alert_program(option_file(tmp_path, text, mode)) == expected


def test_a_file_that_is_not_there_names_nobody(tmp_path: Path) -> None:
    assert alert_program(str(tmp_path / "missing")) == ""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give a file away")
def test_a_file_of_somebody_else_names_nobody(tmp_path: Path) -> None:
    path = option_file(tmp_path, "alert = /bin/page")
    os.chown(path, 65534, 65534)
    assert alert_program(path) == ""


# As a process: whatever the file is, one sentence and a defined status ---------------------------


def a_fifo(file: Path) -> None:
    os.mkfifo(file, 0o600)


def a_directory(file: Path) -> None:
    file.mkdir()


def a_device(file: Path) -> None:
    file.symlink_to("/dev/zero")


def a_large_file(file: Path) -> None:
    with file.open("wb") as stream:
        stream.truncate(300 << 20)


def a_nul(file: Path) -> None:
    file.write_bytes(b"[kachecks]\nvip = ::\0x\n")


def no_text(file: Path) -> None:
    file.write_bytes(b"[kachecks]\nvip = \xff\xfe\n")


def a_name_that_is_no_text(file: Path) -> None:
    file.write_bytes(b"[kachecks]\nvip\xff = 10.0.0.100\n")


def emptied(file: Path) -> None:
    file.touch()


def removed(file: Path) -> None:
    """It was."""


def without_vip(file: Path) -> None:
    file.write_text("[kachecks]\npeer = 10.99.88.1\n")


def with_another_vip(file: Path) -> None:
    file.write_text("[kachecks]\nvip = 10.99.88.78\n")


def of_somebody_else(file: Path) -> None:
    file.write_text("[kachecks]\nvip = 10.99.88.78\npeer = 10.99.88.1\nalert = /bin/false\n")
    os.chown(file, 65534, 65534)


BAD = {
    a_fifo: "is not a regular file",
    a_directory: "is not a regular file",
    a_device: "is not a regular file",
    a_large_file: "is larger than 1048576 bytes",
    a_nul: ":2: holds a NUL byte",
    no_text: ":2: is not UTF-8",
    a_name_that_is_no_text: ":2: is not UTF-8",
    emptied: "is empty",
    removed: "cannot be read: No such file",
    without_vip: "[kachecks] has no vip",
    with_another_vip: "[kachecks] found neither peer nor",
}


@pytest.mark.parametrize("make", BAD)
@pytest.mark.parametrize("arguments", [(), ("--fence",)])
def test_it_is_told_and_not_waited_for(
    tmp_path: Path, make: Callable[[Path], None], arguments: tuple[str, ...]
) -> None:
    node = Node(tmp_path)
    node.file.unlink()
    make(node.file)
    status, said = node.check(*arguments)
    assert status == program.UNKNOWN
    assert said.count("\n") == 1
    assert said.startswith(f"UNKNOWN: {node.file}")
    assert BAD[make] in said


@pytest.mark.parametrize("arguments", [(), ("--fence",)])
def test_a_name_of_the_file_that_is_no_text(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    node = Node(tmp_path)
    node.file = tmp_path / os.fsdecode(b"\xff.cnf")
    status, said = node.check(*arguments, errors="surrogateescape")
    assert status == program.UNKNOWN
    assert "cannot be read: No such file" in said


@needs_root
@pytest.mark.skipif(not HAS_OWN_RUN, reason="needs a mount namespace")
@pytest.mark.parametrize(
    "make", [a_fifo, emptied, removed, without_vip, with_another_vip, of_somebody_else]
)
def test_an_open_holder_keeps_the_vip(tmp_path: Path, make: Callable[[Path], None]) -> None:
    """Nothing can close its server, so the VIP must not leave: that of the last good check counts,
    and whom it would have told."""
    told = tmp_path / "told"
    page = tmp_path / "page"
    page.write_text(f"#!/bin/sh\ngrep '\"path\"' > {told}.new && mv {told}.new {told}\n")
    page.chmod(0o755)
    node = Node(tmp_path)
    node.options(f"alert = {page}")
    with mysqld(node) as process:
        assert node.check("--fence", holder=True)[0] == 0
        node.file.unlink()
        make(node.file)
        status, said = node.check("--fence", holder=True)
        assert (status, said.partition(":")[0]) == (0, "UNKNOWN")
        assert node.check("--fence")[0] == program.UNKNOWN  # the VIP has gone
        assert process.poll() is None
    end = time.monotonic() + BUSY
    while not told.exists():
        assert time.monotonic() < end
        time.sleep(0.01)
    assert json.loads(told.read_text())["path"] == str(node.file)
    assert not (node.run_dir / "main.failing").exists()


@needs_root
def test_several_vips_and_a_damaged_note() -> None:
    assert is_here("10.99.88.77,127.0.0.1")
    for text in ("", ",", "10.99.88.77", "nonsense", "\0", "::zz", "fd00::7"):
        assert not is_here(text)
