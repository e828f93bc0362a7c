"""B's mysqld shuts down while a check or a hook closes the node (simulation.py)."""

from __future__ import annotations

import pytest

from kachecks.mysql.stopping import Sessions, Threads
from kachecks.mysqld_process import Process
from kachecks.state.files import StateError
from kachecks.transitions.orderly_stop import FINISHED, GETS_ON
from tests.unit.doubles.demotions import ended, marked, run
from tests.unit.doubles.simulated_server import CLOSED, OPEN
from tests.unit.doubles.simulation import REFUSED, SIGKILL, SILENT, World

LOGS = {"binlog.000001": 0, "relay-bin.000002": 400}
"""The world's A has received up to binlog.000001:0."""

NOBODY = Sessions(Threads(0, 0, False), 0, 0, LOGS)
READER = Sessions(Threads(1, 0, False), 1, 0, LOGS)
CLIENT = Sessions(Threads(2, 0, False), 2, 1, LOGS)
MORE = READER._replace(logs={"binlog.000001": 1000})
CUT = "end sending"

MOST_RUNS = 20
"""Each waits for about five seconds."""


def stopping(sessions: Sessions | None, **options: str) -> World:
    """B is marked open, refuses connections, and lives for ever. A is closed."""
    world = marked(World(**options)).but(a__access=CLOSED)
    return world.but(b__trouble=REFUSED, servers__stopping=sessions)


def let_finish(world: World) -> None:
    assert ended(world, "closed").why == FINISHED
    assert world.open_mark is None
    assert SIGKILL not in world.log


# What it is at ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("threads", "sockets", "known", "may_commit"),
    [
        (Threads(0, 0, False), 0, 0, False),
        (Threads(1, 0, True), 1, 0, False),
        (Threads(2, 0, False), 2, 0, True),
        (Threads(2, 0, False), 2, 1, True),
        (Threads(2, 0, False), 2, 2, False),
        (Threads(3, 0, False), 2, 2, True),
        (Threads(0, 1, False), 0, 0, True),
        (Threads(1, 1, False), 1, 1, True),
        (Threads(1, 0, False), 0, 0, True),  # the session of a client whose socket is closed
        (Threads(0, 0, False), 1, 1, True),  # one of the X Plugin
    ],
)
def test_whether_somebody_may_commit(
    threads: Threads, sockets: int, known: int, may_commit: bool
) -> None:
    assert Sessions(threads, sockets, known, {}).may_commit is may_commit


@pytest.mark.parametrize(
    ("position", "sent"),
    [
        ("binlog.000010:158", True),
        ("binlog.000010:157", False),
        ("binlog.000009:158", False),
        ("relay-bin.000002:400", True),
        ("other.000010:158", False),
        ("", False),
        (":", False),
    ],
)
def test_whether_all_is_sent(position: str, sent: bool) -> None:
    logs = {"binlog.000009": 158, "binlog.000010": 158, "relay-bin.000002": 400}
    assert READER._replace(logs=logs).all_sent(position) is sent


# Let finish ---------------------------------------------------------------------------------------


def test_it_can_commit_nothing_and_the_peer_has_everything() -> None:
    world = stopping(READER)
    let_finish(world)
    assert world.log.count(CUT) == 1
    assert world.time < 0.1


def test_nobody_reads_its_binary_log() -> None:
    world = stopping(NOBODY)
    let_finish(world)
    assert CUT not in world.log
    assert "A: connect" not in world.log


def test_a_session_that_commits_is_waited_for() -> None:
    world = stopping(CLIENT)
    world.when("end sessions", servers__stopping=READER, after=2.0)
    let_finish(world)
    assert 2.0 < world.time < 2.1


def test_what_the_peer_lacks_is_waited_for() -> None:
    world = stopping(MORE).but(a__arriving_until=1.0)
    let_finish(world)
    assert 1.0 < world.time < 1.3
    assert world.log[-2:] == [CUT, "unmark"]


def test_one_look_proves_nothing() -> None:
    """The event scheduler may be about to start a thread."""
    world = stopping(NOBODY)
    world.when("end sessions", world.then("end sessions", servers__stopping=CLIENT))
    world.when("end sessions", servers__stopping=NOBODY, after=1.0)
    let_finish(world)
    assert world.time > 1.0


def test_the_answer_may_be_about_a_reader_that_has_gone() -> None:
    world = stopping(READER)
    world.when("A: SHOW REPLICA STATUS", servers__stopping=READER._replace(sockets=0))
    assert run(world).outcome == "not closed"
    assert CUT not in world.log


def test_what_has_finished_is_not_waited_for_again() -> None:
    """notify_backup comes after the check, and a thread lives on until its next heartbeat."""
    world = stopping(READER)
    let_finish(world)
    world.but(servers__stopping=CLIENT)
    begun = world.time
    assert run(world).done
    assert world.time - begun < 0.01


