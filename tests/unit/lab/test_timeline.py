"""The picture and the table of a known record, character by character."""

from __future__ import annotations

import io

import pytest

from tests.lab.pictures.figures import figures, table
from tests.lab.pictures.live import LiveLines
from tests.lab.pictures.timeline import picture
from tests.lab.records.record import Access, Holding, Mark, Record, Replicating, Row, Write

KILLED = Mark(2.0, "SIGKILL of mysqld on A", fault=True)


def failover() -> Record:
    """A takes 20 writes a 100 ms, is killed at 2.0 s; B is writable at 2.4 s, A back at 5 s."""
    writes = []
    for at in range(1000):
        moment = at * 0.005 + 0.002
        if moment < 2.0:
            writes.append(Write(moment - 0.001, moment, at, at, "A"))
        elif moment < 2.4:
            writes.append(Write(moment - 0.001, moment, None, errno=2003, error="refused"))
        else:
            writes.append(Write(moment - 0.001, moment, at, at, "B"))
    access = []
    for at in range(125):
        moment = at * 0.04 + 0.01
        a = "open" if moment < 2.0 else "down" if moment < 4.0 else "closed"
        b = "closed" if moment < 2.4 else "open"
        access += [Access("A", moment, moment + 0.001, a), Access("B", moment, moment + 0.001, b)]
    holding = tuple(
        Holding(at * 0.02, frozenset("A" if at * 0.02 < 2.05 else "B")) for at in range(250)
    )
    replicating = tuple(
        Replicating(node, at * 0.25, None if node == "A" and 8 <= at < 16 else at < 8)
        for at in range(20)
        for node in "AB"
    )
    marks = (KILLED, Mark(4.0, "mysqld on A started again"))
    return Record(("A", "B"), 0.0, 5.0, tuple(writes), tuple(access), holding, replicating, marks)


PICTURE = """\
0.1 s a column, 20 writes a full bar
time    |-1       |0        |1        |2
writes  ██████████....██████████████████████████
by      AAAAAAAAAA....BBBBBBBBBBBBBBBBBBBBBBBBBB
A vip   VVVVVVVVVV..............................
A db    WWWWWWWWWWxxxxxxxxxxxxxxxxxxxxrrrrrrrrrr
A repl  +++++++++                    -----------
B vip   ..........VVVVVVVVVVVVVVVVVVVVVVVVVVVVVV
B db    rrrrrrrrrrrrrrWWWWWWWWWWWWWWWWWWWWWWWWWW
B repl  +++++++++-------------------------------
                  ^ SIGKILL of mysqld on A
                      ^ first write acknowledged by B, 0.40 s later
                                      ^ mysqld on A started again
"""


def test_the_picture_shows_each_thing_where_it_happened() -> None:
    drawn = picture(failover())
    assert drawn.partition("V virtual IP")[0] == PICTURE
    assert max(map(len, drawn.splitlines())) <= 80


def test_a_hung_server_is_drawn_as_silent() -> None:
    hung = Record(
        ("A",), 0.0, 2.0, access=(Access("A", 0.0, 0.01, "open"), Access("A", 0.02, 1.5, "open"))
    )
    line = next(line for line in picture(hung, width=40).splitlines() if line.startswith("A db"))
    assert line == "A db    ??????????????WWWWWW"


def test_the_figures_name_outage_losses_and_two_writers() -> None:
    record = failover()
    mine = [Row(w.id, w.token, 1) for w in record.writes if w.id is not None and w.token]
    found = dict(figures(record, {"B": mine[:-2], "A": mine[:-7]}))
    assert found["outage, SIGKILL of mysqld on A"] == "0.40 s, then B took writes"
    assert found["acknowledged writes missing on B"] == "3"  # two and token 0
    assert found["rows that differ between B and A"] == "5"
    assert found["seconds with two writable servers"] == "0.00"
    assert found["attempts that failed, by error number"] == "80 x 2003"


def test_live_lines_tell_each_mark_and_takeover_once() -> None:
    stream = io.StringIO()
    live = LiveLines(("A", "B"), 0.0, stream)
    live.update(Record(("A", "B"), 0.0, 1.0))
    live.update(failover())
    text = stream.getvalue()
    assert text.count("SIGKILL of mysqld on A") == 1
    assert text.count("first write acknowledged by B, 0.40 s after the fault") == 1
    assert "\033" not in text
    assert len(text.splitlines()) == 10 + 2 + 2


@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_colour_only_on_a_terminal_and_not_under_no_color(
    monkeypatch: pytest.MonkeyPatch, no_color: str, coloured: bool
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("NO_COLOR", no_color)
    stream = Terminal()
    LiveLines(("A", "B"), 0.0, stream).update(failover())
    assert ("\033[" in stream.getvalue()) is coloured


def test_columns_line_up() -> None:
    assert table([("a", "1", "2"), ("long", "33", "4")]) == "a     1   2\nlong  33  4"
