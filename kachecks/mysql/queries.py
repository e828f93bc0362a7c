"""All SQL, by server family and version, with what each statement does to the server.

What only the operator's commands ask is in operator_queries, which the check does not load.

The privileges named here were measured on MySQL 9.7 and MariaDB 10.11, and the grants in
keepalived-snippets give exactly these.
"""

from __future__ import annotations

from kachecks.mysql.facts import Version

OUR_SCHEMA = "information_schema"
"""The default database of our sessions, by which the process list tells them from those of people
who use the same account. It is always there, and selecting it needs no privilege and waits for
nothing (measured on MySQL 9.7 and MariaDB 10.11)."""

UNCUT = "sql_select_limit = 18446744073709551615, sql_big_selects = 1"
"""For a SET of our own session, so that what is set globally cuts no answer short.

A small sql_select_limit cuts SHOW GLOBAL VARIABLES and STATUS too, and the process list where
performance_schema answers it; a small max_join_size, which sql_big_selects overrides, refuses all
three with 1104 (measured on MySQL 9.7 and MariaDB 10.11). What else is shown stays whole: channels,
grants, XA RECOVER. Both variables are in every version, and need no privilege.
"""

# --- statements that only read -------------------------------------------------------------

UPTIME = "SHOW GLOBAL STATUS LIKE 'Uptime'"
"""Whole seconds since the server's start. Needs no privilege, and FLUSH STATUS leaves it."""

CIPHER = "SHOW SESSION STATUS LIKE 'Ssl_cipher'"
"""An empty value means that this very connection is not encrypted. Needs no privilege."""


def globals_of(version: Version) -> str:
    """Identity and access. Needs no privilege. super_read_only: MySQL 5.7.8 and later."""
    if version.mariadb:
        return "SELECT @@global.read_only AS read_only, @@global.server_id AS server_id"
    return (
        "SELECT @@global.read_only AS read_only, @@global.super_read_only AS super_read_only,"
        " @@global.server_id AS server_id, @@global.server_uuid AS server_uuid"
    )


def replication_status(version: Version) -> str:
    """One row per channel; no row means no replica. Takes no lock that a hung write holds.

    Needs REPLICATION CLIENT (MySQL), SLAVE MONITOR (MariaDB 10.5.9 and later).
    SHOW REPLICA STATUS: MySQL 8.0.22 and later; SHOW SLAVE STATUS was removed in 8.4.
    """
    if version.mariadb:
        return "SHOW ALL SLAVES STATUS"
    return "SHOW REPLICA STATUS" if version.number >= (8, 0, 22) else "SHOW SLAVE STATUS"


def executed(version: Version) -> str:
    """All transactions in this server, as a GTID set. Needs no privilege, waits for nothing.

    MariaDB: gtid_binlog_state, the last number of each domain and server in its binary log,
    and gtid_slave_pos, which also covers what was applied before the binary log began.
    """
    if version.mariadb:
        return (
            "SELECT @@global.gtid_binlog_state AS executed, @@global.gtid_slave_pos AS applied,"
            " '' AS gtid_mode"
        )
    return (
        "SELECT @@global.gtid_executed AS executed, '' AS applied, @@global.gtid_mode AS gtid_mode"
    )


def gtid_missing(wanted: str, present: str) -> str:
    """MySQL: the transactions of one set that another lacks. Both are checked to be GTID sets.

    Raises ValueError: one is none. What a server sends was checked when it was read.
    """
    return f"SELECT GTID_SUBTRACT('{_gtid_set(wanted)}', '{_gtid_set(present)}') AS missing"


def _gtid_set(text: str) -> str:
    compact = text.replace("\n", "").replace(" ", "")
    if any(not (character.isalnum() or character in "-:,_") for character in compact):
        raise ValueError("this is not a GTID set")
    return compact


