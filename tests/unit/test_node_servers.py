"""How this node's server is found, and which process it is."""

from __future__ import annotations

import contextlib
import os
import socket
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from kachecks import node as node_module
from kachecks.config.options import Config, parse
from kachecks.mysql import queries
from kachecks.mysql.errors import DriverError, NoAnswer, Refused, SessionError
from kachecks.mysqld_process import Process
from kachecks.node import Node, Servers
from kachecks.state.marks import Marks
from tests.unit.doubles.check_process import needs_root
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


def remember(directory: Path, at: str) -> None:
    marks = Node(config(directory)).marks
    assert isinstance(marks, Marks)
    marks.remember_server(Process(4711, 1), sockets=(at, at))


def listening_at(path: Path) -> str:
    """A socket there, at which nobody listens any more."""
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(path))
    return str(path)


@pytest.mark.parametrize(
    ("client", "expected"),
    [
        ("", "{0}/remembered.sock"),
        ("socket = {0}/own.sock", "{0}/own.sock"),
        ("host = 127.0.0.1", "127.0.0.1 port 3306"),
    ],
)
def test_only_the_remembered_socket_is_tried(
    tmp_path: Path, tried: list[str], client: str, expected: str
) -> None:
    """Whichever of the defaults exists by now: it may be another server's."""
    listening_at(tmp_path / "own.sock")
    remember(tmp_path, listening_at(tmp_path / "remembered.sock"))
    Servers(config(tmp_path, client.format(tmp_path))).connect_local(1.0)
    assert tried == [expected.format(tmp_path)]


@pytest.mark.parametrize("before", [None, ""])  # nothing, or by TCP
def test_nothing_is_remembered(
    tmp_path: Path, tried: list[str], monkeypatch: pytest.MonkeyPatch, before: str | None
) -> None:
    sockets = (str(tmp_path / "none.sock"), listening_at(tmp_path / "default.sock"))
    monkeypatch.setattr(node_module, "SOCKETS", sockets)
    if before is not None:
        remember(tmp_path, before)
    Servers(config(tmp_path)).connect_local(1.0)
    assert tried == [str(tmp_path / "default.sock")]


# Who listens there ----------------------------------------------------------------------------

MYSQL, ALICE = 27, 65534
"""Accounts: that of the server, and one that has no business here."""


def said_at(path: Path, tried: list[str], expected: type[SessionError]) -> str:
    """Why nobody is asked there; nothing was sent to anybody."""
    run_dir = path.parents[1]
    with pytest.raises(SessionError) as caught:
        Servers(config(run_dir, f"socket = {path}")).connect_local(1.0)
    assert type(caught.value) is expected
    assert tried == []
    return str(caught.value)


def test_where_nobody_listens_nobody_is_asked(tmp_path: Path, tried: list[str]) -> None:
    """Who comes a moment later would get the password."""
    said = said_at(tmp_path / "s.sock", tried, Refused)
    assert said == f"nobody listens on {tmp_path}/s.sock: No such file or directory"


def test_a_path_that_leads_nowhere(tmp_path: Path, tried: list[str]) -> None:
    (tmp_path / "file").touch()
    assert "Not a directory" in said_at(tmp_path / "file/s.sock", tried, DriverError)


