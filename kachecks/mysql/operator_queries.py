"""The SQL that only the operator's commands use; the check never loads this.

Every statement only reads, and waits for no lock. Only ``origins`` depends on the version.
"""

from __future__ import annotations

from kachecks.mysql.facts import Version
from kachecks.mysql.queries import UNCUT, of_the_view

ASK_FOR_ALL = f"SET SESSION {UNCUT}, group_concat_max_len = 16777216"
"""The first statement of a session that asks for tables: see UNCUT. The last one is for
idle_events(), which fails with 1260 from 1,024 bytes of names on (MySQL, by default)."""

VARIABLES = "SHOW GLOBAL VARIABLES"
"""All settings as they are now. Needs no privilege."""

GRANTS = "SHOW GRANTS"
"""Of the account that asks, with the privileges of the roles that are active in its session.

Needs no privilege. MariaDB shows the hash of the account's password too, which is never kept.
"""

ACCOUNT = "SELECT CURRENT_USER() AS account"
"""The account that let us in, such as kachecks@10.0.0.1."""

MADE_ACCOUNT = "SHOW CREATE USER CURRENT_USER()"
"""How the account that asks was made: by which plugin it logs in. MySQL 5.7 and later; MariaDB has
other words for it. Needs no privilege for this one account (measured on 9.7). The hash of the
password, which 9.7 shows as <secret>, is never kept."""

CLOCK = "SELECT UTC_TIMESTAMP(6) AS now"
"""The server's clock, in microseconds."""

PERSISTED = (
    "SELECT VARIABLE_NAME AS name, VARIABLE_VALUE AS value"
    " FROM performance_schema.persisted_variables"
)
"""mysqld-auto.cnf, which overrides every option file at the next start. MySQL 8.0 and later.
Needs no privilege (measured on 9.7)."""

HOST_NAME = "SELECT @@global.hostname AS hostname"
"""The name that the server's host gives itself. Needs no privilege."""

IDLE_EVENTS = "SELECT kachecks.idle_events() AS events"
"""The events that do not run because this server has them by replication, with commas between; NULL
if there is none.

Such an event is SLAVESIDE_DISABLED (MariaDB, MySQL) or REPLICA_SIDE_DISABLED (MySQL 9). Only who
may change events sees them, so the grants files make this function.
"""

NO_FUNCTION = frozenset({1305, 1370})
"""Errors of a server without it, or whose account may not call it."""

WRITE_BY_ROUTINE = of_the_view(
    "SELECT user, host FROM kachecks.read_only_exempt"
    " GROUP BY user, host HAVING MIN(by_routine) ORDER BY user, host"
)
"""MariaDB before 12: accounts that write through read_only only by calling routines that run with
the rights of another account. As WRITE_THROUGH_ACCOUNTS; 1054 where the view is of an older
grants.mariadb.sql."""

PURGED = "SELECT @@global.gtid_purged AS purged"
"""MySQL: the transactions that its binary logs no longer hold. Needs no privilege.

MariaDB has no such variable, and shows its binary logs only to accounts with BINLOG MONITOR. There
only the receiver's error 1236 tells.
"""


def origins(version: Version) -> str:
    """Where each value comes from: a file, the command line, a statement, the default; "" unknown.

    Neither statement needs a privilege (measured on MySQL 9.7, MariaDB 10.11 and 11.8). MySQL 5.7
    has nothing of the kind. MySQL names the file. After SET GLOBAL read_only = 0 it still names the
    file as the origin of super_read_only, although the same statement has switched that off (9.7).
    """
    if version.mariadb:
        return (
            "SELECT VARIABLE_NAME AS name, GLOBAL_VALUE_ORIGIN AS source, '' AS path"
            " FROM information_schema.SYSTEM_VARIABLES"
        )
    if version.number < (8, 0, 0):
        return ""
    return (
        "SELECT VARIABLE_NAME AS name, VARIABLE_SOURCE AS source, VARIABLE_PATH AS path"
        " FROM performance_schema.variables_info"
    )
