"""check_mysql as keepalived runs it: again and again, beside copies of itself, watching mysqld."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from kachecks import mysqld_process
from kachecks.bounded import Clock
from kachecks.check import program
from kachecks.mysql import queries
from kachecks.state.files import Files
from kachecks.state.marks import Marks
from kachecks.state.signs import Sign
from tests.unit.doubles import fake_server
from tests.unit.doubles.alerts import must_be_as_promised
from tests.unit.doubles.check_process import BUSY, ROOT, Node, mysqld, needs_root, server
from tests.unit.doubles.fake_server import listening

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


def test_a_pipe_that_nobody_reads(node: Node) -> None:
    """The verdict does not wait for it."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writer, b"x" * 4096)
    os.set_blocking(writer, True)
    begin = time.monotonic()
    assert node.check("--fence", "-v", stdout=writer)[0] == 10
    assert time.monotonic() - begin < 4  # at 5 s the check would end itself
    os.close(reader)
    os.close(writer)


@contextmanager
def first_copy(node: Node, seconds: float | None) -> Iterator[None]:
    """A check that has been at work for so long; None: it has not yet written since when."""
    begun = time.clock_gettime(time.CLOCK_BOOTTIME) - (seconds or 0.0)
    with (node.run_dir / "main.check").open("w") as held:
        held.write("" if seconds is None else f"{begun:.3f} {os.getpid()}")
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
def test_a_first_copy_that_is_only_late_stalls_nothing(node: Node) -> None:
    """Its host may have had no CPU: this one looks for itself."""
    asked: list[str] = []
    with first_copy(node, 30.0), listening(node.socket, server("open", asked=asked)):
        assert "WRITES_STALLED" not in node.check("--fence", holder=True)[1]
    assert queries.PROCESSLIST in asked


@pytest.mark.parametrize("hangs", [True, False])
def test_a_first_copy_that_hangs_in_the_kernel(
    monkeypatch: pytest.MonkeyPatch, hangs: bool
) -> None:
    monkeypatch.setattr(mysqld_process, "hangs_in_kernel", lambda pid: hangs and pid == 9)
    sign = program._hanging(12.5, 9)
    said = "the check before this one (process 9) hangs in the kernel"
    assert sign == (Sign(said, 12.5) if hangs else None)


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
    (begun,) = told_so_far(told, 1)
    must_be_as_promised(begun)
    assert begun["reason"] == "MYSQLD_DOWN"
    assert (begun["exit"], begun["role"], begun["pair"]) == (10, "standby", "main")
    assert (begun["kind"], begun["severity"], begun["resolved"]) == ("problem", "warning", False)
    with listening(node.socket, server()):
        for _ in range(3):
            assert node.check("--fence")[0] == 0
    _, over = told_so_far(told, 2)
    must_be_as_promised(over)
    assert (over["id"], over["since"], over["resolved"]) == (begun["id"], begun["since"], True)
    assert over["sentence"].startswith("MYSQLD_DOWN is over; now OK: ")


def told_so_far(file: Path, number: int) -> list[dict[str, Any]]:
    """The alerts, once there are so many."""
    end = time.monotonic() + BUSY
    while not (file.exists() and file.read_text().count("}\n") >= number):
        assert time.monotonic() < end
        time.sleep(0.01)
    return [json.loads(line) for line in file.read_text().splitlines()]


# A server process --------------------------------------------------------------------------------

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
    command = node.on_its_host([sys.executable, "-c", PATIENT, *options], holder=True)
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
        assert [entry["outcome"] for entry in told] == ["opened", "killing", "killed"]
        assert "found open" in told[0]["why"]
