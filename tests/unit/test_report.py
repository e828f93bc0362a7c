"""Telling people must never change what is done: no hang, no exception, no status."""

from __future__ import annotations

import io
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kachecks import report
from kachecks.lean import pasted, shown
from kachecks.node import Voice
from tests.unit.doubles.check_process import ROOT


class Daemon:
    """A log daemon's socket."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.settimeout(10)
        self._path = path

    def read(self) -> str:
        return self.socket.recv(4096).decode()

    def fill(self) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
            other.connect(str(self._path))
            other.setblocking(False)
            with pytest.raises(BlockingIOError):
                while True:
                    other.send(b"x")


@pytest.fixture
def daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Daemon]:
    path = tmp_path / "log"
    daemon = Daemon(path)
    monkeypatch.setattr(report, "DEV_LOG", str(path))
    with daemon.socket:
        yield daemon


def test_a_log_daemon_that_hangs_is_not_waited_for(daemon: Daemon) -> None:
    daemon.fill()
    begin = time.monotonic()
    report.log("a line")
    report.log("another")
    assert time.monotonic() - begin < 5


def test_a_log_daemon_that_is_slow(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is busy with other lines, and then takes ours."""
    monkeypatch.setattr(report, "LOG_PATIENCE", 10)
    daemon.fill()
    pid = os.fork()
    if not pid:
        report.log("a line")
        os._exit(0)
    while daemon.read() == "x":
        pass
    assert os.waitpid(pid, 0)[1] == 0


