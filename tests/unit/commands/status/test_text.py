"""The screen of `kachecks status`: what stands there, in every window."""

from __future__ import annotations

import re

import pytest

from kachecks.check.verdict import Verdict
from kachecks.commands.status.cells import rows
from kachecks.commands.status.facts import Lacks, NodeSeen, Status
from kachecks.commands.status.judgement import summary
from kachecks.commands.status.terminal import Painter, Window, paint
from kachecks.commands.status.text import screen
from kachecks.state.maintenance_mark import in_local_time
from tests.unit.doubles.status_samples import (
    ACTIVE,
    CHANNEL,
    MARKS,
    NOW,
    OPENED,
    SILENT,
    STANDBY,
    STATUS,
    UUID,
    server,
)

LONG = "word " * 400
EVERYTHING_WRONG = STATUS._replace(
    here=ACTIVE._replace(
        server=server(1, True, channels=(CHANNEL._replace(receiver="No", receiver_error=LONG),)),
        verdict=Verdict("WRITES_STALLED", 0, LONG, "holder"),
    ),
    there=SILENT._replace(trouble=LONG),
    marks=MARKS._replace(gave_way=LONG, gave_way_ago=3.0, permit=False),
    transitions=(OPENED._replace(why=LONG),) * 3,
)


def drawn(
    status: Status, width: int = 80, height: int | None = None, painter: Painter | None = None
) -> list[str]:
    plain = painter or (lambda text, _style: text)
    return screen(status, summary(status), Window(width, height), plain)


def cells(status: Status, label: str, room: bool = False) -> tuple[str, str]:
    row = next(row for row in rows(status, room) if row.label == label)
    return row.here.text, row.there.text


def there(node: NodeSeen) -> Status:
    return STATUS._replace(there=node)


@pytest.mark.parametrize("width", [60, 80, 200])
def test_nothing_that_a_server_says_moves_the_cursor(width: int) -> None:
    evil = "a\x1b[2J\x9b\u202e\u200b\nwrong: forged"
    channel = CHANNEL._replace(name=evil, source_host=evil, receiver="No", receiver_error=evil)
    status = EVERYTHING_WRONG._replace(
        here=ACTIVE._replace(name=evil, vip_said=evil, server=server(1, True, channels=(channel,))),
        there=SILENT._replace(trouble=evil, verdict_said=evil),
        marks=MARKS._replace(gave_way=evil, gave_way_ago=3.0, at_work=evil),
        transitions=(OPENED._replace(why=evil, cause=evil),),
    )
    for line in drawn(status, width):
        assert line.isprintable() and not line.startswith("wrong: forged")
    unknown = status._replace(transitions=None, transitions_said=evil)
    assert all(line.isprintable() for line in drawn(unknown, width))


def test_both_nodes_side_by_side() -> None:
    assert drawn(STATUS) == [
        "kachecks main  VIP 10.0.0.100                            2026-11-22 17:10:42 UTC",
        "OK: a serves, b stands by and looks fit from here",
        "",
        "            a 10.0.0.1 (this node)             b 10.0.0.2 (other node)",
        "role        active                             standby",
        "VIP         here                               no",
        "VRRP        MASTER for 4 min 10 s, prio 250    unknown: no advert of it is heard",
        "writes      OPEN                               closed",
        "server      MySQL 9.7.4, up 1 d 2 h            MySQL 9.7.4, up 1 d 2 h",
        "receives    yes, 0 s behind, 0 transactions    yes, 0 s behind, 0 transactions",
        "lacks       nothing the other node has         nothing the other node has",
        "verdict     OK, may hold the VIP               OK, as far as SQL tells",
        "marks       none                               (kachecks status there)",
        "",
        "Last transitions of a",
        "  2026-11-22 17:24:17  promote: opened in 0.072 s: peer closed; all is applied",
    ]


@pytest.mark.parametrize("width", [60, 79, 80, 119, 120, 200, 317])
def test_no_line_is_wider_than_the_window(width: int) -> None:
    for status in (STATUS, EVERYTHING_WRONG):
        assert max(map(len, drawn(status, width))) <= width


@pytest.mark.parametrize(("width", "height"), [(80, 24), (200, 50)])
def test_the_worst_fits_into_the_window(width: int, height: int) -> None:
    lines = drawn(EVERYTHING_WRONG, width, height)
    assert len(lines) <= height
    assert any("..." in line for line in lines)  # it says where something is left out


