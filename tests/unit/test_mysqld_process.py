"""Real processes: copies of sleep that the kernel knows as mysqld."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kachecks import mysqld_process
from kachecks.mysqld_process import Process, alive, identify, kill, start_of, wait, watch

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
