"""The marks of a pair: real files, and a clock that the test moves."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from kachecks.bounded import Clock
from kachecks.mysqld_process import Process
from kachecks.state.files import Files, StateError
from kachecks.state.marks import LEAVING_IS_FRESH, GaveWay, Known, Look, Marks, Stopping

MYSQLD, ANOTHER = Process(4711, 1000), Process(4712, 2000)
BY_TCP = Process(0, 1_790_000_000)


class TimedMarks(Marks):
    """Marks whose clock stands still unless it is moved."""

    def __init__(self, directory: Path, name: str = "main") -> None:
        self.clock = StillClock()
        super().__init__(str(directory), name, Files(), self.clock)


class StillClock(Clock):
    time = 1000.0

    def now(self) -> float:
        return self.time


@pytest.fixture
def marks(tmp_path: Path) -> TimedMarks:
    return TimedMarks(tmp_path)


@pytest.fixture
def unusable(tmp_path: Path) -> TimedMarks:
    return TimedMarks(tmp_path / "missing")


def test_the_clock_is_the_one_that_counts_sleep() -> None:
    before = time.clock_gettime(time.CLOCK_BOOTTIME)
    now = Clock().now()
    assert before <= now <= time.clock_gettime(time.CLOCK_BOOTTIME)


def test_marks_are_of_one_pair(tmp_path: Path, marks: TimedMarks) -> None:
    """Several mysqld on one host: each pair has a name."""
    other = TimedMarks(tmp_path, "other")
    marks.mark_gave_way("refused")
    marks.mark_leaving()
    marks.mark_open(MYSQLD)
    assert other.gave_way() is None
    assert not other.is_leaving()
    assert other.open_mark() is None


# Which mysqld ------------------------------------------------------------------------------------


def test_open_mark(marks: TimedMarks) -> None:
    assert marks.open_mark() is None
    marks.mark_open(MYSQLD)
    assert marks.open_mark() == MYSQLD
    marks.mark_open(None)
    assert marks.open_mark() == MYSQLD
    marks.unmark_open()
    marks.unmark_open()
    assert marks.open_mark() is None


def test_open_and_which_process_is_unknown(marks: TimedMarks) -> None:
    """Not knowing is not "nothing to close"."""
    marks.mark_open(None)
    assert marks.open_mark() == Process(0, 0)
    marks.mark_open(BY_TCP)
    assert marks.open_mark() == BY_TCP
    marks.mark_open(BY_TCP._replace(started=BY_TCP.started + 1))  # seconds are whole
    assert marks.open_mark() == BY_TCP
    marks.unmark_open()
    assert marks.open_mark() is None


def test_the_opening_that_is_told(marks: TimedMarks) -> None:
    assert marks.opening_told()  # nothing was opened
    marks.mark_open(MYSQLD)
    assert not marks.opening_told()
    marks.note_opening_told()
    assert marks.opening_told()
    marks.mark_open(ANOTHER)
    assert not marks.opening_told()


def test_the_same_mysqld_is_opened_again(marks: TimedMarks) -> None:
    marks.mark_open(MYSQLD)
    marks.note_opening_told()
    marks.unmark_open()
    marks.mark_open(MYSQLD)
    assert not marks.opening_told()


def test_last_server(marks: TimedMarks) -> None:
    assert marks.last_server() is None
    assert not marks.remember_server(MYSQLD)
    assert marks.last_server() == MYSQLD
    marks.remember_server(ANOTHER, contact=True)
    assert marks.last_server() == ANOTHER
    marks.remember_server(None)
    assert marks.last_server() == ANOTHER


def test_contact_is_told_once_for_each_mysqld(marks: TimedMarks) -> None:
    assert not marks.remember_server(MYSQLD)
    assert marks.remember_server(MYSQLD, contact=True)
    assert not marks.remember_server(MYSQLD, contact=True)
    assert not marks.remember_server(MYSQLD)
    assert marks.had_contact(MYSQLD)
    assert not marks.remember_server(MYSQLD, contact=True)  # kept, though it was away meanwhile
    assert marks.remember_server(ANOTHER, contact=True)


def test_contact_ends_with_the_mysqld_that_had_it(marks: TimedMarks) -> None:
    marks.remember_server(MYSQLD, contact=True)
    assert not marks.had_contact(ANOTHER)
    assert not marks.had_contact(MYSQLD._replace(started=1001))
    marks.remember_server(ANOTHER)
    assert not marks.had_contact(ANOTHER)
    assert not marks.had_contact(MYSQLD)
    assert not marks.had_contact(None)


def test_contact_where_the_kernel_cannot_tell_the_process(marks: TimedMarks) -> None:
    """Over TCP: since the server's start, as its uptime tells it."""
    again = BY_TCP._replace(started=BY_TCP.started + 60)
    assert not marks.remember_server(BY_TCP)
    assert not marks.had_contact(BY_TCP)
    assert marks.remember_server(BY_TCP, contact=True)
    for jitter in (-2, 0, 2):
        same = BY_TCP._replace(started=BY_TCP.started + jitter)
        assert marks.had_contact(same)
        assert not marks.remember_server(same)
        assert not marks.remember_server(same, contact=True)
    assert not marks.had_contact(again)
    assert not marks.remember_server(again)
    assert not marks.had_contact(BY_TCP)
    assert not marks.had_contact(again)


