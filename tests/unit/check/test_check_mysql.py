"""check_mysql as a person runs it: a process, its exit status and its one line.

The servers are of a few lines (fake_server.py). A holder is a network namespace that has the VIP.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from kachecks import __version__
from kachecks.check.unusable import FENCING_IS_OFF
from kachecks.check.verdict import RULES, explain
from tests.unit.doubles import fake_server
from tests.unit.doubles.check_process import (
    BUSY,
    PROGRAM,
    ROOT,
    Node,
    mysqld,
    needs_root,
    option_file_of,
    server,
    vip_is_here,
)
from tests.unit.doubles.fake_server import answer, listening

# An option file that cannot be used --------------------------------------------------------------


def without_file(node: Node) -> None:
    node.file.unlink()


def without_peer(node: Node) -> None:
    lines = [line for line in node.file.read_text().splitlines() if not line.startswith("peer")]
    node.file.write_text("\n".join(lines))


BAD_FILES = [
    (
        without_file,
        "{}: cannot be read: No such file or directory; --defaults-file=FILE names another,"
        " kachecks setup writes one",
    ),
    (
        lambda node: node.options("max_lagg = 3"),
        "{}:8: unknown key max_lagg in [kachecks], did you mean max_lag?",
    ),
    (
        without_peer,
        "{}: [kachecks] found neither peer nor cluster = yes, expected one of them:"
        " peer = ADDRESS for a pair, cluster = yes for a member of Galera or Group Replication",
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
    said = f"{sentence.replace('{}', str(node.file))}{FENCING_IS_OFF}"
    assert node.check() == (30, f"UNKNOWN: {said}\n")


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


def started_bare(node: Node, home: Path) -> tuple[int, str]:
    """As ``python -IS`` starts what is installed there: without environment or site-packages."""
    program = home / "bin/check_mysql"
    program.parent.mkdir(parents=True)
    shutil.copy(PROGRAM, program)
    file = f"--defaults-file={node.file}"
    command = node.on_its_host([sys.executable, "-IS", str(program), file, "--fence"], False)
    ran = subprocess.run(command, cwd=home, capture_output=True, text=True, timeout=15, check=False)
    assert ran.stderr == ""
    return ran.returncode, ran.stdout


def test_python_that_leaves_out_what_is_installed(node: Node, tmp_path: Path) -> None:
    """It finds the packages of the environment that it is in."""
    home = tmp_path / "home"
    packages = home / f"lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
    packages.mkdir(parents=True)
    (packages / "kachecks").symlink_to(ROOT / "kachecks")
    with listening(node.socket, server()):
        status, printed = started_bare(node, home)
    assert (status, printed.partition(":")[0]) == (0, "OK")


def test_an_environment_without_the_package(node: Node, tmp_path: Path) -> None:
    """Such as one of a Python that was upgraded."""
    status, printed = started_bare(node, tmp_path / "home")
    assert status == 30
    assert printed == (
        "UNKNOWN: kachecks cannot be loaded: ModuleNotFoundError: No module named 'kachecks'\n"
    )


@needs_root
def test_a_package_that_goes_away_after_it_was_loaded(node: Node, tmp_path: Path) -> None:
    """What only trouble needs is missing then: the VIP stays with a server that may be open."""
    copy = tmp_path / "site"
    shutil.copytree(ROOT / "kachecks", copy / "kachecks")

    def removed_meanwhile(client: socket.socket) -> None:
        shutil.rmtree(copy / "kachecks", ignore_errors=True)
        client.sendall(fake_server.error(1040, "Too many connections"))

    with listening(node.socket, removed_meanwhile):
        status, printed = node.check("--fence", holder=True, cwd=copy)
    assert status == 0
    assert printed.startswith("UNKNOWN: kachecks cannot be loaded: ")


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_standard_files_that_are_closed(node: Node, closed: str) -> None:
    with listening(node.socket, server()):
        command = ["sh", "-c", f'exec "$@" {closed}', "sh", *node.command("--fence")]
        assert subprocess.run(command, cwd=ROOT, check=False, timeout=15).returncode == 0


def test_a_script_of_0_2_0_beside_this_package() -> None:
    """It imports ``run`` within its guard, and calls it outside: better that there is none."""
    with pytest.raises(ImportError):
        from kachecks.check import run  # type: ignore[attr-defined]  # noqa: F401


# Servers -----------------------------------------------------------------------------------------


def test_no_socket(node: Node) -> None:
    status, printed = node.check()
    assert status == 10
    assert printed.startswith(f"MYSQLD_DOWN: nobody listens on {node.socket}: ")
    assert "start the server (systemctl status mariadb, mysql or mysqld)" in printed
    assert f"or correct socket in [client] of {node.file}" in printed
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


@pytest.mark.parametrize("wrong", ["--fense", "--fence=1", "--defaults-file"])
def test_a_wrong_command_line(node: Node, wrong: str) -> None:
    status, printed = node.check(wrong)
    assert status == 2
    assert "check_mysql: error: " in printed


@needs_root
@pytest.mark.parametrize("wrong", ["--fense", "--fence=1"])
def test_a_wrong_command_line_does_not_take_the_vip_from_its_holder(node: Node, wrong: str) -> None:
    """Nothing would have closed its server."""
    assert node.check(wrong, holder=True)[0] == 0


@pytest.mark.parametrize(
    ("arguments", "file"),
    [
        ([], "/etc/kachecks/kachecks.cnf"),
        (["--fence", "--defaults-file=/a b"], "/a b"),
        (["--defaults-file", "/a b", "--fence"], "/a b"),
        (["--defaults-file=/a", "--defaults-file", "/b"], "/b"),
        (["--defaults-file"], ""),
    ],
)
def test_the_option_file_that_a_command_line_names(arguments: list[str], file: str) -> None:
    assert option_file_of(arguments) == file


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
