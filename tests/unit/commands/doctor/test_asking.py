"""doctor asks: files, directories, the boot's list, the check as it is run. No root, no server."""

from __future__ import annotations

import os
import pwd
import stat
import struct
import subprocess
from pathlib import Path

import pytest

from kachecks.commands.doctor.conf.setup import Command
from kachecks.commands.doctor.host import kernel, run
from kachecks.commands.doctor.host.facts import Directory, Part
from kachecks.commands.doctor.host.files import (
    file_system,
    granted,
    look_at_directory,
    look_at_file,
)
from kachecks.commands.doctor.host.keepalived import conf_of, config_id_of
from kachecks.commands.doctor.host.run import capabilities_of
from kachecks.commands.doctor.host.systemd import timespan
from kachecks.commands.doctor.server.probe import service_of
from kachecks.config.options import parse

ME = pwd.getpwuid(os.geteuid()).pw_name
SECONDS = 20.0  # much longer than any of these runs needs


def program(directory: Path, text: str, mode: int = 0o755) -> Path:
    path = directory / "check_mysql"
    path.write_text(text)
    path.chmod(mode)
    return path


# Files


def test_a_script(tmp_path: Path) -> None:
    found = look_at_file(str(program(tmp_path, "#!/bin/sh -e\nexit 1\n")))
    assert found.found and found.executable
    assert "exit 1" in found.text
    assert not look_at_file(str(program(tmp_path, "#!/bin/sh\n", 0o644))).executable


@pytest.mark.parametrize(
    ("text", "interpreter", "there"),
    [
        ("#!/bin/sh -e\nexit 1\n", "/bin/sh", True),
        ("#! /bin/sh", "/bin/sh", True),
        ("#!/opt/gone/bin/python\n", "/opt/gone/bin/python", False),
        ("#!/usr/bin/env -S sh -e", "sh", True),
        ("#!/usr/bin/env A=b no-such-program", "no-such-program", False),
    ],
)
def test_an_interpreter(tmp_path: Path, text: str, interpreter: str, there: bool) -> None:
    found = look_at_file(str(program(tmp_path, text)))
    assert (found.interpreter, found.interpreter_found) == (interpreter, there)


@pytest.mark.parametrize("text", ["exit 1\n", "", "#!\nexit 1\n"])
def test_a_file_that_execve_refuses(tmp_path: Path, text: str) -> None:
    assert look_at_file(str(program(tmp_path, text))).interpreter is None


def test_a_binary_needs_no_interpreter() -> None:
    found = look_at_file("/bin/sh")
    assert (found.interpreter, found.interpreter_found) == ("", True)
    assert found.text == ""


def test_no_file_and_no_regular_file(tmp_path: Path) -> None:
    assert look_at_file(str(tmp_path / "x")).found is False
    assert look_at_file(str(tmp_path)).found is False


def test_the_way_to_a_file_and_to_where_its_links_lead(tmp_path: Path) -> None:
    for name in ("real", "bin"):
        (tmp_path / name).mkdir()
    path = program(tmp_path / "real", "#!/bin/sh\n")
    link = tmp_path / "bin/check_mysql"
    link.symlink_to(path)
    parts = {part.path for part in look_at_file(str(link)).parts}
    assert {"/", str(tmp_path / "bin"), str(link), str(tmp_path / "real"), str(path)} <= parts


@pytest.mark.parametrize(
    ("part", "word"),
    [
        (Part("/x", 0, 0, stat.S_IFDIR | 0o755), ""),
        (Part("/x", 0, 0, stat.S_IFREG | 0o775), ""),  # group root
        (Part("/x", 7, 0, stat.S_IFREG | 0o755), "belongs to uid 7"),
        (Part("/x", 0, 7, stat.S_IFREG | 0o775), "gid 7 may write"),
        (Part("/x", 0, 0, stat.S_IFREG | 0o757), "anybody may write"),
        (Part("/tmp", 0, 0, stat.S_IFDIR | 0o1777), ""),  # noqa: S108 - sticky
        (Part("/tmp", 7, 0, stat.S_IFDIR | 0o1777), "belongs to uid 7"),  # noqa: S108
        (Part("/x", 0, 0, stat.S_IFDIR | 0o775, ("uid 7",)), "an ACL lets uid 7 write to /x"),
    ],
)
def test_who_may_change_it(part: Part, word: str) -> None:
    assert word in part.unsafe
    assert bool(word) == bool(part.unsafe)


def test_a_directory(tmp_path: Path) -> None:
    found = look_at_directory(str(tmp_path))
    assert found.found and found.uid == os.geteuid()
    assert look_at_directory(str(tmp_path / "x")) == Directory(str(tmp_path / "x"), False)
    circle, file = tmp_path / "circle", program(tmp_path, "")
    circle.symlink_to(circle)
    for path in (str(circle), f"{circle}/run", str(file), f"{file}/run"):
        assert look_at_directory(path) == Directory(path, False, in_the_way=True)


