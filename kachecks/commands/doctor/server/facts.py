"""What doctor knows of the two servers, as frozen values. Differences between versions end here."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import NamedTuple

from kachecks.commands.doctor.rule import PEER
from kachecks.commands.doctor.server.grants import Grant
from kachecks.commands.doctor.server.my_cnf import Option
from kachecks.config.options import Config
from kachecks.mysql.facts import Access, Channel, Row, Version, number_of, parse_channel


class Origin(NamedTuple):
    """Where the value of a variable comes from."""

    kind: str  # file, command line, mysqld-auto.cnf, statement, default, unknown
    path: str  # of the file; MySQL alone tells


_KINDS = {
    "COMPILED": "default",  # MySQL manual, performance_schema.variables_info
    "GLOBAL": "file",
    "SERVER": "file",
    "EXPLICIT": "file",
    "EXTRA": "file",
    "USER": "file",
    "LOGIN": "file",
    "COMMAND_LINE": "command line",
    "PERSISTED": "mysqld-auto.cnf",
    "DYNAMIC": "statement",
    "COMPILE-TIME": "default",  # MariaDB manual, information_schema.SYSTEM_VARIABLES
    "AUTO": "default",
    "CONFIG": "file",
    "COMMAND-LINE": "command line",
    "SQL": "statement",
}


def parse_origins(rows: list[Row]) -> dict[str, Origin]:
    """By the variable's name in lower case."""
    return {
        (row["name"] or "").lower(): Origin(
            _KINDS.get(row["source"] or "", "unknown"), row["path"] or ""
        )
        for row in rows
    }


class Source(NamedTuple):
    """One replication channel, with what is only of interest for judging the setup."""

    channel: Channel
    connect_retry: int  # s
    retry_count: int | None  # None: the server does not tell (MariaDB before 12)
    heartbeat_period: float | None  # s; None: not told (MySQL, without more privileges)
    delay: int  # s
    encrypted: bool
    has_key: bool | None  # asks for, or has, the source's public key; None: no such thing (MariaDB)

    @property
    def label(self) -> str:
        """For people."""
        name = f"channel {self.channel.label}, " if self.channel.name else ""
        return f"{name}source {self.channel.source_host} port {self.channel.source_port}"


def parse_source(row: Row) -> Source:
    """One row of the replication status. Raises KeyError and Nonsense as parse_channel does, and
    ValueError."""
    counts = [name for name in ("Source_Retry_Count", "Master_Retry_Count") if row.get(name)]
    period = row.get("Slave_heartbeat_period")
    key_columns = [name for name in row if name.lower().endswith("_public_key")]
    key_paths = [name for name in row if name.endswith("_public_key_path")]
    has_key = any(row[name] == "1" for name in key_columns) or any(row[n] for n in key_paths)
    allowed = row.get("Source_SSL_Allowed") or row.get("Master_SSL_Allowed") or "No"
    return Source(
        channel=parse_channel(row),
        connect_retry=number_of(row, "Connect_Retry"),
        retry_count=number_of(row, counts[0]) if counts else None,
        heartbeat_period=float(period) if period else None,
        delay=number_of(row, "SQL_Delay") if row.get("SQL_Delay") else 0,
        encrypted=allowed != "No",
        has_key=has_key if key_columns else None,
    )


class ServerFacts(NamedTuple):
    """One server. What could not be asked is None, and ``troubles`` says why."""

    node: str  # HERE or PEER
    address: str  # where the other node reaches it, "" unknown
    version: Version
    access: Access
    variables: Mapping[str, str]  # by the name in lower case
    origins: Mapping[str, Origin] | None  # None: the server does not tell (MySQL 5.7)
    persisted: Mapping[str, str]  # mysqld-auto.cnf
    options: tuple[Option, ...] | None  # of its files and command line; None: not to be seen
    socket_unit: bool  # the first process listens on its unix socket, in its place
    service: str | None  # of systemd, in which its process runs; "" none; None: not to be seen
    sources: tuple[Source, ...] | None
    account: str  # user@host that let us in
    plugin: str  # by which that account logs in; "" where the server does not tell
    grants: tuple[Grant, ...]
    people: tuple[str, ...]  # who have sessions with our accounts, beside kachecks: USER@HOST
    cipher: str  # of our session, "" in clear
    view: bool | None  # kachecks.read_only_exempt can be read; None: not needed
    by_routine: tuple[str, ...]  # accounts that write through read_only by calling a routine
    idle_events: str | None  # names; None: they could not be asked for
    clock_ahead: float | None  # s before this host's clock
    clock_error: float  # s that clock_ahead may be wrong by
    troubles: Mapping[str, str]  # by the field's name

    def value(self, *names: str) -> str | None:
        """The first of these variables that this server has; None if it has none of them."""
        name = self.name_of(*names)
        return None if name is None else self.variables[name]

    def name_of(self, *names: str) -> str | None:
        """What this server calls it."""
        return next((name for name in names if name in self.variables), None)

    def number(self, *names: str) -> float | None:
        """A variable that is a number; None where there is none."""
        try:
            found = float(self.value(*names) or "")
        except ValueError:
            return None
        return found if isfinite(found) else None

    def is_on(self, *names: str) -> bool:
        """A switch. One that this server does not have is off."""
        return is_on(self.value(*names) or "")

    @property
    def at_peer(self) -> bool:
        """It is the other node's."""
        return self.node == PEER

    @property
    def identity(self) -> str:
        """What the other server calls this one: server_uuid (MySQL) or server_id."""
        return self.value("server_uuid") or self.value("server_id") or ""

    def came_from(self, name: str) -> Origin:
        """Where the value of a variable comes from."""
        return (self.origins or {}).get(name) or Origin("unknown", "")


class PairFacts(NamedTuple):
    """Both servers of the pair."""

    config: Config
    here: ServerFacts | None
    here_trouble: str  # why it could not be asked
    driver_lacks: str  # what it would take for that account to be let in; "" nothing
    peer: ServerFacts | None
    peer_trouble: str
    peer_spoke: bool  # the peer's server has answered, with an error: its host and mysqld are up
    errant: Mapping[str, str]  # by node: transactions that only this closed server has
    errant_trouble: str  # why that could not be told

    @property
    def peer_answered(self) -> bool:
        """The peer's server has answered, be it with an error."""
        return self.peer is not None or self.peer_spoke

    @property
    def both(self) -> tuple[ServerFacts, ServerFacts] | None:
        """The pair, where both could be asked."""
        return (self.here, self.peer) if self.here and self.peer else None

    @property
    def asked(self) -> list[tuple[ServerFacts, ServerFacts | None]]:
        """Every server that could be asked, with the other one."""
        pairs = ((self.here, self.peer), (self.peer, self.here))
        return [(server, other) for server, other in pairs if server]


def is_on(value: str) -> bool:
    """As servers and option files write a switch."""
    return value.upper() in ("ON", "1", "YES", "TRUE")
