"""The option file's form, which is MySQL's, and the file that it stands in."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import struct
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from kachecks.config import file_format, options
from kachecks.config.options import ConfigError, load, parse
from tests.unit.doubles.option_files import NEEDED, SAMPLE, SECRET

# The form: what MySQL's own programs make of the same lines ------------------------------------

FORM = [
    ("plain = abc", "plain", "abc"),
    ("tight=abc", "tight", "abc"),
    ("  wide\t=\t abc \t", "wide", "abc"),
    ("carriage = abc\r", "carriage", "abc"),
    ("comment = abc # def", "comment", "abc"),
    ("hash = ab#c", "hash", "ab"),
    ('quoted_hash = "ab#c" # def', "quoted_hash", "ab#c"),
    ("semicolon = abc ; def", "semicolon", "abc ; def"),
    ('double = "a b"', "double", "a b"),
    ("single = ' a b '", "single", " a b "),
    ("mixed = \"a b'", "mixed", "\"a b'"),
    ('open = "abc # def', "open", '"abc # def'),
    ("apostrophe = it's # def", "apostrophe", "it's # def"),
    ("one_quote = '", "one_quote", "'"),
    ("quote_in_quotes = '\"'", "quote_in_quotes", '"'),
    ('half = "a" b', "half", '"a" b'),
    (r"escapes = a\tb\sc\\d\be\"f\'g\xh", "escapes", "a\tb c\\d\be\"f'g\\xh"),
    (r'quoted_escapes = "a\"b#c\\" # d', "quoted_escapes", 'a"b#c\\'),
    ("backslash_at_end = abc\\", "backslash_at_end", "abc\\"),
    (r"escape_unquoted = a\"b#c", "escape_unquoted", 'a"b#c'),
    ("equals = a = b", "equals", "a = b"),
    ("empty =", "empty", ""),
    ('quotes = ""', "quotes", ""),
    ("alone", "alone", None),
    ("alone_too # comment", "alone_too", None),
    ("utf8 = pä", "utf8", "pä"),
]
# MySQL takes the last byte of these for a latin1 space, and leaves half a character.
UNLIKE_MYSQL = [("utf8 = déjà", "utf8", "déjà"), ("utf8 = a\u00a0", "utf8", "a\u00a0")]


@pytest.mark.parametrize(("line", "name", "value"), FORM + UNLIKE_MYSQL)
def test_form_of_a_line(line: str, name: str, value: str) -> None:
    assert file_format._split(line.strip(" \t\n\v\f\r"))[:2] == (name, value)


@pytest.mark.parametrize(
    ("line", "cut"),
    [
        ("k = ab#c", True),
        ("k=#c", True),
        ("k = ab #c", False),
        ("k = ab\t# c", False),
        ('k = "ab#c"', False),
        ('k = "ab"#c', True),
        ("k = ab", False),
    ],
)
def test_a_comment_that_may_be_part_of_the_value(line: str, cut: bool) -> None:
    (found,) = file_format.lines(f"[a]\n{line}", "k.cnf", ["a"])
    assert found.cut is cut


@pytest.mark.skipif(not shutil.which("my_print_defaults"), reason="needs my_print_defaults")
def test_the_form_is_that_of_mysqls_own_programs(tmp_path: Path) -> None:
    file = tmp_path / "form.cnf"
    lines = [line for line, name, _ in FORM]
    file.write_text("[client]\n" + "\n".join(lines) + "\n")
    told = subprocess.run(
        ["my_print_defaults", f"--defaults-file={file}", "client"],
        capture_output=True, check=True,
    ).stdout.decode()  # fmt: skip
    expected = [f"--{name}" + ("" if value is None else f"={value}") for _, name, value in FORM]
    assert told.split("\n")[:-1] == expected


def test_groups_repeat_the_last_value_wins_and_comments_are_skipped() -> None:
    text = (
        "\ufeff# kachecks\r\n\r\n ; a comment\r\n\t# another\r\n[peer] # first\r\nport=1\r\n"
        "[KACHECKS] junk\r\nvip=10.0.0.9\r\npeer=10.0.0.2\r\n[peer]\r\nport=3307\r\n"
        "[kachecks]\r\nvip=10.0.0.100\r\nmax_lag=1\r\nmax-lag=2\r\n"
    )
    found = parse(text.lstrip("\ufeff"), "k.cnf")
    assert (found.vips, found.max_lag, found.remote.port) == (("10.0.0.100",), 2.0, 3307)


# The file --------------------------------------------------------------------------------------


def written(tmp_path: Path, text: str, mode: int = 0o600) -> str:
    file = tmp_path / "k.cnf"
    file.write_text(text)
    file.chmod(mode)
    return str(file)


def test_load(tmp_path: Path) -> None:
    path = written(tmp_path, SAMPLE)
    assert load(path) == parse(SAMPLE, path)


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
def test_a_password_in_a_private_file(tmp_path: Path, mode: int) -> None:
    assert load(written(tmp_path, SAMPLE, mode)).local.password == SECRET


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o610, 0o644, 0o666])
@pytest.mark.parametrize("group", ["client", "peer"])
def test_a_password_that_others_may_read(tmp_path: Path, mode: int, group: str) -> None:
    path = written(tmp_path, f"{NEEDED}[{group}]\npassword={SECRET}\n", mode)
    with pytest.raises(ConfigError, match=f"mode is 0{mode:o}.*chmod 600 {path}$") as caught:
        load(path)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("mode", [0o664, 0o646, 0o622])
def test_without_a_password_others_may_read_but_not_write(tmp_path: Path, mode: int) -> None:
    assert load(written(tmp_path, NEEDED, 0o644)).peer == "10.0.0.2"
    path = written(tmp_path, NEEDED, mode)
    expected = f"its mode is 0{mode:o}, so others can write to it: chmod 600 {path}"
    with pytest.raises(ConfigError, match=re.escape(expected)):
        load(path)


PASTED = "it's of; touch $HOME &.cnf"


@pytest.mark.parametrize(
    ("text", "mode"), [(NEEDED, 0o622), (f"{NEEDED}[peer]\npassword=x\n", 0o644)]
)
def test_a_cure_may_be_pasted(tmp_path: Path, text: str, mode: int) -> None:
    path = Path(written(tmp_path, text, mode)).rename(tmp_path / PASTED)
    assert shlex.split(refused(path).rpartition(": ")[2]) == ["chmod", "600", str(path)]


# Whose it is ------------------------------------------------------------------------------------

ALICE = 65534
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give a file away")


def refused(path: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        load(str(path))
    return str(caught.value)


@needs_root
def test_root_does_not_read_what_is_somebody_elses(tmp_path: Path) -> None:
    path = written(tmp_path, NEEDED)
    os.chown(path, ALICE, ALICE)
    expected = f"{path}: belongs to uid {ALICE}, expected root or who runs this: chown root {path}"
    assert refused(Path(path)) == expected
    named = Path(path).rename(tmp_path / PASTED)
    assert shlex.split(refused(named).rpartition(": ")[2]) == ["chown", "root", str(named)]


@needs_root
def test_whoever_runs_this_may_have_a_file_of_their_own() -> None:
    with TemporaryDirectory(dir="/tmp") as name:
        path = written(Path(name), SAMPLE)
        for each in (path, name):
            os.chown(each, ALICE, ALICE)
        os.setegid(ALICE)
        os.seteuid(ALICE)
        try:
            assert load(path).local.password == SECRET
        finally:
            os.seteuid(0)
            os.setegid(0)


@needs_root
@pytest.mark.parametrize(
    ("owner", "mode", "why"),
    [
        ((0, 0), 0o755, ""),
        ((0, 0), 0o775, ""),
        ((0, 0), 0o1777, ""),  # what is root's there can only be replaced by root
        ((0, 0), 0o777, "anybody may write to {} (mode 0777)"),
        ((0, ALICE), 0o775, f"gid {ALICE} may write to {{}} (mode 0775)"),
        ((ALICE, 0), 0o755, f"{{}} belongs to uid {ALICE}"),
    ],
)
@pytest.mark.parametrize("through", ["", "link", "relative link", "link on the way"])
def test_who_may_replace_it(
    tmp_path: Path, owner: tuple[int, int], mode: int, why: str, through: str
) -> None:
    directory = tmp_path / "etc"
    directory.mkdir()
    path = named = Path(written(directory, NEEDED))
    os.chown(directory, *owner)
    directory.chmod(mode)
    if through:
        named = tmp_path / "linked"
        target = {"link": path, "relative link": "./../" + "/".join(path.parts[-3:])}
        named.symlink_to(target.get(through, directory))
        named = named / path.name if through == "link on the way" else named
    if why:
        assert refused(named).startswith(f"{named}: {why.format(directory)}, expected a way to it")
    else:
        assert load(str(named)).peer == "10.0.0.2"


@needs_root
def test_a_link_of_somebody_else(tmp_path: Path) -> None:
    """Whoever owns it leads root to any file of root's."""
    path = Path(written(tmp_path, NEEDED))
    tmp_path.chmod(0o1777)
    link = tmp_path / "link.cnf"
    link.symlink_to(path)
    os.lchown(link, ALICE, ALICE)
    assert f"{link} belongs to uid {ALICE}" in refused(link)


