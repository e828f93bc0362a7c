"""Rules: how one server replicates, channel by channel. Pure.

Where the status could not be read nothing is said here: REPLICATION_RUNS tells.
"""

from __future__ import annotations

from collections.abc import Iterator

from kachecks.commands.doctor.rule import FAILURE, WARNING, Found, Rule, Table
from kachecks.commands.doctor.server.facts import Server, Source

LONGEST_RETRY = 10
"""Seconds between tries of a receiver; each one may be missed by that much after a restart."""

SHORTEST_PATIENCE = 86400
"""Seconds for which a receiver must go on trying: a peer that is down over night comes back."""

LONGEST_HEARTBEAT = 5.0
"""Seconds between heartbeats of a MariaDB source; a drain may have to wait for two of them."""

POSITIONS = Rule(
    "POSITIONS",
    WARNING,
    "replication positions are GTIDs (SOURCE_AUTO_POSITION = 1, MASTER_USE_GTID = slave_pos)",
    "a file and an offset mean nothing on the other node: a rebuilt node, or one that was restored,"
    " goes on at the wrong place, and what one node alone has cannot be told",
    "with the replica stopped: CHANGE REPLICATION SOURCE TO SOURCE_AUTO_POSITION = 1 (MySQL),"
    " CHANGE MASTER TO MASTER_USE_GTID = slave_pos (MariaDB)",
)
CONNECT_RETRY = Rule(
    "CONNECT_RETRY",
    WARNING,
    f"a receiver tries to connect again within {LONGEST_RETRY} s",
    "after a restart of the peer the standby waits for the next try, and lacks what is written"
    " meanwhile; the default is 60 s",
    "SOURCE_CONNECT_RETRY = 1 (MASTER_CONNECT_RETRY) in CHANGE REPLICATION SOURCE (CHANGE MASTER)",
)
RETRY_COUNT = Rule(
    "RETRY_COUNT",
    FAILURE,
    "a receiver goes on trying for a day at least",
    "when the peer is down for longer, the receiver gives up for good and the node is no standby"
    " any more; MySQL 9 tries 10 times by default",
    "SOURCE_RETRY_COUNT = 86400 (MASTER_RETRY_COUNT) with a SOURCE_CONNECT_RETRY of 1",
)
HEARTBEAT = Rule(
    "HEARTBEAT",
    WARNING,
    f"a MariaDB source sends heartbeats every {LONGEST_HEARTBEAT:g} s or more often",
    "a promotion after a disk was full waits for two heartbeats to know that all has come",
    "MASTER_HEARTBEAT_PERIOD = 1 in CHANGE MASTER",
)
DELAY = Rule(
    "DELAY",
    WARNING,
    "the replica does not apply late on purpose",
    "a promotion has to apply everything that waits: clients are out for the length of the delay",
    "SOURCE_DELAY = 0 (MASTER_DELAY); keep a delayed replica as a third server",
)
FILTERS = Rule(
    "FILTERS",
    WARNING,
    "replication leaves nothing out",
    "after a failover clients miss what was left out, and accounts too if it was the mysql schema",
    "remove the replicate_* options from my.cnf, and CHANGE REPLICATION FILTER on MySQL; then copy"
    " what is missing",
)
SOURCE_KEY = Rule(
    "SOURCE_KEY",
    WARNING,
    "a MySQL receiver uses TLS or gets the source's public key",
    "caching_sha2_password lets an account in without either only as long as the source remembers"
    " it: after the source's restart the receiver is shut out (error 2061)",
    "SOURCE_SSL = 1, or GET_SOURCE_PUBLIC_KEY = 1, in CHANGE REPLICATION SOURCE",
)


def _sources(server: Server) -> tuple[Source, ...]:
    return server.sources or ()


def uses_gtids(server: Server) -> Iterator[Found]:
    """POSITIONS."""
    for source in _sources(server):
        if not source.channel.gtid:
            yield Found(f"{source.label}: by file and position", "", server.node)


def retries_soon(server: Server) -> Iterator[Found]:
    """CONNECT_RETRY."""
    for source in _sources(server):
        if source.connect_retry > LONGEST_RETRY:
            said = f"{source.label}: tries again every {source.connect_retry} s"
            yield Found(said, "", server.node)


def retries_long(server: Server) -> Iterator[Found]:
    """RETRY_COUNT. 0 is without end."""
    for source in _sources(server):
        seconds = source.connect_retry * (source.retry_count or 0)
        if source.retry_count and seconds < SHORTEST_PATIENCE:
            yield Found(
                f"{source.label}: {source.retry_count} tries, one every {source.connect_retry} s:"
                f" it gives up after {_duration(seconds)}",
                "",
                server.node,
            )


def _duration(seconds: int) -> str:
    return f"{seconds / 3600:.1f} h" if seconds >= 7200 else f"{seconds / 60:.0f} min"


def sends_heartbeats(server: Server) -> Iterator[Found]:
    """HEARTBEAT. MariaDB alone tells; 0 is never."""
    if not server.version.mariadb:
        return
    for source in _sources(server):
        period = source.heartbeat_period
        if period is not None and not 0 < period <= LONGEST_HEARTBEAT:
            said = f"every {period:g} s" if period else "never"
            yield Found(f"{source.label}: a heartbeat {said}", "", server.node)


def applies_at_once(server: Server) -> Iterator[Found]:
    """DELAY."""
    for source in _sources(server):
        if source.delay:
            yield Found(f"{source.label}: {source.delay} s late", "", server.node)


def leaves_nothing_out(server: Server) -> Iterator[Found]:
    """FILTERS, of replicas, and of binary logs as far as option files show them."""
    for source in _sources(server):
        for each in source.filters:
            yield Found(f"{source.label}: {each}", "", server.node)
    for option in server.options or ():
        if option.name in ("binlog_do_db", "binlog_ignore_db"):
            yield Found(f"{option.name} = {option.value}", option.where, server.node)


def knows_the_key(server: Server) -> Iterator[Found]:
    """SOURCE_KEY. MySQL 8.0.4 and later have the columns."""
    for source in _sources(server):
        if source.has_key is False and not source.encrypted:
            yield Found(f"{source.label}: neither TLS nor a public key", "", server.node)


TABLE: Table[Server] = (
    (POSITIONS, uses_gtids),
    (CONNECT_RETRY, retries_soon),
    (RETRY_COUNT, retries_long),
    (HEARTBEAT, sends_heartbeats),
    (DELAY, applies_at_once),
    (FILTERS, leaves_nothing_out),
    (SOURCE_KEY, knows_the_key),
)
