"""The picture of a known record: each thing at the place that its time says."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

from tests.lab.pictures.timeline_svg import LEFT, RIGHT, WIDTH, Panel, picture
from tests.lab.records import evidence, spans
from tests.lab.records.record import Access, Holding, Mark, Record
from tests.lab.records.transitions import Transition, of_audit
from tests.unit.lab.test_timeline import failover

SVG = "{http://www.w3.org/2000/svg}"
PROMOTION = Transition("B", 2.3, 100.0, "promote: opened", (("peer", 60.0), ("open", 40.0)))


def drawn(*panels: Panel, before: float = 1.0, after: float = 3.0) -> ElementTree.Element:
    return ElementTree.fromstring(picture(panels, "a <failover>", before=before, after=after))  # noqa: S314


def words(root: ElementTree.Element) -> list[str]:
    return [str(each.text) for each in root.iter(f"{SVG}text")]


def x_of(second: float) -> float:
    """Where a second after the fault is drawn in a picture from -1 to 3 s."""
    return LEFT + (WIDTH - LEFT - RIGHT) * (second + 1) / 4


def test_it_says_what_happened() -> None:
    told = words(drawn(Panel("ours", failover(), [PROMOTION])))
    assert "SIGKILL of mysqld on A" in told
    assert "0.40 s without a write" in told
    assert "B promote: opened +0.40 s: peer 60, open 40 ms" in told
    assert {"writable", "read-only", "down"} <= set(told)


def test_the_fault_and_the_steps_are_where_their_time_is() -> None:
    root = drawn(Panel("ours", failover(), [PROMOTION]))
    fault = next(each for each in root.iter(f"{SVG}line") if each.get("stroke-dasharray") == "")
    assert abs(float(fault.get("x1", "")) - x_of(0.0)) < 0.1
    hinted = {
        each[0].text: float(each.get("x", ""))
        for each in root.iter(f"{SVG}rect")
        if len(each)
    }  # fmt: skip
    assert abs(hinted["promote: opened: peer 60 ms"] - x_of(0.30)) < 0.1
    assert abs(hinted["promote: opened: open 40 ms"] - x_of(0.36)) < 0.1


def test_panels_share_the_scale_of_the_longest() -> None:
    record = failover()
    long = Record(
        ("A", "B"), 0.0, 9.0, record.writes[:400] + record.writes[-1:], marks=record.marks
    )
    root = ElementTree.fromstring(picture([Panel("1", record), Panel("2", long)], "both"))  # noqa: S314
    seconds = [word for word in words(root) if word.endswith(" s")]
    assert seconds[: len(seconds) // 2] == seconds[len(seconds) // 2 :]
    assert "3 s" in seconds  # 2.99 s of outage and one more


def test_nothing_is_drawn_outside_the_window() -> None:
    early = PROMOTION._replace(start=0.2)
    root = drawn(Panel("ours", failover(), [early]))
    assert not any("promote" in word for word in words(root))
    for each in root.iter(f"{SVG}rect"):
        assert float(each.get("x", "0")) + float(each.get("width", "0")) <= WIDTH + 0.1


def test_two_writers_are_drawn_as_such() -> None:
    access = tuple(
        Access(node, at * 0.04, at * 0.04 + 0.001, "open") for at in range(50) for node in "AB"
    )
    record = Record(("A", "B"), 0.0, 2.0, access=access)
    ((start, end),) = evidence.two_writers(record)
    assert (start, end) == (0.001, 1.96)
    picture_of_both = picture([Panel("recipe", record)], "both", before=0.0)
    assert picture_of_both.count('height="4" fill="#c1121f"') == 2
    assert "both servers writable, 2.0 s in all" in picture_of_both
    where_all_write = picture([Panel("galera", record, one_writer=False)], "all", before=0.0)
    assert "both servers writable" not in where_all_write
    assert 'height="4" fill="#c1121f"' not in where_all_write


def test_a_server_that_does_not_answer_is_silent_until_it_does() -> None:
    access = (Access("A", 0.0, 0.01, "open"), Access("A", 0.04, 2.0, "closed"))
    record = Record(("A",), 0.0, 3.0, access=access)
    assert spans.access_spans(record, "A") == [
        (0.01, 0.04, "open"),
        (0.04, 2.0, spans.SILENT),
        (2.0, 3.0, "closed"),
    ]


def test_a_virtual_ip_that_comes_back_is_two_spans() -> None:
    seen = ("A", "A", "", "A")
    record = Record(
        ("A",), 0.0, 4.0, holding=tuple(Holding(at, frozenset(n)) for at, n in enumerate(seen))
    )
    assert spans.holding_spans(record, "A") == [(0, 2, "held"), (3, 4.0, "held")]


def test_the_audit_log_is_put_on_the_records_clock() -> None:
    entry = {
        "time": "2026-11-22T13:48:32.468Z",
        "transition": "promote",
        "outcome": "opened",
        "milliseconds": 68.0,
        "steps": [["lock", 0.2], ["peer", 48.4]],
    }
    begun = {"time": "2026-11-22T13:48:32.468Z", "transition": "maintenance", "outcome": "begun"}
    boot = 1795355312.468 - 100.0  # `date -d 2026-11-22T13:48:32.468Z +%s.%N`, less 100 s
    (found,) = of_audit("b", [begun, entry], boot)
    assert found.title == "promote: opened"
    assert abs(found.end - 100.0) < 1e-6
    assert abs(found.start - 99.932) < 1e-6
    assert found.steps == (("lock", 0.2), ("peer", 48.4))


def test_a_record_without_a_fault_can_be_drawn() -> None:
    assert "<svg" in picture([Panel("nothing", Record(("A",), 0.0, 1.0))], "nothing")
    assert words(drawn(Panel("x", Record(("A",), 0.0, 1.0, marks=(Mark(0.5, "m"),)))))
