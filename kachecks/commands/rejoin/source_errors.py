"""What an error that keeps a receiver from its source means, and what the choices are.

The numbers are those of Last_IO_Errno. 1236 and 1593 have many causes, which only the error's text
tells; the texts are those of sql/rpl_binlog_sender.cc and sql/rpl_replica.cc (MySQL), and of
sql/sql_repl.cc and sql/slave.cc (MariaDB). Older versions have master and slave where newer ones
have source and replica. What stands here in the words of MySQL 8.0.26 and later is said in the
server's own (mysql.facts).
"""

from __future__ import annotations

from kachecks.commands.rejoin.meaning import Meaning

_REBUILD = "rebuild one node from the other"
_MISSING = Meaning(
    "the source's binary logs do not have what comes next for this replica: they were purged, or"
    " the replica has transactions that the source does not know",
    (
        f"{_REBUILD}; or fetch what is missing from a backup of the binary logs, if there is one",
        "for the next time: keep binary logs for longer than any standby may be away"
        " (binlog_expire_logs_seconds, expire_logs_days)",
    ),
)
_SAME_NUMBER = (
    "give each server a server_id of its own; after a copy of the datadir remove auto.cnf on the"
    " copy; restart mysqld"
)

_OF_1236 = (
    (("purged", "could not find first log file", "not in the master's binlog"), _MISSING),
    (
        ("more gtids than the",),
        Meaning(
            "the source has fewer transactions than this replica: it has lost the last ones, as in"
            " a crash with sync_binlog other than 1",
            (
                f"{_REBUILD}; the source's last transactions are on this replica alone, so save"
                " them first",
            ),
        ),
    ),
    (
        ("same server_uuid", "same server_id", "same server id"),
        Meaning(
            "a third server replicates from the same source under this one's server_id or"
            " server_uuid, and the source lets only the last one in",
            (f"find it in SHOW PROCESSLIST on the source: {_SAME_NUMBER}",),
        ),
    ),
    (
        ("not open",),
        Meaning(
            "the source writes no binary log",
            ("on the source: log_bin in my.cnf, and restart mysqld",),
        ),
    ),
    (
        ("max_allowed_packet",),
        Meaning(
            "an event is larger than a packet may be, or the source's binary log is damaged there",
            (
                "raise max_allowed_packet on the source and replica_max_allowed_packet here",
                f"where both are at 1G: {_REBUILD}",
            ),
        ),
    ),
    (
        ("bogus data", "truncated", "crc", "corrupt", "invalid event", "i/o error", "decryption"),
        Meaning(
            "the source's binary log is damaged, or cannot be read, at that place",
            (
                f"look at the source's error log and disk, then {_REBUILD}: the source's data is"
                " whole even where its binary log is not",
            ),
        ),
    ),
    (
        ("auto_position", "gtid_mode", "gtid mode"),
        Meaning(
            "the two servers do not have the same gtid_mode",
            ("on both nodes: gtid_mode = ON and enforce_gtid_consistency = ON",),
        ),
    ),
    (
        ("position > file size", "impossible position"),
        Meaning(
            "the source's binary log is shorter than it was: it has lost its end in a crash",
            (f"go by GTIDs, which kachecks needs (CHANGE REPLICATION SOURCE TO"
             f" SOURCE_AUTO_POSITION = 1); otherwise {_REBUILD}",),
        ),
    ),
    (
        ("server_id was not set", "server id was not set"),
        Meaning("the source has no server_id", ("on the source: server_id in my.cnf",)),
    ),
)  # fmt: skip

_OF_1593 = (
    (
        ("equal mysql server", "equal server"),
        Meaning("both servers have the same server_id or server_uuid", (_SAME_NUMBER,)),
    ),
    (
        ("gtid_mode", "gtid mode"),
        Meaning(
            "the two servers do not have the same gtid_mode",
            ("on both nodes: gtid_mode = ON and enforce_gtid_consistency = ON",),
        ),
    ),
)

_OTHER_TEXT = {
    1236: Meaning("the source cannot send what is asked for, and the error's text says why", ()),
    1593: Meaning("the two servers do not fit together, and the error's text says why", ()),
}

_LOCKED = Meaning(
    "the replication account is locked", ("on the source: ALTER USER ... ACCOUNT UNLOCK",)
)
_NEW_PASSWORD = ("on the source: ALTER USER ... IDENTIFIED BY, then the same in this channel",)
_TLS = "CHANGE REPLICATION SOURCE TO SOURCE_SSL = 1"

_OF_NUMBER = {
    1594: Meaning(
        "the relay log cannot be read: it was damaged, often when the host lost power",
        (
            "stop replication, RESET REPLICA, which keeps its configuration, and START it: with"
            " GTIDs everything is fetched anew",
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
    1129: Meaning(
        "the source has blocked this host, from which too many connections were broken off",
        ("on the source: FLUSH HOSTS (MySQL 8.0.23 and later: TRUNCATE"
         " performance_schema.host_cache); then find out what breaks them off",),
    ),
    1130: Meaning(
        "the source has no account for replication from this host",
        ("on the source: CREATE USER for this host's address, GRANT REPLICATION SLAVE",),
    ),
    1227: Meaning(
        "the replication account lacks a privilege",
        ("on the source: GRANT REPLICATION SLAVE ON *.* TO the account",),
    ),
    1251: Meaning(
        "this server does not know the plugin that the replication account is authenticated by",
        ("on the source: ALTER USER ... IDENTIFIED WITH a plugin that both servers have",),
    ),
    1698: Meaning(
        "the replication account is let in through the socket of its own host only",
        ("on the source: ALTER USER ... IDENTIFIED BY a password, for this host's address",),
    ),
    1820: Meaning("the replication account must get a new password first", _NEW_PASSWORD),
    1862: Meaning(
        "the password of the replication account has expired",
        ("on the source: ALTER USER ... PASSWORD EXPIRE NEVER, or set a new one on both ends",),
    ),
    2005: Meaning(
        "the host name of the source cannot be resolved here",
        ("name the source by its address: CHANGE REPLICATION SOURCE TO SOURCE_HOST",),
    ),
    2026: Meaning(
        "the two ends do not agree on TLS: a certificate that this one does not trust, or no"
        " version of TLS in common",
        ("on both nodes: ssl_ca, ssl_cert and ssl_key, and tls_version, in [mysqld] of my.cnf",),
    ),
    2059: Meaning(
        "this server lacks the plugin that the replication account is authenticated by",
        ("on the source: ALTER USER ... IDENTIFIED WITH a plugin that both servers have",),
    ),
    2061: Meaning(
        "the account uses caching_sha2_password, which needs TLS or the source's public key",
        (f"{_TLS}, or GET_SOURCE_PUBLIC_KEY = 1",),
    ),
    3032: Meaning(
        "the source is in offline_mode, and lets only administrators in",
        ("on the source, when that is done: SET GLOBAL offline_mode = 0",),
    ),
    3159: Meaning("the source lets nobody in without TLS (require_secure_transport)", (_TLS,)),
    **dict.fromkeys((3118, 3955, 4150, 4151), _LOCKED),
}  # fmt: skip


def of_source(errno: int, text: str) -> Meaning | None:
    """What the error means; None: its number is not one of a receiver's.

    Args:
        text: as the source has sent it: Last_IO_Error.
    """
    kinds = {1236: _OF_1236, 1593: _OF_1593}.get(errno, ())
    said = text.lower().partition("1236")[2] or text.lower()
    for parts, told in kinds:
        if any(part in said for part in parts):
            return told
    return _OTHER_TEXT.get(errno) or _OF_NUMBER.get(errno)
