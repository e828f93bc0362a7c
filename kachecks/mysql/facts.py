"""What a server is and does, as frozen values. Differences between versions' rows end here.

Unknown is None, never a guess. Rows are read by the column names of every supported version: MySQL
before 8.0.22 and all MariaDB say Master and Slave, newer MySQL says Source and Replica.
"""

from __future__ import annotations

from kachecks.lean import NamedTuple, shown
from kachecks.mysql.errors import CONNECTIONS_USED_UP, Nonsense

Row = dict[str, "str | None"]

LONGEST_NUMBER = 20
"""Digits of 2^64; a server has no longer ones."""

LAST_TRANSACTION = (1 << 63) - 2
"""Of one server (MySQL)."""

LONGEST_TAG, LONGEST_SET = 32, 256 << 10
"""Characters of a GTID's tag (MySQL), and of a set; some thousand servers and gaps."""

DIGITS = frozenset("0123456789")
HEXADECIMAL = DIGITS | frozenset("abcdefABCDEF")
TAG = frozenset("_abcdefghijklmnopqrstuvwxyz") | DIGITS


def text_of(row: Row, column: str) -> str:
    """What must not be NULL. Raises KeyError, Nonsense."""
    text = row[column]
    if text is None:
        raise Nonsense(f"{column} is NULL")
    return text


def number_of(row: Row, column: str) -> int:
    """A whole number. Raises KeyError, Nonsense."""
    text = text_of(row, column)
    digits = text[1:] if text[:1] == "-" else text
    if not _is_number(digits):
        raise Nonsense(f"{column} is no number")
    return int(text)


def is_on(row: Row, column: str) -> bool:
    """A switch. Raises KeyError, Nonsense."""
    word = text_of(row, column).upper()
    if word not in ("0", "OFF", "1", "ON"):
        raise Nonsense(f"{column} is neither ON nor OFF")
    return word in ("1", "ON")


def uuid_of(row: Row, column: str) -> str:
    """A server_uuid. Raises KeyError, Nonsense."""
    text = text_of(row, column)
    if not _is_uuid(text):
        raise Nonsense(f"{column} is no UUID")
    return text


def gtids_of(row: Row, column: str, mariadb: bool) -> str:
    """A GTID set (MySQL) or a list of GTIDs (MariaDB), without newlines and spaces; "" if there are
    none.

    Raises KeyError, Nonsense.
    """
    text = text_of(row, column)
    if len(text) > LONGEST_SET:
        raise Nonsense(f"{column} has {len(text)} characters, {LONGEST_SET} are the most")
    text = text.replace("\n", "").replace(" ", "")
    good = _is_gtid if mariadb else _is_part
    if not all(map(good, filter(None, text.split(",")))):
        raise Nonsense(f"{column} holds no GTIDs")
    return text


def _is_gtid(text: str) -> bool:
    """Such as ``1-2-345``: domain and server of 32 bits, a sequence number of 64."""
    numbers = text.split("-")
    most = (1 << 32, 1 << 32, 1 << 64)
    return (
        len(numbers) == 3
        and all(_is_number(number) for number in numbers)
        and (all(int(number) < limit for number, limit in zip(numbers, most)))
    )


def _is_part(text: str) -> bool:
    """Such as ``UUID:1-5:7``; MySQL 8.3 and later also ``UUID:1-5:tag:1-3``."""
    uuid, *rest = text.split(":")
    some = tag = False
    for word in rest:
        if _is_interval(word):
            some, tag = True, False
        elif tag or not _is_tag(word):
            return False
        else:
            tag = True
    return _is_uuid(uuid) and some and not tag


def _is_interval(text: str) -> bool:
    """A number or two of them, in their order. What MySQL does not take for one it answers with
    1772 when it is asked to compare it."""
    numbers = text.split("-", 1)
    if not all(_is_number(number) for number in numbers):
        return False
    return 1 <= int(numbers[0]) <= int(numbers[-1]) <= LAST_TRANSACTION


def _is_tag(text: str) -> bool:
    """Of the intervals that follow."""
    return 0 < len(text) <= LONGEST_TAG and text[0] not in DIGITS and TAG.issuperset(text)


def _is_number(text: str) -> bool:
    return 0 < len(text) <= LONGEST_NUMBER and DIGITS.issuperset(text)


def _is_uuid(text: str) -> bool:
    return tuple(map(len, text.split("-"))) == (8, 4, 4, 4, 12) and HEXADECIMAL.issuperset(
        text.replace("-", "")
    )