def ability(version: Version) -> str:
    """What keeps a server from taking writes besides read_only. Needs no privilege.

    offline_mode: MySQL 5.7.5 and later. transaction_read_only is tx_read_only before MySQL 5.7.20
    and MariaDB 11.1.1, and the old name alone is gone in MySQL 8.0.3.
    """
    offline = "'0'" if version.mariadb else "@@global.offline_mode"
    renamed = version.number >= ((11, 1, 1) if version.mariadb else (5, 7, 20))
    read_only = "transaction_read_only" if renamed else "tx_read_only"
    return (
        "SELECT @@global.innodb_force_recovery AS innodb_force_recovery,"
        f" @@global.innodb_read_only AS innodb_read_only, {offline} AS offline_mode,"
        f" @@global.{read_only} AS transaction_read_only"
    )


UNKNOWN_VARIABLE = 1193
"""Of a server in which the engine is not loaded that would have it."""


GALERA = "SELECT @@global.wsrep_on AS wsrep_on, @@global.wsrep_provider AS provider"
"""Whether this is a server of Galera. 1193 where it was built without. Needs no privilege, and
waits for nothing without wsrep_sync_wait."""

DIRECTORIES = (
    "SELECT @@global.datadir AS datadir, @@global.log_bin_basename AS binlog,"
    " @@global.tmpdir AS tmpdir"
)
"""Where the server writes; NULL if it has no binary log. Needs no privilege, touches no disk."""


PROCESSLIST = "SHOW PROCESSLIST"
"""All sessions; without PROCESS only those of the same account. Works on a full disk too, where
MySQL's information_schema.processlist fails. Not all of them either where performance_schema
answers it (MySQL 8.0.22 and later, performance_schema_show_processlist) and is OFF, has too few
thread instances, or is cut by sql_select_limit."""

CONNECTED = "SHOW GLOBAL STATUS LIKE 'Threads_connected'"
"""How many connections there are, those being logged in or ended too, but none of the server's own
threads. Needs no privilege."""

TRANSACTIONS = (
    "SELECT trx_mysql_thread_id AS id, TIMESTAMPDIFF(SECOND, trx_started,"
    " COALESCE(CONVERT_TZ(NOW(), @@session.time_zone, 'SYSTEM'), NOW())) AS seconds,"
    " trx_rows_modified AS modified FROM information_schema.innodb_trx ORDER BY trx_started"
    " LIMIT 18446744073709551615"
)
"""Open transactions, the oldest first; the limit stands in for sql_select_limit. Needs PROCESS.
Takes a latch of InnoDB, so no check may use it. trx_started is in the system's time zone, NOW() in
the session's; CONVERT_TZ gives NULL for a named zone whose tables are not loaded."""


def of_the_view(select: str) -> str:
    """MariaDB: a question to the view of accounts that is answered whole, whatever is set globally.

    A small max_recursive_iterations drops, without an error, who has his right by so many roles,
    and PAD_CHAR_TO_FULL_LENGTH fills the names up with blanks (10.11). 10.5 has all the variables
    (manual). max_session_mem_used is not lifted here (tried on 10.11): that is error 1290.
    """
    return (
        f"SET STATEMENT lock_wait_timeout = 0, {UNCUT}, max_statement_time = 0,"
        f" max_recursive_iterations = 4294967295, sql_mode = '' FOR {select}"
    )


WRITE_THROUGH_ACCOUNTS = of_the_view("SELECT DISTINCT user FROM kachecks.read_only_exempt")
"""MariaDB before 12: accounts that may write through read_only, ours included. It reads a view that
grants.mariadb.sql makes, because the server's own tables that tell this also hold the hashes of all
passwords. Fails with 1146 or 1142 without the view, with 1045, 1356 or 1449 when the account that
made it is gone or has lost its rights, and at once with 1205 while somebody has locked the tables
below it."""

NO_VIEW = frozenset({1142, 1146})
"""Errors of a server without it, or whose account may not read it."""


def state_of(connection: int) -> str:
    """What a session's statement is at, of MariaDB: no row where none is running."""
    return (
        "SELECT STATE AS state FROM information_schema.PROCESSLIST"  # noqa: S608
        f" WHERE COMMAND = 'Query' AND ID = {connection:d}"
    )


SEMI_SYNC_SOURCE = (
    "SHOW GLOBAL VARIABLES WHERE Variable_name IN"
    " ('rpl_semi_sync_master_enabled', 'rpl_semi_sync_source_enabled') AND Value = 'ON'"
)
"""The switch of semi-synchronous replication, if it is on, by the name that this server gives
it."""