def test_the_disk_of_the_socket_hangs(
    tmp_path: Path, tried: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    never = threading.Event()
    monkeypatch.setattr(node_module, "_who_may_listen", lambda _: never.wait(60))
    with pytest.raises(NoAnswer, match=r"no answer from .*/s.sock within 0.05 s"):
        Servers(config(tmp_path, f"socket = {tmp_path}/s.sock")).connect_local(0.05)
    never.set()
    assert tried == []


def threads_for(path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many are started in order to connect there."""
    started: list[object] = []

    def within(_seconds: float, work: Any, *arguments: Any) -> Any:
        started.append(work)
        return work(*arguments)

    monkeypatch.setattr(node_module, "within", within)
    with contextlib.suppress(SessionError):
        Servers(config(path.parent, f"socket = {path}")).connect_local(1.0)
    return len(started)


def test_where_no_disk_can_hang_there_is_no_thread(
    tmp_path: Path, tried: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_module, "RUN", str(tmp_path))
    (tmp_path / "mysqld").mkdir()
    path = listening_at(tmp_path / "mysqld/s.sock")
    assert threads_for(Path(path), monkeypatch) == 0
    assert tried == [path]


def test_a_way_to_the_socket_that_may_lead_to_a_disk(
    tmp_path: Path, tried: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for that without a deadline."""
    run, disk = tmp_path / "run", tmp_path / "disk"
    for each in (run, disk):
        each.mkdir()
        listening_at(each / "s.sock")
    (run / "link").symlink_to(disk)
    (run / "s.link").symlink_to(disk / "s.sock")
    monkeypatch.setattr(node_module, "RUN", str(run))
    ways = [disk / "s.sock", run / "link/s.sock", run / "s.link", run / "../disk/s.sock"]
    ways += [run / "none.sock", Path(f"{run}ning/s.sock")]
    assert [threads_for(each, monkeypatch) for each in ways] == [1] * len(ways)
    assert len(tried) == 4


@pytest.mark.skipif(not os.path.ismount("/dev/shm"), reason="needs /dev/shm")  # noqa: S108
def test_another_file_system_below_run(tried: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as a disk that is mounted there."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
        path = Path(listening_at(Path(directory) / "s.sock"))
        monkeypatch.setattr(node_module, "RUN", directory)
        assert threads_for(path, monkeypatch) == 0
        monkeypatch.setattr(node_module, "RUN", "/dev")
        assert threads_for(path, monkeypatch) == 1
    assert tried == [str(path)] * 2


@needs_root
@pytest.mark.parametrize(
    ("owner", "directory", "mode", "trusted"),
    [
        # the way distributions have it
        (MYSQL, (MYSQL, 0), 0o755, True),
        (MYSQL, (MYSQL, MYSQL), 0o775, True),
        (0, (0, 0), 0o755, True),
        (0, (MYSQL, MYSQL), 0o755, True),  # bound by systemd, for mysqld
        # others could have come first, or could come in its place
        (MYSQL, (0, 0), 0o1777, False),
        (ALICE, (0, 0), 0o1777, False),
        (MYSQL, (0, 0), 0o777, False),
        (0, (0, 0), 0o777, False),
        (MYSQL, (0, ALICE), 0o775, False),
        (MYSQL, (0, MYSQL), 0o775, False),  # any member of that group, with a socket of its own
        (MYSQL, (0, MYSQL), 0o2770, False),
        (MYSQL, (ALICE, ALICE), 0o755, False),
        (ALICE, (MYSQL, MYSQL), 0o755, False),
    ],
)
def test_who_may_listen(
    tmp_path: Path,
    tried: list[str],
    owner: int,
    directory: tuple[int, int],
    mode: int,
    trusted: bool,
) -> None:
    path = tmp_path / "mysqld" / "s.sock"
    path.parent.mkdir()
    os.chown(listening_at(path), owner, owner)
    os.chown(path.parent, *directory)
    path.parent.chmod(mode)
    if trusted:
        Servers(config(tmp_path, f"socket = {path}")).connect_local(1.0)
        assert tried == [str(path)]
    else:
        said = said_at(path, tried, DriverError)
        assert str(path.parent) in said
        assert "let the socket lie in a directory where that is so" in said


@needs_root
def test_a_directory_that_somebody_has_made_in_tmp(tmp_path: Path, tried: list[str]) -> None:
    """After a reboot: that of mysqld is gone, and who comes first makes it."""
    anybodys = tmp_path / "tmp"
    anybodys.mkdir()
    anybodys.chmod(0o1777)
    path = anybodys / "mysqld" / "s.sock"
    path.parent.mkdir()
    os.chown(listening_at(path), ALICE, ALICE)
    os.chown(path.parent, ALICE, ALICE)
    assert f"anybody may write to {anybodys} (mode 1777)" in said_at(path, tried, DriverError)


@needs_root
def test_a_link_that_somebody_has_made_in_tmp(tmp_path: Path, tried: list[str]) -> None:
    anybodys = tmp_path / "tmp"
    anybodys.mkdir()
    anybodys.chmod(0o1777)
    path = anybodys / "link"
    path.symlink_to(listening_at(tmp_path / "s.sock"))
    os.lchown(path, ALICE, ALICE)
    assert f"{path} belongs to uid {ALICE}" in said_at(path, tried, DriverError)


@needs_root
@pytest.mark.parametrize("alive", [True, False])
def test_where_anybody_may_listen_a_dead_server_stays_dead(
    tmp_path: Path, tried: list[str], alive: bool
) -> None:
    """A squatter must not keep a dead node in office. While mysqld lives, the option file is in
    error, and that is no reason to move."""
    path = tmp_path / "anybody" / "s.sock"
    path.parent.mkdir()
    path.parent.chmod(0o1777)
    os.chown(listening_at(path), ALICE, ALICE)
    with listening_on(tmp_path / "mysqld.sock") as server:
        Node(config(tmp_path)).marks.remember_server(server)
        if alive:
            said_at(path, tried, DriverError)
    if not alive:
        assert f"mysqld (pid {server.pid}) has ended" in said_at(path, tried, Refused)


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