class Version(NamedTuple):
    """Family and number of a server."""

    mariadb: bool
    number: tuple[int, int, int]

    @property
    def lets_admins_write(self) -> bool:
        """read_only does not stop accounts with SUPER or READ_ONLY ADMIN (MariaDB before 12)."""
        return self.mariadb and self.number < (12, 0, 0)

    def __str__(self) -> str:
        return f"{'MariaDB' if self.mariadb else 'MySQL'} {'.'.join(map(str, self.number))}"


_OLD_WORDS = (
    ("REPLICATION SOURCE TO", "MASTER TO"),
    ("SOURCE_", "MASTER_"),
    ("START REPLICA", "START SLAVE"),
    ("RESET REPLICA", "RESET SLAVE"),
    ("replica_", "slave_"),
)


def in_words_of(version: Version, text: str) -> str:
    """A piece of advice, which has the words of MySQL 8.0.26 and later, in those of this server.

    MariaDB and older MySQL know CHANGE MASTER TO, START SLAVE and slave_* only, or as well. Where
    MySQL has SOURCE_AUTO_POSITION, MariaDB has MASTER_USE_GTID.
    """
    if not version.mariadb and version.number >= (8, 0, 26):
        return text
    if version.mariadb:
        text = text.replace("SOURCE_AUTO_POSITION = 1", "SOURCE_USE_GTID = slave_pos")
    for new, old in _OLD_WORDS:
        text = text.replace(new, old)
    return text


def parse_version(text: str) -> Version:
    """The version in a server's greeting, such as ``5.5.5-10.11.19-MariaDB-log`` or ``8.4.3``.

    MariaDB before 11 puts ``5.5.5-`` in front, for old replicas that read only one digit.

    Raises:
        ValueError: the text does not begin with a version number.
    """
    mariadb = "mariadb" in text.lower()
    if mariadb and text.startswith("5.5.5-"):
        text = text[len("5.5.5-") :]
    parts = text.split("-", 1)[0].split(".")
    try:
        major, minor, patch = (int(part) for part in [*parts, "0", "0"][:3])
    except ValueError:
        raise ValueError(
            f"not the version of a MySQL or MariaDB server: {shown(text, 60)!r}"
        ) from None
    return Version(mariadb, (major, minor, patch))


OLDEST = {True: (10, 5, 0), False: (5, 7, 8)}
"""By family (MariaDB or not): what is older is refused.

docs/install.md promises MariaDB from 10.5.9 on, which has the privilege SLAVE MONITOR of the grants
file. Before that SUPER does instead; before 10.5.2 there is no RELEASE_ALL_LOCKS and no promotion.
"""


def supported_version(text: str) -> Version:
    """The same, but raises ValueError also for a version that is too old."""
    version = parse_version(text)
    oldest = OLDEST[version.mariadb]
    if version.number < oldest:
        wanted = ".".join(map(str, oldest))
        raise ValueError(f"{version} is not supported: {wanted} is the oldest that is")
    return version


PASSING = CONNECTIONS_USED_UP | {1053, 1927, 3168, 3169, 4031}
"""Errors of a server that soon go by: it shuts down, or the connection was killed or too long idle
(1927: MariaDB; 3168, 3169, 4031: MySQL 8.0)."""

OFFLINE_MODE = 3032
"""Sent by a server in offline_mode (MySQL)."""

CLIENT_SAYS_NO = frozenset({2005, 2026, 2054, 2058, 2059, 2061})
"""Errors of the client library that stay until somebody mends the configuration: host name unknown,
TLS, authentication plugin."""


HELD_UP_TOO_LONG = frozenset({1205, 1213})
"""Errors with which an applier stops although nothing is wrong with what it applies: it has waited
for a client's row lock, or in a deadlock, as often as slave_transaction_retries says (MySQL 9.7 and
MariaDB 10.11 show 1205 for the applier; by default after ten times 50 s)."""


