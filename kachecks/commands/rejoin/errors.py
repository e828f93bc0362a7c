"""What an error that has stopped replication means, and what the choices are.

The numbers are those of Last_IO_Errno and Last_SQL_Errno; those of a receiver alone are in
source_errors. MySQL and MariaDB share the numbers below 1900 and differ above. For some errors
MySQL 8.0 and later gives the number used in its error log instead (perror).
"""

from __future__ import annotations

from kachecks.commands.rejoin.meaning import Meaning
from kachecks.commands.rejoin.source_errors import of_source
from kachecks.mysql.facts import Version

_SAME = {13114: 1236, 13117: 1593, 13121: 1594, 13122: 1595}
"""MySQL 8.0: number in the error log -> number that the same error had before."""

_COMPARE = (
    "compare that row on both nodes and make the standby's like the active one's: on the standby,"
    " stop keepalived (its check would close the server again), SET GLOBAL super_read_only = 0"
    " (MySQL), SET SESSION sql_log_bin = 0, mend the row, set super_read_only = 1 again, and start"
    " keepalived last"
)
_COLLIDES = (
    "the returning node made it, and it collides with what the active node has written since:"
    " change or remove the row on the active node so that it can be applied"
)
_NEVER_SKIP = "do not skip the transaction: from then on the nodes would differ unnoticed"
_LOOK_AT_SCHEMA = "make the schema the same on both nodes, then START the applier"

_MEANINGS = {
    1062: Meaning(
        "a row that the source has inserted is here already: both nodes have written, or somebody"
        " has written on the standby",
        (_COMPARE, _NEVER_SKIP),
        (_COLLIDES, _NEVER_SKIP),
    ),
    1032: Meaning(
        "a row that the source has changed or deleted is missing here, or is different: the data"
        " had diverged before",
        (_COMPARE, _NEVER_SKIP),
        (_COLLIDES, _NEVER_SKIP),
    ),
    1205: Meaning(
        "a transaction waited too long for a row lock, again and again",
        ("find who holds the lock here and end it, then START the applier",),
    ),
    1213: Meaning(
        "a transaction met a deadlock again and again",
        ("find who else writes here and end it, then START the applier",),
    ),
    1452: Meaning(
        "the row that a foreign key points to is missing here: the data had diverged before",
        (_COMPARE, _NEVER_SKIP),
        (_COLLIDES, _NEVER_SKIP),
    ),
    1396: Meaning(
        "a CREATE, ALTER or DROP USER of the source fails here: the accounts had diverged",
        ("make the account the same on both nodes, then START the applier", _NEVER_SKIP),
    ),
    **dict.fromkeys(
        (1007, 1008, 1050, 1051, 1054, 1060, 1061, 1091, 1146),
        Meaning(
            "a change of the schema had been made on one node alone", (_LOOK_AT_SCHEMA, _NEVER_SKIP)
        ),
    ),
}

_MARIADB = {
    1950: Meaning(
        "gtid_strict_mode: this server's binary log has a later transaction of the same domain, so"
        " both nodes have written in one gtid_domain_id",
        (
            "rebuild the node whose transactions may be lost; to avoid it, give each node a"
            " gtid_domain_id of its own",
        ),
    ),
    **dict.fromkeys(
        (1945, 1951, 1955),
        Meaning(
            "the source's binary log does not have the transaction after which this replica would"
            " go on: it was purged there, or was made here",
            ("rebuild one node from the other",),
        ),
    ),
}

_UNKNOWN = Meaning("see the manual of the server for this number", ())


def meaning(errno: int, text: str, version: Version) -> Meaning:
    """The meaning of an error in SHOW REPLICA STATUS of a server of that version.

    Args:
        text: of the error: Last_IO_Error or Last_SQL_Error.
    """
    number = _SAME.get(errno, errno)
    family = {**_MEANINGS, **_MARIADB} if version.mariadb else _MEANINGS
    return (family.get(number) or of_source(number, text) or _UNKNOWN).in_words_of(version)