def test_a_path_from_where_we_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, NEEDED)
    monkeypatch.chdir(tmp_path)
    assert load("k.cnf").path == load("./k.cnf").path[2:] == "k.cnf"


def test_links_that_lead_in_a_circle(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(link)
    with pytest.raises(OSError, match="Too many levels"):
        file_format.exposed(str(link))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", ": is empty, expected an option file"),
        (NEEDED.encode() + b"name = \xe9\n", ":4: is not UTF-8"),
        (b"\n" + b"#" * (1 << 20), ": is larger than 1048576 bytes"),
        (NEEDED.encode() + b"\0", ":4: holds a NUL byte"),
        (NEEDED.encode("utf-16"), ":1: is not UTF-8"),
        (NEEDED.replace("\n", "\r").encode(), ": its lines end with CR alone, expected LF: tr "),
        (NEEDED.replace("\n", "\r").encode() + b"\n", ": its lines end with CR alone, expected LF"),
    ],
)
def test_a_file_that_is_no_option_file(tmp_path: Path, data: bytes, words: str) -> None:
    file = tmp_path / "k.cnf"
    file.write_bytes(data)
    with pytest.raises(ConfigError) as caught:
        load(str(file))
    assert str(caught.value).startswith(f"{file}{words}")


def test_one_line_of_windows_ends_in_no_cr_alone() -> None:
    with pytest.raises(ConfigError, match="has no vip"):
        parse("[kachecks]\r\n", "k.cnf")


