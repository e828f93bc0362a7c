"""The option files of a mysqld, in its order: what it will start with."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kachecks.commands.doctor.server.my_cnf import Option, Start, groups_of, options, start_of
from kachecks.mysql.facts import Version

MYSQL, MARIADB = Version(False, (8, 4, 3)), Version(True, (10, 11, 6))


def write(root: Path, path: str, text: str) -> None:
    file = root / path.lstrip("/")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def read(root: Path, *arguments: str, version: Version = MYSQL, home: str = "") -> list[Option]:
    return list(options(Start(str(root), arguments, "", home), version))


def values(found: list[Option]) -> dict[str, str | None]:
    """As mysqld takes them: the last one counts."""
    return {option.name: option.value for option in found}


def test_files_in_order_the_command_line_last(tmp_path: Path) -> None:
    write(tmp_path, "/etc/my.cnf", "[mysqld]\nread-only = ON\nport=1\n")
    write(tmp_path, "/etc/mysql/my.cnf", "[mysqld]\nread_only = OFF # no\nserver_id='2'\n")
    write(tmp_path, "/root/.my.cnf", "[mysqld]\nport=3\n")
    found = read(tmp_path, "--port=4", home="/root")
    assert values(found) == {"read_only": "OFF", "server_id": "2", "port": "4"}
    assert [each.where for each in found if each.name == "port"] == [
        "/etc/my.cnf:3", "/root/.my.cnf:2", "the command line",
    ]  # fmt: skip


def test_only_groups_of_this_server(tmp_path: Path) -> None:
    text = (
        "[client]\na=1\n[mysqld]\nb=1\n[mysqld-8.4]\nc=1\n[mysqld-8.0]\nd=1\n[mariadb]\ne=1\n"
        "[server]\nf=1\n[mysqld_safe]\ng=1\n[mariadb-10.11]\nh=1\n"
    )
    write(tmp_path, "/etc/my.cnf", text)
    assert set(values(read(tmp_path))) == {"b", "c", "f"}
    assert set(values(read(tmp_path, version=MARIADB))) == {"b", "e", "f", "h"}


def test_a_suffix_of_groups() -> None:
    assert {"mysqld", "mysqld2"} <= groups_of(MYSQL, "2")
    assert "mysqld2" not in groups_of(MYSQL)


def test_the_file_that_is_named_is_the_only_one(tmp_path: Path) -> None:
    write(tmp_path, "/etc/my.cnf", "[mysqld]\na=1\n")
    write(tmp_path, "/srv/one.cnf", "[mysqld]\nb=1\n")
    assert set(values(read(tmp_path, "--defaults-file=/srv/one.cnf"))) == {"defaults_file", "b"}
    assert set(values(read(tmp_path, "--defaults-extra-file=/srv/one.cnf"))) >= {"a", "b"}
    assert set(values(read(tmp_path, "--no-defaults"))) == {"no_defaults"}


def test_includes_come_where_they_stand(tmp_path: Path) -> None:
    write(
        tmp_path,
        "/etc/my.cnf",
        "[mysqld]\na=1\n!includedir\t/etc/my.d/\na=3\n!include /etc/last.cnf\n!include\n",
    )
    write(tmp_path, "/etc/my.d/20.cnf", "[mysqld]\nb=20\na=2\n")
    write(tmp_path, "/etc/my.d/10.cnf", "[mysqld]\nb=10\n")
    write(tmp_path, "/etc/my.d/30.cnf.dpkg-old", "[mysqld]\nb=30\n")
    write(tmp_path, "/etc/last.cnf", "[mysqld]\nc\n")
    assert values(read(tmp_path)) == {"a": "3", "b": "20", "c": None}


def test_a_file_that_includes_itself_ends(tmp_path: Path) -> None:
    write(tmp_path, "/etc/my.cnf", "[mysqld]\na=1\n!include /etc/my.cnf\n")
    assert values(read(tmp_path)) == {"a": "1"}


def test_links_are_those_of_the_other_root(tmp_path: Path) -> None:
    """Debian's my.cnf is a link to an absolute path; in a container that is one in there."""
    write(tmp_path, "/etc/mysql/mariadb.cnf", "[mysqld]\na=1\n")
    (tmp_path / "etc/alternatives").mkdir()
    (tmp_path / "etc/mysql/my.cnf").symlink_to("/etc/alternatives/my.cnf")
    (tmp_path / "etc/alternatives/my.cnf").symlink_to("/etc/mysql/mariadb.cnf")
    assert values(read(tmp_path)) == {"a": "1"}


def test_odd_lines_do_no_harm(tmp_path: Path) -> None:
    text = "[mysqld\na=1\n[mysqld]\n=\n\0\nloose-b = '#1'\r\n; c=1\n\xff=2\n"
    write(tmp_path, "/etc/my.cnf", "")
    (tmp_path / "etc/my.cnf").write_bytes(text.encode("latin-1"))
    assert values(read(tmp_path))["b"] == "#1"


def test_a_file_that_we_may_not_read(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/my.cnf").mkdir()  # not a file: passed over, as by mysqld
    assert read(tmp_path) == []


def test_how_a_process_was_started(tmp_path: Path) -> None:
    process = tmp_path / "7"
    process.mkdir()
    (process / "root").symlink_to("/")
    (process / "cmdline").write_text("mysqld\0--defaults-file=/a b.cnf\0--port=1\0")
    (process / "environ").write_text("A=1\0MYSQL_HOME=/srv\0HOME=/root\0")
    expected = Start("", ("--defaults-file=/a b.cnf", "--port=1"), "/srv", "/root")
    assert start_of(7, str(tmp_path)) == expected
    with pytest.raises(OSError, match="8"):
        start_of(8, str(tmp_path))


def test_a_process_with_another_root(tmp_path: Path) -> None:
    process = tmp_path / "7"
    (process / "else").mkdir(parents=True)
    (process / "root").symlink_to(process / "else")
    (process / "cmdline").write_text("mysqld\0")
    (process / "environ").write_text("")
    assert start_of(7, str(tmp_path)).root == os.fspath(process / "root")
