"""The kinds of server that the lab runs. One more is one more instance.

`FLAVOURS` has the two families, for everything; `ALL_FLAVOURS` has further generations of them,
with the keepalived of their time, for what may differ between generations: rows 1 to 8.
"""

from tests.lab.hosts.accounts import (
    APP_DATABASE,
    APP_PASSWORD,
    APP_USER,
    KACHECKS_PASSWORD,
    REPLICATION_PASSWORD,
    REPLICATION_USER,
    SAMPLER_PASSWORD,
    SAMPLER_USER,
)
from tests.lab.servers.mariadb import MariaDB
from tests.lab.servers.mysql import MySQL
from tests.lab.servers.server import DATADIR, OPTION_FILE, SOCKET, Flavour
from tests.lab.servers.trixie import TrixieMariaDB

MARIADB = MariaDB()
MYSQL = MySQL()
FLAVOURS: dict[str, Flavour] = {flavour.name: flavour for flavour in (MARIADB, MYSQL)}
MARIADB_TRIXIE = TrixieMariaDB()
ALL_FLAVOURS: dict[str, Flavour] = {**FLAVOURS, MARIADB_TRIXIE.name: MARIADB_TRIXIE}

__all__ = [
    "ALL_FLAVOURS",
    "APP_DATABASE",
    "APP_PASSWORD",
    "APP_USER",
    "DATADIR",
    "FLAVOURS",
    "KACHECKS_PASSWORD",
    "MARIADB",
    "MARIADB_TRIXIE",
    "MYSQL",
    "OPTION_FILE",
    "REPLICATION_PASSWORD",
    "REPLICATION_USER",
    "SAMPLER_PASSWORD",
    "SAMPLER_USER",
    "SOCKET",
    "Flavour",
    "MariaDB",
    "MySQL",
    "TrixieMariaDB",
]