SEMI_SYNC_ACKNOWLEDGED = (
    "SHOW GLOBAL STATUS WHERE Variable_name IN"
    " ('Rpl_semi_sync_master_yes_tx', 'Rpl_semi_sync_source_yes_tx')"
)
"""How many transactions a replica has acknowledged in time, in the column Value; no row without the
plugin. Needs no privilege."""

LOCK_HOLDER = (
    "SELECT threads.PROCESSLIST_ID AS id FROM performance_schema.metadata_locks AS wanted"
    " JOIN performance_schema.metadata_locks AS held ON held.OBJECT_TYPE = wanted.OBJECT_TYPE"
    " AND held.OBJECT_SCHEMA <=> wanted.OBJECT_SCHEMA AND held.OBJECT_NAME <=> wanted.OBJECT_NAME"
    " JOIN performance_schema.threads AS threads ON threads.THREAD_ID = held.OWNER_THREAD_ID"
    " WHERE wanted.LOCK_STATUS = 'PENDING' AND held.LOCK_STATUS = 'GRANTED'"
    " AND held.OWNER_THREAD_ID <> wanted.OWNER_THREAD_ID AND threads.PROCESSLIST_ID IS NOT NULL"
    " ORDER BY held.LOCK_DURATION = 'EXPLICIT' DESC, threads.PROCESSLIST_TIME DESC LIMIT 1"
)
"""The connection that holds a lock for which others wait. Needs SELECT on both tables (1142
without), and a server that fills them: MySQL 8.0 and later by default; no row elsewhere. Waits for
no lock."""

PREPARED = "XA RECOVER"
"""A row for each prepared XA transaction, those of the applier too. MySQL 8.0 and later: needs
XA_RECOVER_ADMIN, and fails with 1401 without (9.7); MySQL 5.7 and MariaDB: no privilege. Waits for
no lock."""

PING = "SELECT 1 AS one"
"""Keeps the session, and the lock it holds, from timing out."""

# --- statements that change something ------------------------------------------------------


def prepare_to_close(version: Version) -> str:
    """Without it, SET GLOBAL read_only waits for any running write for up to lock_wait_timeout, a
    year by default, and holds up all other writes meanwhile. With it, it fails with 1205 after a
    second. With autocommit off it would fail with 1192 if this very session had a transaction open.

    The last variable (MariaDB 10.1, MySQL 5.7.8 and later) is a time limit of statements that may
    be set globally; MariaDB ends SET GLOBAL read_only with 1969 for it.
    """
    limit = "max_statement_time" if version.mariadb else "max_execution_time"
    return f"SET SESSION lock_wait_timeout = 1, autocommit = 1, {UNCUT}, {limit} = 0"


LET_GO_WHEN_SILENT = f"SET SESSION wait_timeout = 3, autocommit = 1, {UNCUT}"
"""Makes the server end this session, and free its lock, soon after its client has died or was cut
off."""


def close_writes(version: Version) -> str:
    """Make the server refuse all writes. Waits for running writes and for LOCK TABLES ... WRITE,
    and fails with 1205 if they take too long.

    Needs SYSTEM_VARIABLES_ADMIN (MySQL 8.0), READ_ONLY ADMIN (MariaDB 10.5 and later, where
    SUPER does not do), SUPER (MySQL 5.7). MySQL: super_read_only switches read_only on too.
    """
    if not version.mariadb:
        return "SET GLOBAL super_read_only = 1"
    if version.number >= (12, 0, 0):
        return "SET GLOBAL read_only = 'NO_LOCK_NO_ADMIN'"
    return "SET GLOBAL read_only = 1"


OPEN_WRITES = "SET GLOBAL read_only = 0"
"""Lets everybody write. MySQL: switches super_read_only off too."""


def kill(connection_id: str) -> str:
    """End a session and roll back its transaction. Returns at once; needs CONNECTION_ADMIN.

    On MySQL with a full disk, killing the writer that hangs ends mysqld (binlog_error_action).
    """
    return f"KILL {int(connection_id)}"


SEMI_SYNC_SWITCHES = ("rpl_semi_sync_master_enabled", "rpl_semi_sync_source_enabled")
"""The names that servers give it: MySQL before 8.0.26 and MariaDB, and MySQL since then."""


