"""How this node's server is found, and which process it is."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from kachecks import node as node_module
from kachecks.config.options import Config, parse
from kachecks.mysql import queries
from kachecks.mysql.errors import NoAnswer, SessionError
from kachecks.mysqld_process import Process
from kachecks.node import Node, Servers
from kachecks.state.marks import Marks
from tests.unit.test_mysqld_process import listening_on


class Answering:
    """A session with a server whose process has this pid."""

    address = "/s.sock"

    def __init__(self, pid: int | None, uptime: str | SessionError = "93784") -> None:
        self.pid, self.uptime = pid, uptime

    def server_pid(self) -> int | None:
        return self.pid

    def query(self, sql: str, _timeout: float) -> list[dict[str, str]]:
        assert sql == queries.UPTIME
        if isinstance(self.uptime, SessionError):
            raise self.uptime
        return [{"Variable_name": "Uptime", "Value": self.uptime}]


def config(directory: Path, client: str = "") -> Config:
    text = f"[kachecks]\nvip = 10.0.0.100\npeer = 10.0.0.1\nrun_dir = {directory}\n"
    return parse(f"{text}[client]\n{client}\n", "k.cnf")


def process_of(session: Any, directory: Path) -> Process | None:
    return Servers(config(directory)).process_of(session)


def test_a_process_that_the_kernel_names(tmp_path: Path) -> None:
    with listening_on(tmp_path / "s.sock") as server:
        assert process_of(Answering(server.pid), tmp_path) == server


@pytest.mark.parametrize("pid", [None, os.getpid()], ids=["unknown", "not mysqld"])
def test_one_that_it_does_not_name_is_known_by_its_start(tmp_path: Path, pid: int | None) -> None:
    """TCP, another pid namespace; or systemd has the listening socket."""
    found = process_of(Answering(pid), tmp_path)
    assert found is not None
    assert not found.known
    assert found.is_same(Process(0, int(time.time()) - 93784))


@pytest.mark.parametrize("uptime", [NoAnswer("mute"), "", "soon"])
def test_not_even_its_start_is_known(tmp_path: Path, uptime: str | SessionError) -> None:
    assert process_of(Answering(None, uptime), tmp_path) is None


# By which socket ----------------------------------------------------------------------------------


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Where a session was asked for."""
    found: list[str] = []
    monkeypatch.setattr(node_module, "Session", lambda address, _: found.append(str(address)))
    return found


def remember(directory: Path, socket: str) -> None:
    marks = Node(config(directory)).marks
    assert isinstance(marks, Marks)
    marks.remember_server(Process(4711, 1), sockets=(socket, socket))


@pytest.mark.parametrize(
    ("client", "expected"),
    [
        ("", "/var/lib/mysql/mysql.sock"),
        ("socket = /run/own.sock", "/run/own.sock"),
        ("host = 127.0.0.1", "127.0.0.1 port 3306"),
    ],
)
def test_only_the_remembered_socket_is_tried(
    tmp_path: Path, tried: list[str], client: str, expected: str
) -> None:
    """Whichever of the defaults exists by now: it may be another server's."""
    remember(tmp_path, "/var/lib/mysql/mysql.sock")
    Servers(config(tmp_path, client)).connect_local(1.0)
    assert tried == [expected]


@pytest.mark.parametrize("before", [None, ""])  # nothing, or by TCP
def test_nothing_is_remembered(tmp_path: Path, tried: list[str], before: str | None) -> None:
    if before is not None:
        remember(tmp_path, before)
    given = config(tmp_path)
    Servers(given).connect_local(1.0)
    assert tried == [given.local.socket]


# It lives, and cannot be reached ------------------------------------------------------------------


def test_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "s.sock"
    node = Node(config(tmp_path, f"socket = {path}"))
    assert node.cut_off_server() == ""
    with listening_on(path) as server:
        node.marks.remember_server(server, sockets=("/typo.sock", str(path)))
        path.unlink()
        said = node.cut_off_server()
        assert f"(pid {server.pid}) lives and listens on {path}" in said
        assert "k.cnf" in said
    assert node.cut_off_server() == ""