class Channel(NamedTuple):
    """One replication channel (MariaDB: connection) of a replica."""

    name: str
    source_host: str
    source_port: int
    receiver: str  # "Yes", "No", "Connecting", MariaDB also "Preparing"
    applier: bool
    receiver_errno: int
    receiver_error: str
    applier_errno: int
    applier_error: str
    lag_seconds: int | None  # None: NULL (a thread stands still) or no time at all, never 0
    gtid: bool  # positions are GTIDs, not a file and an offset
    received_gtid: str
    heartbeats: int  # MariaDB: received since the start; sent when there is nothing else to send
    source_id: str  # server_uuid (MySQL) or server_id (MariaDB) of the source, "" if never seen
    read_up_to: str = ""  # file and offset at the source: grows while a large transaction arrives
    filters: tuple[str, ...] = ()  # "Replicate_Ignore_DB = test"

    @property
    def label(self) -> str:
        """Its name as people are told it; "" for the one without a name."""
        return shown(self.name, LONGEST_CHANNEL)

    @property
    def receiving(self) -> bool:
        """The receiver is connected to its source."""
        return self.receiver == "Yes"

    @property
    def turned_away(self) -> bool:
        """The receiver tries again and again, and its source, which lives, sends an error: 1130,
        1045, 1862, an account that is locked (3118, MariaDB 4151) ... It does not come back by
        itself.

        Errors of this end prove nothing (2003: nobody there, 2013: lost; those of the client
        library are 2000 to 2999), nor that no connection is left just now.
        """
        errno = self.receiver_errno
        sent = 1000 <= errno < 2000 or errno >= 3000 or errno in CLIENT_SAYS_NO
        return self.receiver == "Connecting" and sent and errno not in PASSING

    @property
    def source_offline(self) -> bool:
        """The receiver is turned away by offline_mode at its source, which throws all clients but
        administrators out."""
        return self.receiver == "Connecting" and self.receiver_errno == OFFLINE_MODE

    @property
    def receiver_said(self) -> str:
        """Its last error in one line, or that there is none."""
        return _said(self.receiver_errno, self.receiver_error)

    @property
    def applier_gave_up_waiting(self) -> bool:
        """The applier has stopped although nothing is wrong with what it applies."""
        return not self.applier and self.applier_errno in HELD_UP_TOO_LONG

    @property
    def applier_said(self) -> str:
        """Its last error in one line, or that there is none."""
        return _said(self.applier_errno, self.applier_error)


FILTERS = (
    "Replicate_Do_DB", "Replicate_Ignore_DB", "Replicate_Do_Table", "Replicate_Ignore_Table",
    "Replicate_Wild_Do_Table", "Replicate_Wild_Ignore_Table", "Replicate_Ignore_Server_Ids",
    "Replicate_Do_Domain_Ids", "Replicate_Ignore_Domain_Ids", "Replicate_Rewrite_DB",
)  # fmt: skip
"""Columns of the replication status by which something is left out, or goes elsewhere. GTIDs count
it as applied. Only MariaDB has domains, and no rewriting before 10.11."""


LONGEST_LAG = 2**31
"""Seconds, 68 years. 4294967295 is a difference below 0 that a server has taken for a huge one."""


def _lag(row: Row, column: str) -> int | None:
    """None also for what is no time: less than 0 (a source's clock that is ahead), or for ever."""
    seconds = -1 if row[column] is None else number_of(row, column)
    return seconds if 0 <= seconds < LONGEST_LAG else None


def _said(errno: int, text: str) -> str:
    return f"error {errno}: {' '.join(text.split())}" if errno else "no error"


LONGEST_ERROR = 1024
"""Characters: no server keeps more of an error of replication (MAX_SLAVE_ERRMSG)."""

LONGEST_CHANNEL = 64
"""Characters: no server has a longer name of a channel."""

LONGEST_NAME = 255
"""Characters of a host name (MySQL 8.0), or of a filter, that people are told."""


def parse_channel(row: Row) -> Channel:
    """One row of SHOW REPLICA STATUS, SHOW SLAVE STATUS or SHOW ALL SLAVES STATUS.

    Raises:
        KeyError: a column that every supported version has is missing; it is named.
        Nonsense: a value that none has.
    """

    def named(new: str, old: str) -> str:
        return new if new in row else old

    def text(new: str, old: str = "") -> str:
        return row[named(new, old or new)] or ""

    gtid, received_gtid, source_id = _by_gtid(row)
    heartbeats = "Slave_received_heartbeats"
    return Channel(
        name=row.get("Channel_Name") or row.get("Connection_name") or "",
        source_host=shown(text("Source_Host", "Master_Host"), LONGEST_NAME),
        source_port=number_of(row, named("Source_Port", "Master_Port")),
        receiver=text_of(row, named("Replica_IO_Running", "Slave_IO_Running")),
        applier=text_of(row, named("Replica_SQL_Running", "Slave_SQL_Running")) == "Yes",
        receiver_errno=number_of(row, "Last_IO_Errno"),
        receiver_error=shown(text("Last_IO_Error"), LONGEST_ERROR),
        applier_errno=number_of(row, "Last_SQL_Errno"),
        applier_error=shown(text("Last_SQL_Error"), LONGEST_ERROR),
        lag_seconds=_lag(row, named("Seconds_Behind_Source", "Seconds_Behind_Master")),
        gtid=gtid,
        received_gtid=received_gtid,
        read_up_to=(
            f"{text('Source_Log_File', 'Master_Log_File')}"
            f":{text('Read_Source_Log_Pos', 'Read_Master_Log_Pos')}"
        ),
        heartbeats=number_of(row, heartbeats) if heartbeats in row else 0,
        source_id=source_id,
        filters=tuple(
            shown(f"{name} = {row[name]}", LONGEST_NAME) for name in FILTERS if row.get(name)
        ),
    )