def test_the_file_system_is_that_of_the_longest_mount_point(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text("a / ext4 rw 0 0\nb /run tmpfs rw 0 0\nc /run xfs rw 0 0\nd /ru nfs rw 0 0\n")
    assert file_system("/run/kachecks", str(mounts)) == "xfs"
    assert file_system("/runner", str(mounts)) == "ext4"
    assert file_system("/run/kachecks", str(tmp_path / "x")) == ""


# The kernel and the boot


def test_what_the_boot_makes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    etc, usr = tmp_path / "etc", tmp_path / "usr"
    for directory, name, text in (
        (etc, "a.conf", "# comment\nd /run/a 0700 root root -\n"),
        (usr, "a.conf", "d /run/hidden\n"),  # /etc has a file of this name
        (usr, "b.conf", "D! /var/run/b/\nf /run/file\nd\n"),
    ):
        directory.mkdir(exist_ok=True)
        (directory / name).write_text(text)
    monkeypatch.setattr(kernel, "_TMPFILES", (str(etc), str(usr)))
    assert kernel.directories_made() == {"/run/a", "/run/b"}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30.0), ("1min 30s", 90.0), ("500ms", 0.5), ("infinity", None), ("", None)],
)
def test_a_time_span_of_systemd(text: str, seconds: float | None) -> None:
    assert timespan(text) == seconds


def test_addresses_and_interfaces_of_this_host() -> None:
    loopback = [entry for entry in kernel.addresses() if entry.address == "127.0.0.1"]
    assert [(entry.interface, entry.prefix) for entry in loopback] == [("lo", 8)]
    assert (kernel.interfaces() or {})["lo"] & 0x8  # IFF_LOOPBACK


def test_other_option_files_of_the_directory(tmp_path: Path) -> None:
    def write(name: str, pair: str) -> Path:
        path = tmp_path / name
        path.write_text(
            f"[kachecks]\nvip=10.0.0.9\npeer=10.0.0.2\nname={pair}\n[client]\nsocket=/run/{pair}\n"
        )
        path.chmod(0o600)
        return path

    own, _ = write("one.cnf", "one"), write("two.cnf", "two")
    (tmp_path / "broken.cnf").write_text("[kachecks]\nvip=x\n")
    (found,) = kernel.other_pairs(parse(own.read_text(), str(own)))
    assert (found.name, found.vips, found.server) == ("two", ("10.0.0.9",), "/run/two")


# keepalived's arguments


@pytest.mark.parametrize(
    ("arguments", "conf", "config_id"),
    [
        ("keepalived", "/etc/keepalived/keepalived.conf", None),
        ("keepalived --dont-fork -f /x.conf -i a", "/x.conf", "a"),
        ("keepalived --use-file=/x.conf --config-id b", "/x.conf", "b"),
        ("keepalived -f/x.conf -ia", "/x.conf", "a"),
    ],
)
def test_what_a_running_keepalived_reads(arguments: str, conf: str, config_id: str | None) -> None:
    words = tuple(arguments.split())
    assert (conf_of(words), config_id_of(words)) == (conf, config_id)


# The check, run


def command(path: Path, *arguments: str) -> Command:
    return Command("script", (str(path), *arguments), "keepalived.conf:1", "")


def test_the_check_runs_without_fence(tmp_path: Path) -> None:
    path = program(tmp_path, '#!/bin/sh\necho "$*; $PWD"\nexit 3\n')
    found = run.passing(command(path, "--fence", "--defaults-file=/x"), ME, SECONDS)
    assert (found.status, found.said) == (3, "--defaults-file=/x --json; /")


def test_the_reason_is_read_from_json(tmp_path: Path) -> None:
    path = program(
        tmp_path, '#!/bin/sh\necho noise\necho \'{"reason": "LAG", "sentence": "LAG: 40 s"}\'\n'
    )
    found = run.passing(command(path), ME, SECONDS)
    assert (found.reason, found.said) == ("LAG", "LAG: 40 s")


def test_the_check_gets_a_server_that_does_not_exist(tmp_path: Path) -> None:
    text = "[kachecks]\nvip=10.0.0.9\npeer=10.0.0.2\n[client]\nuser=a\npassword=secret\nsocket=/x\n"
    config = parse(text, "kachecks.cnf")
    copy = tmp_path / "copy"
    path = program(tmp_path, f'#!/bin/sh\ncat "${{1#--defaults-file=}}" > {copy}\necho "$2 $3"\n')
    found = run.failing(command(path, "--fence", "--defaults-file", "/x"), ME, SECONDS, config)
    assert (found.status, found.said) == (0, "--json")
    given = parse(copy.read_text(), "copy")
    assert given.vips == config.vips
    assert "secret" not in copy.read_text()
    assert given.local.socket and not Path(given.local.socket).exists()
    assert not Path(given.run_dir).exists()  # it was its own, and is gone


