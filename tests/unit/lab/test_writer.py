"""The client that writes through the virtual IP: what it notes, and that it ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.lab.observing.writer import Writer
from tests.lab.records.record import parse_writes
from tests.lab.servers.wire import LOST, NO_SOCKET
from tests.unit.doubles.fake_server import (
    INSERTED,
    Behaviour,
    error,
    listening,
    log_in,
    packet,
    rows,
    statement,
)

BUSY = 5.0
"""Seconds for what takes milliseconds on a machine that has nothing else to do."""
CHECKOUT = Path(__file__).resolve().parents[3]


def server_then(to_insert: Behaviour, met: list[int]) -> Behaviour:
    """``met`` gets longer with each session."""

    def behave(client: socket.socket) -> None:
        met.append(len(met))
        log_in(client)
        assert statement(client) == "SELECT @@server_id"
        client.sendall(rows(["@@server_id"], ["2"]))
        while "INSERT" in statement(client):
            to_insert(client)

    return behave


def writer(path: Path, answer: float = BUSY) -> Writer:
    return Writer(str(path), "app", "secret", connect=BUSY, answer=answer)


def test_an_acknowledged_row_has_its_id_and_its_server(tmp_path: Path) -> None:
    met: list[int] = []
    inserted = server_then(lambda client: client.sendall(packet(1, INSERTED)), met)
    with listening(tmp_path / "s", inserted):
        client = writer(tmp_path / "s")
        first, second = client.attempt(), client.attempt()
    assert first[3:] == [10000, 2, None, None]
    assert second[2] == first[2] + 1  # type: ignore[operator]
    assert len(met) == 1


def test_nothing_was_sent_to_a_server_that_is_not_there(tmp_path: Path) -> None:
    start, end, token, number, server, errno, _ = writer(tmp_path / "none").attempt()
    assert (token, number, server, errno) == (None, None, None, NO_SOCKET)
    assert end - start < BUSY - 1  # type: ignore[operator]


def test_an_insert_without_an_answer_may_be_there_and_costs_the_session(tmp_path: Path) -> None:
    given_up = threading.Event()
    met: list[int] = []

    def silent(client: socket.socket) -> None:
        if not given_up.wait(2 * BUSY):
            client.close()

    with listening(tmp_path / "s", server_then(silent, met)):
        client = writer(tmp_path / "s", answer=0.2)
        start, end, token, number, _, errno, _ = client.attempt()
        assert token is not None
        assert (number, errno) == (None, LOST)
        assert 0.15 < end - start < BUSY  # type: ignore[operator]
        given_up.set()
        client.attempt()
    assert len(met) == 2


def test_the_first_row_makes_the_table(tmp_path: Path) -> None:
    missing = error(1146, "Table 'app.writes' doesn't exist", "42S02", 1)
    answers = [rows(["@@server_id"], ["1"]), missing, packet(1, INSERTED), packet(1, INSERTED)]
    said: list[str] = []

    def behave(client: socket.socket) -> None:
        log_in(client)
        for answer in answers:
            said.append(statement(client))
            client.sendall(answer)

    with listening(tmp_path / "s", behave):
        assert writer(tmp_path / "s").attempt()[3] == 10000
    assert [text.split()[0] for text in said] == ["SELECT", "INSERT", "CREATE", "INSERT"]


WRITER = [sys.executable, "-m", "tests.lab.observing.writer", "--host", "127.0.0.1", "--port", "1"]


@pytest.fixture
def started(tmp_path: Path) -> subprocess.Popen[bytes]:
    argv = [*WRITER, "--output", str(tmp_path / "lines"), "--parent", str(os.getpid())]
    process = subprocess.Popen(argv, cwd=CHECKOUT)
    lines, until = tmp_path / "lines", time.monotonic() + BUSY
    while time.monotonic() < until and not (lines.exists() and lines.read_text().count("\n") > 3):
        time.sleep(0.02)
    return process


def test_sigterm_ends_it_and_its_lines_are_whole(
    started: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    started.send_signal(signal.SIGTERM)
    assert started.wait(BUSY) == 0
    with (tmp_path / "lines").open() as lines:
        writes = parse_writes(lines, {})
    assert len(writes) > 3
    assert {write.errno for write in writes} == {2003}


def test_it_dies_with_its_parent(tmp_path: Path) -> None:
    argv = [*WRITER, "--output", str(tmp_path / "lines"), "--parent"]
    parent = (
        "import os, subprocess, sys, time\n"
        f"child = subprocess.Popen({argv!r} + [str(os.getpid())], cwd={str(CHECKOUT)!r},"
        " stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)\n"
        "time.sleep(0.5)\n"
        "print(child.pid, flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    said = subprocess.run([sys.executable, "-c", parent], capture_output=True, text=True)
    child = int(said.stdout)
    until = time.monotonic() + BUSY
    try:
        while time.monotonic() < until and _running(child):
            time.sleep(0.02)
        assert not _running(child)
    finally:
        if _running(child):
            os.kill(child, signal.SIGKILL)


def _running(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"