def _by_gtid(row: Row) -> tuple[bool, str, str]:
    """Whether positions are GTIDs; the GTIDs received; the identity of the source."""
    mariadb = "Using_Gtid" in row
    received = gtids_of(row, "Gtid_IO_Pos" if mariadb else "Retrieved_Gtid_Set", mariadb)
    if mariadb:
        source = row.get("Source_Server_Id") or row.get("Master_Server_Id") or "0"
        return text_of(row, "Using_Gtid") != "No", received, "" if source == "0" else source
    source = row.get("Source_UUID") or row.get("Master_UUID") or ""
    return is_on(row, "Auto_Position"), received, source


GROUP_CHANNEL = "group_replication_applier"
"""The channel through which a member of Group Replication applies (MySQL 8.0 manual, Replication
Channels)."""


class Facts(NamedTuple):
    """What one look at a server has found."""

    version: Version
    server_id: int
    server_uuid: str  # "" on MariaDB, which has none
    writable: bool  # an ordinary account may write
    closed: bool  # nobody may write, as far as this server version can promise
    channels: tuple[Channel, ...]
    group_member: bool = False  # of Group Replication (MySQL), and running
    channels_known: bool = True  # False: the server answers, but does not tell its channels

    @property
    def identity(self) -> str:
        """What other servers call this one in their replication status and GTIDs."""
        return self.server_uuid or str(self.server_id)


class Access(NamedTuple):
    """Who may write."""

    writable: bool
    closed: bool


def parse_access(version: Version, row: Row) -> Access:
    """Open or closed, from ``@@global.read_only`` and ``@@global.super_read_only``.

    Closed means super_read_only on MySQL (5.7.8 and later), which nobody can write through. On
    MariaDB 12.0 and later, where read_only is a word, it means NO_LOCK_NO_ADMIN. Older MariaDB has
    nothing stronger than read_only (MariaDB manual, read_only).

    Raises:
        KeyError, Nonsense: not known.
    """
    if version.mariadb and version.number >= (12, 0, 0):
        word = text_of(row, "read_only").upper()
        if word in ("NO_LOCK", "2", "NO_LOCK_NO_ADMIN", "3"):
            return Access(writable=False, closed=word in ("NO_LOCK_NO_ADMIN", "3"))
        return Access(not is_on(row, "read_only"), closed=False)
    writable = not is_on(row, "read_only")
    if version.mariadb:
        return Access(writable, not writable)
    return Access(writable, is_on(row, "super_read_only") and not writable)


def channels_by_identity(channels: tuple[Channel, ...], identity: str) -> tuple[Channel, ...]:
    """The channels that read from the server with this identity; all, where none is known to do
    so."""
    known = tuple(channel for channel in channels if channel.source_id == identity)
    return known or channels


def channels_by_address(
    channels: tuple[Channel, ...], peer: str, identity: str = ""
) -> tuple[Channel, ...]:
    """The channels that read from ``peer``.

    A channel may name its source by host name, which a check does not resolve, as that can hang. So
    where no channel names the address, those count that have read from the server with the peer's
    identity, and where that is not known either, all of them.
    """
    named = tuple(channel for channel in channels if channel.source_host == peer)
    if named or not identity:
        return named or channels
    return channels_by_identity(channels, identity)


def filtered(channels: tuple[Channel, ...]) -> str:
    """That one of these channels leaves something out, with the cure; "" if none does."""
    for channel in channels:
        if channel.filters:
            return (
                f"replication from {channel.source_host} leaves something out, and GTIDs count it"
                f" as applied: {', '.join(channel.filters)}; remove the filter, and rebuild this"
                " server if it has left anything out"
            )
    return ""


def by_file(channels: tuple[Channel, ...]) -> str:
    """That these channels go by file and offset, with the cure; "" if one of them goes by GTIDs.

    One of several may be from a third server, where the peer is not recognised by its address.
    """
    if not channels or any(channel.gtid for channel in channels):
        return ""
    return (
        f"replication from {channels[0].source_host} goes by file and offset, and only GTIDs tell"
        " what a server lacks: CHANGE REPLICATION SOURCE TO SOURCE_AUTO_POSITION = 1 (MySQL before"
        " 8.0.23: CHANGE MASTER TO MASTER_AUTO_POSITION = 1; MariaDB: MASTER_USE_GTID = slave_pos)"
    )
