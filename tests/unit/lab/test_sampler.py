"""The sampler against servers of a few lines: what it calls open, closed, down and hung."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.lab.error import LabError
from tests.lab.observing.look import Look
from tests.lab.observing.sampler import Sampler
from tests.lab.records import evidence
from tests.lab.records.record import CLOSED, DOWN, NO_QUORUM, OPEN
from tests.unit.doubles.fake_server import (
    OK,
    Behaviour,
    answer,
    error,
    listening,
    log_in,
    packet,
    rows,
    statement,
)


class Node:
    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        self.path = path
        self.on = True
        self.vip = False

    @property
    def socket_path(self) -> Path:
        if not self.on:
            raise LabError("powered off")
        return self.path

    def has_vip(self, address: str) -> bool:
        if not self.on:
            raise FileNotFoundError(address)
        return self.vip


REPLICATION = ["Slave_IO_Running", "Slave_SQL_Running", "Last_SQL_Errno", "Last_SQL_Error"]


def answers(read_only: Callable[[], str], replication: str = "Yes") -> Callable[[str], bytes]:
    def to(said: str) -> bytes:
        if "REPLICA STATUS" not in said:
            return rows(["value"], ["7" if "server_id" in said else read_only()])
        if replication == "denied":
            return error(1227, "Access denied", "42000", 1)
        errno, text = ("0", "") if replication == "Yes" else ("1062", "Duplicate entry")
        return rows(REPLICATION, [replication, replication, errno, text])

    return to


@pytest.fixture
def serve() -> Iterator[Callable[[Path, Behaviour], list[int]]]:
    """Serve at that socket; one number for each session that has begun."""
    with ExitStack() as running:

        def start(path: Path, behaviour: Behaviour) -> list[int]:
            sessions: list[int] = []

            def counted(client: socket.socket) -> None:
                sessions.append(len(sessions))
                behaviour(client)

            running.enter_context(listening(path, counted))
            return sessions

        yield start


Serve = Callable[[Path, Behaviour], "list[int]"]


def states(sampler: Sampler, node: str) -> list[str | None]:
    """The states of a node without repetitions."""
    found: list[str | None] = []
    for sample in sampler.access:
        if sample.node == node and found[-1:] != [sample.state]:
            found.append(sample.state)
    return found


def test_open_closed_down_and_the_address(tmp_path: Path, serve: Serve) -> None:
    a, b = Node("a", tmp_path / "a"), Node("b", tmp_path / "b")
    state = {"a": "0"}
    serve(a.path, answer(answers(lambda: state["a"], "No")))
    serve(b.path, answer(answers(lambda: "ON", "denied")))
    sampler = Sampler([a, b], "10.0.0.100", "sampler", "secret")
    a.vip = True
    sampler.start()
    time.sleep(0.3)
    state["a"] = "1"
    a.vip = False
    time.sleep(0.2)
    b.on = False
    time.sleep(0.2)
    sampler.stop()
    assert states(sampler, "a") == [OPEN, CLOSED]
    assert states(sampler, "b")[0] == CLOSED
    assert sampler.server_ids[7] in ("a", "b")
    assert {holding.nodes for holding in sampler.holding} == {frozenset("a"), frozenset()}
    assert len([sample for sample in sampler.access if sample.node == "a"]) >= 12
    found = {(seen.node, seen.running, seen.errno, seen.why) for seen in sampler.replicating}
    assert found == {("a", False, 1062, "Duplicate entry"), ("b", None, 0, "")}


def test_a_cluster_has_a_question_of_its_own(tmp_path: Path, serve: Serve) -> None:
    node = Node("a", tmp_path / "a")
    asked: list[str] = []

    def member(said: str) -> bytes:
        asked.append(said)
        if said.startswith("DO"):
            return packet(1, OK)
        if "REPLICA" in said:
            return error(1227, "Access denied", "42000", 1)
        if "server_id" in said:
            return rows(["value"], ["7"])
        return rows(["state", "quorum"], ["Synced", "no"])

    serve(node.path, answer(member))
    look = Look("SELECT 1 WHERE", lambda row: NO_QUORUM if row[1] == "no" else OPEN, ("DO x",))
    sampler = Sampler([node], "10.0.0.100", "sampler", "secret", look)
    sampler.start()
    time.sleep(0.2)
    sampler.stop()
    assert states(sampler, "a") == [NO_QUORUM]
    assert asked.index("DO x") < asked.index("SELECT 1 WHERE")
    assert asked.count("DO x") == 1


def test_a_missing_socket_and_a_node_without_power_are_down(tmp_path: Path) -> None:
    node = Node("a", tmp_path / "none")
    sampler = Sampler([node], "10.0.0.100", "sampler", "secret")
    sampler.start()
    time.sleep(0.15)
    node.on = False
    off = time.monotonic()
    time.sleep(0.15)
    sampler.stop()
    assert states(sampler, "a") == [DOWN]
    assert not any(holding.nodes for holding in sampler.holding)
    assert sampler.holding[-1].time > off + 0.1


def test_a_server_that_hangs_has_one_question_open_and_delays_nobody(
    tmp_path: Path, serve: Serve
) -> None:
    a, b = Node("a", tmp_path / "a"), Node("b", tmp_path / "b")
    wake = threading.Event()
    hang = threading.Event()

    def read_only() -> str:
        if hang.is_set():
            wake.wait()
        return "0"

    sessions = serve(a.path, answer(answers(read_only)))
    serve(b.path, answer(answers(lambda: "1")))
    sampler = Sampler([a, b], "10.0.0.100", "sampler", "secret")
    sampler.start()
    time.sleep(0.2)
    hang.set()
    time.sleep(0.5)
    assert time.monotonic() - sampler.asking["a"] > 0.3
    wake.set()
    time.sleep(0.1)
    sampler.stop()
    asked = [sample for sample in sampler.access if sample.node == "a"]
    assert max(sample.answered - sample.asked for sample in asked) > 0.4
    assert states(sampler, "a") == [OPEN]
    assert len(sessions) == 2  # one for access, one for replication
    others = [sample for sample in sampler.access if sample.node == "b"]
    assert max(y.asked - x.answered for x, y in zip(others, others[1:])) < 0.4


def test_a_session_that_is_killed_is_renewed_at_once(tmp_path: Path, serve: Serve) -> None:
    node = Node("a", tmp_path / "a")

    def three(client: socket.socket) -> None:
        log_in(client)
        for _ in range(3):
            client.sendall(answers(lambda: "0")(statement(client)))

    serve(node.path, three)
    sampler = Sampler([node], "10.0.0.100", "sampler", "secret")
    sampler.start()
    time.sleep(0.5)
    sampler.stop()
    assert states(sampler, "a") == [OPEN]
    spans = evidence.open_spans(sampler.access, "a")
    assert len(spans) == 1