def test_a_server_of_which_not_even_the_start_is_known(marks: TimedMarks) -> None:
    assert not marks.remember_server(None, contact=True)
    assert not marks.had_contact(None)
    marks.remember_server(MYSQLD, contact=True)
    assert not marks.had_contact(None)
    assert not marks.remember_server(None)
    assert marks.had_contact(MYSQLD)


def test_the_sockets_of_the_last_server(marks: TimedMarks) -> None:
    assert marks.last_sockets() == ("", "")
    marks.remember_server(MYSQLD, contact=True)  # as a version before it wrote it
    assert not marks.remember_server(MYSQLD, sockets=("/run/a b.sock", "/a b.sock"))
    assert marks.last_sockets() == ("/run/a b.sock", "/a b.sock")
    assert marks.had_contact(MYSQLD)
    assert marks.last_server() == MYSQLD


def test_a_healthy_check_writes_nothing(tmp_path: Path, marks: TimedMarks) -> None:
    """It runs every second."""

    def all_files() -> dict[str, int]:
        marks.remember_server(MYSQLD, contact=True)
        marks.mark_open(MYSQLD)
        marks.grant_permit()
        marks.verdict_changed("OK 0")
        marks.forget_trouble()
        return {file.name: file.stat().st_ino for file in tmp_path.iterdir()}

    assert all_files() == all_files() != {}


def test_note_about_events(marks: TimedMarks) -> None:
    marks.note_events_off(None)
    assert not marks.take_events_note(None)
    marks.note_events_off(MYSQLD)
    assert marks.take_events_note(MYSQLD)
    assert not marks.take_events_note(MYSQLD)
    marks.note_events_off(MYSQLD)
    assert not marks.take_events_note(ANOTHER)
    assert not marks.take_events_note(MYSQLD)


@pytest.mark.parametrize("process", [MYSQLD, None])
def test_note_about_semi_sync(marks: TimedMarks, process: Process | None) -> None:
    """None: a server of which nothing is known."""
    assert not marks.semi_sync_noted()
    marks.note_semi_sync_off(process, ["one", "two"])
    assert marks.semi_sync_noted()
    assert marks.semi_sync_off(process) == ["one", "two"]
    assert marks.semi_sync_off(ANOTHER) == []
    marks.forget_semi_sync()
    assert not marks.semi_sync_noted()
    assert marks.semi_sync_off(process) == []


# Who may hold the VIP ----------------------------------------------------------------------------


def test_gave_way(marks: TimedMarks) -> None:
    assert marks.gave_way() is None
    marks.mark_gave_way("the peer is open; grüße")
    marks.clock.time += 7
    assert marks.gave_way() == GaveWay(1000.0, "the peer is open; grüße")
    marks.mark_gave_way("again")
    assert marks.gave_way() == GaveWay(1007.0, "again")
    marks.mark_gave_way("again, as ever", unheeded=True)
    assert marks.gave_way() == GaveWay(1007.0, "again, as ever", unheeded=True)
    marks.unmark_gave_way()
    marks.unmark_gave_way()
    assert marks.gave_way() is None


def test_leaving_is_fresh_for_a_moment(marks: TimedMarks) -> None:
    assert LEAVING_IS_FRESH == 2.0
    assert not marks.is_leaving()
    marks.mark_leaving()
    assert marks.is_leaving()
    marks.clock.time += LEAVING_IS_FRESH - 0.01
    assert marks.is_leaving()
    marks.clock.time += 0.02
    assert not marks.is_leaving()
    marks.mark_leaving()
    assert marks.is_leaving()


def test_permit(tmp_path: Path, marks: TimedMarks) -> None:
    """keepalived's track_file: the number decides."""
    permit = tmp_path / "main.permit"
    marks.grant_permit()
    assert permit.read_text() == "1\n"
    marks.withdraw_permit()
    assert permit.read_text() == "0\n"
    marks.grant_permit()
    assert permit.read_text() == "1\n"
    before = permit.stat().st_ino
    marks.grant_permit()
    assert permit.stat().st_ino == before  # keepalived would wake up for it


