"""check_mysql as keepalived runs it: a process, its exit status and its one line.

The servers are of a few lines (fake_server.py). A holder is a network namespace that has the VIP.
"""

from __future__ import annotations

import fcntl
import json
import os
import runpy
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from kachecks import __version__
from kachecks.bounded import Clock
from kachecks.check.verdict import RULES, explain
from kachecks.mysql import queries
from kachecks.state.files import Files
from kachecks.state.marks import Marks
from tests.rows import rows
from tests.unit.doubles import fake_server
from tests.unit.doubles.fake_server import answer, listening, one_row

ROOT = Path(__file__).parents[3]
PROGRAM = ROOT / "kachecks/programs/check_mysql"
vip_is_here = runpy.run_path(str(PROGRAM))["vip_is_here"]
VIP = "10.99.88.77"
PASSWORD = "hunter2-Tr0ub4dor"  # noqa: S105 - must never be seen in any text
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root for a network namespace")
BUSY = 10.0
"""Seconds for what takes a few tenths of one on a machine that has nothing else to do."""
HOLDER = ["unshare", "--net", "sh", "-c", f'ip addr add {VIP}/32 dev lo; exec "$@"', "sh"]


class Node:
    """An option file and its directories, and check_mysql on them."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.socket = directory, directory / "s.sock"
        self.run_dir, self.state_dir = directory / "run", directory / "state"
        self.run_dir.mkdir()
        self.state_dir.mkdir()
        self.file = directory / "k.cnf"
        self.options()

    def options(self, text: str = "", **options: object) -> None:
        given = {"vip": VIP, "peer": "10.99.88.1", "hung_after": 1, "fence_timeout": 1}
        given.update({"run_dir": self.run_dir, "state_dir": self.state_dir, **options})
        lines = ["[kachecks]", *(f"{key} = {value}" for key, value in given.items()), text]
        lines += ["[client]", f"socket = {self.socket}", f"password = {PASSWORD}"]
        self.file.write_text("\n".join(lines) + "\n")
        self.file.chmod(0o600)

    def command(self, *arguments: str, holder: bool = False, tree: Path = ROOT) -> list[str]:
        file, path = f"--defaults-file={self.file}", f"PYTHONPATH={tree}"
        command = ["env", path, sys.executable, str(PROGRAM), file, *arguments]
        return [*HOLDER, *command] if holder else command

    def check(self, *arguments: str, holder: bool = False, **more: Any) -> tuple[int, str]:
        """Exit status and all that is printed."""
        more = {"cwd": ROOT, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, **more}
        ran = subprocess.run(
            self.command(*arguments, holder=holder, tree=more["cwd"]),
            text=True,
            timeout=15,
            check=False,
            **more,
        )
        assert PASSWORD not in (ran.stdout or "")
        return ran.returncode, ran.stdout


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


def server(
    access: str = "closed",
    state: str = "healthy",
    asked: list[str] | None = None,
    **columns: str,
) -> fake_server.Behaviour:
    """A MySQL 8.4 in one of the states of tests/rows; ``asked`` is filled with its statements."""
    value = "0" if access == "open" else "1"
    identity = ("server_id", "2", "server_uuid", "9a39d64d")
    (row,) = rows("mysql-9.7", f"replica_status_{state}")
    row.update(columns)

    def answers(sql: str) -> bytes:
        if asked is not None:
            asked.append(sql)
        if "@@global.read_only" in sql:
            return one_row("read_only", value, "super_read_only", value, *identity)
        if sql == queries.PROCESSLIST:
            return one_row("Id", "1", "User", "app", "Command", "Sleep", "Time", "1", "State", "")
        if sql == queries.DIRECTORIES:
            return one_row("datadir", "/", "binlog", "/log", "tmpdir", "/")
        if "gtid_executed" in sql:
            return one_row("executed", "", "applied", "", "gtid_mode", "ON")
        assert sql == "SHOW REPLICA STATUS"
        return one_row(*(part for item in row.items() for part in item))

    return answer(answers)


# An option file that cannot be used --------------------------------------------------------------


def without_file(node: Node) -> None:
    node.file.unlink()


def without_peer(node: Node) -> None:
    lines = [line for line in node.file.read_text().splitlines() if not line.startswith("peer")]
    node.file.write_text("\n".join(lines))


BAD_FILES = [
    (
        without_file,
        "{}: cannot be read: No such file or directory; --defaults-file=FILE names another",
    ),
    (
        lambda node: node.options("max_lagg = 3"),
        "{}:8: unknown key max_lagg in [kachecks], did you mean max_lag?",
    ),
    (
        without_peer,
        "{}: [kachecks] has no peer, expected peer = an IPv4 or IPv6 address of another host",
    ),
    (
        lambda node: node.file.chmod(0o640),
        "{}: holds a password and its mode is 0640, expected one that only its owner can read:"
        " chmod 600 {}",
    ),
]


@pytest.mark.parametrize(("spoil", "sentence"), BAD_FILES)
def test_bad_file(node: Node, spoil: Any, sentence: str) -> None:
    spoil(node)
    assert node.check() == (30, f"UNKNOWN: {sentence.replace('{}', str(node.file))}\n")


def test_bad_file_in_json(node: Node) -> None:
    node.file.chmod(0o644)
    status, printed = node.check("--json")
    assert status == 30
    entry = json.loads(printed)
    assert (entry["reason"], entry["exit"]) == ("UNKNOWN", 30)
    assert "0644" in entry["sentence"]


@needs_root
def test_bad_file_keeps_the_vip_on_its_holder(node: Node) -> None:
    node.file.chmod(0o644)
    assert node.check(holder=True)[0] == 0


# The last resort ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "here"),
    [
        ("vip = 127.0.0.1", True),
        ("  VIP=127.0.0.1/32 ; why", True),
        ('vip = "127.0.0.1"', True),
        ("vip = 127.0.0.1, 10.99.88.77", True),
        ("vip = 10.99.88.77", False),
        ("vip = 127.0.0.0", False),
        ("vip = 7.0.0.1", False),
        ("vip =", False),
        ("vips = 127.0.0.1", False),
        ("# vip = 127.0.0.1", False),
        ("vip = nonsense:", False),
        ("vip = fd00::7", False),
        ("\udcff\nvip = 127.0.0.1", True),
        ("", False),
    ],
)
def test_last_resort(tmp_path: Path, text: str, here: bool) -> None:
    (tmp_path / "k.cnf").write_bytes(f"[kachecks]\n{text}\n".encode(errors="surrogateescape"))
    assert vip_is_here(str(tmp_path / "k.cnf")) is here


def test_last_resort_without_file(tmp_path: Path) -> None:
    assert not vip_is_here(str(tmp_path / "none"))
    assert not vip_is_here(str(tmp_path))


def test_a_package_that_is_being_upgraded(node: Node, tmp_path: Path) -> None:
    copy = tmp_path / "site"
    shutil.copytree(ROOT / "kachecks", copy / "kachecks")
    (copy / "kachecks" / "mysql" / "session.py").write_text("half of a fi")
    node.file.write_text("[kachecks]\nvip = 127.0.0.1\n")
    status, printed = node.check("--fence", cwd=copy)
    assert status == 0
    assert printed.startswith("UNKNOWN: kachecks cannot be loaded: ")
    node.file.write_text("[kachecks]\nvip = 10.99.88.77\n")
    assert node.check("--fence", cwd=copy)[0] == 30


def test_a_script_of_0_2_0_beside_this_package() -> None:
    """It imports ``run`` within its guard, and calls it outside: better that there is none."""
    with pytest.raises(ImportError):
        from kachecks.check import run  # type: ignore[attr-defined]  # noqa: F401


# Servers -----------------------------------------------------------------------------------------


def test_no_socket(node: Node) -> None:
    status, printed = node.check()
    assert status == 10
    assert printed.startswith(f"MYSQLD_DOWN: nobody listens on {node.socket}: ")
    assert printed.count("\n") == 1


def test_healthy_standby(node: Node) -> None:
    with listening(node.socket, server()):
        line = "OK: MySQL 8.4.0 closed, the VIP is elsewhere; 0 s behind, receiver Yes\n"
        assert node.check() == (0, line)
        assert node.check("--fence") == (0, line)
        assert node.check("-v") == (0, f"{line}exit 0, standby, option file {node.file}\n")


@needs_root
def test_healthy_holder(node: Node) -> None:
    with listening(node.socket, server("open")):
        line = "OK: MySQL 8.4.0 open, the VIP is here; 0 s behind, receiver Yes\n"
        assert node.check(holder=True) == (0, line)


@needs_root
def test_the_vip_is_on_a_node_that_is_closed(node: Node) -> None:
    """A promotion that was refused: a standby, by the rules."""
    with listening(node.socket, server("closed", Replica_SQL_Running="No")):
        assert node.check(holder=True)[0] == 20
    with listening(node.directory / "open", server("open", Replica_SQL_Running="No")):
        node.socket = node.directory / "open"
        node.options()
        status, printed = node.check(holder=True)
        assert status == 0
        assert printed.startswith("APPLIER_STOPPED: ")


def test_hung(tmp_path: Path, node: Node) -> None:
    """All at once, as each takes hung_after = 1 s. A standby is never killed: it was not open.

    One that hangs is ended by its own clock: later, with another status, and without a word.
    """
    with ExitStack() as running:
        stopped = running.enter_context(mysqld(node))
        stopped.send_signal(signal.SIGSTOP)
        command = node.command("--fence")
        standby = running.enter_context(subprocess.Popen(command, cwd=ROOT))
        checks = []
        for behaviour in (fake_server.mute, fake_server.drip, fake_server.close):
            (tmp_path / behaviour.__name__).mkdir()
            node = Node(tmp_path / behaviour.__name__)
            running.enter_context(listening(node.socket, behaviour))
            check = subprocess.Popen(node.command(), cwd=ROOT, stdout=subprocess.PIPE, text=True)
            checks.append(running.enter_context(check))
        for check in checks:
            printed, _ = check.communicate(timeout=BUSY)
            assert check.returncode == 11
            assert printed.startswith("MYSQLD_HUNG: ")
            assert printed.endswith("(hung_after = 1 s)\n")
        assert standby.wait(BUSY) == 11
        assert stopped.poll() is None


TROUBLE = [
    # behaviour, reason, standby, holder
    (fake_server.refuse(1040, "Too many connections"), "TOO_MANY_CONNECTIONS", 25, 0),
    (fake_server.deny(1226, "max_user_connections"), "TOO_MANY_CONNECTIONS", 25, 0),
    (fake_server.deny(1045, "Access denied"), "UNKNOWN", 30, 0),
    (
        answer(lambda _sql: fake_server.error(1227, "you need SUPER", "42000", 1)),
        "UNKNOWN", 30, 0,
    ),
]  # fmt: skip


@pytest.mark.parametrize(("behaviour", "reason", "standby", "holder"), TROUBLE)
def test_trouble(
    node: Node, behaviour: fake_server.Behaviour, reason: str, standby: int, holder: int
) -> None:
    node.options(hung_after=6)
    with listening(node.socket, behaviour):
        begin = time.monotonic()
        status, printed = node.check()
        assert time.monotonic() - begin < 5  # an error is an answer: nothing to wait for
        assert status == standby
        assert printed.startswith(f"{reason}: ")
        if os.geteuid() == 0:
            assert node.check(holder=True)[0] == holder


def test_a_connection_that_was_cut_is_tried_again(node: Node) -> None:
    """One KILL by an administrator must not fail a healthy server."""
    healthy, met = server(), []

    def cuts_the_first(client: Any) -> None:
        met.append(client)
        (healthy if len(met) > 1 else fake_server.close)(client)

    with listening(node.socket, cuts_the_first):
        status, printed = node.check()
    assert (status, len(met)) == (0, 2), printed
    assert printed.startswith("OK: ")


@needs_root
def test_a_standby_is_fit_when_it_is_needed(node: Node) -> None:
    """It lags, and its peer does not answer."""
    with listening(node.socket, server(Seconds_Behind_Source="99")):
        status, printed = node.check(holder=True)
    assert status == 0
    assert "99 s behind" in printed


# What a person asks for --------------------------------------------------------------------------


def test_explain(node: Node) -> None:
    assert node.check("--explain") == (0, explain() + "\n")


def test_json(node: Node) -> None:
    with listening(node.socket, server()):
        status, printed = node.check("--json")
    assert status == 0
    assert json.loads(printed) == {
        "reason": "OK",
        "exit": 0,
        "sentence": "OK: MySQL 8.4.0 closed, the VIP is elsewhere; 0 s behind, receiver Yes",
        "role": "standby",
        "vip": False,
    }


def test_version_and_help(node: Node) -> None:
    assert node.check("--version") == (0, f"check_mysql {__version__}\n")
    status, printed = node.check("--help")
    assert status == 0
    for rule in RULES:
        assert f"{rule.status}  {rule.reason}: {rule.meaning}" in printed
    status, printed = node.check("--fense")
    assert status == 2
    assert "unrecognized arguments: --fense" in printed


def test_without_fence_nothing_is_written(node: Node) -> None:
    with listening(node.socket, server("open")):
        node.check()
        node.check("--json")
    assert list(node.run_dir.iterdir()) == []
    assert list(node.state_dir.iterdir()) == []


def test_output_that_cannot_be_written(node: Node) -> None:
    """A full disk or a poor LANG changes nothing about the answer."""
    with Path("/dev/full").open("w") as full:
        assert node.check(stdout=full)[0] == 10
        with listening(node.directory / "s", server()):
            node.socket = node.directory / "s"
            node.options()
            assert node.check(stdout=full)[0] == 0
    node.socket = node.directory / "grüße.sock"
    node.options()
    assert node.check(env={**os.environ, "PYTHONIOENCODING": "ascii"})[0] == 10


# Under keepalived --------------------------------------------------------------------------------


def test_sigterm_is_a_failure(node: Node) -> None:
    """keepalived ends a check that takes too long: 0 would mean that all is well."""
    command = node.command("--fence")
    with listening(node.socket, fake_server.mute), subprocess.Popen(command, cwd=ROOT) as process:
        time.sleep(0.3)
        process.terminate()
        assert process.wait(BUSY) == -signal.SIGTERM


def test_second_copy_repeats_the_last_verdict(node: Node) -> None:
    """keepalived 2.1.3 to 2.3.2 starts one while the first is at work.

    It asks nobody, so it waits for nothing.
    """
    asked, answers, connections = threading.Event(), threading.Event(), []

    def slow(client: socket.socket) -> None:
        connections.append(client)
        asked.set()
        answers.wait(BUSY)
        server()(client)

    node.options(hung_after=8)
    with listening(node.socket, slow):
        with subprocess.Popen(node.command("--fence"), cwd=ROOT, stdout=subprocess.DEVNULL) as one:
            assert asked.wait(BUSY)
            for last, status in (("", 30), ("OK 0", 0), ("LAG 24", 24)):
                (node.run_dir / "main.verdict").write_text(last)
                assert node.check("--fence") == (status, "")
            assert len(connections) == 1
            answers.set()
            assert one.wait(BUSY) == 0
        assert (node.run_dir / "main.verdict").read_text() == "OK 0"


@contextmanager
def first_copy(node: Node, seconds: float | None) -> Iterator[None]:
    """A check that has been at work for so long; None: it has not yet written since when."""
    begun = time.clock_gettime(time.CLOCK_BOOTTIME) - (seconds or 0.0)
    with (node.run_dir / "main.check").open("w") as held:
        held.write("" if seconds is None else f"{begun:.3f}")
        held.flush()
        fcntl.flock(held, fcntl.LOCK_EX)
        (node.run_dir / "main.verdict").write_text("LAG 24")
        yield


@pytest.mark.parametrize("seconds", [None, 0.0, 5.0])
def test_a_first_copy_at_work_is_trusted(node: Node, seconds: float | None) -> None:
    with first_copy(node, seconds):
        assert node.check("--fence") == (24, "")


def test_a_first_copy_that_has_been_at_work_too_long_is_not_trusted(node: Node) -> None:
    with first_copy(node, 9.0):
        assert node.check("--fence")[0] == 10
        assert node.check()[0] == 10  # by hand, copies are none of its business


@needs_root
def test_a_first_copy_that_hangs_stalls_writes_at_least(node: Node) -> None:
    """Something does not answer it: no disk is touched, and the holder is degraded."""
    asked: list[str] = []
    with first_copy(node, 8.5), listening(node.socket, server("open", asked=asked)):
        status, printed = node.check("--fence", holder=True)
        assert printed.startswith("WRITES_STALLED: the check before this one has been at work for")
        assert status == 0  # the peer is not fit: it is not there
        assert queries.DIRECTORIES not in asked
        assert queries.PROCESSLIST not in asked
        assert asked != []
        asked.clear()
        assert node.check(holder=True)[1].startswith("OK: ")
        assert queries.DIRECTORIES in asked or queries.PROCESSLIST in asked


@needs_root
def test_unusable_run_directory(node: Node) -> None:
    """A dead server fails even then; a healthy holder keeps the VIP, and people are told."""
    shutil.rmtree(node.run_dir)
    assert node.check("--fence", holder=True)[0] == 10
    with listening(node.socket, server("open")):
        status, printed = node.check("--fence", holder=True)
        assert status == 0
        assert printed.startswith("UNKNOWN: cannot write ")
        assert "kachecks.tmpfiles.conf" in printed


def test_alert_on_each_new_problem(node: Node) -> None:
    program, told = node.directory / "page", node.directory / "told"
    program.write_text(f"#!/bin/sh\ncat >> {told}\necho >> {told}\n")
    program.chmod(0o755)
    node.options(alert=program)
    for _ in range(3):
        assert node.check("--fence")[0] == 10
    end = time.monotonic() + BUSY
    while not (told.exists() and told.read_text().endswith("}\n")) and time.monotonic() < end:
        time.sleep(0.01)
    (line,) = told.read_text().splitlines()
    record = json.loads(line)
    assert record["reason"] == "MYSQLD_DOWN"
    assert (record["exit"], record["role"], record["name"]) == (10, "standby", "main")


# A server process --------------------------------------------------------------------------------

MYSQLD = """
import ctypes, sys, time
from pathlib import Path
from tests.unit.doubles.fake_server import listening
from tests.unit.check.test_check_mysql import server
ctypes.CDLL(None).prctl(15, b"mysqld")
with listening(Path(sys.argv[1]), server("open")):
    print(flush=True)
    time.sleep(30)
