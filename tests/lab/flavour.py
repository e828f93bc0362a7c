"""The kinds of server that the lab runs: `MARIADB` and `MYSQL`. One more is one more instance."""

from tests.lab.accounts import (
    APP_DATABASE,
    APP_PASSWORD,
    APP_USER,
    KACHECKS_PASSWORD,
    REPLICATION_PASSWORD,
    REPLICATION_USER,
    SAMPLER_PASSWORD,
    SAMPLER_USER,
)
from tests.lab.server import DATADIR, OPTION_FILE, SOCKET, Flavour
from tests.lab.server_mariadb import MariaDB
from tests.lab.server_mysql import MySQL

MARIADB = MariaDB()
MYSQL = MySQL()
FLAVOURS: dict[str, Flavour] = {flavour.name: flavour for flavour in (MARIADB, MYSQL)}

__all__ = [
    "APP_DATABASE",
    "APP_PASSWORD",
    "APP_USER",
    "DATADIR",
    "FLAVOURS",
    "KACHECKS_PASSWORD",
    "MARIADB",
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
]
