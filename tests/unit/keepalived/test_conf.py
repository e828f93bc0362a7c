"""The lines of a keepalived.conf as keepalived 2.2.7 reads them; each case was tried on it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from kachecks.keepalived.blocks import words_in
from kachecks.keepalived.conf import ConfError, own_config_id, read
from kachecks.keepalived.conf_lines import Line, Lines


def nested(lines: Iterable[Line]) -> list[Any]:
    """Words, and for what has braces a pair of words and list, whatever the words mean."""
    open_ones: list[list[Any]] = [[]]
    for line in lines:
        if line.text == "{":
            inner: list[Any] = []
            open_ones[-1].append((open_ones[-1].pop(), inner))
            open_ones.append(inner)
        elif line.text == "}":
            open_ones.pop()
        else:
            open_ones[-1].append(" ".join(words_in(line)))
    return open_ones[0]


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    return tmp_path / "keepalived.conf"


def parsed(conf: Path, text: str, config_id: str = "main") -> list[Any]:
    conf.write_text(text)
    return nested(Lines(config_id).read(str(conf)))


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
    (line,) = Lines("").read(str(conf))
    assert words_in(line) == ("script", "/bin/check a  b", "c")


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


def test_a_second_condition_is_an_unknown_word(conf: Path) -> None:
    conf.write_text("@main @main instance x\n")
    found = read(str(conf), "main")
    assert found.root.block == ()
    assert "keepalived does not know @main here" in found.notes[0]


def test_ids_of_conditions_are_known(conf: Path) -> None:
    conf.write_text("@a x\n@^b y\n")
    assert read(str(conf), "a").ids == {"a", "b"}


def test_without_an_id_it_is_the_host_name(conf: Path) -> None:
    conf.write_text(f"@{own_config_id()} instance x\n")
    (statement,) = read(str(conf)).root.block or ()
    assert statement.words == ("instance", "x")


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
    wheres = [line.where for line in Lines("").read(str(conf)) if line.text[0] in "abc"]
    assert wheres == [f"{inner}/sub.inc:2", f"{inner}/1.conf:2", f"{inner}/2.conf:1"]


@pytest.mark.parametrize(
    ("line", "times"),
    [
        ("include a.inc", 1),
        ("@main include a.inc", 2),
        ("$I=include a.inc\n$I", 2),
        ("$F=a.inc\ninclude $F", 1),
        ("includea a.inc", 1),
    ],
)
def test_an_include_that_does_not_begin_its_line_is_read_twice(
    conf: Path, tmp_path: Path, line: str, times: int
) -> None:
    """Tried with an address, which is then there twice in the adverts."""
    (tmp_path / "a.inc").write_text("p 1\n")
    lines = Lines("main")
    conf.write_text(f"{line}\n")
    assert nested(lines.read(str(conf))) == ["p 1"] * times
    assert len(lines.notes) == times - 1


def test_an_include_in_a_definition_of_several_lines_is_refused(conf: Path) -> None:
    """keepalived loses it, and what follows it in the definition."""
    with pytest.raises(ConfError, match="conf:2: keepalived loses an include"):
        parsed(conf, "$M= \\\n include a.inc \\\n p 1\n$M\n")


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
    lines = Lines("")
    assert list(lines.read(str(conf))) == []
    assert lines.notes == [
        f"{conf}:1: no file matches none.inc; keepalived goes on",
        f"{conf}:2: {program} is passed over: it is executable, which keepalived refuses: chmod -x",
        f'{conf}:3: no file matches "a.inc"; keepalived goes on',
    ]


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ('a "b\n', 1, "opened and not closed"),
        ('a "b \\" c"\n', 1, "opened and not closed"),
        ("x\n~SEQ(N,1,3) a $N\n", 2, "~SEQ blocks are not read here"),
        ("~LST(N,1) a $N\n", 1, "~LST blocks are not read here"),
        ("$A=$A\nx $A\n", 2, "refer to each other without end"),
        ("x ${_ENV HOME}\n", 1, "is not known here"),
        ("x ${_RANDOM 1 9}\n", 1, "another number at each start"),
        ("$I=@main\n$I priority 33\n", 2, "comes out of a definition"),
        ("include keepalived.conf\n", 1, "more than 20 files"),
        ("$A= \\\n b \\\n $A \\\n c\n$A\n", 5, "have no end"),
        (f"$A={'x' * 400}\nx $A $A $A\n", 2, "longer than keepalived bears"),
        (f"include {'{a,b}' * 40}\n", 1, "more than 1000 names"),
        ("a" * 1024 + "\n", 1, "a line of 1024 bytes or more"),
        ("a {\nnopreempt\0 x\n}\n", 2, "a NUL is in this line"),
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