"""


@contextmanager
def mysqld(node: Node) -> Iterator[subprocess.Popen[str]]:
    """An open server in a process that the kernel knows as mysqld."""
    command = [sys.executable, "-c", MYSQLD, str(node.socket)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            yield process
        finally:
            process.kill()


PATIENT = """
import runpy, sys
from kachecks.check import program, watch
from kachecks.config import options
watch.ENDED_BY, watch.SETTLED = 60.0, 0.0
program.load = lambda path: options.load(path)._replace(watch=60.0)
sys.exit(runpy.run_path("kachecks/programs/check_mysql")["main"](sys.argv[1:]))
"""
"""check_mysql with a minute between two checks: it does not matter how busy this host is."""


def open_files(pid: int) -> list[str]:
    """The kernel's names for what that process has open."""
    found = []
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            found.append(str(link.readlink()))
    return found


@contextmanager
def watching(node: Node) -> Iterator[subprocess.Popen[str]]:
    """A holder's check that has found all well and watches mysqld."""
    assert node.check("--fence", holder=True)[0] == 0
    options = [f"--defaults-file={node.file}", "--fence", "-v"]
    command = [*HOLDER, sys.executable, "-c", PATIENT, *options]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("OK: MySQL 8.4.0 open, the VIP is here")
            assert process.stdout.readline() == f"exit 0, holder, option file {node.file}\n"
            until = time.monotonic() + BUSY
            while not any("pidfd" in each for each in open_files(process.pid)):
                assert time.monotonic() < until, "mysqld is not watched"
            yield process
        finally:
            process.kill()