def test_another_server_is_not_taken_for_the_one_that_has_finished() -> None:
    world = stopping(READER)
    let_finish(world)
    world.but(open_mark=Process(99, 100), servers__stopping=CLIENT)
    assert run(world).outcome != "closed"


def test_beside_an_open_peer_it_goes_on_sending() -> None:
    """What it has committed gets there, and more it cannot commit."""
    world = stopping(MORE).but(a__access=OPEN)
    let_finish(world)
    assert CUT not in world.log
    assert world.time < 0.1


@pytest.mark.parametrize("receiver", ["Connecting", "No"])
def test_the_last_session_is_no_reader_where_the_open_peer_does_not_receive(receiver: str) -> None:
    """A client's commit is under way, and MySQL has ended the reader by now."""
    world = stopping(READER).but(a__access=OPEN, a__receiver=receiver)
    assert run(world).outcome == "killed"


def test_an_answer_from_before_proves_nothing_of_the_last_session() -> None:
    """The peer received as long as its reader was there; then both ended, and a client's commit is
    the last one."""
    world = stopping(CLIENT)
    both_end = world.then("end sessions", a__trouble=SILENT, servers__stopping=READER)
    world.when("A: SHOW REPLICA STATUS", both_end)
    assert run(world).outcome == "killed"


def test_a_dead_peer_is_asked_now_and_then() -> None:
    """Each time costs a second, in which the server's end is not seen."""
    world = stopping(CLIENT).but(a__trouble=SILENT)
    ended(world, "killed")
    assert world.log.count("A: connect") <= 4
    assert world.time < 5.6


# Given time, and no longer ------------------------------------------------------------------------


@pytest.mark.parametrize("sessions", [None, CLIENT, MORE])
def test_it_is_given_time_while_the_peer_receives(sessions: Sessions | None) -> None:
    """In one run after the other; then stuck_mysqld decides."""
    world = stopping(sessions, drain_timeout="20")
    for _ in range(MOST_RUNS):
        if (outcome := run(world)).done:
            break
        assert (outcome.outcome, outcome.why) == ("not closed", GETS_ON)
        assert SIGKILL not in world.log
        world.pass_time(1.0)
    assert outcome.outcome == "killed"
    assert 20 < world.time < 32


def test_progress_counts() -> None:
    world = stopping(MORE, drain_timeout="20").but(a__arriving_until=60.0)
    world.servers.stopping = READER._replace(logs={"binlog.000001": 60000})
    for _ in range(MOST_RUNS):
        if (outcome := run(world)).done:
            break
        world.pass_time(1.0)
    assert outcome.why == FINISHED
    assert 60 < world.time < 66


@pytest.mark.parametrize(
    "changes",
    [
        {"a__trouble": SILENT},
        {"a__receiver": "Connecting"},
        {"a__channels": 2},
        {"a__channels": 0},
    ],
)
@pytest.mark.parametrize("sessions", [None, CLIENT, READER])
def test_without_a_peer_that_receives_it_is_killed_as_ever(
    changes: dict[str, object], sessions: Sessions | None
) -> None:
    world = stopping(sessions).but(**changes)
    assert "has not ended" in ended(world, "killed").why
    assert 4 < world.time < 8
    assert CUT not in world.log


@pytest.mark.parametrize("sessions", [None, CLIENT])
def test_beside_an_open_peer_it_is_not_let_commit(sessions: Sessions | None) -> None:
    world = stopping(sessions).but(a__access=OPEN)
    assert "has not ended" in ended(world, "killed").why
    assert world.time < 2.0


@pytest.mark.parametrize("patience", [0.3, 1.0])
def test_in_a_hurry_no_peer_is_asked(patience: float) -> None:
    """An isolated node has a second: the other one opens by the clock."""
    world = stopping(READER)
    ended(world, "killed", patience=patience)
    assert "A: connect" not in world.log
    assert world.time < patience + 0.3


def test_another_server_at_the_address_of_the_peer() -> None:
    world = stopping(READER)
    world.node.marks.note_peer("4711")
    ended(world, "killed")
    assert CUT not in world.log


def test_where_its_sockets_cannot_be_taken_its_end_is_waited_for() -> None:
    """A kernel before 5.6, or without CAP_SYS_PTRACE."""
    world = stopping(READER).but(servers__may_take=False, servers__dies_after=3.0)
    ended(world, "dead")
    assert 3.0 <= world.time < 3.1


def test_one_that_was_never_open_is_left_alone() -> None:
    world = World().but(b__trouble=REFUSED, servers__stopping=CLIENT)
    ended(world, "left alone")
    assert SIGKILL not in world.log


def test_an_unusable_run_directory_stops_nothing() -> None:
    world = stopping(READER).but(files__error=StateError("cannot write"))
    assert run(world).why == FINISHED
