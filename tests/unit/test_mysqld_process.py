"""Real processes: copies of sleep that the kernel knows as mysqld."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kachecks import mysqld_process
from kachecks.mysqld_process import (
    Process,
    alive,
    hangs_in_kernel,
    identify,
    kill,
    listens,
    start_of,
    wait,
    watch,
)

Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a process of that name, which sleeps."""
    with contextlib.ExitStack() as running:

        def started(name: str = "mysqld") -> subprocess.Popen[bytes]:
            program = tmp_path / name
            if not program.exists():
                shutil.copy("/bin/sleep", program)
            process = running.enter_context(subprocess.Popen([program, "30"]))
            running.callback(process.kill)
            return process

        yield started


@pytest.fixture(params=["pidfd", "no pidfd"])
def kernel(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """With pidfd_open (Linux 5.3) and without."""
    if request.param == "no pidfd":
        monkeypatch.delattr(os, "pidfd_open")
    return str(request.param)


def identified(process: subprocess.Popen[bytes]) -> Process:
    found = identify(process.pid)
    assert found is not None
    return found


@pytest.mark.parametrize("name", ["mysqld", "mariadbd"])
def test_a_server(start: Start, name: str) -> None:
    """Stopped, it is alive."""
    process = start(name)
    found = identified(process)
    assert found.pid == process.pid
    assert alive(found)
    ticks = os.sysconf("SC_CLK_TCK")
    assert abs(time.clock_gettime(time.CLOCK_BOOTTIME) - found.started / ticks) < 2
    process.send_signal(signal.SIGSTOP)
    assert alive(identified(process))


@pytest.mark.parametrize("name", ["sleep", "mysqld_safe", "mysql", "systemd", "my) S 1 sqld"])
def test_others_are_not_taken_for_one(start: Start, name: str) -> None:
    assert identify(start(name).pid) is None


def test_nobody() -> None:
    assert identify(4194305) is None  # larger than any pid
    assert not alive(Process(4194305, 1))
    assert not kill(Process(4194305, 1))
    assert wait(Process(4194305, 1), 0)


@pytest.mark.usefixtures("kernel")
def test_a_zombie_is_dead(start: Start) -> None:
    process = start()
    found = identified(process)
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # ended, and not reaped
    assert not alive(found)
    assert identify(process.pid) is None
    assert wait(found, 0)
    assert not kill(found)


@pytest.mark.usefixtures("kernel")
def test_the_pid_alone_names_nobody(start: Start) -> None:
    """As if the pid had been given to another mysqld since."""
    process = start()
    earlier = identified(process)._replace(started=1)
    assert not alive(earlier)
    assert wait(earlier, 0)
    assert not kill(earlier)
    time.sleep(0.02)
    assert process.poll() is None


@pytest.mark.usefixtures("kernel")
def test_kill_hits_only_that_process(start: Start) -> None:
    one, other = start(), start()
    assert kill(identified(one))
    assert one.wait(2) == -signal.SIGKILL
    assert other.poll() is None
    assert alive(identified(other))


def test_kill_of_a_stopped_one(start: Start) -> None:
    process = start()
    found = identified(process)
    process.send_signal(signal.SIGSTOP)
    assert kill(found)
    assert wait(found, 2)


@pytest.mark.usefixtures("kernel")
def test_wait_wakes_at_the_end(start: Start) -> None:
    process = start()
    found = identified(process)
    ended: list[float] = []

    def end() -> None:
        ended.append(time.monotonic())
        process.kill()

    timer = threading.Timer(0.1, end)
    timer.start()
    assert wait(found, 20)
    assert time.monotonic() - ended[0] < 10  # not the whole patience, however loaded the machine
    timer.join()


@pytest.mark.usefixtures("kernel")
def test_wait_ends(start: Start) -> None:
    found = identified(start())
    begin = time.monotonic()
    assert not wait(found, 0.1)
    assert 0.08 < time.monotonic() - begin < 10
    assert not wait(found, 0)
    assert not wait(found, -1)


def test_no_descriptors_are_left(start: Start) -> None:
    process = start()
    found = identified(process)
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a number is all
    wait(found, 0)
    wait(found._replace(started=1), 0)
    kill(found._replace(started=1))
    kill(found)
    wait(found, 2)
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


@pytest.mark.parametrize(
    ("stat", "expected"),
    [
        (f"7 (mysqld) S 1 {'0 ' * 17}998877 0", Process(7, 998877)),
        (f"7 (mysqld) D 1 {'0 ' * 17}998877 0", Process(7, 998877)),
        (f"7 (mysqld) T 1 {'0 ' * 17}998877 0", Process(7, 998877)),
        (f"7 (mysqld) Z 1 {'0 ' * 17}998877 0", None),
        (f"7 (mysqld) Z 1 {'0 ' * 15}1 0 998877 0", None),
        (f"7 (mysqld) Z 1 {'0 ' * 15}4 0 998877 0", Process(7, 998877)),
        (f"7 (mysqld) X 1 {'0 ' * 17}998877 0", None),
        (f"7 (x) (mysqld) S 1 {'0 ' * 17}998877 0", None),
    ],
)
def test_lines_of_the_kernel(tmp_path: Path, stat: str, expected: Process | None) -> None:
    """proc(5): the name may hold spaces and brackets, the start time is field 22, the number of
    threads field 20: the first one waits as a zombie for the others."""
    (tmp_path / "7").mkdir()
    (tmp_path / "7/stat").write_text(stat)
    assert mysqld_process.identify(7, str(tmp_path)) == expected


def test_watching(start: Start) -> None:
    process = start()
    found = identified(process)
    assert watch(found, 0.01) is False
    threading.Timer(0.05, process.kill).start()
    assert watch(found, 20.0) is True
    assert process.wait(2) == -signal.SIGKILL


def test_watching_a_socket(start: Start, tmp_path: Path) -> None:
    """A server that shuts down removes it first."""
    file = tmp_path / "mysqld.sock"
    file.touch()
    process = identified(start())
    assert watch(process, 0.1, str(file)) is False
    threading.Timer(0.2, file.unlink).start()
    begun = time.monotonic()
    assert watch(process, 10, str(file)) is False
    assert 0.2 <= time.monotonic() - begun < 5
    assert not file.exists()


def test_watching_without_pidfd(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would take polling, which a check must not do."""
    monkeypatch.delattr(os, "pidfd_open")
    found = identified(start())
    assert watch(found, 20.0) is None
    assert watch(found._replace(started=1), 20.0) is True


def test_when_this_process_was_started() -> None:
    """The kernel rounds it down to a clock tick."""
    before = time.clock_gettime(time.CLOCK_BOOTTIME)
    code = "from kachecks.mysqld_process import start_of; print(start_of('self'))"
    root = Path(mysqld_process.__file__).parents[1]
    ran = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, check=True)
    after = time.clock_gettime(time.CLOCK_BOOTTIME)
    tick = 1 / os.sysconf("SC_CLK_TCK")
    assert before - tick <= float(ran.stdout) <= after
    assert start_of("self") <= before
    with pytest.raises(OSError, match="4194305"):
        start_of("4194305")


# Listening ----------------------------------------------------------------------------------------

LISTENER = """
import ctypes, socket, sys, time
ctypes.CDLL(None).prctl(15, sys.argv[1].encode())
with socket.socket(socket.AF_UNIX) as listener:
    listener.bind(sys.argv[2])
    listener.listen()
    print(flush=True)
    time.sleep(30)
"""


@contextlib.contextmanager
def listening_on(path: Path, name: str = "mysqld") -> Iterator[Process]:
    command = [sys.executable, "-c", LISTENER, name, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        found = identify(process.pid)
        assert found is not None
        try:
            yield found
        finally:
            process.kill()


def test_a_server_listens_though_its_socket_file_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "a b.sock"
    with listening_on(path) as server:
        assert listens(server, str(path))
        path.unlink()
        assert listens(server, str(path))
        assert not listens(server, str(tmp_path / "b.sock"))
        assert not listens(server._replace(started=1), str(path))
    assert not listens(server, str(path))


def test_another_server_of_that_name(start: Start, tmp_path: Path) -> None:
    """In another mount namespace it may have bound the same path."""
    server = identified(start())
    with listening_on(tmp_path / "s.sock"):
        assert not listens(server, str(tmp_path / "s.sock"))


def test_whose_socket_it_is_may_not_be_seen(start: Start, tmp_path: Path) -> None:
    """Without CAP_SYS_PTRACE. A connection outlives its listener, by the same name."""
    path, server = tmp_path / "s.sock", identified(start())
    proc = tmp_path / "proc" / str(server.pid)
    (proc / "net").mkdir(parents=True)
    (proc / "stat").write_text(Path(f"/proc/{server.pid}/stat").read_text())
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as client:
        listener.bind(str(path))
        listener.listen()
        client.connect(str(path))
        with listener.accept()[0]:
            (proc / "net/unix").write_text(Path("/proc/net/unix").read_text())
            assert listens(server, str(path), str(proc.parent))
            listener.close()
            (proc / "net/unix").write_text(Path("/proc/net/unix").read_text())
            assert not listens(server, str(path), str(proc.parent))


def test_without_a_process_nobody_listens() -> None:
    assert not listens(Process(0, 1_790_000_000), "/s.sock")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (Process(7, 100), Process(7, 100), True),
        (Process(7, 100), Process(7, 101), False),
        (Process(0, 100), Process(0, 102), True),
        (Process(0, 100), Process(0, 103), False),
        (Process(0, 100), Process(7, 100), False),
    ],
)
def test_the_same_process(one: Process, other: Process, same: bool) -> None:
    assert one.is_same(other) == other.is_same(one) == same


# Hidden -------------------------------------------------------------------------------------------

HIDING = "mount -t proc -o hidepid=ptraceable proc /proc; exec setpriv --bounding-set=-sys_ptrace "

PROBE = """
import sys
from kachecks.mysqld_process import HIDDEN, Process, alive, identify, kill, watch
pid = int(sys.argv[1])
found = identify(pid)
assert found == Process(pid, HIDDEN), found
assert alive(found) and alive(Process(pid, 4711)) and watch(found, 0.01) is False
assert identify(2_000_000) is None and identify(1) is None
for each in (found, Process(pid, 4711)):
    try:
        kill(each)
    except PermissionError:
        continue
    raise AssertionError("it may be another process")
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root for a /proc of its own")
def test_a_process_that_is_hidden_from_us(start: Start) -> None:
    """ProtectProc=ptraceable, without CAP_SYS_PTRACE: it can be waited for, and not be killed."""
    process = start()
    python = [sys.executable, "-c", PROBE, str(process.pid)]
    under = ["unshare", "--mount", "sh", "-c", f'{HIDING} "$@"', "sh"]
    done = subprocess.run([*under, *python], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert process.poll() is None


# Others than mysqld ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("states", "hangs"), [("S", False), ("R S", False), ("S D", True), ("Z D", True), ("", False)]
)
def test_a_thread_that_hangs_in_the_kernel(tmp_path: Path, states: str, hangs: bool) -> None:
    for number, state in enumerate(states.split()):
        task = tmp_path / "7/task" / str(number)
        task.mkdir(parents=True)
        (task / "stat").write_text(f"{number} (check) {state} " + "0 " * 40)
    assert hangs_in_kernel(7, str(tmp_path)) is hangs
