"""Which looks in a row make stalled writes: the same connection, the same wait, nothing moves."""

from __future__ import annotations

from typing import Any

import pytest

from kachecks.check import stalled
from kachecks.check.stalled import Stall, hanging_child, judged, waiting
from kachecks.mysqld_process import Process
from kachecks.state import signs as module
from kachecks.state.signs import Progress, Sign, Signs

STILL = Progress("c", "7", "binlog.000001:90", "")


def row(**changes: str | None) -> dict[str, Any]:
    """A client that commits."""
    of_client = {"Id": "31", "User": "app", "Command": "Query", "Time": "5", "State": "Commit"}
    return {**of_client, **changes}


def looks(*rows: dict[str, Any], seconds: int = 12, **how: Any) -> list[Stall]:
    """One a second, of a connection whose statement grows older, unless ``how`` says otherwise.

    Args:
        progress: what moves, by the number of the look.
        every: seconds between two looks.
    """
    every, progress = how.get("every", 1), how.get("progress", lambda _look: STILL)
    before, found = Signs(), []
    for look, now in enumerate(range(0, seconds + 1, every)):
        aged = [
            {**each, "Time": str(int(each["Time"]) + now * how.get("ages", 1))} for each in rows
        ]
        stall = judged(before, waiting(aged, 1000.0 + now), progress(look), 1000.0 + now)
        before = module.parse(module.as_text(stall.signs))  # as the next run reads it
        found.append(stall)
    return found


def when(found: list[Stall]) -> list[int]:
    """At which looks writes counted as stalled."""
    return [number for number, stall in enumerate(found) if stall.sentence]


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ("Waiting for someone to free space", "waiting for someone to free space"),
        ("Waiting for someone to free space (disk full)", "waiting for someone to free space"),
        ("waiting for handler commit", "waiting for handler commit"),
        ("Waiting for semi-sync ACK from replica", "waiting for semi-sync ack"),
        ("Commit", "commit"),
    ],
)
@pytest.mark.parametrize("command", ["Query", "Execute"])
def test_after_ten_seconds_of_the_same(state: str, told: str, command: str) -> None:
    """Not by the age of its statement, which is hours here."""
    found = looks(row(State=state, Command=command, Time="9999"))
    assert when(found) == [10, 11, 12]
    assert found[10].sentence == f"1 writing connections wait, the longest for 10 s: {told}"


@pytest.mark.parametrize(
    "changes",
    [
        {"State": "committing alter table to storage engine"},
        {"State": "Commit_implicit"},
        {"State": "Sending data"},
        {"State": "Waiting for table metadata lock"},
        {"State": None},
        {"Command": "Sleep"},
        {"Command": "Slave_SQL"},
        {"Command": "Binlog Dump GTID"},
        {"Command": "Daemon"},
        {"User": "system user", "State": "waiting for handler commit"},
        {"User": "event_scheduler"},
        {"Time": None},
        {"Time": "-3"},
        {"Time": "1"},
    ],
)
def test_what_is_no_sign(changes: dict[str, str | None]) -> None:
    assert waiting([row(**changes)], 1000.0) == ()


def test_another_connection_each_time() -> None:
    """The loader's fourteen, of which one or another is always seen in its commit."""
    before = Signs()
    for now in range(30):
        seen = waiting([row(Id=str(now % 2), Time="600")], 1000.0 + now)
        stall = judged(before, seen, STILL, 1000.0 + now)
        before = stall.signs
        assert not stall.sentence


@pytest.mark.parametrize("time", ["2", "4294967295", "2147483647"])
def test_statement_after_statement_on_one_connection(time: str) -> None:
    """Each is as old as the one before at its look; a wrapped age says nothing."""
    assert when(looks(row(Time=time), seconds=30, ages=0)) == []


@pytest.mark.parametrize("what", ["committed", "binlog"])
def test_a_server_that_gets_on_is_not_stalled(what: str) -> None:
    """A replayed log with SET TIMESTAMP; one commit of gigabytes, while it is written."""
    found = looks(
        row(Time="86520"), seconds=40, progress=lambda look: STILL._replace(**{what: str(look)})
    )
    assert when(found) == []


def test_it_stalls_after_it_has_got_on() -> None:
    """The ten seconds begin at the last progress."""
    found = looks(
        row(), seconds=20, progress=lambda look: STILL._replace(committed=str(min(look, 5)))
    )
    assert when(found) == [15, 16, 17, 18, 19, 20]