def test_a_log_daemon_that_wants_a_stream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As syslog-ng has it with unix-stream()."""
    path = str(tmp_path / "log")
    monkeypatch.setattr(report, "DEV_LOG", path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(path)
        listening.listen()
        listening.settimeout(10)
        report.log("a line")
        with listening.accept()[0] as stream:
            stream.settimeout(10)
            assert stream.recv(4096) == f"<29>kachecks[{os.getpid()}]: a line\0".encode()


def test_no_log_daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "DEV_LOG", str(tmp_path / "none"))
    report.log("a line")


def test_what_is_logged(daemon: Daemon) -> None:
    report.log("fine")
    report.log("tr\u00e4ubel", problem=True)
    assert daemon.read() == f"<29>kachecks[{os.getpid()}]: fine"
    assert daemon.read() == f"<28>kachecks[{os.getpid()}]: tr\u00e4ubel"


def test_what_a_poor_encoding_can_show_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    report.say("/srv/h\u00e9h\u00e9 cannot be read")
    report.Terminal().say("\u00e4")
    report.say_lines("\u00e4\nb")
    assert written.getvalue() == b"/srv/h?h? cannot be read\n?\n?\nb\n"


@pytest.mark.parametrize("error", [BrokenPipeError, UnicodeEncodeError("ascii", "ä", 0, 1, "no")])
def test_a_terminal_that_is_gone_or_poor(
    monkeypatch: pytest.MonkeyPatch, error: type[OSError] | ValueError
) -> None:
    class Out:
        def write(self, _text: str) -> int:
            raise error

        def flush(self) -> None:
            raise error

    monkeypatch.setattr(sys, "stdout", Out())
    report.say("ä")


HOSTILE = "a\x1b[2J\x9b31m\u202eb\u200b\ufe0f\u3164\udc80\x7f\0\nNov 28 host sshd[1]: hello"
HARMLESS = "a?[2J?31m?b?????? Nov 28 host sshd[1]: hello"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain text", "plain text"),
        ("tr\u00e4ubel \u4e2d\u6587 \U0001f600", "tr\u00e4ubel \u4e2d\u6587 \U0001f600"),
        (HOSTILE, HARMLESS),
        ("a\tb\rc\u2028d\u00a0e", "a b c?d?e"),
        ("\u2066\u200e\ufeff\u00ad\u034f\u115f\u2800\ue000\U000e0041\U000e0100", "?" * 10),
    ],
)
def test_what_is_shown(text: str, expected: str) -> None:
    assert shown(text) == expected


def test_only_the_beginning_of_a_long_text_is_shown() -> None:
    assert shown("x" * 10, 10) == "x" * 10
    assert shown("x" * 11, 10) == "x" * 7 + "..."
    assert shown("\x1b" * 1000, 10) == "?" * 7 + "..."


@pytest.mark.parametrize(
    "word",
    ["/etc/kachecks/k.cnf", "", "a b", "it's", "$(x)", "a;b", "~", "*", "a\nb", "tr\u00e4ubel"],
)
def test_what_is_pasted(word: str) -> None:
    """As shlex has it, which costs the check too much."""
    assert pasted(word) == shlex.quote(word)


def test_syslog_gets_no_line_of_somebody_else(daemon: Daemon) -> None:
    report.log(HOSTILE)
    assert daemon.read() == f"<29>kachecks[{os.getpid()}]: {HARMLESS}"


def test_syslog_gets_a_long_line_in_part(daemon: Daemon) -> None:
    """A daemon throws away the whole of a line that is too long for it."""
    report.log("x" * 1_000_000)
    assert len(daemon.read()) < 2048


def test_nothing_moves_the_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    report.say(HOSTILE)
    report.Terminal().say(HOSTILE)
    report.say_lines(f"one\n{HOSTILE}")
    table = HARMLESS.replace(" Nov", "\nNov")
    assert capsys.readouterr().out == f"{HARMLESS}\n{HARMLESS}\none\n{table}\n"


def nobody_else(_path: str) -> str:
    return ""


def alert_program(tmp_path: Path, script: str) -> str:
    program = tmp_path / "page"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return str(program)


def awaited(file: Path) -> str:
    end = time.monotonic() + 10
    while not file.exists():
        assert time.monotonic() < end
        time.sleep(0.01)
    return file.read_text()


@pytest.mark.parametrize(  # pytest 8 has the name of a test in the environment: not of 200 KB
    "why", ["\u00e4", "x" * 200_000], ids=["short", "long"]
)
def test_the_alert_program_gets_the_record(tmp_path: Path, why: str) -> None:
    """More than a pipe holds, too."""
    got = tmp_path / "got"
    program = alert_program(tmp_path, f"cat > {got}.new; mv {got}.new {got}")
    report.alert(program, {"transition": "promote", "why": why}, nobody_else)
    assert json.loads(awaited(got)) == {"transition": "promote", "why": why}


def test_the_alert_program_gets_the_whole_record_or_is_not_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, daemon: Daemon
) -> None:
    """It never reads JSON that ends in the middle."""
    write, room = os.write, [3, 5, 100_000]

    def some(file: int, data: bytes) -> int:
        if not room:
            raise OSError(28, "No space left on device")
        return write(file, data[: room.pop(0)])

    got = tmp_path / "got"
    program = alert_program(tmp_path, f"cat > {got}.new; mv {got}.new {got}")
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", some)
        report.alert(program, {"why": "disks"}, nobody_else)
        assert json.loads(awaited(got)) == {"why": "disks"}
        got.unlink()
        room[:] = [3, 5]
        report.alert(program, {"why": "disks"}, nobody_else)
    assert "cannot be run: [Errno 28] No space left on device" in daemon.read()
    assert not got.exists()


def test_the_alert_program_may_print_what_it_gets(tmp_path: Path) -> None:
    got = tmp_path / "got"
    program = alert_program(tmp_path, f"cat > {got}.new; mv {got}.new {got}")
    report.alert(
        program, {"why": HOSTILE, "steps": [("lock", 0.1), (HOSTILE, 2)], "exit": 20}, nobody_else
    )
    told = {"why": HARMLESS, "steps": [["lock", 0.1], [HARMLESS, 2]], "exit": 20}
    assert json.loads(awaited(got)) == told


def test_a_python_without_memfd_create(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "memfd_create")
    test_the_alert_program_gets_the_record(tmp_path, "x" * 200_000)


def test_the_alert_program_has_nothing_of_ours(tmp_path: Path) -> None:
    """No lock of ours is held for as long as it runs; it is in no group that keepalived ends, and
    ends itself when the reader of its pipe has gone."""
    got = tmp_path / "got"
    script = f"ls /proc/self/fd > {got}.new; cut -d' ' -f6 /proc/$$/stat >> {got}.new"
    script += f"; grep SigIgn /proc/$$/status >> {got}.new; echo $$ >> {got}.new; pwd >> {got}.new"
    with (tmp_path / "lock").open("w") as lock:
        os.set_inheritable(lock.fileno(), True)
        report.alert(alert_program(tmp_path, f"{script}; mv {got}.new {got}"), {}, nobody_else)
        *files, session, _, ignored, pid, directory = awaited(got).split()
    assert files == ["0", "1", "2", "3"]  # 3: that of ls
    assert (session, directory) == (pid, "/")
    by_python = 1 << signal.SIGPIPE - 1 | 1 << signal.SIGXFSZ - 1
    assert not int(ignored, 16) & by_python


def test_an_alert_program_that_is_not_there(daemon: Daemon) -> None:
    report.alert("/nowhere/page", {}, nobody_else)
    said = daemon.read()
    assert said.startswith("<28>kachecks[")
    assert "alert program /nowhere/page cannot be run: " in said
    assert "arguments" not in said


def test_an_alert_program_with_arguments(daemon: Daemon) -> None:
    report.alert("/bin/true page", {}, nobody_else)
    assert "No such file" in (said := daemon.read())
    assert said.endswith("; alert takes no arguments: write a script")


def test_an_alert_program_that_others_may_change(tmp_path: Path, daemon: Daemon) -> None:
    """It is told, and not run."""
    got, asked = tmp_path / "got", tmp_path / "asked"

    def exposed(path: str) -> str:
        asked.write_text(path)
        return f"anybody may write to {tmp_path} (mode 0777)"

    program = alert_program(tmp_path, f"touch {got}")
    report.alert(program, {}, exposed)
    said = daemon.read()
    assert f"alert program {program} cannot be run: anybody may write to {tmp_path}" in said
    assert "chown root:root and chmod go-w" in said
    assert asked.read_text() == program
    assert not got.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give a file away")
@pytest.mark.parametrize("whose", ["program", "directory", "nobody else's"])
def test_the_alert_program_of_a_node_is_roots(tmp_path: Path, daemon: Daemon, whose: str) -> None:
    directory, got = tmp_path / "bin", tmp_path / "got"
    directory.mkdir()
    program = alert_program(directory, f"cat > {got}.new; mv {got}.new {got}")
    if whose == "nobody else's":
        Voice().alert(program, {"why": "disks"})
        assert json.loads(awaited(got)) == {"why": "disks"}
        return
    changed = program if whose == "program" else directory
    os.chown(changed, 65534, 65534)
    Voice().alert(program, {"why": "disks"})
    said = f"alert program {program} cannot be run: {changed} belongs to uid 65534: chown root"
    assert said in daemon.read()
    assert not got.exists()


def test_no_process_can_be_made(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", none)
    report.alert("/bin/true", {}, nobody_else)
    assert "cannot be run" in daemon.read()


def test_an_alert_program_that_is_never_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a file system that hangs: its start is not waited for."""
    reader, writer = os.pipe()
    monkeypatch.setattr(os, "execv", lambda *_: os.read(reader, 1))
    monkeypatch.setattr(os, "closerange", lambda *_: None)  # the pipe stays
    begin = time.monotonic()
    report.alert("/bin/true", {}, nobody_else)
    assert time.monotonic() - begin < 5
    os.write(writer, b"x")  # now it ends
    os.close(reader)
    os.close(writer)


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_pipe_that_nobody_reads(stream: str) -> None:
    """One line is waited for, and no other; nothing hangs, at the end neither."""
    code = f"""
import os, sys, time
from kachecks.report import Terminal
fd = sys.{stream}.fileno()
os.set_blocking(fd, False)
try:
    while True: os.write(fd, b"x" * 4096)
except BlockingIOError: pass
os.set_blocking(fd, True)
terminal, begin = Terminal("{stream}"), time.monotonic()
terminal.say("one")
terminal.say("two")
terminal.say("three")
sys.exit(3 if time.monotonic() - begin < 0.6 else 4)
"""
    reader, writer = os.pipe()
    try:
        with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, **{stream: writer}) as ran:
            assert ran.wait(10) == 3
    finally:
        os.close(reader)
        os.close(writer)


def test_a_line_for_which_there_is_not_room_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """As much of it is written as there is room for."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with pytest.raises(BlockingIOError):
        while True:
            os.write(writer, b"x" * 4096)
    os.set_blocking(writer, True)
    os.read(reader, 4096)
    with os.fdopen(reader, "rb"), os.fdopen(writer, "w", encoding="utf-8") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        begin = time.monotonic()
        report.Terminal().say("y" * 20_000)
        assert time.monotonic() - begin < 5


def test_a_screen_that_runs(capsys: pytest.CaptureFixture[str]) -> None:
    terminal = report.Terminal()
    terminal.say("one")
    terminal.say("two")
    assert capsys.readouterr().out == "one\ntwo\n"


def test_a_screen_that_was_closed_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    report.Terminal().say("one")
