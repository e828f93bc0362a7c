"""Locks of whole tables, or of the whole server, that writes wait for: a backup's, LOCK TABLES."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kachecks.mysql.facts import Row

KINDS = (
    "waiting for global read lock",  # MySQL: FLUSH TABLES WITH READ LOCK
    "waiting for backup lock",  # MariaDB: that and BACKUP STAGE; MySQL: LOCK INSTANCE FOR BACKUP
    "waiting for commit lock",
    "waiting for table metadata lock",  # LOCK TABLES, or a DDL behind an idle transaction
)
"""States of the process list, in lower case, as measured on MySQL 9.7 and MariaDB 10.11."""

APPLIER = "system user"
"""Whom the process list names for the threads of replication."""


def kind(row: Row) -> str:
    """Our own word for the lock that a connection waits for, "" for none."""
    state = (row["State"] or "").lower()
    return next((each for each in KINDS if state.startswith(each)), "")


def of_the_applier(rows: list[Row]) -> str:
    """For which lock an applier waits, "" for none."""
    return next((kind(row) for row in rows if row["User"] == APPLIER and kind(row)), "")
