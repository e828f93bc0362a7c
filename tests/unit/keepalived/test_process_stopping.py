"""Stopping keepalived, and removing what it leaves behind: stand-ins of that name, the real one."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from kachecks.keepalived import process as keepalived_process
from kachecks.keepalived.process import CommandFailed, Keepalived, NotFound, find, remove_vip, stop
from tests.unit.doubles.keepalived_processes import (
    ROOT,
    Start,
    as_nobody,
    found,
    needs_root,
    pid_file,
    running,
)

# The unit --------------------------------------------------------------------------------------


def test_the_unit(
    tmp_path: Path, keepalived: Path, start: Start, systemctl: Callable[[str], Path]
) -> None:
    process, other = running(start, keepalived), running(start, keepalived)
    log = systemctl(f"echo MainPID={process.pid}")
    seen = find(pid_file(tmp_path, other.pid))
    assert seen is not None
    assert (seen.pid, seen.found_by, seen.where) == (process.pid, "unit", "keepalived.service")
    stop(seen)
    assert log.read_text().splitlines() == [
        "show --property=MainPID keepalived.service",
        "--no-block stop keepalived.service",
    ]
    assert process.poll() is None  # systemd does it, not we


@pytest.mark.parametrize(
    "script",
    [
        "echo MainPID=0",
        "echo",
        "exit 1",
        "exec /bin/sleep 5",
        "echo MainPID=$$",  # a shell
        "echo MainPID=4194303",  # nothing
    ],
)
def test_a_unit_that_names_no_keepalived_leaves_it_to_the_pid_file(
    tmp_path: Path, keepalived: Path, start: Start, systemctl: Callable[[str], Path], script: str
) -> None:
    process = running(start, keepalived)
    systemctl(script)
    seen = find(pid_file(tmp_path, process.pid))
    assert seen is not None
    assert seen.found_by == "pid file"


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (
            "echo 'Failed to stop it: Access denied' >&2; echo more >&2; exit 4",
            "systemctl --no-block stop a.service: Failed to stop it: Access denied",
        ),
        ("exit 4", "systemctl --no-block stop a.service: exit 4"),
        ("exec /bin/sleep 5", "systemctl has not ended in 0.3 s"),
    ],
)
def test_a_unit_that_cannot_be_stopped(
    systemctl: Callable[[str], Path], script: str, words: str
) -> None:
    systemctl(script)
    with pytest.raises(CommandFailed) as caught:
        stop(Keepalived(psutil.Process(), "unit", "a.service"))
    assert str(caught.value) == words


def test_no_systemctl(systemctl: Callable[[str], Path]) -> None:
    systemctl("").parent.joinpath("bin", "systemctl").unlink()
    with pytest.raises(CommandFailed, match=r"^systemctl is not installed$"):
        stop(Keepalived(psutil.Process(), "unit", "a.service"))


WITHOUT_SH = """
import sys
sys.modules["sh"] = None
from kachecks.keepalived.process import find, remove_vip, stop
stop(find())
print(remove_vip(["192.0.2.1"]))
"""


@needs_root
def test_nothing_on_the_way_to_the_release_of_the_vip_loads_sh(keepalived: Path) -> None:
    """It would take as long as everything else that notify_down does. In a namespace of its own
    there is no keepalived but this one."""
    script = f'{keepalived} 30 & echo $! > /run/keepalived.pid; exec "$@"'
    alone = [
        "unshare",
        "--net",
        "--mount",
        "sh",
        "-ec",
        f"mount -t tmpfs none /run; {script}",
        "sh",
    ]
    ran = subprocess.run(
        [*alone, sys.executable, "-c", WITHOUT_SH], cwd=ROOT, capture_output=True, text=True
    )
    assert (ran.returncode, ran.stdout) == (0, "[]\n"), ran.stderr


# Stopping --------------------------------------------------------------------------------------


def no_system_call(*_: object) -> int:
    raise OSError(errno.ENOSYS, "Function not implemented")


@pytest.mark.parametrize("pidfd_open", [getattr(os, "pidfd_open", None), no_system_call, None])
def test_stop_and_wait(
    keepalived: Path,
    start: Start,
    monkeypatch: pytest.MonkeyPatch,
    pidfd_open: Callable[[int], int],
) -> None:
    if pidfd_open:
        monkeypatch.setattr(os, "pidfd_open", pidfd_open, raising=False)
    else:
        monkeypatch.delattr(os, "pidfd_open", raising=False)
    process = start(keepalived, 30)
    seen = found(process)
    before = len(list(Path("/proc/self/fd").iterdir()))
    stop(seen)
    assert process.wait(2) == -signal.SIGTERM
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    with pytest.raises(NotFound, match=r"^keepalived \(pid \d+, pid file /a.pid\) is gone$"):
        stop(seen)


REUSED_PID = """
import os, subprocess, sys, time
from pathlib import Path
import psutil
from kachecks.keepalived.process import Keepalived, NotFound, stop
first = subprocess.Popen([sys.argv[1], "30"])
seen = Keepalived(psutil.Process(first.pid), "pid file", "/a.pid")
time.sleep(0.05)  # start times have a resolution of 10 ms
first.kill(); first.wait()
Path("/proc/sys/kernel/ns_last_pid").write_text(str(first.pid - 1))
second = subprocess.Popen([sys.argv[1], "30"])
assert second.pid == first.pid, (second.pid, first.pid)
try:
    stop(seen)
