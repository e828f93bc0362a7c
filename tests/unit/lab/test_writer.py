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
from tests.unit.doubles.scripted_server import (
    OK,
    Script,
    ScriptedServer,
    log_in,
    packet,
    send_rows,
    statement,
)

BUSY = 5.0
"""Seconds for what takes milliseconds on a machine that has nothing else to do."""
CHECKOUT = Path(__file__).resolve().parents[3]


def server_then(answer_to_insert: Script) -> Script:
    def script(session: socket.socket) -> None:
        log_in(session)
        assert statement(session) == "SELECT @@server_id"
        send_rows(session, ["@@server_id"], ["2"])
        while "INSERT" in statement(session):
            answer_to_insert(session)

    return script


def writer(path: Path, answer: float = BUSY) -> Writer:
    return Writer(str(path), "app", "secret", connect=BUSY, answer=answer)


def test_an_acknowledged_row_has_its_id_and_its_server(tmp_path: Path) -> None:
    server = ScriptedServer(
        str(tmp_path / "s"), server_then(lambda session: session.sendall(packet(1, OK)))
    )
    client = writer(tmp_path / "s")
    first, second = client.attempt(), client.attempt()
    assert first[3:] == [10000, 2, None, None]
    assert second[2] == first[2] + 1  # type: ignore[operator]
    assert server.sessions == 1
    server.close()


def test_nothing_was_sent_to_a_server_that_is_not_there(tmp_path: Path) -> None:
    start, end, token, number, server, errno, _ = writer(tmp_path / "none").attempt()
    assert (token, number, server, errno) == (None, None, None, NO_SOCKET)
    assert end - start < BUSY - 1  # type: ignore[operator]


def test_an_insert_without_an_answer_may_be_there_and_costs_the_session(tmp_path: Path) -> None:
    given_up = threading.Event()

    def silent(session: socket.socket) -> None:
        if not given_up.wait(2 * BUSY):
            session.close()

    server = ScriptedServer(str(tmp_path / "s"), server_then(silent))
    client = writer(tmp_path / "s", answer=0.2)
    start, end, token, number, _, errno, _ = client.attempt()
    assert token is not None
    assert (number, errno) == (None, LOST)
    assert 0.15 < end - start < BUSY  # type: ignore[operator]
    given_up.set()
    client.attempt()
    assert server.sessions == 2
    server.close()


def test_the_first_row_makes_the_table(tmp_path: Path) -> None:
    said: list[str] = []

    def script(session: socket.socket) -> None:
        log_in(session)
        statement(session)
        send_rows(session, ["@@server_id"], ["1"])
        said.append(statement(session))
        session.sendall(packet(1, b"\xff\x7a\x04#42S02Table 'app.writes' doesn't exist"))
        for _ in range(2):
            said.append(statement(session))
            session.sendall(packet(1, OK))

    server = ScriptedServer(str(tmp_path / "s"), script)
    assert writer(tmp_path / "s").attempt()[3] == 10000
    assert [text.split()[0] for text in said] == ["INSERT", "CREATE", "INSERT"]
    server.close()


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
