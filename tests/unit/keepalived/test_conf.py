"""keepalived.conf read as keepalived 2.2.7 reads it; each case was tried on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kachecks.keepalived.conf import ConfError, Statement, own_config_id, read


def tree(statements: tuple[Statement, ...] | None) -> list[Any]:
    """Words, and for a block a pair of words and list."""
    return [
        " ".join(one.words) if one.block is None else (" ".join(one.words), tree(one.block))
        for one in statements or ()
    ]


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    return tmp_path / "keepalived.conf"


def parsed(conf: Path, text: str, config_id: str = "main") -> list[Any]:
    conf.write_text(text)
    return tree(read(str(conf), config_id).root.block)


@pytest.mark.parametrize(
    "text",
    [
        "a x {\n b 1\n}\n",
        "a x{\nb 1}\n",
        "a x\n{\n\tb 1\n}",
        "a x { b 1 }",
        "a x { @main b 1\n}",
        "a x { $N=1\nb $N }",
        "\n  a   x {   \n\r\n b 1 \r\n }",
        "! note\na x { # note { \nb 1 !}\n}",
        'a x { b "1" }',
    ],
)
def test_blocks_however_their_braces_stand(conf: Path, text: str) -> None:
    assert parsed(conf, text) == [("a x", ["b 1"])]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\vx\f1\r\n", ["a x 1"]),
        ("\f\n\v\n \t\r\n", []),
        ("a\u00a0x 1\n", ["a\u00a0x 1"]),  # a no-break space is no blank
        ("\u00a0\n\x85\n", ["\u00a0", "\x85"]),
    ],
)
def test_blanks_are_those_of_c(conf: Path, text: str, expected: list[str]) -> None:
    """Read without a server: isspace(3)."""
    assert parsed(conf, text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a b#c", ["a b"]),
        ("auth_pass ab!cd", ["auth_pass ab"]),
        (r"a b\#c", ["a b"]),
        ('a "b # c"', ["a b # c"]),
        ('a "{ }"', ["a { }"]),
        ("a 'b c'", ["a 'b c'"]),
        ("priority \\\n88", ["priority\\", "88"]),
        ("a b${_HASH}c", ["a b"]),
        ('a "b${_BANG}c"', ["a b!c"]),
    ],
)
def test_comments_quotes_and_escapes(conf: Path, text: str, expected: list[str]) -> None:
    assert parsed(conf, text) == expected


def test_a_quoted_word_keeps_its_blanks(conf: Path) -> None:
    conf.write_text('script "/bin/check a  b" c\n')
    (statement,) = read(str(conf)).root.block or ()
    assert statement.words == ("script", "/bin/check a  b", "c")


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("@main p 1", True),
        ("  @main\tp 1", True),
        ("@other p 1", False),
        ("@mainx p 1", False),
        ("@^main p 1", False),
        ("@^other p 1", True),
        ("@ main p 1", False),
        ("@main", False),
    ],
)
def test_conditional_lines(conf: Path, line: str, kept: bool) -> None:
    assert parsed(conf, line) == (["p 1"] if kept else [])


def test_ids_of_conditions_are_known(conf: Path) -> None:
    conf.write_text("@a x\n@^b y\n")
    assert read(str(conf), "a").ids == {"a", "b"}


def test_without_an_id_it_is_the_host_name(conf: Path) -> None:
    conf.write_text(f"@{own_config_id()} x\n")
    assert tree(read(str(conf)).root.block) == ["x"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$P=120\np $P\np ${P}0", ["p 120", "p 1200"]),
        ("$P=\np a${P}b", ["p ab"]),
        ("$A=10.${S}\n$S=0\np ${A}.1\n$S=7\np ${A}.1", ["p 10.0.1", "p 10.7.1"]),
        ("$P=1\np $P/2\np $P,", ["p $P/2", "p 1,"]),
        ('$P=1\np "$P" "${P}"', ["p $P 1"]),
        ("$P = 1\np $P", ["$P = 1", "p $P"]),
        ("p $NONE $", ["p $NONE $"]),
        ("@main $P=1\n@other $P=2\np $P", ["p 1"]),
        ("p ${_INSTANCE}", ["p main"]),
    ],
)
def test_definitions(conf: Path, text: str, expected: list[str]) -> None:
    assert parsed(conf, text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$B= \\\n p 1 \\\n q 2\n$B", ["p 1", "q 2"]),
        ("$B=p 1 \\\n q 2\n$B", ["p 1", "q 2"]),
        ("$B= \\\n p 1 \\\n\n q 2\n$B", ["q 2", "p 1"]),
        ("$B= \\\n p 1 \\\n # end\n q 2\n$B", ["q 2", "p 1"]),
        ("$B= \\\n a { \\\n p ${N} \\\n }\n$N=1\n$B\n$N=2\n${B}", [("a", ["p 1"]), ("a", ["p 2"])]),
        ("$R= \\\n p ${N} \\\n q\n$V= \\\n $N=5 \\\n $R \\\n r\n$V", ["p 5", "q", "r"]),
        ("$B= \\\n p 1 \\\n @other q \\\n @main r\n$B", ["p 1", "r"]),
        ("$B= \\\n @other q \\\n r\n$B", ["r"]),
        ("$B= \\\n p \\\n q\n$B more", ["$B more"]),
    ],
)
def test_multiline_definitions(conf: Path, text: str, expected: list[Any]) -> None:
    assert parsed(conf, text) == expected


def test_included_files_stand_in_place(conf: Path, tmp_path: Path) -> None:
    inner = tmp_path / "d"
    inner.mkdir()
    (inner / "1.conf").write_text("include sub.inc\nb $N\n$N=3")
    (inner / "2.conf").write_text("c $N ${_PWD}\n")
    (inner / "sub.inc").write_text("$N=2\na 1\n")
    (inner / "d.conf").mkdir()
    assert parsed(conf, "x {\ninclude d/*.conf\n}\ny") == [
        ("x", ["a 1", "b 2", f"c 3 {inner}"]),
        "y",
    ]
    block = read(str(conf)).root.all("x")[0]
    wheres = [one.where for one in block.block or ()]
    assert wheres == [f"{inner}/sub.inc:2", f"{inner}/1.conf:2", f"{inner}/2.conf:1"]


@pytest.mark.parametrize(
    "line", ["include a.inc", "@main include a.inc", "$F=a.inc\ninclude $F", "includea a.inc"]
)
def test_include_may_be_conditional_or_defined(conf: Path, tmp_path: Path, line: str) -> None:
    (tmp_path / "a.inc").write_text("p 1\n")
    assert parsed(conf, line) == ["p 1"]


def test_braces_in_an_include(conf: Path, tmp_path: Path) -> None:
    for name in ("a1", "a2", "b", "c"):
        (tmp_path / f"{name}.inc").write_text(f"{name}\n")
    assert parsed(conf, "include {b,a{2,1}}.inc") == ["b", "a2", "a1"]


def test_many_braces_are_read_at_once(conf: Path) -> None:
    text = f"include {'{' * 500}{'}' * 500}\n" + "a { b " * 150 + "\n" + "}" * 150
    assert parsed(conf, text)[0][0] == "a"


def test_a_missing_or_executable_include_is_noted(conf: Path, tmp_path: Path) -> None:
    program = tmp_path / "x.inc"
    program.write_text("p 1\n")
    program.chmod(0o755)
    conf.write_text('include none.inc\ninclude x.inc\ninclude "a.inc"\n')
    (tmp_path / "a.inc").write_text("p 1\n")
    found = read(str(conf))
    assert found.root.block == ()
    assert found.notes == (
        f"{conf}:1: no file matches none.inc; keepalived goes on",
        f"{conf}:2: {program} is passed over: it is executable, which keepalived refuses: chmod -x",
        f'{conf}:3: no file matches "a.inc"; keepalived goes on',
    )


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ("a {\n b\n", 1, "the block of a is not closed"),
        ("a\n}\n", 2, "closes a block that was never opened"),
        ("a {\n}\n{\n}\n", 3, "no keyword before it"),
        ('a "b\n', 1, "opened and not closed"),
        ('a "b \\" c"\n', 1, "opened and not closed"),
        ("x\n~SEQ(N,1,3) a $N\n", 2, "~SEQ blocks are not read here"),
        ("~LST(N,1) a $N\n", 1, "~LST blocks are not read here"),
        ("$A=$A\nx $A\n", 2, "refer to each other without end"),
        ("x ${_RANDOM 1 9}\n", 1, "another number at each start"),
        ("$I=@main\n$I priority 33\n", 2, "comes out of a definition"),
        ("include keepalived.conf\n", 1, "more than 20 files"),
        ("$A= \\\n b \\\n $A \\\n c\n$A\n", 5, "have no end"),
        (f"$A={'x' * 400}\nx $A $A $A\n", 2, "longer than keepalived bears"),
        (f"include {'{a,b}' * 40}\n", 1, "more than 1000 names"),
        ("a" * 1024 + "\n", 1, "a line of 1024 bytes or more"),
    ],
)
def test_what_cannot_be_read_names_file_and_line(
    conf: Path, text: str, line: int, why: str
) -> None:
    with pytest.raises(ConfError) as caught:
        parsed(conf, text)
    assert str(caught.value).startswith(f"{conf}:{line}: ")
    assert why in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_and_one_keepalived_refuses(conf: Path) -> None:
    with pytest.raises(ConfError, match=r"keepalived\.conf: cannot be read: No such file"):
        read(str(conf))
    conf.write_text("a\n")
    conf.chmod(0o744)
    with pytest.raises(ConfError, match="is executable"):
        read(str(conf))
    with pytest.raises(ConfError, match="is not a regular file"):
        read(str(conf.parent))


def test_a_later_statement_replaces_an_earlier(conf: Path) -> None:
    conf.write_text("v {\n p 1\n p 2\n l {\n x\n }\n l { y z }\n}\n")
    block = read(str(conf)).root.all("v")[0]
    last = block.last("p")
    assert last is not None and last.value == "2"
    assert block.last("q") is None
    assert [entry.words for entry in block.entries("l")] == [("x",), ("y", "z")]
