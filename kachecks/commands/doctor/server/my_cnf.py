"""The option files of a running mysqld, read as mysqld will read them at its next start.

The server itself forgets what they say as soon as a statement changes a value, and promotion and
demotion change read_only. Files, order, groups, !include and !includedir: MySQL manual, "Using
Option Files"; MariaDB manual, "Configuring MariaDB with Option Files". Usually only root can read
them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from kachecks.config import file_format
from kachecks.mysql.facts import Version

DEFAULT_FILES = (
    "/etc/my.cnf",
    "/etc/mysql/my.cnf",
    "/usr/etc/my.cnf",
    "/usr/local/mysql/etc/my.cnf",
)
_DEEPEST_INCLUDE = 10
_LARGEST = 1 << 20


class Option(NamedTuple):
    """One option that mysqld starts with, in the order in which it meets them."""

    name: str  # in lower case, with _ for -
    value: str | None  # None where there is no `=`
    where: str  # FILE:LINE, or "the command line"


class Start(NamedTuple):
    """How a mysqld was started: what decides which files it reads."""

    root: str  # "" or /proc/PID/root where it has another root directory than we
    arguments: tuple[str, ...]
    mysql_home: str
    home: str


def start_of(pid: int, proc: str = "/proc") -> Start:
    """How that process was started. Raises OSError: gone, or not ours to look at."""
    root = f"{proc}/{pid}/root"
    return Start(
        root="" if os.path.samefile(root, "/") else root,
        arguments=tuple(_words(f"{proc}/{pid}/cmdline")[1:]),
        mysql_home=_environment(f"{proc}/{pid}/environ", "MYSQL_HOME"),
        home=_environment(f"{proc}/{pid}/environ", "HOME"),
    )


def options(start: Start, version: Version) -> tuple[Option, ...]:
    """Everything that mysqld will start with, the command line last; of two the later one counts.

    Raises OSError: a file that is there cannot be read.
    """
    settings = dict(map(_named, start.arguments))
    suffix = settings.get("defaults_group_suffix") or ""
    groups = groups_of(version, suffix)
    found: list[Option] = []
    if "no_defaults" not in settings:
        for path in _files(start, settings):
            found += _read(start.root, path, groups, 0)
    for argument in start.arguments:
        if argument.startswith("--"):
            found.append(Option(*_named(argument), "the command line"))
    return tuple(found)


def groups_of(version: Version, suffix: str = "") -> frozenset[str]:
    """The groups of option files that a server of this version reads."""
    programs = ["mysqld", "mariadb", "mariadbd"] if version.mariadb else ["mysqld"]
    major, minor, _ = version.number
    names = ["server", *programs]
    names += [f"{program}-{major}.{minor}" for program in programs]
    if version.mariadb:
        names += [f"{program}-{major}" for program in programs] + ["client-server", "galera"]
    return frozenset(name + end for name in names for end in {"", suffix})


def _files(start: Start, settings: dict[str, str | None]) -> list[str]:
    only = settings.get("defaults_file")
    if only:
        return [only]
    homes = [f"{start.mysql_home}/my.cnf"] if start.mysql_home else []
    extra = settings.get("defaults_extra_file")
    own = [f"{start.home}/.my.cnf"] if start.home else []
    return [*DEFAULT_FILES, *homes, *([extra] if extra else []), *own]


def _read(root: str, path: str, groups: frozenset[str], depth: int) -> Iterator[Option]:
    real = root + _resolved(root, path)
    if depth > _DEEPEST_INCLUDE or not os.path.isfile(real):
        return  # mysqld passes over a file that is not there, too
    with open(real, encoding="utf-8", errors="replace") as file:
        text = file.read(_LARGEST)
    wanted = False
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.strip(file_format.SPACE)
        if line.startswith("!"):
            for included in _included(root, line):
                yield from _read(root, included, groups, depth + 1)
        elif line.startswith("["):
            wanted = line[1:].partition("]")[0].strip() in groups
        elif wanted and "\0" not in line:
            for parsed in file_format.lines(f"[x]\n{line}", path, ("x",)):
                yield Option(_normal(parsed.name), parsed.value, f"{path}:{number}")


def _included(root: str, line: str) -> Sequence[str]:
    keyword, *rest = line[1:].split(None, 1)
    target = rest[0].strip(file_format.SPACE) if rest else ""
    if keyword == "include":
        return [target]
    directory = root + _resolved(root, target)
    if keyword != "includedir" or not os.path.isdir(directory):
        return []
    return [f"{target.rstrip('/')}/{n}" for n in sorted(os.listdir(directory)) if n[-4:] == ".cnf"]


def _resolved(root: str, path: str) -> str:
    """Follow symbolic links as the process does, whose root directory is not ours."""
    for _ in range(_DEEPEST_INCLUDE):
        if not (root and os.path.islink(root + path)):
            return path
        path = os.path.join(os.path.dirname(path), os.readlink(root + path))
    return path


def _named(argument: str) -> tuple[str, str | None]:
    name, equals, value = argument.removeprefix("--").partition("=")
    return _normal(name), value if equals else None


def _normal(name: str) -> str:
    return name.replace("-", "_").lower().removeprefix("loose_")


def _words(path: str) -> list[str]:
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read().rstrip("\0").split("\0")


def _environment(path: str, name: str) -> str:
    found = dict(word.split("=", 1) for word in _words(path) if "=" in word)
    return found.get(name, "")