except NotFound:
    print("not found", second.poll())
second.kill(); second.wait()
"""


@needs_root
@pytest.mark.parametrize("with_pidfd", [True, False])
def test_a_later_owner_of_the_pid_is_left_alone(keepalived: Path, with_pidfd: bool) -> None:
    code = REUSED_PID if with_pidfd else f"import os\ndel os.pidfd_open\n{REUSED_PID}"
    ran = subprocess.run(
        ["unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-c", code, keepalived],
        cwd=ROOT, capture_output=True, text=True, check=True, timeout=20,
    )  # fmt: skip
    assert ran.stdout == "not found None\n"


# A VIP left behind -----------------------------------------------------------------------------

# vips, what is on the host, seconds that a keepalived runs, what is told, what stays
LEFT_BEHIND = [
    (["10.0.0.100"], ["10.0.0.1/24 dev eth0"], 0, [], ["10.0.0.1/24"]),
    (
        ["10.0.0.100", "fd00::100"],
        [
            *("10.0.0.1/24 dev eth0", "10.0.0.100/24 dev eth0", "10.0.0.10/24 dev eth0"),
            *("fd00::1/64 dev eth0", "fd00::100/128 dev eth0", "fd00::1000/128 dev eth0"),
        ],
        0,
        ["10.0.0.100/24 dev eth0", "fd00::100/128 dev eth0"],
        ["10.0.0.1/24", "10.0.0.10/24", "fd00::1000/128", "fd00::1/64"],
    ),
    (
        ["10.0.0.100"],  # twice, once on an interface that is down
        ["10.0.0.100/32 dev eth0", "10.0.0.100/24 dev eth1"],
        0,
        ["10.0.0.100/24 dev eth1", "10.0.0.100/32 dev eth0"],
        [],
    ),
    (
        ["10.0.0.100"],
        ["10.0.0.100/24 peer 10.8.0.2/32 dev eth0"],
        0,
        ["10.0.0.100 peer 10.8.0.2/32 dev eth0"],
        [],
    ),
    (
        ["10.0.0.100", "10.0.0.101"],  # the second goes with the first, its primary
        ["10.0.0.100/24 dev eth0", "10.0.0.101/24 dev eth0"],
        0,
        ["10.0.0.100/24 dev eth0"],
        [],
    ),
    (
        ["10.0.0.100"],
        ["10.0.0.100/32 dev eth0"],
        30,
        "StillRunning: keepalived is running (pid N): stop it first",
        ["10.0.0.100/32"],
    ),
    (
        ["10.0.0.100"],  # it is just ending
        ["10.0.0.100/32 dev eth0"],
        0.2,
        ["10.0.0.100/32 dev eth0"],
        [],
    ),
]

REMOVE = """
import json, subprocess, sys
from kachecks.keepalived import process as keepalived_process
def ip(arguments):
    command = ["ip", *arguments.split()]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
ip("link set lo up"); ip("link add eth0 type veth peer name eth1"); ip("link set eth0 up")
keepalived_process._DYING_SECONDS = 0.4
keepalived_process._COMMAND_SECONDS = None  # with a time-out, sh looks only every 0.1 s
answers = []
for vips, addresses, seconds in json.load(sys.stdin):
    for address in addresses: ip(f"addr add {address}")
    running = subprocess.Popen(["./keepalived", str(seconds)]) if seconds else None
    try:
        told = keepalived_process.remove_vip(vips)
    except keepalived_process.KeepalivedError as error:
        told = f"{type(error).__name__}: {error}".replace(str(running.pid), "N")
    if running: running.kill(); running.wait()
    lines = [line.split() for line in ip("-o addr show scope global").splitlines()]
    answers.append([told, [words[3] for words in lines]])
    for device in "eth0", "eth1": ip(f"addr flush dev {device} scope global")