@pytest.mark.parametrize("what", ["committed", "binlog", "acknowledged"])
def test_progress_that_cannot_be_seen_proves_nothing(what: str) -> None:
    found = looks(row(), progress=lambda look: STILL._replace(**{what: "" if look % 2 else "same"}))
    assert when(found) == [10, 11, 12]


SEMI_SYNC = "Waiting for semi-sync ACK from slave"


def test_new_clients_do_not_hide_that_nobody_acknowledges() -> None:
    """MariaDB has written a transaction to its binary log before it waits."""
    found = looks(
        row(State=SEMI_SYNC),
        progress=lambda look: STILL._replace(committed=str(look), binlog=str(look)),
    )
    assert when(found) == [10, 11, 12]


def test_acknowledged_transactions_are_progress() -> None:
    found = looks(
        row(State=SEMI_SYNC), progress=lambda look: STILL._replace(acknowledged=str(look))
    )
    assert when(found) == []


@pytest.mark.parametrize(
    ("state", "stalls_at"),
    [("waiting for handler commit", 60), ("Commit", 60), (SEMI_SYNC, 10)],
)
def test_a_commit_on_a_slow_disk_is_given_a_minute(state: str, stalls_at: int) -> None:
    """fsync of a gigabyte: the server shows no progress, but the device completes writes."""
    found = looks(
        row(State=state), seconds=61, progress=lambda look: STILL._replace(device=str(look))
    )
    assert when(found)[0] == stalls_at


def test_a_device_that_completes_nothing() -> None:
    assert when(looks(row(), progress=lambda _: STILL._replace(device="4711")))[0] == 10


def test_few_looks_are_not_enough() -> None:
    """A host without CPU: the looks are far apart, and say little of what was in between."""
    found = looks(row(), seconds=50, every=10)
    assert when(found) == [4, 5]


def test_the_longest_is_named() -> None:
    found = looks(row(Id="1", Time="2"), row(Id="2", Time="900"))
    assert found[-1].sentence == "2 writing connections wait, the longest for 12 s: commit"


def test_not_more_than_can_be_remembered() -> None:
    found = looks(*(row(Id=str(number)) for number in range(3000)))
    assert len(found[-1].signs.seen) == stalled.MOST
    assert when(found)[0] == 10


def test_a_mute_disk() -> None:
    """The same child; another one means that the first has come back."""
    before = Signs()
    sentences = []
    for now in range(14):
        child = Process(4, 77) if now < 3 else Process(5, 78)
        stall = judged(before, (hanging_child(child, 100.0 + now),), STILL, 100.0 + now)
        before = stall.signs
        assert stalled.child_of(before) == child
        sentences.append(stall.sentence)
    assert sentences[:13] == [""] * 13
    assert sentences[13] == "a file system of this server has not answered for 10 s"


def test_a_mute_disk_while_the_server_commits() -> None:
    """A child without CPU, or a disk that the server does not need."""
    before = Signs()
    for now in range(30):
        progress = STILL._replace(committed=str(now))
        stall = judged(before, (hanging_child(Process(4, 77), 100.0 + now),), progress, 100.0 + now)
        before = stall.signs
        assert not stall.sentence


def test_the_check_before_this_one() -> None:
    before = Signs()
    for now in range(4, 13):
        sign = Sign("the check before this one (process 9) hangs in the kernel", 100.0)
        stall = judged(before, (sign,), STILL, 100.0 + now)
        before = stall.signs
        assert bool(stall.sentence) == (now >= 10)
    assert stall.sentence == "the check before this one (process 9) hangs in the kernel, for 12 s"


# What one look leaves for the next ---------------------------------------------------------------


def test_they_are_read_as_they_were_written() -> None:
    written = Signs(
        (Sign("connection 3: commit", 1.5, 4, -7.25), Sign("disk 4 5", 2.0)),
        Progress("", "7", "binlog.000001:90", ""),
    )
    assert module.parse(module.as_text(written)) == written


@pytest.mark.parametrize("text", ["", "x", "a\tb\tc\td\te", "\t\t\t\n1 2", "\t\t\t\n1 x 3 y"])
def test_a_damaged_file_says_nothing(text: str) -> None:
    assert not module.parse(text).seen
