"""Where a family of distributions keeps the server's files, and what it calls its unit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Distribution(NamedTuple):
    """Paths and names by the server, ``mariadb`` or ``mysql``."""

    name: str
    my_cnf: Mapping[str, str]
    units: Mapping[str, str]
    socket: str


DEBIAN = Distribution(
    "debian",
    {
        "mariadb": "/etc/mysql/mariadb.conf.d/90-kachecks.cnf",
        "mysql": "/etc/mysql/mysql.conf.d/zz-kachecks.cnf",
    },
    {"mariadb": "mariadb.service", "mysql": "mysql.service"},
    "/run/mysqld/mysqld.sock",
)
RED_HAT = Distribution(  # from its documentation; not tried
    "redhat",
    {"mariadb": "/etc/my.cnf.d/zz-kachecks.cnf", "mysql": "/etc/my.cnf.d/zz-kachecks.cnf"},
    {"mariadb": "mariadb.service", "mysql": "mysqld.service"},
    "/var/lib/mysql/mysql.sock",
)
DISTRIBUTIONS = {each.name: each for each in (DEBIAN, RED_HAT)}

_OF_RED_HAT = {"rhel", "fedora", "centos"}


def this_distribution(path: str = "/etc/os-release") -> str:
    """The name of the family this host belongs to: os-release(5). Debian's if nothing tells."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            pairs = [line.strip().partition("=") for line in file]
    except OSError:
        return DEBIAN.name
    told = {key: value.strip("\"'").split() for key, _, value in pairs}
    names = {*told.get("ID", ()), *told.get("ID_LIKE", ())}
    return RED_HAT.name if names & _OF_RED_HAT else DEBIAN.name