def free(lock: Path) -> bool:
    """Nobody holds it."""
    with lock.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True


@needs_root
def test_death_of_mysqld_is_seen_at_once(node: Node) -> None:
    """By the whole failing path: what keepalived gets is what the next check would have said."""
    with mysqld(node) as server, watching(node) as check:
        server.kill()
        printed = check.communicate(timeout=BUSY)[0].splitlines()
        assert check.returncode == 10
    assert printed[0] == f"mysqld (pid {server.pid}) has just died"
    assert printed[1].startswith("MYSQLD_DOWN: nobody listens on ")
    assert (node.run_dir / "main.verdict").read_text() == "MYSQLD_DOWN 10"
    assert not (node.run_dir / "main.open").exists()


@needs_root
def test_sigterm_while_mysqld_is_watched(node: Node) -> None:
    with mysqld(node), watching(node) as check:
        check.terminate()
        assert check.wait(BUSY) == -signal.SIGTERM


@needs_root
def test_watching_stands_in_nobodys_way(node: Node) -> None:
    """Another check and a hook take their locks, and the server has no connection of this one."""
    with mysqld(node) as server, watching(node) as check:
        assert not [each for each in open_files(check.pid) if each.startswith("socket:")]
        assert free(node.run_dir / "main.check")
        assert free(node.run_dir / "main.lock")
        assert node.check("--fence", holder=True)[1].startswith("OK: ")
        assert check.poll() is None
        server.kill()
        assert check.wait(BUSY) == 10


@needs_root
def test_hung_holder_is_killed_before_the_check_fails(node: Node) -> None:
    """Seen open by one check, stopped, killed by the next, although a hook holds the lock."""
    with mysqld(node) as process, (node.run_dir / "main.lock").open("w") as file:
        assert node.check("--fence", holder=True)[0] == 0
        mark = Marks(str(node.run_dir), "main", Files(), Clock()).open_mark()
        assert mark is not None
        assert mark.pid == process.pid
        process.send_signal(signal.SIGSTOP)
        fcntl.flock(file, fcntl.LOCK_EX)
        status, printed = node.check("--fence", holder=True)
        assert (status, printed.split(":")[0]) == (11, "MYSQLD_HUNG")
        assert process.poll() == -signal.SIGKILL
        assert not (node.run_dir / "main.open").exists()
        told = [json.loads(line) for line in (node.state_dir / "main.jsonl").open()]
        assert [entry["outcome"] for entry in told] == ["opened", "killed"]
        assert "found open" in told[0]["why"]