print(json.dumps(answers))
"""


@needs_root
def test_remove_vip(keepalived: Path, start: Start) -> None:
    start(keepalived, 30)  # of another network namespace: not its business
    ran = subprocess.run(
        ["unshare", "--net", sys.executable, "-c", REMOVE],
        input=json.dumps([case[:3] for case in LEFT_BEHIND]),
        cwd=keepalived.parent, env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE, text=True, check=True, timeout=20,
    )  # fmt: skip
    for case, answer in zip(LEFT_BEHIND, json.loads(ran.stdout)):
        assert answer == list(case[3:]), case
    assert len(json.loads(ran.stdout)) == len(LEFT_BEHIND)


@needs_root
def test_only_root_may_remove_a_vip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keepalived_process, "_wait_for_none", lambda: None)
    assert as_nobody(lambda: remove_vip(["127.0.0.1"])) == (
        "NoPermission: cannot remove 127.0.0.1/8 dev lo: only root may do it"
    )


# The real one ----------------------------------------------------------------------------------

REAL = """
import os, signal, subprocess, sys, time
from pathlib import Path
import psutil
from kachecks.keepalived.process import find, remove_vip, stop
from kachecks.network.vip import here
def run(command): subprocess.run(command, shell=True, check=True)
def until(condition):
    deadline = time.monotonic() + 8
    while not condition():
        assert time.monotonic() < deadline, "has not come true in 8 s"
        time.sleep(0.01)
run("mount -t tmpfs none /run; ip link set lo up; ip link add eth0 type veth peer name eth1; "
    "ip link set eth0 up; ip link set eth1 up; ip addr add 10.0.0.1/24 dev eth0")
hook = Path("/run/hook"); told = Path("/run/told")
hook.write_text(f"#!{sys.executable}\\nimport sys; sys.path.insert(0, {os.getcwd()!r})\\n"
    "from kachecks.keepalived.process import find, stop\\nseen = find()\\n"
    "open('/run/told.new', 'w').write(f'{seen.pid} {seen.found_by}')\\n"
    "import os; os.rename('/run/told.new', '/run/told')\\n"
    "if os.path.exists('/run/stop'): stop(seen)\\n")
hook.chmod(0o755)
Path("/run/k.conf").write_text("global_defs { vrrp_version 3\\n script_user root\\n }\\n"
    "vrrp_instance V { state MASTER\\n interface eth0\\n virtual_router_id 7\\n priority 250\\n"
    "advert_int 0.1\\n virtual_ipaddress { 10.0.0.100/24 }\\n notify_master /run/hook\\n }\\n")
def begin():
    told.unlink(missing_ok=True)
    process = subprocess.Popen(["keepalived", "--dont-fork", "--vrrp", "-f", "/run/k.conf"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until(told.exists)
    return process

process = begin()
assert here(["10.0.0.100"])
assert told.read_text() == f"{process.pid} ancestor", told.read_text()
seen = find()
assert seen[1:] == ("pid file", "/run/keepalived.pid") and seen.pid == process.pid, seen
vrrp_child = int(Path("/run/vrrp.pid").read_text())
os.kill(vrrp_child, signal.SIGKILL); process.kill(); process.wait()
try: os.waitpid(vrrp_child, 0)  # we are pid 1 here; none starts while it is a zombie
except ChildProcessError: pass  # its parent was still there to reap it
assert here(["10.0.0.100"]) and find() is None
assert remove_vip(["10.0.0.100"]) == ["10.0.0.100/24 dev eth0"]
assert not here(["10.0.0.100"]) and here(["10.0.0.1"])

Path("/run/stop").touch()
process = begin()
until(lambda: not here(["10.0.0.100"]))
assert process.wait(5) == 0
print("fine")
"""


@needs_root
@pytest.mark.skipif(not shutil.which("keepalived"), reason="needs keepalived")
def test_the_real_keepalived() -> None:
    """Found from below by its own hook, and from outside; killed, its VIP removed; stopped."""
    ran = subprocess.run(
        ["unshare", "--net", "--pid", "--mount", "--fork", "--kill-child", "--mount-proc",
         sys.executable, "-c", REAL],
        cwd=ROOT, capture_output=True, text=True, timeout=40, check=False,
    )  # fmt: skip
    assert (ran.stdout, ran.returncode) == ("fine\n", 0), ran.stderr