# What was seen last ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "look",
    [
        Look(1000.0, alone=False),
        Look(1000.0, wrong=True, alone=False),
        Look(1000.0, two_writers=2, alone=False),
        Look(1000.0, alone=True),
        Look(1000.0),
        Look(1000.0, degraded_before=True),
        Look(1000.0, fit_since=900.5),
        Look(1000.0, late=True, known=Known(999.5, 999.75, 900.5, "9a39d64d:1-5,9a387c66:1-7")),
        Look(1000.0, known=Known(999.5, 999.75, 900.5, "", True, "9a39d64d:6-9")),
    ],
)
def test_last_look(marks: TimedMarks, look: Look) -> None:
    assert marks.last_look() is None
    marks.remember_look(look)
    assert marks.last_look() == look


def test_heard(marks: TimedMarks) -> None:
    assert marks.heard_for() is None
    marks.note_heard()
    marks.clock.time += 7
    assert marks.heard_for() == 7


def test_readers(marks: TimedMarks) -> None:
    assert marks.readers() == frozenset()
    for ports in (frozenset({40001, 40002}), frozenset({40001, 50003})):
        marks.note_readers(ports)
        assert marks.readers() == ports


@pytest.mark.parametrize("text", ["x", "-1", "1.5", "9" * 5000, "\0"])
def test_damaged_readers(tmp_path: Path, marks: TimedMarks, text: str) -> None:
    (tmp_path / "main.readers").write_text(f"{text} 40001")
    assert marks.readers() == {40001}


def test_stopping(marks: TimedMarks) -> None:
    assert marks.stopping() is None
    for stopping in (Stopping(MYSQLD, 990.5, "1,0,1 binlog.000001:4 x"), Stopping(MYSQLD)):
        marks.remember_stopping(stopping)
        assert marks.stopping() == stopping


DAMAGED = {
    "stopping": ["", "4711 1000", "4711 1000\n", "4711 1000\nx ", "x 1000\n0.000 "],
    "gave_way": ["", "why", " why", "x why"],
    "leaving": ["", "now"],
    "open": ["", "4711", "x 1000", "4711 1000 more"],
    "look": [
        "",
        "1000.0 0 0 no",
        "1000.0 0 0 no 900.5 9a39d64d:1-5",  # of a version before this one
        "x 0 0 no 0 0 0 ",
        "1000.0 0 x no 0 0 0 ",
        "1000.0 0 0 no 0 x 0 ",
        "1000.0 0 0 no 0 0 x ",
    ],
}


@pytest.mark.parametrize(
    ("kind", "text"), [(kind, text) for kind, texts in DAMAGED.items() for text in texts]
)
def test_a_damaged_mark_is_none(tmp_path: Path, marks: TimedMarks, kind: str, text: str) -> None:
    (tmp_path / f"main.{kind}").write_text(text)
    read = {"gave_way": marks.gave_way, "open": marks.open_mark, "look": marks.last_look}
    read["stopping"] = marks.stopping
    assert not read.get(kind, marks.is_leaving)()


NO_MOMENTS = ["inf", "-inf", "nan", "-1", "1e9", "1e400", "1002.000", "", "\0", "\udcff\udcfe", "x"]
"""The clock says 1000."""


@pytest.mark.parametrize("moment", NO_MOMENTS)
def test_what_is_no_moment_is_no_mark(tmp_path: Path, marks: TimedMarks, moment: str) -> None:
    """One in the future would be fresh for ever."""
    for kind, text in {
        "gave_way": f"{moment} refused",
        "leaving": moment,
        "failing": moment,
        "heard": moment,
        "lost": moment,
        "peer_silent": moment,
        "unopened": f"{moment} 1",
        "stopping": f"4711 1000\n{moment} x",
        "cut_off": f"{moment} {moment}",
        "look": f"{moment} 0 0 no 0 0.000 0.000 no 0.000 0.000 0.000  0 ",
    }.items():
        (tmp_path / f"main.{kind}").write_bytes(text.encode(errors="surrogateescape"))
    assert marks.gave_way() is marks.heard_for() is marks.lost_since() is None
    assert marks.stopping() is None
    assert marks.peer_silent_since() is marks.unopened() is marks.last_look() is None
    assert not marks.is_leaving()
    assert marks.cut_off_for() == 0.0


