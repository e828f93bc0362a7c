"""The kinds of server that the lab runs. One more is one more instance.

`FLAVOURS` has the two families, for everything; `ALL_FLAVOURS` has further generations of them,
with the keepalived of their time, for what may differ between generations: rows 1 to 8. `PLAYABLE`
has those, too, that are played by hand alone.
"""

from tests.lab.servers.flavour import Flavour
from tests.lab.servers.mariadb import BullseyeMariaDB, MariaDB, TrixieMariaDB
from tests.lab.servers.mysql import ForkyMySQL, MySQL

MARIADB = MariaDB()
MYSQL = MySQL()
FLAVOURS: dict[str, Flavour] = {flavour.name: flavour for flavour in (MARIADB, MYSQL)}
MARIADB_TRIXIE = TrixieMariaDB()
ALL_FLAVOURS: dict[str, Flavour] = {**FLAVOURS, MARIADB_TRIXIE.name: MARIADB_TRIXIE}
BY_HAND: tuple[Flavour, ...] = (BullseyeMariaDB(), ForkyMySQL())
PLAYABLE: dict[str, Flavour] = {**ALL_FLAVOURS, **{each.name: each for each in BY_HAND}}
