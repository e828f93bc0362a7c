"""Each file whole or not at all, and never over one that is another."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kachecks.commands.setup import placing
from kachecks.commands.setup.files import NewFile
from kachecks.commands.setup.placing import Different, make_directory, place
from kachecks.commands.setup.snippets import SetupError

FILES = [NewFile("/a/open", "one\ntwo\n", 0o644), NewFile("/b/secret", "three\n", 0o600)]


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


def everything(path: Path) -> list[str]:
    return sorted(str(each.relative_to(path)) for each in path.rglob("*") if not each.is_dir())


def test_written_once(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        assert place(FILES, str(tmp_path)) == [f"{tmp_path}/a/open", f"{tmp_path}/b/secret"]
    finally:
        os.umask(before)
    assert (tmp_path / "a/open").read_text() == "one\ntwo\n"
    assert (mode(tmp_path / "a/open"), mode(tmp_path / "b/secret")) == (0o644, 0o600)
    assert everything(tmp_path) == ["a/open", "b/secret"]
    assert place(FILES, str(tmp_path)) == []


@pytest.mark.parametrize(("text", "line"), [("one\n2\n", 2), ("one\n", 2), ("one\ntwo\n3\n", 3)])
def test_where_one_differs_none_is_written(tmp_path: Path, text: str, line: int) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b/secret").write_text(text)
    wanted = [FILES[0], FILES[1]._replace(text="one\ntwo\n")]
    with pytest.raises(Different, match=f"/b/secret is there .* differs from line {line} on$"):
        place(wanted, str(tmp_path))
    assert everything(tmp_path) == ["b/secret"]
    assert (tmp_path / "b/secret").read_text() == text


@pytest.mark.parametrize("packaged", ["one\ntwo\n", "older\n", None])
def test_what_a_package_has_put_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packaged: str | None
) -> None:
    wanted = NewFile(f"{tmp_path}/etc/open", "one\ntwo\n", 0o644)
    monkeypatch.setattr(placing, "PACKAGED", {wanted.path: f"{tmp_path}/packaged"})
    if packaged:
        (tmp_path / "packaged").write_text(packaged)
    missing = [] if packaged == wanted.text else [wanted.path]
    assert place([wanted]) == missing


def test_a_secret_that_others_may_read(tmp_path: Path) -> None:
    place(FILES, str(tmp_path))
    (tmp_path / "b/secret").chmod(0o640)
    with pytest.raises(SetupError, match="others may read it: chmod 600"):
        place(FILES, str(tmp_path))
    blank = tmp_path / "a b"
    place(FILES, str(blank))
    (blank / "b/secret").chmod(0o640)
    with pytest.raises(SetupError, match=f"chmod 600 '{blank}/b/secret'"):
        place(FILES, str(blank))


def test_what_comes_meanwhile_stays(tmp_path: Path) -> None:
    """A link that leads nowhere is not there to be read, and is in the way of a new file."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a/open").symlink_to("nowhere")
    with pytest.raises(SetupError, match="a/open cannot be written: File exists"):
        place(FILES, str(tmp_path))
    assert everything(tmp_path) == ["a/open"]
    assert not (tmp_path / "a/nowhere").exists()


def test_a_full_disk_leaves_nothing_half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_file: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SetupError, match="a/open cannot be written: No space left on device"):
        place(FILES, str(tmp_path))
    assert everything(tmp_path) == []


def test_a_fifo_in_the_way_does_not_hold_it_up(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    os.mkfifo(tmp_path / "a/open")
    with pytest.raises(Different):
        place(FILES, str(tmp_path))


def test_a_directory_is_its_owners_alone(tmp_path: Path) -> None:
    make_directory(str(tmp_path / "new/one"))
    assert mode(tmp_path / "new/one") == 0o700
    make_directory(str(tmp_path / "new/one"))


def test_a_directory_of_everybody(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir(mode=0o777)
    (tmp_path / "shared").chmod(0o777)
    with pytest.raises(SetupError, match=r"anybody may write to .*only you can change"):
        make_directory(str(tmp_path / "shared"))


def test_a_file_where_a_directory_should_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SetupError, match="cannot be made: File exists"):
        make_directory(str(tmp_path / "file"))