def test_these_are_moments(tmp_path: Path, marks: TimedMarks) -> None:
    """So that the test above cannot pass for a reason of its own."""
    for moment in ("0", "999.5", "1000.400"):
        (tmp_path / "main.lost").write_text(moment)
        (tmp_path / "main.leaving").write_text(moment)
        assert marks.lost_since() == float(moment)
        assert marks.is_leaving() == (moment != "0")


@pytest.mark.parametrize("pid", ["-1", "4194305", "9" * 30, "9" * 5000, "nan", "\0"])
def test_what_is_no_pid_is_no_process(tmp_path: Path, marks: TimedMarks, pid: str) -> None:
    for kind in ("open", "mysqld", "events"):
        (tmp_path / f"main.{kind}").write_text(f"{pid} 1000")
    assert marks.open_mark() is marks.last_server() is None
    assert not marks.take_events_note(Process(0, 1000))


@pytest.mark.parametrize("field", range(3))
@pytest.mark.parametrize("text", ["inf", "nan"])
def test_known_without_an_end(tmp_path: Path, marks: TimedMarks, field: int, text: str) -> None:
    times = ["-5.000", "-4.000", "-3.000"]  # before this boot
    look = "990 0 0 no 0 0.000 0.000 no {} {} {}  0 "
    (tmp_path / "main.look").write_text(look.format(*times))
    assert marks.last_look() == Look(990.0, alone=False, late=False, known=Known(-5, -4, -3))
    times[field] = text
    (tmp_path / "main.look").write_text(look.format(*times))
    assert marks.last_look() is None


def test_verdict(marks: TimedMarks) -> None:
    assert marks.last_verdict() == ""
    assert marks.verdict_changed("OK 0")
    assert marks.last_verdict() == "OK 0"
    assert not marks.verdict_changed("OK 0")
    assert marks.verdict_changed("LAG 24")
    assert marks.last_verdict() == "LAG 24"


def test_trouble_and_refusal_are_news_until_they_are_over(marks: TimedMarks) -> None:
    for changed, forget in (
        (marks.trouble_changed, marks.forget_trouble),
        (marks.refusal_changed, marks.forget_refusal),
    ):
        forget()
        assert changed("why")
        assert not changed("why")
        assert changed("another")
        forget()
        assert changed("another")


def test_the_same_refusal_days_later_is_another_incident(
    marks: TimedMarks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It counts from the last one, not from the first."""
    now = time.time()
    for later, news in ((0, True), (500, False), (1000, False), (1700, True), (1710, False)):
        moment = now + later
        monkeypatch.setattr(time, "time", lambda moment=moment: moment)
        assert marks.refusal_changed("why") is news
        os.utime(tmp_path / "main.refusal", (moment, moment))


def test_what_is_news_is_kept_apart(marks: TimedMarks) -> None:
    """One file for two of them would make each the other's news."""
    assert marks.verdict_changed("same")
    assert marks.trouble_changed("same")
    assert marks.refusal_changed("same")
    assert not marks.verdict_changed("same")
    assert not marks.trouble_changed("same")
    marks.forget_trouble()
    assert not marks.refusal_changed("same")


# Without a run directory -------------------------------------------------------------------------


def test_an_unusable_run_directory(unusable: TimedMarks, monkeypatch: pytest.MonkeyPatch) -> None:
    """Writing says so; reading finds nothing, and nothing is hidden by it."""
    for write in (
        lambda: unusable.mark_open(MYSQLD),
        lambda: unusable.remember_server(MYSQLD),
        lambda: unusable.remember_server(MYSQLD, contact=True),
        lambda: unusable.note_events_off(MYSQLD),
        lambda: unusable.mark_gave_way("why"),
        unusable.mark_leaving,
        unusable.withdraw_permit,
        unusable.grant_permit,
        lambda: unusable.remember_look(Look(0.0, alone=False)),
    ):
        with pytest.raises(StateError, match=r"kachecks\.tmpfiles\.conf"):
            write()
    unusable.unmark_open()
    unusable.unmark_gave_way()
    unusable.forget_trouble()
    unusable.forget_refusal()
    assert unusable.open_mark() is None
    assert unusable.last_server() is None
    assert not unusable.had_contact(MYSQLD)
    assert unusable.gave_way() is None
    assert not unusable.is_leaving()
    assert unusable.last_look() is None
    for now, news in ((6000.0, True), (6001.0, False), (6060.0, True)):  # unremembered
        monkeypatch.setattr(time, "time", lambda now=now: now)
        assert bool(unusable.verdict_changed("OK 0")) is news
        assert unusable.trouble_changed("why") is news
        assert unusable.refusal_changed("why") is news