def switch_off(variable: str) -> str:
    """Switch semi-sync off: commits that wait for an acknowledgement go on without it. Raises
    ValueError: it is none of the switches."""
    return f"SET GLOBAL {_semi_sync(variable)} = 0"


def switch_on(variable: str) -> str:
    """Switch semi-sync on again, once nobody can write. Raises ValueError: it is none of the
    switches."""
    return f"SET GLOBAL {_semi_sync(variable)} = 1"


def _semi_sync(variable: str) -> str:
    if variable not in SEMI_SYNC_SWITCHES:
        raise ValueError("this is no switch of semi-sync")
    return variable


def take_lock(name: str, seconds: int) -> str:
    """Take a lock for this session, in this server alone (it is not replicated). 1: taken, 0:
    not."""
    return f"SELECT GET_LOCK('kachecks.{name}', {seconds}) AS taken"


def lock_is_used_by(name: str) -> str:
    """The connection that holds the lock of take_lock in this server, or NULL. No privilege."""
    return f"SELECT IS_USED_LOCK('kachecks.{name}') AS id"


RELEASE_LOCKS = "DO RELEASE_ALL_LOCKS()"
"""Frees every lock of this session. MySQL 5.7.5, MariaDB 10.5.2 and later."""


def start_applier(version: Version, channel: str) -> str:
    """Apply what is in the relay log. Needs REPLICATION_SLAVE_ADMIN, or SUPER on MySQL 5.7."""
    return _threads(version, channel, "START", "SQL_THREAD")


def start_replication(version: Version, channel: str) -> str:
    """Start both threads. MariaDB with GTID drops its relay log first and fetches it again."""
    return _threads(version, channel, "START", "")


def stop_receiver(version: Version, channel: str) -> str:
    """Stop fetching. On MariaDB with GTID never do so while the applier is stopped: what was
    received would be lost."""
    return _threads(version, channel, "STOP", "IO_THREAD")


def start_receiver(version: Version, channel: str) -> str:
    """Connect to the source now instead of after connect_retry seconds."""
    return _threads(version, channel, "START", "IO_THREAD")


def stop_applier(version: Version, channel: str) -> str:
    """Stop applying. MariaDB rolls back what it has applied of a transaction, MySQL waits for its
    end."""
    return _threads(version, channel, "STOP", "SQL_THREAD")


def forget_relay_log(version: Version, channel: str) -> str:
    """MySQL, both threads stopped: throw the relay log away, and the applier's error. What it held
    is fetched again.

    It changes no setting of a channel that goes by GTIDs. Needs REPLICATION_SLAVE_ADMIN, or SUPER
    on MySQL 5.7; RESET REPLICA would need RELOAD.
    """
    new = "REPLICATION SOURCE TO SOURCE_AUTO_POSITION = 1"
    words = new if version.number >= (8, 0, 23) else "MASTER TO MASTER_AUTO_POSITION = 1"
    return f"CHANGE {words}" + _for_channel(channel)


def literal(text: str) -> str:
    """The text in quotes, as SQL has it. It ends where it should with NO_BACKSLASH_ESCAPES too,
    which then sees each backslash twice."""
    doubled = text.replace("\\", "\\\\").replace("'", "''")
    return f"'{doubled}'"


def _threads(version: Version, channel: str, verb: str, thread: str) -> str:
    if version.mariadb:
        name = f"{literal(channel)} " if channel else ""
        return f"{verb} SLAVE {name}{thread}".rstrip()
    noun = "REPLICA" if version.number >= (8, 0, 22) else "SLAVE"
    return f"{verb} {noun} {thread}".rstrip() + _for_channel(channel)


def _for_channel(channel: str) -> str:
    return f" FOR CHANNEL {literal(channel)}" if channel else ""


SWITCH_OFF_EVENTS = "SET GLOBAL event_scheduler = 0"
"""Events of privileged definers write through read_only of MariaDB before 12. Needs SUPER."""

SWITCH_ON_EVENTS = "SET GLOBAL event_scheduler = 1"

EVENTS = "SELECT @@global.event_scheduler AS event_scheduler"