@pytest.mark.parametrize(
    ("text", "user", "seconds", "error"),
    [
        ("#!/opt/gone/python\n", ME, SECONDS, "No such file"),
        ("#!/bin/sh\nsleep 1000\n", ME, 0.1, "it had not ended after 0.1 s"),
        ("#!/bin/sh\n", "no-such-user", SECONDS, "there is no user no-such-user"),
    ],
)
def test_a_check_that_does_not_run(
    tmp_path: Path, text: str, user: str, seconds: float, error: str
) -> None:
    found = run.passing(command(program(tmp_path, text)), user, seconds)
    assert found.status is None
    assert error in found.error


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to have capabilities, and less of them")
@pytest.mark.parametrize("lacking", ["", "kill", "sys_ptrace"])
def test_capabilities_of_a_process(lacking: str) -> None:
    under = ["setpriv", f"--bounding-set=-{lacking}"] if lacking else []
    with subprocess.Popen([*under, "cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as cat:
        assert cat.stdin is not None and cat.stdout is not None
        cat.stdin.write(b"it runs\n")
        cat.stdin.flush()
        cat.stdout.readline()
        found = capabilities_of(cat.pid)
        cat.kill()
    assert found is not None
    assert bool(found >> 5 & 1) == (lacking != "kill")
    assert bool(found >> 19 & 1) == (lacking != "sys_ptrace")


# Access control lists ---------------------------------------------------------------------------

OWNER, USER, OWN_GROUP, GROUP, MASK, OTHER = 1, 2, 4, 8, 16, 32
NOBODY = 0xFFFFFFFF  # the id of an entry that has none


def with_acl(path: Path, mask: int, *named: tuple[int, int, int]) -> Path:
    """Give it an ACL: of the mask, and (tag, permissions, id) of each named account."""
    entries = [(OWNER, 7, NOBODY), (OWN_GROUP, 5, NOBODY), (MASK, mask, NOBODY)]
    entries += [(OTHER, 0, NOBODY), *named]
    packed = b"".join(struct.pack("<HHI", *entry) for entry in sorted(entries))
    try:
        os.setxattr(path, "system.posix_acl_access", b"\2\0\0\0" + packed)
    except OSError as error:
        pytest.skip(f"this file system has no ACLs: {error}")
    return path


@pytest.mark.parametrize(
    ("mask", "named", "expected"),
    [
        (7, [(USER, 7, 1000)], ("uid 1000",)),
        (7, [(USER, 2, 1000), (GROUP, 6, 50)], ("uid 1000", "gid 50")),
        (7, [(USER, 5, 1000)], ()),  # it may read
        (5, [(USER, 7, 1000)], ()),  # the mask takes it away
        (7, [(USER, 7, 0), (GROUP, 7, 0)], ()),  # root
    ],
)
def test_whom_an_acl_lets_write(
    tmp_path: Path, mask: int, named: list[tuple[int, int, int]], expected: tuple[str, ...]
) -> None:
    directory = tmp_path / "etc"
    directory.mkdir()
    with_acl(directory, mask, *named)
    assert granted(str(directory)) == look_at_directory(str(directory)).granted == expected
    file = program(directory, "#!/bin/sh\n")
    parts = {part.path: part.granted for part in look_at_file(str(file)).parts}
    assert parts[str(directory)] == expected
    assert parts[str(file)] == ()


def test_a_damaged_acl(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getxattr", lambda *_: b"\2\0\0\0\1\0")
    assert granted("/") == ()


@pytest.mark.parametrize(
    ("groups", "service"),
    [
        ("0::/system.slice/mariadb.service\n", "mariadb.service"),
        ("0::/system.slice/system-mysqld.slice/mysqld@two.service\n", "mysqld@two.service"),
        ("0::/system.slice/mysql.service/inner\n", "mysql.service"),
        (
            "12:pids:/x\n1:name=systemd:/system.slice/mysqld.service\n0::/\n",
            "mysqld.service",
        ),
        ("0::/user.slice/user-0.slice/session-1.scope\n", ""),
        ("0::/\n", ""),
    ],
)
def test_the_service_of_a_process(tmp_path: Path, groups: str, service: str) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "7/cgroup").write_text(groups)
    assert service_of(7, str(tmp_path)) == service
    assert service_of(8, str(tmp_path)) is None


@pytest.mark.parametrize(
    ("end", "status"), [("exit 5", 5), ("exit 0", 0), ("kill -9 $$", -9), ("exec sleep 9", None)]
)
def test_what_keepalived_says_of_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str, status: int | None
) -> None:
    fake = tmp_path / "keepalived"
    fake.write_text(
        '#!/bin/sh\n[ "$1" = --version ] && { echo "Keepalived v2.3.4 (x)" >&2; exit 0; }\n'
        f'echo "$*"; echo complaint >&2\n{end}\n'
    )
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(run, "_PATIENCE", 1.0)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    found = run.keepalived("/k.conf", "a")
    assert (found.path, found.version, found.test_status) == (str(fake), (2, 3, 4), status)
    assert found.complaints == (() if status is None else ("-t -f /k.conf -i a", "complaint"))