def test_room_is_used_for_sentences_and_gtids() -> None:
    behind = server(2, False, lacks=Lacks(f"{UUID}1:114-120", 7))
    status = there(STANDBY._replace(server=behind))
    assert cells(status, "lacks") == ("nothing the other node has", "7 transactions")
    assert cells(status, "lacks", room=True)[1] == f"7 transactions: {UUID}1:114-120"
    assert any(f"{UUID}1:1-120" in line for line in drawn(status, 200))
    assert not any(UUID in line for line in drawn(status, 80))


def test_colour_is_never_alone_the_carrier_of_meaning() -> None:
    for status in (STATUS, EVERYTHING_WRONG):
        for width in (80, 200):
            painted = drawn(status, width, painter=paint)
            assert [re.sub(r"\x1b\[[\d;]*m", "", line) for line in painted] == drawn(status, width)
            assert any("\x1b[" in line for line in painted)


@pytest.mark.parametrize(
    ("sentence", "told"),
    [
        ("nobody listens", "MYSQLD_DOWN (exit 10): see server"),
        ("nobody listens; start it", "MYSQLD_DOWN (exit 10): see server; start it"),
        ("the disk is gone", "MYSQLD_DOWN (exit 10): the disk is gone"),
    ],
)
def test_what_the_server_cell_says_is_not_said_twice(sentence: str, told: str) -> None:
    verdict = Verdict("MYSQLD_DOWN", 10, sentence, "standby")
    down = SILENT._replace(trouble="nobody listens", verdict=verdict)
    assert cells(STATUS._replace(there=down), "verdict")[1] == told


def test_a_silent_node_is_said_to_be_silent() -> None:
    status = there(SILENT)
    assert cells(status, "server")[1] == "nothing answers at 10.0.0.2"
    assert cells(status, "writes")[1] == "unknown"
    assert cells(status, "receives")[1] == "unknown"
    assert cells(status, "lacks")[1] == "unknown"


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"lag_seconds": None}, "yes, lag unknown, 0 transactions"),
        ({"lag_seconds": 236411}, "yes, 0 s behind, 0 transactions"),  # disproved
        ({"name": "east"}, "east: yes, 0 s behind, 0 transactions"),
        (
            {"applier": False, "applier_errno": 1062, "applier_error": "Duplicate"},
            "applier stopped with error 1062: Duplicate; 0 s behind, 0 transactions",
        ),
        (
            {"receiver": "Connecting", "receiver_errno": 2003, "receiver_error": "no route"},
            "receiver connecting with error 2003: no route; 0 s behind, 0 transactions",
        ),
        ({"receiver": "No"}, "receiver stopped; 0 s behind, 0 transactions"),
    ],
)
def test_replication_in_words(changes: dict[str, object], text: str) -> None:
    one = server(2, False, channels=(CHANNEL._replace(**changes),))
    assert cells(there(STANDBY._replace(server=one)), "receives")[1] == text


def test_a_server_that_does_not_replicate() -> None:
    lonely = server(2, False)._replace(channels=())
    status = there(STANDBY._replace(server=lonely))
    assert cells(status, "receives")[1] == "nothing: no replication channel"


def test_without_gtids_the_position_is_told() -> None:
    behind = server(2, False, lacks=Lacks("binlog.000001:700", None))
    assert cells(there(STANDBY._replace(server=behind)), "lacks")[1] == "binlog.000001:700"


def test_marks_are_all_told() -> None:
    maintenance = in_local_time(NOW - 60, NOW + 7200, "ann", "new disks")
    marks = MARKS._replace(
        maintenance=maintenance, gave_way="superseded", gave_way_ago=12.0, permit=False,
        leaving=True, at_work="demote",
    )  # fmt: skip
    text = cells(STATUS._replace(marks=marks), "marks")[0]
    for part in (
        "by ann: new disks, 2 h left",
        "gave way 12 s ago: superseded",
        "permit withdrawn",
        "leaving",
        "at work: demote",
    ):
        assert part in text


def test_what_cannot_be_read_is_not_shown_as_empty() -> None:
    status = STATUS._replace(
        marks=None, marks_said="only root", transitions=None, transitions_said="no permission"
    )
    assert cells(status, "marks")[0] == "unknown: only root"
    assert drawn(status)[-1] == "  unknown: no permission"


def test_texts_of_servers_cannot_move_the_cursor() -> None:
    bad = "\x1b[2Jgone\r\x07"
    status = STATUS._replace(
        there=SILENT._replace(trouble=bad), transitions=(OPENED._replace(why=bad),)
    )
    for width in (80, 200):
        assert not any(set("\x1b\r\x07") & set(line) for line in drawn(status, width))