def test_a_byte_order_mark_is_skipped(tmp_path: Path) -> None:
    assert load(written(tmp_path, "\ufeff" + NEEDED)).peer == "10.0.0.2"


def test_what_is_not_a_readable_file(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    for path, words in (
        (tmp_path / "none", "cannot be read: No such file or directory; --defaults-file"),
        (tmp_path, "is not a regular file"),
        (fifo, "is not a regular file"),  # and does not wait for a writer
        (Path("/dev/null"), "is not a regular file"),
    ):
        with pytest.raises(ConfigError) as caught:
            load(str(path))
        assert str(caught.value).startswith(f"{path}: {words}")


@needs_root
def test_a_file_of_somebody_else(tmp_path: Path) -> None:
    path = written(tmp_path, SAMPLE)
    os.seteuid(65534)
    try:
        with pytest.raises(ConfigError, match="cannot be read: Permission denied"):
            load(path)
    finally:
        os.seteuid(0)


def test_reading_it_imports_nothing_that_costs(tmp_path: Path) -> None:
    """With IPv6 too."""
    text = NEEDED + "[kachecks]\nvip = fd00::100, 10.0.0.100\npeer = fd00::2\n"
    code = (
        "import sys; before = set(sys.modules)\n"
        "from kachecks.config import options\n"
        "from kachecks.network import vip\n"
        f"options.load({written(tmp_path, text)!r}); vip.here(['10.0.0.1'])\n"
        "print(*sorted(set(sys.modules) - before))"
    )
    root = str(Path(options.__file__).parents[2])
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    ours = ["config", "config.file_format", "config.kinds", "config.options", "lean", "network"]
    named = [f"kachecks.{name}" for name in [*ours, "network.vip"]]
    assert ran.stdout.split() == ["__future__", "_operator", "_socket", "kachecks", *named]


@needs_root
def test_whom_an_acl_lets_in(tmp_path: Path) -> None:
    """Its mask shows in the place of the group's permissions."""
    entries = ((1, 7, -1), (2, 7, ALICE), (4, 5, -1), (16, 7, -1), (32, 5, -1))
    acl = struct.pack("<I", 2) + b"".join(
        struct.pack("<HHI", tag, may, who & 0xFFFFFFFF) for tag, may, who in entries
    )
    directory = tmp_path / "d"
    directory.mkdir(0o755)
    try:
        os.setxattr(directory, "system.posix_acl_access", acl)
    except OSError:
        pytest.skip("this file system has no ACLs")
    assert directory.stat().st_mode & 0o777 == 0o775
    path = written(directory, SAMPLE)
    assert f"an ACL may let others write to {directory}" in file_format.exposed(str(path))
    os.removexattr(directory, "system.posix_acl_access")
    assert "ACL" not in file_format.exposed(str(path))
