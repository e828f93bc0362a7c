"""What an error that has stopped replication means, and what the choices are.

The numbers are those of Last_IO_Errno and Last_SQL_Errno. MySQL and MariaDB share the numbers below
1900 and differ above. For some errors MySQL 8.0 and later gives the number used in its error log
instead (perror).
"""

from __future__ import annotations

from typing import NamedTuple


class Meaning(NamedTuple):
    """What an error number means."""

    sentence: str
    choices: tuple[str, ...]
    on_active: tuple[str, ...] = ()  # the choices where it is the serving node that cannot apply


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
    1236: Meaning(
        "the source cannot send what is asked for, and the error's text says why: its binary logs"
        " were purged, or lost in a crash, or it has fewer transactions than this replica",
        (
            "purged, or fewer transactions: rebuild one node from the other",
            "a packet too large: raise max_allowed_packet on the source and"
            " replica_max_allowed_packet (slave_max_allowed_packet) here, then START",
        ),
    ),
    1593: Meaning(
        "the two servers do not fit together, and the error's text says why: often an equal"
        " server_id or server_uuid",
        (
            "give each server a server_id of its own; after a copy of the datadir remove auto.cnf"
            " on the copy; restart mysqld",
        ),
    ),
    1594: Meaning(
        "the relay log cannot be read: it was damaged, often when the host lost power",
        (
            "stop replication, RESET REPLICA (MariaDB: RESET SLAVE), which keeps its configuration,"
            " and START it: with GTIDs everything is fetched anew",
            "before that, make sure that the source still has what is missing here: no PURGED"
            " above",
        ),
    ),
    1595: Meaning(
        "the relay log cannot be written: the disk is full, or read-only",
        ("make room on the file system of the relay log, then START the receiver",),
    ),
    1045: Meaning(
        "the source does not accept the replication account's password",
        ("set the account's password on the source, or the one in this replica's channel",),
    ),
    1130: Meaning(
        "the source has no account for replication from this host",
        ("on the source: CREATE USER for this host's address, GRANT REPLICATION SLAVE",),
    ),
    1862: Meaning(
        "the password of the replication account has expired",
        ("on the source: ALTER USER ... PASSWORD EXPIRE NEVER, or set a new one on both ends",),
    ),
    2005: Meaning(
        "the host name of the source cannot be resolved here",
        ("name the source by its address: SOURCE_HOST (MASTER_HOST)",),
    ),
    1396: Meaning(
        "a CREATE, ALTER or DROP USER of the source fails here: the accounts had diverged",
        ("make the account the same on both nodes, then START the applier", _NEVER_SKIP),
    ),
    2061: Meaning(
        "the account uses caching_sha2_password, which needs TLS or the source's public key",
        ("SOURCE_SSL=1 or GET_SOURCE_PUBLIC_KEY=1 in CHANGE REPLICATION SOURCE TO",),
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


def meaning(errno: int, mariadb: bool) -> Meaning:
    """The meaning of an error number in SHOW REPLICA STATUS."""
    family = {**_MEANINGS, **_MARIADB} if mariadb else _MEANINGS
    return family.get(_SAME.get(errno, errno), _UNKNOWN)
