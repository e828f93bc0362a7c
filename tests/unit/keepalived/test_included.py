"""What includes demand, as ``keepalived -t`` of 2.2.7 says: 6 for those that end it."""

from __future__ import annotations

from pathlib import Path

import pytest

from kachecks.keepalived.conf import Conf, read
from kachecks.keepalived.included import included


def written(tmp_path: Path, text: str, version: tuple[int, int] | None = None) -> Conf:
    inner = tmp_path / "d"
    (inner / "dir.inc").mkdir(parents=True)
    (inner / "a.inc").write_text("vrrp_instance V {\n}\n")
    (inner / "x.inc").write_text("instance x\n")
    (inner / "x.inc").chmod(0o755)
    (tmp_path / "keepalived.conf").write_text(f"{text}\nvrrp_instance W {{\n}}\n")
    return read(str(tmp_path / "keepalived.conf"), version=version)


@pytest.mark.parametrize(
    ("name", "ending"),
    [
        ("d/a.inc", ""),
        ("d/zz.inc", "mwa"),
        ("d/zz*.inc", "wa"),
        ("none/zz*.inc", "mwa"),
        ("d/x.inc", "rmwba"),
        ("d/dir.inc", "rmwba"),
        ("d/{a,zz}.inc", "ba"),
        ("d/{y,zz}.inc", "ba"),
        ("d/{a,zz*}.inc", ""),
        ("d/{zz*,yy*}.inc", "wa"),
        ("none/{zz*,yy*}.inc", "ba"),
        ("{d,none}/a*.inc", "ba"),
    ],
)
@pytest.mark.parametrize("kind", ["", *"rmwba"])
def test_an_include_that_demands_ends_keepalived(
    tmp_path: Path, kind: str, name: str, ending: str
) -> None:
    found = written(tmp_path, f"include{kind} {name}")
    assert bool(found.ends) == bool(kind and kind in ending)
    assert bool(found.notes) != bool(found.ends) or name in ("d/a.inc", "d/{a,zz*}.inc")
    if found.ends:
        assert found.ends.startswith(f"{tmp_path}/keepalived.conf:1: ")
        assert f"include{kind} does not allow that " in found.ends


@pytest.mark.parametrize(
    ("options", "ending"),
    [
        ("", ("zz.inc", "x.inc", "{a,zz}.inc")),
        ("read", ("x.inc",)),
        ("match", ("zz.inc", "x.inc")),
        ("wildcard_match", ("x.inc",)),
        ("brace_match", ("x.inc", "{a,zz}.inc")),
        ("+match", ("zz.inc",)),
        ("+match -match", ()),
        ("match +brace_match", ("zz.inc", "x.inc", "{a,zz}.inc")),
        ("readable", ()),
        ("match readable", ("zz.inc", "x.inc")),
    ],
)
@pytest.mark.parametrize("name", ["zz.inc", "x.inc", "{a,zz}.inc"])
def test_include_check_demands_of_every_include(
    tmp_path: Path, options: str, ending: tuple[str, ...], name: str
) -> None:
    found = written(tmp_path, f"global_defs {{\ninclude_check {options}\n}}\ninclude d/{name}")
    assert bool(found.ends) == (name in ending)
    assert any("include_check readable is passed over" in note for note in found.notes) == (
        "readable" in options
    )


def test_include_check_of_an_included_file_ends_with_it(tmp_path: Path) -> None:
    (tmp_path / "check.inc").write_text("global_defs {\ninclude_check\n}\n")
    assert not written(tmp_path, "include check.inc\ninclude d/zz.inc").ends


@pytest.mark.parametrize(
    ("pattern", "files"),
    [
        ("[^b]*.inc", "1 a* a ab"),
        ("[!b]*.inc", "1 a* a ab"),
        ("[[:digit:]]*.inc", "1"),
        ("[^[:digit:]b].inc", "a"),
        ("[[:alpha:]].inc", "a b"),
        ("\\a.inc", "a"),
        ("a\\*.inc", "a*"),
        ("a[*].inc", "a*"),
        ("{a\\*,b}.inc", "a* b"),
        ("[ab.inc", ""),
        ("[" + "\\" * 900, ""),
        ("[\\a].inc", "a"),
        ("[a-\\b].inc", "a b"),
    ],
)
def test_patterns_are_those_of_glob(tmp_path: Path, pattern: str, files: str) -> None:
    for name in ("1", "a", "a*", "ab", "b"):
        (tmp_path / f"{name}.inc").write_text("")
    found = included(str(tmp_path), pattern)
    assert " ".join(Path(each).stem for each in found.files) == files
